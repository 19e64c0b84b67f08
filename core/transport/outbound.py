"""The links that we make: who is dialled, who makes room for it, what a failure means.

A failure that is ours is not held against the peer: no descriptors, no network, or silence while
nobody at all is heard, as behind a cable that was pulled. Such peers are tried again at once.
"""

from __future__ import annotations

import logging

from core.base.errors import LocalError
from core.transport.bans import BanList
from core.transport.dialer import DIAL_BACKOFF_S, DIAL_TIMEOUT_S, LOCAL_BACKOFF_S, Dialer
from core.transport.events import Close, Dial, LinkId, NetworkRestored, PeerFailed
from core.transport.inbound import SCAN_INTERVAL_S, InboundGate
from core.transport.ntcp2.blocks import TerminationReason
from core.transport.outbox import Outbox
from core.transport.records import Link, LinkLimits, Peer
from core.transport.stats import LinkStats
from core.transport.table import LinkTable

logger = logging.getLogger("core.transport")

TICK_BUSY_S = 1.0
#: A link that we made may go for another one after this time without traffic.
OUTBOUND_IDLE_S = 10.0
OUTBOUND_EVICTIONS_MAX = 32
#: So long nobody is heard and a dial fails for no fault of the peer: then we have no network.
CUT_OFF_S = 3.0


