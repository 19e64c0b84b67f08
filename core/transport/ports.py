"""What a transport is to the link table, and what the link table is to a transport.

An :class:`Endpoint` is one transport of this router: it says what it could do for a router
(:meth:`~Endpoint.bid`), makes outbound sessions (:meth:`~Endpoint.dial`), accepts inbound ones and
publishes addresses. A :class:`Session` is a connection with one router, from its dial or its first
bytes to its end. Neither knows of peers, queues or bans: that is :mod:`core.transport.links`, of
which :mod:`core.transport.session_handler` is their :class:`SessionOwner`.

Raw input and output are between an endpoint and its driver in ``core/io``, because they differ: a
stream transport gets ``receive_data(number, data, now)`` for a socket with a number, a datagram
transport ``receive(datagram, source, now)`` with the source address. Either finds the session,
feeds it and tells the owner what came of it. Output is pulled: while it can write, the endpoint has
the owner :meth:`~SessionOwner.fill` a session up to what the socket, the congestion window and the
bandwidth allow, and hands what the session made of it to the driver. So messages wait unsealed,
where they can expire, be counted and move to another session.

The endpoint calls its owner synchronously, never before ``dial`` has returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.events import TraversalStep
from core.transport.reasons import TerminationReason


class Blame(Enum):
    """Why a session ended, as far as it matters for whether to talk to that peer again."""

    NOBODY = "nobody"
    PROBE = "probe"
    FOREIGN_NETWORK = "foreign_network"
    CLOCK_SKEW = "clock_skew"
    PEER = "peer"


@dataclass(slots=True)
class Established:
    """The handshake is done. The responder also has the initiator's RouterInfo and flood flag."""

    router_info: RouterInfo | None
    flood: bool


@dataclass(slots=True)
class Confirmed:
    """The peer has shown that it accepted our handshake: the initiator learns that from data."""


@dataclass(slots=True)
class RouterInfoBlock:
    """A verified RouterInfo came in a data-phase block."""

    router_info: RouterInfo
    flood: bool


@dataclass(slots=True)
class Skew:
    """Peer's clock minus ours in seconds, corrected for half the round trip."""

    seconds: float


@dataclass(slots=True)
class Unreachable:
    """A dial ended before the peer's transport said a word.

    ``reason``: ``dial_failed`` or ``timeout``. ``is_local``: through no fault of the peer, such as
    no descriptors. ``is_silent``: nobody answered, so it may be either's fault.
    """

    reason: str
    is_local: bool
    is_silent: bool


@dataclass(slots=True)
class Ended:
    """The session is over; ``code`` is the reason on the wire, ours or the peer's.

    ``is_abort``: without a word to the peer. ``is_remote``: the peer said so.
    """

    reason: str
    code: int
    blame: Blame
    is_abort: bool
    is_remote: bool = False


@dataclass(slots=True)
class Violation:
    """The peer broke the protocol with what only the owner of the session's keys can have sent.

    ``what``: for people.
    """

    what: str


@dataclass(slots=True)
class Silent:
    """The peer leaves what was sent unacknowledged; told once until it is heard again."""


SessionEvent = (
    Established | Confirmed | RouterInfoBlock | Skew | Violation | Silent | Unreachable | Ended
)
"""After :class:`Unreachable` or :class:`Ended` nothing follows."""


class Session(Protocol):
    """A connection with one router; hashable by identity."""

    @property
    def transport(self) -> str:
        """The transport's name, in lower case."""
        ...

    @property
    def is_outbound(self) -> bool:
        """Whether we dialled."""
        ...

    @property
    def kem(self) -> str | None:
        """What a hybrid handshake added, such as ``ML-KEM-768``; None if it was plain."""
        ...

    @property
    def router_hash(self) -> bytes | None:
        """Who it is with; None while an inbound handshake has not told."""
        ...

    @property
    def remote_host(self) -> str:
        """The IP literal of its other end."""
        ...

    @property
    def last_active(self) -> float:
        """When something was last read or written."""
        ...

    @property
    def last_received(self) -> float:
        """When something was last read."""
        ...

    def wake(self) -> bool:
        """Messages wait for the router: fill the session at the next output.

        False if the session cannot write for now: then it wakes by itself.
        """
        ...

    def admit(self, now: float) -> None:
        """The owner wants this inbound session: greet the peer."""
        ...

    def send(self, messages: Sequence[bytes], now: float) -> None:
        """Take short-form messages to be written; only from :meth:`SessionOwner.fill`."""
        ...

    def ask(self, now: float) -> None:
        """Find out whether a peer that was of use lately is there, unless its system tells."""
        ...

    def take_output(self) -> object:
        """What the endpoint writes now: the bytes of a stream, or datagrams; clears it."""
        ...

    def close(self, reason: TerminationReason, now: float) -> None:
        """End it politely; an :class:`Ended` follows at once if the handshake has begun."""
        ...

    def abort(self) -> None:
        """Drop it without a word and without an event; harmless the second time."""
        ...

    def handle_timer(self, now: float) -> None:
        """Check the deadlines of this session; early calls do nothing."""
        ...

    def next_event(self) -> SessionEvent | None:
        """What the session has to tell its owner, the oldest first."""
        ...


