"""What can go wrong, for programs: one small hierarchy below :class:`Error`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from core.api import FileFault
from core.base.errors import I2PError, LocalError, Unavailable, system_reason
from i2ptunnel.config.faults import ConfigError


class Error(I2PError):
    """Base of every error of this library. ``code``: a stable word for programs."""

    def __init__(self, message: str, code: str = "error") -> None:
        super().__init__(message)
        self.code = code


class UsageError(Error):
    """What the caller gave is wrong: a configuration, a key file, a name that is none."""


class RouterError(Error):
    """The router cannot be started or reached, or has no tunnels."""


class NotFound(Error):
    """No address book has the name."""


class Unreachable(Error):
    """The destination is not in the network, does not answer, or does not let us in."""


class StreamReset(Error):
    """A stream broke off: the peer reset it, or no longer answers. What was unsent is lost."""


class Closed(Error):
    """Used after it was closed, or after the router has gone."""


class TimedOut(Error, TimeoutError):
    """The time that the caller gave is over. Also a :class:`TimeoutError`."""

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(f"{what} took too long{why}", "timeout")


_KINDS: dict[str, type[Error]] = {
    "unknown_name": NotFound,
    "bad_address": UsageError,
    "bad_datagram": UsageError,
    "in_use": UsageError,
    "stream_reset": StreamReset,
    "closed": Closed,
    "lease_set_not_found": Unreachable,
    "blinded_lookup_failed": Unreachable,
    "encryption_unsupported": Unreachable,
    "secret_required": Unreachable,
    "client_key_required": Unreachable,
    "client_key_refused": Unreachable,
    "connect_timeout": Unreachable,
    "too_many_streams": Unreachable,
}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the router and the files say, as an :class:`Error`."""
    try:
        yield
    except (Error, TimeoutError):
        raise
    except Unavailable as error:
        raise _KINDS.get(error.code, RouterError)(str(error), error.code) from error
    except FileFault as fault:
        raise UsageError(str(fault), "bad_file") from fault
    except ConfigError as error:
        raise UsageError(str(error), "bad_configuration") from error
    except LocalError as error:
        raise UsageError(str(error), "misuse") from error
    except OSError as error:
        raise RouterError(reason_of(error), "no_router") from error


def reason_of(error: OSError) -> str:
    """Why, without the addresses that asyncio puts into it."""
    return system_reason(error, "no answer")
