"""The table of links and peers, what can be asked about it, and what it tells its owners."""

from __future__ import annotations

from collections import deque

from core.transport.events import Command, Event, LinkId
from core.transport.outqueue import OutQueue
from core.transport.records import Link, LinkLimits, Peer
from core.transport.stats import LinkStats


class LinkTable:
    """Rows and queues only; :mod:`core.transport.links` decides who changes them and when."""

    def __init__(self, limits: LinkLimits, stats: LinkStats) -> None:
        self.stats = stats
        self._limits = limits
        self._peers: dict[bytes, Peer] = {}
        self._links: dict[LinkId, Link] = {}
        self._outbound_count = 0
        self._next_link_id = 1
        self._events: deque[Event] = deque()
        self._commands: list[Command] = []

    def is_connected(self, router_hash: bytes) -> bool:
        """True if a session with this router is up."""
        peer = self._peers.get(router_hash)
        return peer is not None and peer.link is not None

    def connected_routers(self) -> list[bytes]:
        """Hashes of all routers with a session."""
        return [peer.hash for peer in self._peers.values() if peer.link is not None]

    @property
    def connected_count(self) -> int:
        """How many routers have a session."""
        return sum(peer.link is not None for peer in self._peers.values())

    def queued_bytes(self, router_hash: bytes) -> int:
        """Bytes that wait for this router, for back-pressure."""
        peer = self._peers.get(router_hash)
        return peer.queue.bytes if peer is not None else 0

    @property
    def has_events(self) -> bool:
        """True if :meth:`next_event` has something."""
        return bool(self._events)

    def next_event(self) -> Event | None:
        """The oldest event for the router, or None."""
        return self._events.popleft() if self._events else None

    def take_commands(self) -> list[Command]:
        """What to do with sockets. Write :meth:`take_output` before obeying a Close."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def outbound_count(self) -> int:
        """Links that we dialled, and dials under way."""
        return self._outbound_count

    @property
    def inbound_count(self) -> int:
        """Links that others dialled, and handshakes under way."""
        return len(self._links) - self._outbound_count

    def _is_crowded(self, *, is_outbound: bool) -> bool:
        """True above nine tenths of a direction's bound: then links that idle go earlier."""
        if is_outbound:
            return self._outbound_count * 10 >= self._limits.outbound_max * 9
        return self.inbound_count * 10 >= self._limits.inbound_max * 9

    def _add_peer(self, router_hash: bytes) -> Peer:
        size = self._limits.dial_queue_bytes_max
        peer = Peer(router_hash, OutQueue(size, size, self.stats))
        self._peers[router_hash] = peer
        return peer

    def _add_link(self, host_key: str, is_outbound: bool, deadline: float) -> Link:
        link = Link(self._next_link_id, host_key, is_outbound, deadline)
        self._next_link_id += 1
        self._links[link.id] = link
        self._outbound_count += is_outbound
        return link

    def _forget_link(self, link: Link) -> None:
        if self._links.pop(link.id, None) is not None:
            self._outbound_count -= link.is_outbound

    def _drop_queue(self, peer: Peer) -> None:
        self.stats.dropped_unreachable += peer.queue.clear()
