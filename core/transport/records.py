"""The rows of the link table: a link is one session, a peer is one router, and the bounds."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.router_info import RouterInfo
from core.transport.outqueue import OutQueue
from core.transport.ports import Bid, Endpoint, Session


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds of the tables and queues; the descriptors of the process may make them smaller.

    Inbound and outbound links are counted apart, so that callers never take the room of our own
    dials. An address is an IPv4 address or an IPv6 /64, a subnet an IPv4 /24 or an IPv6 /48.
    """

    inbound_max: int = 2500
    outbound_max: int = 1500
    #: A network address translator may hide many routers, each with a link and a spare.
    inbound_per_address_max: int = 64
    inbound_per_subnet_max: int = 128
    handshakes_max: int = 256
    handshakes_per_address_max: int = 32
    dials_max: int = 64
    dials_waiting_max: int = 1024
    queue_bytes_max: int = 2 * 1024 * 1024
    #: Above this, transit is refused.
    queue_bytes_shed: int = 512 * 1024
    #: For a router that is not connected yet.
    dial_queue_bytes_max: int = 256 * 1024


class Link:
    """A dial, or an established session. ``bid``: what was dialled, None if inbound.

    ``spare_idle_s``: the seconds of silence that it may live as a spare, at most until
    ``spare_until``. ``is_proven``: the peer has shown that it accepted the handshake.
    """

    __slots__ = (
        "begun_at",
        "bid",
        "is_established",
        "is_outbound",
        "is_proven",
        "peer",
        "session",
        "spare_idle_s",
        "spare_until",
    )

    def __init__(self, session: Session, peer: Peer, begun_at: float, bid: Bid | None) -> None:
        self.session = session
        self.peer: Peer | None = peer
        self.bid = bid
        self.is_outbound = session.is_outbound
        self.begun_at = begun_at
        self.is_established = False
        self.is_proven = False
        self.spare_idle_s = 0.0
        self.spare_until = 0.0

    @property
    def is_spare(self) -> bool:
        """Whether it was replaced and is only read."""
        return self.peer is not None and self.peer.spare is self


class Peer:
    """One router we are connected to or want to be.

    ``link`` is used for sending; ``spare`` is a replaced link that is still read; ``dial`` is the
    dial or outbound handshake under way. ``tried``: transports that were dialled since a link was
    of use; ``has_failed_here``: one of them failed through no fault of the peer.
    """

    __slots__ = (
        "dial",
        "has_failed_here",
        "hash",
        "is_stale",
        "link",
        "queue",
        "router_info",
        "spare",
        "tried",
        "wait_until",
    )

    def __init__(self, router_hash: bytes, queue: OutQueue) -> None:
        self.hash = router_hash
        self.queue = queue
        self.link: Link | None = None
        self.spare: Link | None = None
        self.dial: Link | None = None
        self.router_info: RouterInfo | None = None
        self.wait_until = 0.0
        self.tried: tuple[Endpoint, ...] = ()
        self.has_failed_here = False
        #: Messages have waited, so some may have expired.
        self.is_stale = False
