"""What :class:`core.transport.links.Links` tells the router (``next_event``).

The classes are slotted and not frozen: one MessagesReceived is made for every read.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.data.router_info import RouterInfo


@dataclass(slots=True)
class PeerConnected:
    """A session with this router is up; ``router_info`` is the newest one the peer showed us."""

    router_hash: bytes
    router_info: RouterInfo
    is_outbound: bool


@dataclass(slots=True)
class MessagesReceived:
    """I2NP messages in short form (type, id, expiration seconds, body), in order."""

    router_hash: bytes
    messages: list[bytes]


@dataclass(slots=True)
class PeerDisconnected:
    """The last session with this router is gone. ``reason``: a word such as ``idle_timeout``."""

    router_hash: bytes
    reason: str


@dataclass(slots=True)
class PeerSilent:
    """The session with this router is up, but nothing is acknowledged on it any more."""

    router_hash: bytes


_NOT_THE_PEERS = frozenset(("banned", "backoff", "busy", "closed", "local"))


@dataclass(slots=True)
class PeerFailed:
    """A router could not be reached; ``messages_dropped`` messages for it are lost.

    ``reason`` is one of: ``no_router_info``, ``no_address``, ``banned``, ``backoff``, ``busy``,
    ``dial_failed``, ``timeout``, ``handshake_failed``, ``clock_skew``, ``closed``, ``local`` (we
    have no descriptors, no memory or no network).
    """

    router_hash: bytes
    reason: str
    messages_dropped: int

    @property
    def is_peers_fault(self) -> bool:
        """False if the failure says nothing, or nothing new, about the router."""
        return self.reason not in _NOT_THE_PEERS


@dataclass(slots=True)
class RouterInfoReceived:
    """A signed RouterInfo (signature verified) from a handshake or a data-phase block.

    ``sender``: the router at the other end, whose own it need not be. ``flood`` is True if it asked
    floodfills to pass it on.
    """

    sender: bytes
    router_info: RouterInfo
    flood: bool


@dataclass(slots=True)
class SkewMeasured:
    """The peer's clock minus ours in seconds, corrected for half the round trip."""

    seconds: float
    router_hash: bytes
    is_outbound: bool
    """Whether we chose whom to measure."""


@dataclass(slots=True)
class NetworkRestored:
    """Somebody is heard again after a time in which nobody could be reached.

    What failed meanwhile was our own network's fault.
    """


@dataclass(slots=True)
class AddressesChanged:
    """What a transport publishes is another thing now: our RouterInfo must be signed anew."""


@dataclass(slots=True)
class LinkWanted:
    """A transport needs a link with this router, which may be unknown yet."""

    router_hash: bytes


@dataclass(slots=True)
class TraversalStep:
    """A block of an introduction or a peer test went over SSU2, inside a session or outside.

    ``name``: the block's, such as ``relay_request`` or ``peer_test_5``; the one in a HolePunch
    packet is a ``hole_punch``, and the dial that follows a ``session_request``. ``exchange``: the
    nonce, which all blocks of an exchange share. ``code``: of an answer, 0 is yes.
    """

    name: str
    exchange: int
    is_sent: bool
    code: int = 0


Event = (
    PeerConnected
    | MessagesReceived
    | PeerDisconnected
    | PeerSilent
    | PeerFailed
    | RouterInfoReceived
    | SkewMeasured
    | NetworkRestored
    | AddressesChanged
    | LinkWanted
    | TraversalStep
)
