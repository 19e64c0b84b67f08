"""What a client of I2CP wants of the router, once its message was judged to be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.data.identity import Destination
from core.data.lease_set_variants import AnyLeaseSet
from core.i2cp.lookup_messages import BlindingInfo
from core.i2cp.session_config import SessionConfigStructure


@dataclass(frozen=True, slots=True)
class LoginWanted:
    """Somebody says who it is: :meth:`ServerConnection.answer_login`."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionWanted:
    """A destination wants to live here: :meth:`ServerConnection.accept_session` or ``refuse``."""

    config: SessionConfigStructure
    is_primary: bool


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """Other options for a session: all that hold now."""

    session_id: int
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The client gives it up."""

    session_id: int


@dataclass(frozen=True, slots=True)
class LeaseSetSigned:
    """A lease set with its private keys; nothing of it is checked."""

    session_id: int
    lease_set: AnyLeaseSet
    private_keys: tuple[tuple[int, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeaseSetUnreadable:
    """The client signed a lease set of type 1 that is none. ``why``: for people."""

    session_id: int
    why: str


@dataclass(frozen=True, slots=True)
class SendWanted:
    """A payload for another destination. ``nonce`` 0: nobody asks what becomes of it.

    ``with_lease_set``: False if the session's lease set must not go along, even where it is due.
    """

    session_id: int
    destination: Destination
    payload: bytes = field(repr=False)
    nonce: int
    with_lease_set: bool


@dataclass(frozen=True, slots=True)
class LookupWanted:
    """``key`` goes back with the answer: :meth:`ServerConnection.answer_lookup`."""

    key: int
    session_id: int | None
    target: bytes | str | Destination
    with_options: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class BlindingTold:
    """How to open somebody's encrypted lease set."""

    session_id: int | None
    info: BlindingInfo


@dataclass(frozen=True, slots=True)
class LimitsWanted:
    """:meth:`ServerConnection.answer_limits`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over; write the output, then close. ``reason``: for the log, or empty."""

    reason: str


Request = (
    LoginWanted
    | SessionWanted
    | SessionChanged
    | SessionEnded
    | LeaseSetSigned
    | LeaseSetUnreadable
    | SendWanted
    | LookupWanted
    | BlindingTold
    | LimitsWanted
    | Ended
)
