"""The links that we make: who is dialled, who makes room for it, what a failure means.

A failure that is ours is not held against the peer: no descriptors, no network, or silence while
nobody at all is heard, as behind a cable that was pulled. Such peers are tried again at once.

When a dial fails, or is not answered in time, the transport with the next-best bid has its turn,
each one once. The peer's messages wait meanwhile; only when none is left they are lost.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from core.base.bounded import BoundedMap
from core.base.errors import LocalError
from core.data.router_info import RouterInfo
from core.transport.bans import BanList
from core.transport.context import TransportContext
from core.transport.dialer import (
    DIAL_BACKOFF_S,
    HANDSHAKE_BACKOFF_S,
    LEAVING_S,
    LOCAL_BACKOFF_S,
    SKEW_BACKOFF_S,
    Dialer,
)
from core.transport.events import LinkWanted, NetworkRestored, PeerFailed
from core.transport.ports import Blame, Ended, Endpoint, Unreachable
from core.transport.reasons import TerminationReason
from core.transport.records import Link, Peer
from core.transport.table import LinkTable

logger = logging.getLogger("core.transport")

#: A link that we made may go for another one after this time without traffic.
OUTBOUND_IDLE_S = 10.0
OUTBOUND_EVICTIONS_MAX = 32
EVICTION_INTERVAL_S = 0.25
#: So long nobody is heard and a dial fails for no fault of the peer: then we have no network.
CUT_OFF_S = 3.0
LEAVING_MAX = 1024
#: So long a dial may be without an answer while another transport could be dialled instead: two
#: retransmissions of a TCP SYN.
FALLBACK_S = 5.0


class OutboundLinks:
    """The half of :class:`core.transport.links.Links` that dials."""

    def __init__(
        self,
        context: TransportContext,
        table: LinkTable,
        bans: BanList,
        endpoints: Sequence[Endpoint],
    ) -> None:
        self._own_hash = context.router_hash
        self._limits = context.limits
        self._stats = context.stats
        self._families = context.families
        self._table = table
        self._bans = bans
        self._dialer = Dialer(context, bans, endpoints)
        self._has_alternatives = len(endpoints) > 1
        self._leaving: BoundedMap[bytes, float] = BoundedMap(LEAVING_MAX)
        self.heard_at = float("-inf")
        """When anybody was heard last, be it a refusal."""
        self.is_cut_off = False
        """Dials fail and nobody is heard: we have no network."""
        self._evict_at = 0.0
        self.is_closing = False
        """No more dials: the router goes."""

    @property
    def is_busy(self) -> bool:
        """True if :meth:`expire` may have something to do in a second."""
        return self._dialer.has_waiting or (self._has_alternatives and self.pending_count > 0)

    @property
    def pending_count(self) -> int:
        """Dials and outbound handshakes under way."""
        return len(self._dialer.active)

    def can_dial(self, router_info: RouterInfo, now: float) -> bool:
        """Whether the router publishes an address that can be dialled from here."""
        return self._dialer.bid(router_info, now) is not None

    def can_try(self, router_hash: bytes, now: float) -> bool:
        """False while the router is banned or backed off from."""
        is_banned = self._bans.reason(router_hash, now) is not None
        return not is_banned and self._dialer.can_try(router_hash, now)

    # Dialling

    def add_peer(self, router_hash: bytes, count: int, now: float) -> Peer | None:
        """A peer that waits for its dial, or None after a PeerFailed event.

        ``count``: messages that are lost then.
        """
        if router_hash == self._own_hash:
            raise LocalError("a router has no link to itself")
        failure = "closed" if self.is_closing else self._dialer.refusal(router_hash, now)
        if failure is None and not self._make_room(now):
            failure = "busy"
        if failure is not None:
            self._stats.dropped_unreachable += count
            self._table.events.append(PeerFailed(router_hash, failure, count))
            return None
        peer = self._table.add_peer(router_hash)
        self.enqueue(peer, now)
        return peer

    def enqueue(self, peer: Peer, now: float) -> None:
        """Dial a peer as soon as there is room."""
        self._dialer.enqueue(peer, now)
        self.start(now)

    def start(self, now: float) -> None:
        """Begin the dials whose turn has come."""
        if self.is_closing or not self._dialer.has_waiting or not self._make_room(now):
            return
        room = self._limits.outbound_max - self._table.outbound_count
        for peer, router_info, bid in list(self._dialer.take_ready(room, now)):
            if router_info is None or bid is None:
                is_known = router_info is not None and self.can_dial(router_info, now)
                self.give_up(peer, "backoff" if is_known else "no_address")
                continue
            session = bid.endpoint.dial(router_info, bid, now)
            peer.dial = self._table.add_link(session, peer, now, bid)
            peer.router_info = router_info
            peer.tried = (*peer.tried, bid.endpoint)

    def dial_also(self, router_hash: bytes, endpoint: Endpoint, now: float) -> None:
        """Dial over a transport that is needed; its link takes the place of the one in use, if any.

        Nothing happens while the router is being dialled, or rests for that transport. The owner is
        asked to connect to one that is not a peer, and may be unknown.
        """
        peer = self._table.peers.get(router_hash)
        if peer is None:
            self._table.events.append(LinkWanted(router_hash))
            return
        if peer.dial is not None or self.is_closing or not self._make_room(now):
            return
        info, bid = self._dialer.take(peer.hash, endpoint, now)
        if info is None or bid is None:
            return
        session = endpoint.dial(info, bid, now)
        peer.dial = self._table.add_link(session, peer, now, bid)

    def expire(self, now: float) -> None:
        """Give up who waited too long, and begin what has become possible."""
        for peer in self._dialer.expired(now):
            self.give_up(peer, "busy")
        if self._has_alternatives:
            self._hurry(now)
        self.start(now)
        self._dialer.backoff.expire(now)

    def _hurry(self, now: float) -> None:
        """Break off dials without an answer where another transport could have its turn."""
        for link in list(self._table.links.values()):
            peer = link.peer
            if link.is_established or link.bid is None or now < link.begun_at + FALLBACK_S:
                continue
            if peer is not None and self._dialer.next_bid(peer, now) is not None:
                link.session.abort()
                self._stats.dials_failed += 1
                self._families.failed(link.bid.host)
                self._fail(link, "timeout", DIAL_BACKOFF_S, now)

    def _make_room(self, now: float) -> bool:
        """Whether one more link may be dialled; gives up idle ones if that helps."""
        if self._table.outbound_count < self._limits.outbound_max:
            return True
        if now < self._evict_at:
            return False
        self._evict_at = now + EVICTION_INTERVAL_S
        idle = [
            (link.session.last_active, link)
            for link in self._table.links.values()
            if link.is_outbound
            and link.is_established
            and now - link.session.last_active >= OUTBOUND_IDLE_S
        ]
        idle.sort(key=lambda one: one[0])
        for _, link in idle[:OUTBOUND_EVICTIONS_MAX]:
            self._stats.links_evicted += 1
            link.session.close(TerminationReason.IDLE_TIMEOUT, now)
        return bool(idle)

    # What became of a dial

    def established(self, link: Link) -> None:
        """The handshake of a dial is done."""
        if link.peer is not None:
            link.peer.dial = None
        self._free_host(link)
        self._stats.handshakes_out += 1

    def proven(self, link: Link) -> None:
        """The peer has shown that it takes links of ours, or has made one."""
        link.is_proven = True
        peer = link.peer
        if peer is not None:
            peer.tried, peer.has_failed_here = (), False
            self._dialer.succeeded(peer.hash, link.bid)
            if link.bid is not None:
                self._families.succeeded(link.bid.host)

    def rejected(self, link: Link, peer: Peer, now: float) -> None:
        """The peer did not like our handshake, or we would have heard from it by now."""
        self._stats.handshakes_out_failed += 1
        pause_s = self._handshake_pause_s(peer, now)
        self._dialer.backoff.failed(_way(link, peer), pause_s, now)

    def left(self, peer: Peer, now: float) -> None:
        """The peer has told us that its router stops."""
        self._leaving.put(peer.hash, now + LEAVING_S)

    def _handshake_pause_s(self, peer: Peer, now: float) -> float:
        """After a handshake that failed. What a router refused that stops is forgotten with it."""
        is_leaving = now < self._leaving.get(peer.hash, now)
        return DIAL_BACKOFF_S if is_leaving else HANDSHAKE_BACKOFF_S

    def refused(self, peer: Peer, until: float) -> None:
        """The peer has told us not to come before then, over whatever transport."""
        self._dialer.backoff.hold(peer.hash, until)

    def clock_changed(self, now: float) -> None:
        """Dials that failed under a wrong clock, or before the machine slept, say nothing now."""
        # i2pd: until it forgets the handshakes that failed for our clock, it refuses new ones.
        self._dialer.backoff.clear(now + HANDSHAKE_BACKOFF_S)

    def unreachable(self, link: Link, event: Unreachable, now: float) -> None:
        """There was no answer to a dial, or a refusal."""
        if link.bid is not None:
            self._families.failed(link.bid.host)
        is_nobody_heard = self.heard_at < link.begun_at
        if event.is_local or (event.is_silent and is_nobody_heard):
            if now - self.heard_at >= CUT_OFF_S:
                self.is_cut_off = True
            if link.peer is not None:
                link.peer.has_failed_here = True
                self._dialer.backoff.pause(_way(link, link.peer), now + LOCAL_BACKOFF_S)
            self._fail(link, "local", 0.0, now)
            return
        if not event.is_silent:
            self.heard_at = now
            if self.is_cut_off:
                self.network_restored()
        self._fail(link, event.reason, DIAL_BACKOFF_S, now)

    def handshake_failed(self, link: Link, end: Ended, now: float) -> None:
        """The session of a dial ended before it was established."""
        self._stats.handshakes_out_failed += 1
        if end.blame is Blame.CLOCK_SKEW:
            if link.peer is not None:
                self._dialer.backoff.failed(link.peer.hash, SKEW_BACKOFF_S, now)
            self._fail(link, "clock_skew", 0.0, now)
        else:
            reason = "timeout" if end.reason == "timeout" else "handshake_failed"
            pause_s = self._handshake_pause_s(link.peer, now) if link.peer is not None else 0.0
            self._fail(link, reason, pause_s, now)

    def network_restored(self) -> None:
        """Somebody is heard again: what failed meanwhile says nothing."""
        self.is_cut_off = False
        self._dialer.backoff.clear()
        self._table.events.append(NetworkRestored())

    def _fail(self, link: Link, reason: str, backoff_s: float, now: float) -> None:
        """A dial or its handshake failed: another transport takes over, or the peer is given up.

        ``backoff_s``: the first pause before this transport tries again.
        """
        peer = link.peer
        self.remove(link)
        if peer is None:
            return
        if backoff_s:
            pause_s = self._dialer.backoff.failed(_way(link, peer), backoff_s, now)
            logger.debug("%s: %s, next try in %.0f s", peer.hash.hex()[:8], reason, pause_s)
        if peer.link is None:
            if not self.is_closing and self._dialer.next_bid(peer, now) is not None:
                self._stats.fallbacks += 1
                self._dialer.enqueue(peer, now)
            else:
                self.give_up(peer, "local" if peer.has_failed_here else reason)
        self.start(now)

    # Endings

    def called(self, peer: Peer) -> None:
        """The peer has dialled us: it need not be dialled any more."""
        self._dialer.remove(peer)
        if peer.dial is not None:
            self.abort(peer.dial)

    def give_up(self, peer: Peer, reason: str) -> None:
        """Forget a peer that never got a link."""
        if self._table.peers.get(peer.hash) is not peer:
            return
        self.called(peer)
        del self._table.peers[peer.hash]
        count = self._table.drop_queue(peer)
        self._table.events.append(PeerFailed(peer.hash, reason, count))

    def abort(self, link: Link) -> None:
        """Drop a link without a word."""
        self.remove(link)
        link.session.abort()

    def remove(self, link: Link) -> None:
        """Forget a link, and its dial if it is one."""
        self._table.remove_link(link)
        peer = link.peer
        if peer is not None and peer.dial is link:
            peer.dial = None
            self._free_host(link)

    def _free_host(self, link: Link) -> None:
        if link.bid is not None:
            self._dialer.active.discard(link.bid.host)


def _way(link: Link, peer: Peer) -> tuple[bytes, Endpoint | None]:
    """What failures of a dial are held against: the transport's way to the router."""
    return peer.hash, None if link.bid is None else link.bid.endpoint