class SessionOwner(Protocol):
    """What an endpoint tells the link table."""

    def heard(self, now: float) -> None:
        """Something else came from the network, whatever it was."""
        ...

    def received(self, session: Session, messages: list[bytes], now: float) -> None:
        """I2NP messages in short form came over an established session, in order.

        Implies :meth:`heard`.
        """
        ...

    def session_changed(self, session: Session, now: float) -> None:
        """:meth:`Session.next_event` has something; an inbound session may be new to the owner."""
        ...

    def traversed(self, steps: Iterable[TraversalStep]) -> None:
        """Blocks of introductions or peer tests came or went."""
        ...

    def addresses_changed(self, now: float) -> None:
        """:meth:`Endpoint.addresses`, ``options`` or ``is_reachable`` say something else now."""
        ...

    def connect(self, router_hash: bytes, endpoint: Endpoint, now: float) -> None:
        """This transport needs a session with a router, be there a link over another one or not.

        Nothing is told if none can be had.
        """
        ...

    def fill(self, session: Session, bytes_max: int, now: float) -> bool:
        """Send what waits for the session's router, about ``bytes_max`` bytes; True if more waits.

        The owner calls :meth:`Session.send` at most once.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bid:
    """What a transport offers for a router; the link table takes the lowest ``cost``.

    When that dial fails, or is not answered within seconds, the next-lowest is taken.

    ``host``: whom the dial concerns; at most one dial per host is under way. ``address``: the
    published address, known to the endpoint only. ``cost``: what the published one is, more where
    the transport's dials have failed of late, less where they succeeded.
    """

    endpoint: Endpoint
    host: str
    address: object
    cost: int


class Endpoint(Protocol):
    """One transport of this router."""

    @property
    def inbound_count(self) -> int:
        """Sessions that others began, and handshakes under way."""
        ...

    @property
    def pending_count(self) -> int:
        """Inbound handshakes under way, those included that failed and have not ended."""
        ...

    def is_calling(self, host: str) -> bool:
        """Whether a handshake that this host (numeric address) began is under way."""
        ...

    @property
    def is_reachable(self) -> bool:
        """Whether other routers can dial us by what we publish."""
        ...

    def publish(self, is_ipv6: bool, address: tuple[str, int] | None, now: float) -> None:
        """Say in our RouterInfo that others can dial us there, or that they cannot in this family.

        The owner hears of it (:meth:`SessionOwner.addresses_changed`) if it is something else.
        """
        ...

    def attach(self, owner: SessionOwner) -> None:
        """Set the owner, once, before anything else."""
        ...

    def addresses(self) -> list[RouterAddress]:
        """What our RouterInfo says of this transport."""
        ...

    def options(self) -> dict[str, str]:
        """What this transport adds to the options of our RouterInfo."""
        ...

    def bid(self, router_info: RouterInfo, now: float) -> Bid | None:
        """What dialling this router would take; None if it has no address that we can dial."""
        ...

    def dial(self, router_info: RouterInfo, bid: Bid, now: float) -> Session:
        """Begin a session as :meth:`bid` offered."""
        ...

    def shutdown(self, now: float) -> None:
        """Say goodbye on every session, refuse new ones, and bid no more."""
        ...

    def next_timer(self) -> float | None:
        """When the driver calls :meth:`handle_timer` (or asks for output), or None."""
        ...

    def handle_timer(self, now: float) -> None:
        """Check the deadlines of all sessions."""
        ...
