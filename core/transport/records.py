"""The rows of the link tables: a link is one socket, a peer is one router, and the bounds."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address
from core.transport.events import LinkId
from core.transport.ntcp2.connection import Connection
from core.transport.outqueue import OutQueue


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
    #: Above this, messages sent as ``droppable`` are refused.
    queue_bytes_shed: int = 512 * 1024
    #: For a router that is not connected yet.
    dial_queue_bytes_max: int = 256 * 1024


class Link:
    """One socket. ``connection`` is None while TCP is being connected.

    ``host_key`` and ``subnet_key``: under which names an inbound link is counted. ``deadline``:
    when the dial is given up; for a spare the seconds of silence it may live. ``is_pending``:
    counted by the inbound gate until its handshake is over. ``is_proven``: the peer has shown that
    it accepted the handshake; Alice only learns that from Bob's first frame.
    """

    __slots__ = (
        "address",
        "connection",
        "deadline",
        "host_key",
        "id",
        "is_outbound",
        "is_paused",
        "is_pending",
        "is_proven",
        "peer",
        "subnet_key",
        "was_established",
    )

    def __init__(self, link_id: LinkId, host_key: str, is_outbound: bool, deadline: float) -> None:
        self.id = link_id
        self.host_key = host_key
        self.subnet_key = host_key
        self.is_outbound = is_outbound
        self.deadline = deadline
        self.is_paused = False
        self.is_pending = not is_outbound
        self.is_proven = False
        self.was_established = False
        self.address: Ntcp2Address | None = None
        self.connection: Connection | None = None
        self.peer: Peer | None = None


class Peer:
    """One router we are connected to or want to be.

    ``link`` is used for sending; ``spare`` is a replaced link that is still read; ``dial`` is the
    dial or outbound handshake under way.
    """

    __slots__ = ("dial", "hash", "is_stale", "link", "queue", "router_info", "spare", "wait_until")

    def __init__(self, router_hash: bytes, queue: OutQueue) -> None:
        self.hash = router_hash
        self.queue = queue
        self.link: Link | None = None
        self.spare: Link | None = None
        self.dial: Link | None = None
        self.router_info: RouterInfo | None = None
        self.wait_until = 0.0
        #: Messages have waited, so some may have expired.
        self.is_stale = False
