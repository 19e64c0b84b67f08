"""What the sessions of all transports report, and what the link table makes of it.

A router that has called is let in unless it is banned. A session that has ended leaves its router
to the spare, to a new dial, or to be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.data.router_info import RouterInfo
from core.transport.bans import BanList
from core.transport.context import TransportContext
from core.transport.events import (
    AddressesChanged,
    MessagesReceived,
    PeerConnected,
    PeerDisconnected,
    RouterInfoReceived,
    SkewMeasured,
    TraversalStep,
)
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
from core.transport.spares import Spares
from core.transport.table import LinkTable

#: Java and i2pd answer a handshake they refuse at once; counted from the dial on.
UNPROVEN_S = 25.0
#: What a router says that goes, for itself or to start again.
ROUTER_SHUTDOWN = reason_word(TerminationReason.ROUTER_SHUTDOWN)
#: Java: a Termination with reason 17 means two hours.
BANNED_BY_PEER_S = 2 * 3600.0


class SessionHandler:
    """The half of :class:`core.transport.links.Links` that listens to the transports.

    Its public methods are those of :class:`core.transport.ports.SessionOwner`.
    """

    def __init__(
        self,
        context: TransportContext,
        table: LinkTable,
        bans: BanList,
        outbound: OutboundLinks,
        spares: Spares,
        note_violation: Callable[[bytes, str, float], None],
    ) -> None:
        """``note_violation``: see :meth:`core.transport.links.Links.note_violation`."""
        self._stats = context.stats
        self._own_hash = context.router_hash
        self._wall = context.wall
        self._limits = context.limits
        self._bandwidth = context.bandwidth
        self._bans = bans
        self._table = table
        self._peers = table.peers
        self._links = table.links
        self._events = table.events
        self._outbound = outbound
        self._spares = spares
        self._note_violation = note_violation

    def heard(self, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        outbound = self._outbound
        outbound.heard_at = now
        if outbound.is_cut_off:
            outbound.network_restored()

    def received(self, session: Session, messages: list[bytes], now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        # What heard() does; this is called for every read.
        outbound = self._outbound
        outbound.heard_at = now
        if outbound.is_cut_off:
            outbound.network_restored()
        link = self._links.get(session)
        if link is not None and link.peer is not None:
            self._stats.messages_received += len(messages)
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
        self._stats.messages_sent += len(messages)
        session.send(messages, now)
        peer.is_stale = bool(len(queue))
        return peer.is_stale

    def traversed(self, steps: Iterable[TraversalStep]) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._events.extend(steps)

    def addresses_changed(self, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._events.append(AddressesChanged())

    def connect(self, router_hash: bytes, endpoint: Endpoint, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
        self._outbound.dial_also(router_hash, endpoint, now)

    def session_changed(self, session: Session, now: float) -> None:
        """See :class:`core.transport.ports.SessionOwner`."""
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
                    self._note_violation(link.peer.hash, event.what, now)
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
            self._spares.make(peer, now)
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
        if self._bans.reason(router_hash, now) is not None or router_hash == self._own_hash:
            self._stats.handshakes_in_failed += 1
            session.abort()
            return None
        session.admit(now)
        peer = self._peers.get(router_hash)
        if peer is None:
            peer = self._table.add_peer(router_hash)
        else:
            self._outbound.called(peer)
        peer.router_info = router_info
        self._stats.handshakes_in += 1
        self._events.append(RouterInfoReceived(router_hash, router_info, flood))
        link = self._table.add_link(session, peer, now)
        self._outbound.proven(link)
        return link

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
        elif self._outbound.can_try(peer.hash, now) and not self._outbound.is_closing:
            peer.is_stale = True
            self._outbound.enqueue(peer, now)
        else:
            self._outbound.give_up(peer, failure)
