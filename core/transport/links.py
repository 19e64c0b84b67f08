"""All NTCP2 links of a router: who is connected, who is being dialled, what waits for whom.

Pure: sockets are numbers here. The router room calls :meth:`Links.send` and drains
:meth:`Links.next_event`; the socket driver (core/io/tcp.py) reports what happened to sockets and
drains :meth:`Links.take_commands` and :meth:`Links.take_output`. Time is monotonic seconds.

What always holds: at most one link per router is used for sending; at most one dial per router and
per remote address is under way (i2pd: it refuses a second pending handshake from one source
address); every message given to ``send`` is written, still queued, or counted in ``stats``.

Two routers that dial each other at the same moment: a new inbound link replaces the one in use, as
in i2pd, and a dial that has not sent message 3 is given up. The replaced link stays open for
reading as the *spare*: if the peer decided the other way round and closes the new link, the spare
takes over, so that a crossing never leaves the pair without a link.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.data.router_info import RouterInfo
from core.transport.bandwidth import Bandwidth
from core.transport.bans import BanList
from core.transport.dialer import (
    HANDSHAKE_BACKOFF_S,
    PUBLIC_NETWORK_ID,
    SKEW_BACKOFF_S,
    Dialer,
)
from core.transport.events import (
    Close,
    LinkId,
    MessagesReceived,
    PeerConnected,
    PeerDisconnected,
    RouterInfoReceived,
    SkewMeasured,
)
from core.transport.inbound import InboundGate
from core.transport.local import LocalRouter
from core.transport.ntcp2.blocks import TerminationReason, reason_word
from core.transport.ntcp2.connection import (
    Blame,
    Connection,
    Context,
    Ended,
    Established,
    RouterInfoBlock,
    State,
)
from core.transport.outbound import TICK_BUSY_S, OutboundLinks
from core.transport.outbox import Outbox
from core.transport.reachability import Reachability
from core.transport.records import Link, LinkLimits, Peer
from core.transport.stats import LinkStats

logger = logging.getLogger("core.transport")

TICK_IDLE_S = 10.0
CROWDED_IDLE_S = 30.0
#: Java and i2pd answer a message 3 they refuse at once.
UNPROVEN_S = 15.0
#: What a router says that goes, for itself or to start again.
ROUTER_SHUTDOWN = reason_word(TerminationReason.ROUTER_SHUTDOWN)
SPARE_IDLE_S = 20.0
SPARE_IDLE_VARIANCE_S = 10
#: Java: a Termination with reason 17 means two hours.
BANNED_BY_PEER_S = 2 * 3600.0


class Links(OutboundLinks):
    """See the module. One instance for each router."""

    def __init__(
        self,
        identity: LocalRouter,
        wall: WallClock,
        entropy: Entropy,
        network_id: int,
        find_router: Callable[[bytes], RouterInfo | None],
        *,
        limits: LinkLimits | None = None,
        reachability: Reachability | None = None,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        """``find_router`` answers from the netdb. ``reachability``: by default private addresses
        are dialled, and links not counted by subnet, on every network but the public one.
        ``bandwidth``: what all transports share; by default there is no limit.
        """
        limits = limits or LinkLimits()
        stats = LinkStats()
        bans = BanList()
        if reachability is None:
            reachability = Reachability(private=network_id != PUBLIC_NETWORK_ID)
        bandwidth = bandwidth or Bandwidth()
        super().__init__(
            identity.hash,
            limits,
            stats,
            bans,
            Dialer(network_id, find_router, bans, limits, reachability),
            InboundGate(limits, has_subnet_limits=not reachability.private),
            Outbox(wall, stats, bandwidth),
        )
        self._entropy = entropy
        self._bandwidth = bandwidth
        self._context = Context(identity, network_id, wall, entropy, find_router, stats)

    # For the router: sending and asking

    def send(
        self, router_hash: bytes, messages: Sequence[bytes], now: float, droppable: bool = False
    ) -> None:
        """Queue short-form messages for a router, dialling it if need be.

        ``droppable`` messages are refused while the queue is long. With no messages this only
        connects. Failures are told by a PeerFailed event, never raised.
        """
        self._now = now
        peer = self._peers.get(router_hash)
        if peer is None:
            peer = self._add_dialled_peer(router_hash, len(messages), now)
            if peer is None:
                return
        if messages:
            peer.queue.push(messages, droppable)
        link = peer.link
        if link is not None and not link.is_paused:
            self._outbox.mark(link)
        else:
            peer.is_stale = True

    @property
    def pending_count(self) -> int:
        """Dials and handshakes under way."""
        return len(self._dialer.active) + self._gate.pending_count

    def can_dial(self, router_info: RouterInfo) -> bool:
        """Whether the router publishes an address that can be dialled from here."""
        return self._dialer.address(router_info) is not None

    def can_try(self, router_hash: bytes, now: float) -> bool:
        """False while the router is banned or backed off from."""
        pause = self._dialer.backoff.until(router_hash, now)
        return pause is None and self.bans.reason(router_hash, now) is None

    def clock_changed(self, now: float) -> None:
        """Dials that failed under a wrong clock, or before the machine slept, say nothing now."""
        # i2pd: until it forgets the handshakes that failed for our clock, it refuses new ones.
        self._dialer.backoff.clear(now + HANDSHAKE_BACKOFF_S)

    def ban(self, router_hash: bytes, now: float, seconds: float, reason: str) -> None:
        """Close the link to a router and refuse it for a while, in both directions."""
        self.bans.ban(router_hash, now + seconds, reason)
        # Not reason 17: Java would ban us for two hours in return.
        self.disconnect(router_hash, now)

    def disconnect(
        self, router_hash: bytes, now: float, reason: int = TerminationReason.NORMAL
    ) -> None:
        """Close the links to a router; what waits for it is dropped and counted."""
        self._now = now
        peer = self._peers.get(router_hash)
        if peer is None:
            return
        self._drop_queue(peer)
        if peer.link is None:
            self._give_up(peer, "closed")
            return
        for link in (peer.spare, peer.link):
            if link is not None and link.connection is not None:
                link.connection.close(reason, now)
                self._handle_notices(link, now)

    def shutdown(self, now: float) -> None:
        """Tell every peer that we go (reason 3), drop everything and refuse new connections."""
        self._now = now
        self._is_closing = True
        for peer in list(self._peers.values()):
            self._drop_queue(peer)
        for link in list(self._links.values()):
            if link.connection is None or link.connection.state is State.DRAINING:
                self._abort(link)
            else:
                link.connection.close(TerminationReason.ROUTER_SHUTDOWN, now)
                self._handle_notices(link, now)
        for peer in list(self._peers.values()):
            self._give_up(peer, "closed")

    # For the socket driver

    def accepted(self, remote_address: str, now: float) -> LinkId | None:
        """A TCP connection came in from this numeric address; None means close it at once."""
        self._now = now
        decision: tuple[str | None, list[Link]] = ("shutdown", [])
        if not self._is_closing:
            decision = self._gate.admit(remote_address, now)
        refusal, victims = decision
        for victim in victims:
            self._evict(victim, now)
        if refusal is not None:
            self.stats.refused[refusal] += 1
            return None
        link = self._new_link(remote_address, False, now)
        self._gate.began(link, remote_address, now)
        link.connection = Connection.accept(self._context, now)
        return link.id

    def free_descriptors(self, now: float) -> None:
        """The system has no descriptors left: give up the link that is worth least, if any."""
        victim = self._gate.idlest(now)
        if victim is not None:
            self._evict(victim, now)

    def dialed(self, link_id: LinkId, now: float) -> None:
        """The TCP connection of a Dial command is up."""
        self._now = now
        link = self._links.get(link_id)
        self._note_heard(now)
        if link is None or link.peer is None or link.address is None or link.address.iv is None:
            self._commands.append(Close(link_id, True))
            return
        try:
            link.connection = Connection.initiate(
                self._context, link.peer.hash, link.address.static_key, link.address.iv, now
            )
        except DecodeError:
            self._commands.append(Close(link_id, True))
            self._fail_dial(link, "handshake_failed", HANDSHAKE_BACKOFF_S, now)
            return
        self._outbox.mark(link)

    def receive_data(self, link_id: LinkId, data: bytes | memoryview, now: float) -> None:
        """Bytes read from a socket; ``data`` may be a view that is reused after the call."""
        self._now = now
        link = self._links.get(link_id)
        if link is None or link.connection is None:
            return
        self._heard_at = now
        if self._is_cut_off:
            self._note_heard(now)
        size = len(data)
        self.stats.bytes_received += size
        self._bandwidth.received(size, now)
        connection = link.connection
        messages = connection.receive_data(data, now)
        if messages:
            # A handshake and its first data may come in one read: tell the router in that order.
            if connection.notices:
                self._handle_notices(link, now, until_established=True)
            if link.peer is not None:
                self.stats.messages_received += len(messages)
                self._events.append(MessagesReceived(link.peer.hash, messages))
        if connection.notices:
            self._handle_notices(link, now)
        if connection.output and link.id in self._links:
            self._outbox.mark(link)
        if connection.state is State.DRAINING and link.peer is not None:
            self._detach(link, "aead_failure", now)
        if not link.is_proven and connection.frames_received and connection.is_established:
            link.is_proven = True
            if link.peer is not None:
                self._dialer.backoff.succeeded(link.peer.hash)

    def lost(self, link_id: LinkId, now: float) -> None:
        """The peer closed the socket, or it broke."""
        self._now = now
        link = self._links.get(link_id)
        if link is None:
            return
        connection = link.connection
        if connection is not None and connection.pending_end is not None:
            self._on_ended(link, connection.pending_end, now)
            return
        if connection is None or connection.state is State.HANDSHAKE:
            if link.is_outbound:
                self.stats.handshakes_out_failed += 1
                self._fail_dial(link, "handshake_failed", HANDSHAKE_BACKOFF_S, now)
                return
            self.stats.handshakes_in_failed += 1
        self._remove_link(link)
        if link.peer is not None:
            self._detach(link, "lost", now)

    def pause_writing(self, link_id: LinkId) -> None:
        """The socket's write buffer is full: messages wait here, unsealed and bounded."""
        link = self._links.get(link_id)
        if link is not None:
            link.is_paused = True
            self._outbox.unmark(link)
            if link.peer is not None:
                link.peer.is_stale = True

    def resume_writing(self, link_id: LinkId) -> None:
        """There is room in the socket's write buffer again."""
        link = self._links.get(link_id)
        if link is not None and link.is_paused:
            link.is_paused = False
            self._outbox.mark(link)

    def read_pause(self, now: float) -> float:
        """Seconds for which a socket that was just read should not be read, 0.0 for none."""
        return self._bandwidth.read_pause(now)

    def take_output(self, now: float | None = None) -> list[tuple[LinkId, bytes]]:
        """What to write now, one entry for each link. Call again until it is empty."""
        return self._outbox.take(self._now if now is None else now)

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer` (or :meth:`take_output`), or None."""
        times = (self._outbox.ready_at(self._now), self._tick_at)
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Check the deadlines; early calls do nothing."""
        self._now = now
        if self._tick_at is None or now < self._tick_at:
            return
        is_busy = False
        is_crowded = {side: self._is_crowded(is_outbound=side) for side in (False, True)}
        for link in list(self._links.values()):
            is_busy |= self._check_link(link, now, is_crowded[link.is_outbound])
        for peer in self._dialer.expired(now):
            self._give_up(peer, "busy")
        self._start_dials(now)
        self.bans.expire(now)
        self._dialer.backoff.expire(now)
        self._tick_at = None
        if self._links or self._dialer.has_waiting:
            is_busy |= self._dialer.has_waiting
            self._tick_at = now + (TICK_BUSY_S if is_busy else TICK_IDLE_S)

    def _check_link(self, link: Link, now: float, is_crowded: bool) -> bool:
        """Handle the deadlines of one link; True if it needs the short tick."""
        connection = link.connection
        if connection is None:
            if now >= link.deadline:
                self._time_out_dial(link, now)
            return True
        peer = link.peer
        is_spare = peer is not None and peer.spare is link
        if is_spare and connection.is_established:
            # Random, so that of two spares that face each other one goes first and the other
            # one's peer falls back to it.
            if now - connection.last_received >= link.deadline:
                connection.close(TerminationReason.NORMAL, now)
        else:
            connection.handle_timer(now)
            if is_crowded and now - connection.last_active >= CROWDED_IDLE_S:
                connection.close(TerminationReason.IDLE_TIMEOUT, now)
        if connection.notices:
            self._handle_notices(link, now)
        elif connection.output:
            self._outbox.mark(link)
        return is_spare or not connection.is_established

    # What connections report

    def _handle_notices(self, link: Link, now: float, until_established: bool = False) -> None:
        connection = link.connection
        assert connection is not None
        notices, connection.notices = connection.notices, []
        for index, notice in enumerate(notices):
            if isinstance(notice, Established):
                self._on_established(link, notice, now)
                if until_established:
                    connection.notices = notices[index + 1 :] + connection.notices
                    return
            elif isinstance(notice, Ended):
                if until_established:
                    connection.notices = notices[index:] + connection.notices
                    return
                self._on_ended(link, notice, now)
            elif isinstance(notice, RouterInfoBlock):
                peer = link.peer
                if peer is not None and notice.router_info.hash == peer.hash:
                    peer.router_info = notice.router_info
                self._events.append(RouterInfoReceived(notice.router_info, notice.flood))
            else:
                shown = connection.remote_router_info
                if link.peer is not None:
                    self._events.append(SkewMeasured(notice.seconds, link.peer.hash))
                elif shown is not None:
                    self._events.append(SkewMeasured(notice.seconds, shown.hash))

    def _on_established(self, link: Link, notice: Established, now: float) -> None:
        if link.is_outbound:
            peer = link.peer
            assert peer is not None and peer.router_info is not None
            peer.dial = None
            self._dialer.active.discard(link.host_key)
            assert link.connection is not None
            link.connection.remote_router_info = peer.router_info
            self.stats.handshakes_out += 1
        else:
            self._gate.succeeded(link)
            assert notice.router_info is not None
            admitted = self._admit(link, notice.router_info, now)
            if admitted is None:
                return
            peer = admitted
            peer.router_info = notice.router_info
            self.stats.handshakes_in += 1
            self._events.append(RouterInfoReceived(notice.router_info, notice.flood))
            self._dialer.backoff.succeeded(peer.hash)
            link.is_proven = True
        limits = self._limits
        peer.queue.set_bounds(limits.queue_bytes_shed, limits.queue_bytes_max)
        link.peer = peer
        link.was_established = True
        was_connected = peer.link is not None
        if was_connected:
            self._make_spare(peer, now)
        peer.link = link
        self._outbox.mark(link)
        if not was_connected:
            self._events.append(PeerConnected(peer.hash, peer.router_info, link.is_outbound))
        self._start_dials(now)

    def _admit(self, link: Link, router_info: RouterInfo, now: float) -> Peer | None:
        """The table entry of an inbound router, or None if it is not wanted."""
        connection = link.connection
        assert connection is not None
        router_hash = router_info.hash
        if (
            self.bans.reason(router_hash, now) is not None
            or router_hash == self._own_hash
            or self._is_closing
        ):
            self.stats.handshakes_in_failed += 1
            self._abort(link)
            return None
        # Bob's RouterInfo first: Alice may have dialled with an old one (i2pd does the same).
        connection.send_router_info(now)
        peer = self._peers.get(router_hash)
        if peer is None:
            return self._add_peer(router_hash)
        self._dialer.remove(peer)
        if peer.dial is not None:
            self._abort(peer.dial)
        return peer

    def _make_spare(self, peer: Peer, now: float) -> None:
        self.stats.links_replaced += 1
        oldest = peer.spare
        peer.spare = peer.link
        if peer.spare is not None:
            peer.spare.deadline = SPARE_IDLE_S + self._entropy.randbelow(SPARE_IDLE_VARIANCE_S)
        if oldest is not None and oldest.connection is not None:
            oldest.connection.close(TerminationReason.NORMAL, now)
            self._handle_notices(oldest, now)
        self._arm(now)

    def _on_ended(self, link: Link, end: Ended, now: float) -> None:
        """A connection is over: last bytes, close command, and what the table learns from it."""
        self._outbox.finish(link)
        self._commands.append(Close(link.id, end.is_abort))
        peer = link.peer
        if link.is_outbound and peer is not None and peer.dial is link:
            self.stats.handshakes_out_failed += 1
            if end.blame is Blame.CLOCK_SKEW:
                self._fail_dial(link, "clock_skew", SKEW_BACKOFF_S, now)
            else:
                reason = "timeout" if end.reason == "timeout" else "handshake_failed"
                self._fail_dial(link, reason, HANDSHAKE_BACKOFF_S, now)
            return
        self._remove_link(link)
        if not link.is_outbound and not link.was_established:
            self.stats.handshakes_in_failed += 1
            self._gate.failed(link, end, now)
        if peer is not None:
            if end.is_remote and end.code == TerminationReason.BANNED:
                self._dialer.backoff.hold(peer.hash, now + BANNED_BY_PEER_S)
            self._detach(link, end.reason, now)

    def _detach(self, link: Link, reason: str, now: float) -> None:
        """The link is of no more use to its peer: fall back, redial or forget the peer."""
        peer = link.peer
        link.peer = None
        if peer is None or self._peers.get(peer.hash) is not peer:
            return
        if peer.spare is link:
            peer.spare = None
            return
        if peer.link is not link:
            return
        peer.link = None
        if peer.spare is not None:
            peer.link, peer.spare = peer.spare, None
            self._outbox.mark(peer.link)
            return
        failure = "backoff"
        has_accepted = link.is_proven or reason == ROUTER_SHUTDOWN
        if link.is_outbound and not has_accepted and now < link.deadline + UNPROVEN_S:
            # Bob did not like our message 3, or we would have had a frame from him by now.
            self.stats.handshakes_out_failed += 1
            self._dialer.backoff.failed(peer.hash, HANDSHAKE_BACKOFF_S, now)
            failure = "handshake_failed"
        self._events.append(PeerDisconnected(peer.hash, reason))
        if not len(peer.queue):
            del self._peers[peer.hash]
        elif self.can_try(peer.hash, now) and not self._is_closing:
            peer.is_stale = True
            self._enqueue_dial(peer, now)
        else:
            self._give_up(peer, failure)
