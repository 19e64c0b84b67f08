"""All links of a router: who is connected, who is being dialled, what waits for whom.

Which transport carries a link is decided by bid (:mod:`core.transport.ports`); from then on it is a
session like any other. The router room calls :meth:`Links.send` and drains
:meth:`Links.next_event`; the transports report to :mod:`core.transport.session_handler`. Time is
monotonic seconds.

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
from core.transport.events import Event
from core.transport.misconduct import Misconduct
from core.transport.outbound import OutboundLinks
from core.transport.ports import Endpoint, Session
from core.transport.reasons import TerminationReason
from core.transport.session_handler import SessionHandler
from core.transport.spares import Spares
from core.transport.table import LinkTable

logger = logging.getLogger("core.transport")

TICK_BUSY_S = 1.0
TICK_IDLE_S = 10.0
CROWDED_IDLE_S = 30.0


class Links:
    """See the module. One instance for each router."""

    def __init__(self, context: TransportContext, endpoints: Sequence[Endpoint]) -> None:
        self.stats = context.stats
        self.bans = BanList(is_blocked=context.is_blocked)
        self._misconduct = Misconduct()
        self._blocklist = context.blocklist
        self._limits = context.limits
        self._endpoints = endpoints
        self._table = LinkTable(context.limits, context.stats)
        self._peers = self._table.peers
        self._links = self._table.links
        self._events = self._table.events
        self._outbound = OutboundLinks(context, self._table, self.bans, endpoints)
        self._spares = Spares(context, self._table)
        handler = SessionHandler(
            context, self._table, self.bans, self._outbound, self._spares, self.note_violation
        )
        self._ticked_at = 0.0
        for endpoint in endpoints:
            endpoint.attach(handler)

    # For the router: sending and asking

    def send(
        self, router_hash: bytes, messages: Sequence[bytes], now: float, is_transit: bool = False
    ) -> None:
        """Queue short-form messages for a router, dialling it if need be.

        ``is_transit``: of others; refused while the queue is long. With no messages this only
        connects. Failures are told by a PeerFailed event, never raised.
        """
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

    def can_dial(self, router_info: RouterInfo, now: float) -> bool:
        """Whether the router publishes an address that can be dialled from here."""
        return self._outbound.can_dial(router_info, now)

    def can_try(self, router_hash: bytes, now: float) -> bool:
        """False while the router is banned or backed off from."""
        return self._outbound.can_try(router_hash, now)

    def connect(self, router_hash: bytes, endpoint: Endpoint, now: float) -> None:
        """See :meth:`core.transport.ports.SessionOwner.connect`."""
        self._outbound.dial_also(router_hash, endpoint, now)

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
            # Not above debug: whoever runs thousands of routers could fill the log.
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
        if self._outbound.is_busy or self._spares.has_any:
            return self._ticked_at + TICK_BUSY_S
        return self._ticked_at + TICK_IDLE_S if self._links else None

    def handle_timer(self, now: float) -> None:
        """Check the deadlines; early calls do nothing."""
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        self._ticked_at = now
        limits = self._limits
        is_crowded = {
            True: self.outbound_count * 10 >= limits.outbound_max * 9,
            False: self.inbound_count * 10 >= limits.inbound_max * 9,
        }
        self._spares.expire(now)
        if any(is_crowded.values()):
            for link in list(self._links.values()):
                is_candidate = link.is_established and not link.is_spare
                if is_candidate and is_crowded[link.is_outbound]:
                    self._close_if_idle(link.session, now)
        self._outbound.expire(now)
        self.bans.expire(now)

    def _close_if_idle(self, session: Session, now: float) -> None:
        if now - session.last_active >= CROWDED_IDLE_S:
            session.close(TerminationReason.IDLE_TIMEOUT, now)
