"""All links of a router: who is connected, who is being dialled, what waits for whom.

Which transport carries a link is decided by bid (:mod:`core.transport.ports`); from then on it is a
session like any other. The router room calls :meth:`Links.send` and drains
:meth:`Links.next_event`; the transports report through the methods of
:class:`core.transport.ports.SessionOwner`. Time is monotonic seconds.

What always holds: at most one link per router is used for sending; at most one dial per router and
per remote host is under way; every message given to ``send`` is written, still queued, or counted
in ``stats``.

Two routers that dial each other at the same moment: a new inbound link replaces the one in use, as
in i2pd, and a dial whose handshake is not over is given up. The replaced link stays open for
reading as the *spare*: if the peer decided the other way round and closes the new link, the spare
takes over, so that a crossing never leaves the pair without a link.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from core.data.address_ranges import AddressRange
from core.data.router_info import RouterInfo
from core.transport.bans import BanList
from core.transport.context import TransportContext
from core.transport.events import (
    AddressesChanged,
    Event,
    MessagesReceived,
    PeerConnected,
    PeerDisconnected,
    RouterInfoReceived,
    SkewMeasured,
    TraversalStep,
)
from core.transport.misconduct import Misconduct
from core.transport.outbound import OutboundLinks
from core.transport.ports import (
    Confirmed,
    Ended,
    Endpoint,
    Established,
    RouterInfoBlock,
    Session,
    Silent,
    Skew,
    Unreachable,
    Violation,
)
from core.transport.reasons import TerminationReason, reason_word
from core.transport.records import Link, Peer
from core.transport.table import LinkTable

logger = logging.getLogger("core.transport")

TICK_BUSY_S = 1.0
TICK_IDLE_S = 10.0
CROWDED_IDLE_S = 30.0
#: Java and i2pd answer a handshake they refuse at once; counted from the dial on.
UNPROVEN_S = 25.0
#: What a router says that goes, for itself or to start again.
ROUTER_SHUTDOWN = reason_word(TerminationReason.ROUTER_SHUTDOWN)
SPARE_IDLE_S = 20.0
SPARE_IDLE_VARIANCE_S = 10
#: i2pd and Java keep a link for each transport and may send on the one that we do not use: such a
#: spare never falls silent.
SPARE_LIFE_S = 120.0
SPARE_LIFE_VARIANCE_S = 60
#: Java: a Termination with reason 17 means two hours.
BANNED_BY_PEER_S = 2 * 3600.0


class Links:
    """See the module. One instance for each router."""

    def __init__(self, context: TransportContext, endpoints: Sequence[Endpoint]) -> None:
        self.stats = context.stats
        self.bans = BanList(is_blocked=context.is_blocked)
        self._misconduct = Misconduct()
        self._blocklist = context.blocklist
        self._own_hash = context.router_hash
        self._wall = context.wall
        self._entropy = context.entropy
        self._limits = context.limits
        self._bandwidth = context.bandwidth
        self._endpoints = endpoints
        self._table = LinkTable(context.limits, context.stats)
        self._peers = self._table.peers
        self._links = self._table.links
        self._events = self._table.events
        self._outbound = OutboundLinks(context, self._table, self.bans, endpoints)
        self._ticked_at = 0.0
        self._has_spares = False
        self._now = 0.0
        for endpoint in endpoints:
            endpoint.attach(self)

    # For the router: sending and asking

    def send(
        self, router_hash: bytes, messages: Sequence[bytes], now: float, is_transit: bool = False
    ) -> None:
        """Queue short-form messages for a router, dialling it if need be.

        ``is_transit``: of others; refused while the queue is long. With no messages this only
        connects. Failures are told by a PeerFailed event, never raised.
        """
        self._now = now
        peer = self._peers.get(router_hash)
        if peer is None:
            peer = self._outbound.add_peer(router_hash, len(messages), now)
            if peer is None:
                return
        if messages:
            peer.queue.push(messages, is_transit)
        link = peer.link
        if link is None or not link.session.wake():
            peer.is_stale = True

    @property
    def has_events(self) -> bool:
        """True if :meth:`next_event` has something."""
        return bool(self._events)

    def next_event(self) -> Event | None:
        """The oldest event for the router, or None."""
        return self._events.popleft() if self._events else None

    def is_connected(self, router_hash: bytes) -> bool:
        """True if a session with this router is up."""
        peer = self._peers.get(router_hash)
        return peer is not None and peer.link is not None

    def was_heard(self, router_hash: bytes, since: float) -> bool:
        """Whether something came over the link with this router since a time when it was there."""
        peer = self._peers.get(router_hash)
        link = None if peer is None else peer.link
        return link is not None and link.begun_at <= since < link.session.last_received

    def connected_routers(self) -> list[bytes]:
        """Hashes of all routers with a session."""
        return [peer.hash for peer in self._peers.values() if peer.link is not None]

    @property
    def connected_count(self) -> int:
        """How many routers have a session."""
        return sum(peer.link is not None for peer in self._peers.values())

    def connected_sessions(self) -> list[Session]:
        """The session of each connected router that is used for sending."""
        return [peer.link.session for peer in self._peers.values() if peer.link is not None]

    def queued_bytes(self, router_hash: bytes) -> int:
        """Bytes that wait for this router, for back-pressure."""
        peer = self._peers.get(router_hash)
        return peer.queue.bytes if peer is not None else 0

    @property
    def outbound_count(self) -> int:
        """Links that we dialled, and dials under way."""
        return self._table.outbound_count

    @property
    def inbound_count(self) -> int:
        """Links that others dialled, and handshakes under way."""
        return sum(endpoint.inbound_count for endpoint in self._endpoints)

    @property
    def is_cut_off(self) -> bool:
        """Whether dials fail and nobody is heard."""
        return self._outbound.is_cut_off

    @property
    def load(self) -> float:
        """The more used of the limits of links in and out, 1.0 if it is reached."""
        limits = self._limits
        return max(
            self.outbound_count / limits.outbound_max, self.inbound_count / limits.inbound_max
        )

    @property
    def pending_count(self) -> int:
        """Dials and handshakes under way."""
        pending = sum(endpoint.pending_count for endpoint in self._endpoints)
        return self._outbound.pending_count + pending

    def can_dial(self, router_info: RouterInfo) -> bool:
        """Whether the router publishes an address that can be dialled from here."""
        return self._outbound.can_dial(router_info, self._now)

    def can_try(self, router_hash: bytes, now: float) -> bool:
        """False while the router is banned or backed off from."""
        is_allowed = self.bans.reason(router_hash, now) is None
        return is_allowed and self._outbound.can_try(router_hash, now)

    def clock_changed(self, now: float) -> None:
        """See :meth:`OutboundLinks.clock_changed`."""
        self._outbound.clock_changed(now)

    def ban(self, router_hash: bytes, now: float, seconds: float, reason: str) -> None:
        """Close the link to a router and refuse it for a while, in both directions."""
        self.bans.ban(router_hash, now + seconds, reason)
        # Not reason 17: Java would ban us for two hours in return.
        self.disconnect(router_hash, now)

    def note_violation(self, router_hash: bytes, what: str, now: float) -> None:
        """A router did what it alone can have done; who does so repeatedly is banned for a while.

        ``what``: see :mod:`core.transport.misconduct`.
        """
        ban_s = self._misconduct.note(router_hash, now)
        if ban_s:
            self.stats.banned[what] += 1
            # Not above debug: thousands of routers may be made to offend.
            logger.debug("a router is refused for %.0f min: it sent %s", ban_s / 60, what)
            self.ban(router_hash, now, ban_s, f"it sent {what}")

    def block(
        self, routers: Iterable[bytes], addresses: Iterable[AddressRange], now: float
    ) -> None:
        """Have nothing to do with these any more, and with nobody else than these."""
        self._blocklist.replace(routers, addresses)
        for router_hash in self._table.blocked(self._blocklist):
            self.disconnect(router_hash, now)

    def disconnect(
        self, router_hash: bytes, now: float, reason: TerminationReason = TerminationReason.NORMAL
    ) -> None:
        """Close the links to a router; what waits for it is dropped and counted."""
        self._now = now
        peer = self._peers.get(router_hash)
        if peer is None:
            return
        self._table.drop_queue(peer)
        if peer.link is None:
            self._outbound.give_up(peer, "closed")
            return
        for link in (peer.spare, peer.link):
            if link is not None:
                link.session.close(reason, now)

    def shutdown(self, now: float) -> None:
        """Tell every peer that we go (reason 3), drop everything and refuse new connections."""
        self._now = now
        self._outbound.is_closing = True
        for peer in list(self._peers.values()):
            self._table.drop_queue(peer)
        for endpoint in self._endpoints:
            endpoint.shutdown(now)
        for peer in list(self._peers.values()):
            self._outbound.give_up(peer, "closed")

    def ask(self, now: float) -> None:
        """Find out who is still there, of all with whom there were messages of late.

        Who acknowledges nothing is told as PeerSilent. Whose messages they were does not matter: a
        peer must not learn by it whether tunnels through it are ours or others'.
        """
        self._table.ask(now)

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer`, or None."""
        if self._outbound.is_busy or self._has_spares:
            return self._ticked_at + TICK_BUSY_S
        return self._ticked_at + TICK_IDLE_S if self._links else None

    def handle_timer(self, now: float) -> None:
        """Check the deadlines; early calls do nothing."""
        self._now = now
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        self._ticked_at = now
        limits = self._limits
        is_crowded = {
            True: self._table.outbound_count * 10 >= limits.outbound_max * 9,
            False: self.inbound_count * 10 >= limits.inbound_max * 9,
        }
        self._has_spares = False
        for link in list(self._links.values()):
            if link.is_established:
                self._check_idle(link, is_crowded[link.is_outbound], now)
        self._outbound.expire(now)
        self.bans.expire(now)

    def _check_idle(self, link: Link, is_crowded: bool, now: float) -> None:
        session, peer = link.session, link.peer
        if peer is not None and peer.spare is link:
            self._has_spares = True
            # Random, so that of two spares that face each other one goes first and the other
            # one's peer falls back to it.
            is_silent = now - session.last_received >= link.spare_idle_s
            if is_silent or now >= link.spare_until:
                session.close(TerminationReason.NORMAL, now)
        elif is_crowded and now - session.last_active >= CROWDED_IDLE_S:
            session.close(TerminationReason.IDLE_TIMEOUT, now)

    # What transports report

    def heard(self, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._now = now
        outbound = self._outbound
        outbound.heard_at = now
        if outbound.is_cut_off:
            outbound.network_restored()

    def received(self, session: Session, messages: list[bytes], now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        # What heard() does; this is called for every read.
        self._now = now
        outbound = self._outbound
        outbound.heard_at = now
        if outbound.is_cut_off:
            outbound.network_restored()
        link = self._links.get(session)
        if link is not None and link.peer is not None:
            self.stats.messages_received += len(messages)
            self._events.append(MessagesReceived(link.peer.hash, messages))

    def fill(self, session: Session, bytes_max: int, now: float) -> bool:
        """See :class:`core.transport.ports.SessionOwner`. A spare gets nothing."""
        link = self._links.get(session)
        peer = None if link is None else link.peer
        if peer is None or peer.link is not link:
            return False
        queue = peer.queue
        if peer.is_stale:
            peer.is_stale = False
            queue.drop_expired(int(self._wall.now()))
        if not len(queue):
            return False
        messages = queue.pop(bytes_max, self._bandwidth.transit_writable(bytes_max, now))
        if not messages:
            peer.is_stale = True
            return True
        self.stats.messages_sent += len(messages)
        session.send(messages, now)
        peer.is_stale = bool(len(queue))
        return peer.is_stale

    def traversed(self, steps: Iterable[TraversalStep]) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._events.extend(steps)

    def addresses_changed(self, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._now = now
        self._events.append(AddressesChanged())

    def connect(self, router_hash: bytes, endpoint: Endpoint, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._outbound.dial_also(router_hash, endpoint, now)

    def session_changed(self, session: Session, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._now = now
        while (event := session.next_event()) is not None:
            link = self._links.get(session)
            if isinstance(event, Established):
                self._on_established(session, link, event, now)
            elif isinstance(event, RouterInfoBlock):
                self._table.received_router_info(link, event)
            elif isinstance(event, Silent):
                self._table.silent(link)
            elif isinstance(event, Skew):
                router_hash = session.router_hash
                if router_hash is not None:
                    self._events.append(
                        SkewMeasured(event.seconds, router_hash, session.is_outbound)
                    )
            elif link is None:
                continue
            elif isinstance(event, Violation):
                if link.peer is not None:
                    self.note_violation(link.peer.hash, event.what, now)
            elif isinstance(event, Confirmed):
                self._outbound.proven(link)
            elif isinstance(event, Unreachable):
                self._outbound.unreachable(link, event, now)
            else:
                self._on_ended(link, event, now)

    def _on_established(
        self, session: Session, dial: Link | None, event: Established, now: float
    ) -> None:
        link = dial
        if link is not None:
            self._outbound.established(link)
        elif event.router_info is not None:
            link = self._admit(session, event.router_info, event.flood, now)
        peer = None if link is None else link.peer
        if link is None or peer is None:
            return
        link.is_established = True
        limits = self._limits
        peer.queue.set_bounds(limits.queue_bytes_shed, limits.queue_bytes_max)
        was_connected = peer.link is not None
        if was_connected:
            self._make_spare(peer, now)
        peer.link = link
        session.wake()
        if not was_connected:
            assert peer.router_info is not None
            self._events.append(PeerConnected(peer.hash, peer.router_info, link.is_outbound))
        self._outbound.start(now)

    def _admit(
        self, session: Session, router_info: RouterInfo, flood: bool, now: float
    ) -> Link | None:
        """The link of a router that has called, or None if it is not wanted."""
        router_hash = router_info.hash
        if self._outbound.is_closing:
            session.close(TerminationReason.ROUTER_SHUTDOWN, now)
            return None
        if self.bans.reason(router_hash, now) is not None or router_hash == self._own_hash:
            self.stats.handshakes_in_failed += 1
            session.abort()
            return None
        session.admit(now)
        peer = self._peers.get(router_hash)
        if peer is None:
            peer = self._table.add_peer(router_hash)
        else:
            self._outbound.called(peer)
        peer.router_info = router_info
        self.stats.handshakes_in += 1
        self._events.append(RouterInfoReceived(router_hash, router_info, flood))
        link = self._table.add_link(session, peer, now)
        self._outbound.proven(link)
        return link

    def _make_spare(self, peer: Peer, now: float) -> None:
        self.stats.links_replaced += 1
        oldest = peer.spare
        peer.spare = peer.link
        if peer.spare is not None:
            variance = self._entropy.randbelow(SPARE_IDLE_VARIANCE_S)
            peer.spare.spare_idle_s = SPARE_IDLE_S + variance
            life_s = SPARE_LIFE_S + self._entropy.randbelow(SPARE_LIFE_VARIANCE_S)
            peer.spare.spare_until = now + life_s
            self._has_spares = True
        if oldest is not None:
            oldest.session.close(TerminationReason.NORMAL, now)

    def _on_ended(self, link: Link, end: Ended, now: float) -> None:
        """A session is over: what the table learns from it."""
        peer = link.peer
        if peer is not None and peer.dial is link:
            self._outbound.handshake_failed(link, end, now)
            return
        self._outbound.remove(link)
        if peer is not None:
            if end.is_remote and end.code == TerminationReason.BANNED:
                self._outbound.refused(peer, now + BANNED_BY_PEER_S)
            elif end.is_remote and end.code == TerminationReason.ROUTER_SHUTDOWN:
                self._outbound.left(peer, now)
            self._detach(link, peer, end.reason, now)

    def _detach(self, link: Link, peer: Peer, reason: str, now: float) -> None:
        """The link is of no more use to its peer: fall back, redial or forget the peer."""
        link.peer = None
        if self._peers.get(peer.hash) is not peer:
            return
        if peer.spare is link:
            peer.spare = None
            return
        if peer.link is not link:
            return
        peer.link = None
        if peer.spare is not None:
            peer.link, peer.spare = peer.spare, None
            peer.link.session.wake()
            return
        failure = "backoff"
        has_accepted = link.is_proven or reason == ROUTER_SHUTDOWN
        if link.is_outbound and not has_accepted and now < link.begun_at + UNPROVEN_S:
            self._outbound.rejected(link, peer, now)
            failure = "handshake_failed"
        else:
            peer.tried = ()
        self._events.append(PeerDisconnected(peer.hash, reason))
        if not len(peer.queue):
            del self._peers[peer.hash]
        elif self.can_try(peer.hash, now) and not self._outbound.is_closing:
            peer.is_stale = True
            self._outbound.enqueue(peer, now)
        else:
            self._outbound.give_up(peer, failure)