class OutboundLinks(LinkTable):
    """The half of :class:`core.transport.links.Links` that dials."""

    def __init__(
        self,
        own_hash: bytes,
        limits: LinkLimits,
        stats: LinkStats,
        bans: BanList,
        dialer: Dialer,
        gate: InboundGate,
        outbox: Outbox,
    ) -> None:
        super().__init__(limits, stats)
        self.bans = bans
        self._own_hash = own_hash
        self._dialer = dialer
        self._gate = gate
        self._outbox = outbox
        self._tick_at: float | None = None
        self._is_closing = False
        self._now = 0.0
        #: when anybody was heard last, be it a refusal
        self._heard_at = float("-inf")
        self._is_cut_off = False
        self._evict_at = 0.0

    def dial_failed(
        self, link_id: LinkId, now: float, is_local: bool = False, *, is_silent: bool = False
    ) -> None:
        """The TCP connection of a Dial command could not be made.

        ``is_local``: through no fault of the peer, e.g. for lack of file descriptors.
        ``is_silent``: there was no answer, so it may be either's fault.
        """
        self._now = now
        link = self._links.get(link_id)
        if link is None:
            return
        self.stats.dials_failed += 1
        if is_local or (is_silent and self._is_nobody_heard(link)):
            self._fail_locally(link, now)
            return
        if not is_silent:
            self._note_heard(now)
        self._fail_dial(link, "dial_failed", DIAL_BACKOFF_S, now)

    def _arm(self, now: float) -> None:
        soon = now + TICK_BUSY_S
        if self._tick_at is None or self._tick_at > soon:
            self._tick_at = soon

    def _add_dialled_peer(self, router_hash: bytes, count: int, now: float) -> Peer | None:
        """A peer that waits for its dial, or None after a PeerFailed event."""
        if router_hash == self._own_hash:
            raise LocalError("a router has no link to itself")
        failure = "closed" if self._is_closing else self._dialer.refusal(router_hash, now)
        if failure is None and not self._make_room(now):
            failure = "busy"
        if failure is not None:
            self.stats.dropped_unreachable += count
            self._events.append(PeerFailed(router_hash, failure, count))
            return None
        peer = self._add_peer(router_hash)
        self._enqueue_dial(peer, now)
        return peer

    def _make_room(self, now: float) -> bool:
        """Whether one more link may be dialled; gives up idle ones if that helps."""
        if self._outbound_count < self._limits.outbound_max:
            return True
        if now < self._evict_at:
            return False
        self._evict_at = now + SCAN_INTERVAL_S
        idle = [
            (link.connection.last_active, link)
            for link in self._links.values()
            if link.is_outbound
            and link.connection is not None
            and link.connection.is_established
            and now - link.connection.last_active >= OUTBOUND_IDLE_S
        ]
        idle.sort(key=lambda one: one[0])
        for _, link in idle[:OUTBOUND_EVICTIONS_MAX]:
            self._evict(link, now)
        return bool(idle)

    def _evict(self, link: Link, now: float) -> None:
        """Close a link so that another one may take its place."""
        self.stats.links_evicted += 1
        connection = link.connection
        if connection is not None and connection.is_established:
            connection.close(TerminationReason.IDLE_TIMEOUT, now)
            self._handle_notices(link, now)
            return
        self.stats.handshakes_in_failed += 1
        self._abort(link)

    def _handle_notices(self, link: Link, now: float, until_established: bool = False) -> None:
        raise NotImplementedError

    def _enqueue_dial(self, peer: Peer, now: float) -> None:
        self._dialer.enqueue(peer, now)
        self._arm(now)
        self._start_dials(now)

    def _start_dials(self, now: float) -> None:
        if not self._dialer.has_waiting or not self._make_room(now):
            return
        room = self._limits.outbound_max - self._outbound_count
        for peer, router_info, address in list(self._dialer.take_ready(room)):
            if router_info is None or address is None:
                self._give_up(peer, "no_address")
                continue
            link = self._new_link(address.host, True, now)
            link.address = address
            link.peer = peer
            peer.dial = link
            peer.router_info = router_info
            self._commands.append(Dial(link.id, address.host, address.port))

    def _new_link(self, host_key: str, is_outbound: bool, now: float) -> Link:
        self._arm(now)
        return self._add_link(host_key, is_outbound, now + DIAL_TIMEOUT_S)

    def _note_heard(self, now: float) -> None:
        self._heard_at = now
        if self._is_cut_off:
            self._is_cut_off = False
            self._dialer.backoff.clear()
            self._events.append(NetworkRestored())

    def _is_nobody_heard(self, link: Link) -> bool:
        """True if nothing came from anybody since the link was begun."""
        return self._heard_at < link.deadline - DIAL_TIMEOUT_S

    def _time_out_dial(self, link: Link, now: float) -> None:
        self._commands.append(Close(link.id, True))
        self.stats.dials_failed += 1
        if self._is_nobody_heard(link):
            self._fail_locally(link, now)
        else:
            self._fail_dial(link, "timeout", DIAL_BACKOFF_S, now)

    def _fail_locally(self, link: Link, now: float) -> None:
        if now - self._heard_at >= CUT_OFF_S:
            self._is_cut_off = True
        if link.peer is not None:
            self._dialer.backoff.pause(link.peer.hash, now + LOCAL_BACKOFF_S)
        self._fail_dial(link, "local", 0.0, now)

    def _fail_dial(self, link: Link, reason: str, backoff_s: float, now: float) -> None:
        """A dial or its handshake failed: the peer's messages are lost."""
        peer = link.peer
        self._remove_link(link)
        if peer is None:
            return
        if backoff_s:
            pause_s = self._dialer.backoff.failed(peer.hash, backoff_s, now)
            logger.debug("%s: %s, next try in %.0f s", peer.hash.hex()[:8], reason, pause_s)
        if peer.link is None:
            self._give_up(peer, reason)
        self._start_dials(now)

    def _give_up(self, peer: Peer, reason: str) -> None:
        """Forget a peer that never got a link."""
        if self._peers.get(peer.hash) is not peer:
            return
        if peer.dial is not None:
            self._abort(peer.dial)
        self._dialer.remove(peer)
        del self._peers[peer.hash]
        count = peer.queue.clear()
        self.stats.dropped_unreachable += count
        self._events.append(PeerFailed(peer.hash, reason, count))

    def _abort(self, link: Link) -> None:
        self._remove_link(link)
        self._commands.append(Close(link.id, True))

    def _remove_link(self, link: Link) -> None:
        self._forget_link(link)
        self._outbox.unmark(link)
        self._gate.ended(link)
        if link.is_outbound and link.peer is not None and link.peer.dial is link:
            link.peer.dial = None
            self._dialer.active.discard(link.host_key)
