"""What can go wrong with a reseed server, and what the user can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from core.base.errors import I2PError
from i2ptunnel.health import (
    CHECK_ONLINE,
    CHECK_PROXY,
    CHECK_TRUST,
    SET_CLOCK,
    UPDATE_SIGNERS,
    USE_ANOTHER_WAY,
)


class Trouble(Enum):
    """Kinds of faults, by what helps; the first one that a server had decides what is advised."""

    CLOCK = SET_CLOCK
    PROXY = CHECK_PROXY
    TRUST = CHECK_TRUST
    SIGNER = UPDATE_SIGNERS
    #: blocked, out of order, refusing, or sending something else
    SERVER = USE_ANOTHER_WAY
    OFFLINE = CHECK_ONLINE

    @property
    def remedy(self) -> str:
        """The sentence for the user, which pages of the proxies show too."""
        return self.value


class ReseedFault(I2PError):
    """A server that brought nothing. The message follows the server's name and a colon."""

    def __init__(self, message: str, trouble: Trouble = Trouble.SERVER) -> None:
        super().__init__(message)
        self.trouble = trouble


def worst(troubles: Iterable[Trouble]) -> Trouble | None:
    """The one whose remedy comes first: being offline explains only what nothing else does."""
    found = set(troubles)
    return next((one for one in Trouble if one in found), None)
