"""The table of links and peers: rows, counts and the events for the router."""

from __future__ import annotations

from collections import deque

from core.transport.blocklist import Blocklist
from core.transport.events import Event, PeerSilent, RouterInfoReceived
from core.transport.outqueue import OutQueue
from core.transport.ports import Bid, RouterInfoBlock, Session
from core.transport.records import Link, LinkLimits, Peer
from core.transport.stats import LinkStats

#: many fall silent at once
ASK_INTERVAL_S = 3.0


class LinkTable:
    """Rows and queues only; :mod:`core.transport.links` decides who changes them and when."""

    __slots__ = ("_ask_at", "_limits", "events", "links", "outbound_count", "peers", "stats")

    def __init__(self, limits: LinkLimits, stats: LinkStats) -> None:
        self._limits = limits
        self.stats = stats
        self.peers: dict[bytes, Peer] = {}
        self.links: dict[Session, Link] = {}
        self.events: deque[Event] = deque()
        self.outbound_count = 0
        """Links that we dialled, and dials under way."""
        self._ask_at = 0.0

    def add_peer(self, router_hash: bytes) -> Peer:
        """A row for a router that is dialled or has called."""
        size = self._limits.dial_queue_bytes_max
        peer = Peer(router_hash, OutQueue(size, size, self.stats))
        self.peers[router_hash] = peer
        return peer

    def add_link(self, session: Session, peer: Peer, now: float, bid: Bid | None = None) -> Link:
        """A row for a session of ``peer``; ``bid`` as in :class:`Link`."""
        link = Link(session, peer, now, bid)
        self.links[session] = link
        self.outbound_count += link.is_outbound
        return link

    def remove_link(self, link: Link) -> None:
        """Forget a link; harmless the second time."""
        if self.links.pop(link.session, None) is not None:
            self.outbound_count -= link.is_outbound

    def ask(self, now: float) -> None:
        """Find out who is still there, unless all have been asked just now."""
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_INTERVAL_S
        for peer in self.peers.values():
            if peer.link is not None:
                peer.link.session.ask(now)

    def blocked(self, blocklist: Blocklist) -> list[bytes]:
        """The peers that the user wants nothing to do with, or at such addresses."""
        found = []
        for peer in self.peers.values():
            links = (peer.link, peer.spare, peer.dial)
            hosts = [link.session.remote_host for link in links if link is not None]
            info = peer.router_info
            if (
                blocklist.has_router(peer.hash)
                or (info is not None and blocklist.blocks(info))
                or any(map(blocklist.has_host, hosts))
            ):
                found.append(peer.hash)
        return found

    def silent(self, link: Link | None) -> None:
        """Nothing is acknowledged on this link; of a spare that says nothing."""
        peer = None if link is None else link.peer
        if peer is not None and peer.link is link:
            self.events.append(PeerSilent(peer.hash))

    def received_router_info(self, link: Link | None, block: RouterInfoBlock) -> None:
        """The peer of this link has sent one, perhaps its own."""
        peer = None if link is None else link.peer
        if peer is None:
            return
        if block.router_info.hash == peer.hash:
            peer.router_info = block.router_info
        self.events.append(RouterInfoReceived(peer.hash, block.router_info, block.flood))

    def drop_queue(self, peer: Peer) -> int:
        """Lose what waits for a router; returns how many messages that were, which is counted."""
        count = peer.queue.clear()
        self.stats.dropped_unreachable += count
        return count
