"""SSU2 as a transport: its sessions, whose packets are whose, and what we publish.

The driver (core/io/udp.py) hands over each datagram with its source and drains
:meth:`Ssu2Endpoint.take_output`. Packets of a session are found by their connection ID under our
introduction key, wherever they come from; answers to our dials are found by their source.

No packet raises out of here: what is not genuine is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from core.base.errors import DecodeError
from core.crypto.chacha20 import ChaChaMask
from core.crypto.x25519 import X25519Key
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress, Ssu2Address
from core.transport.context import TransportContext
from core.transport.events import TraversalStep
from core.transport.hybrid_dials import HybridDials
from core.transport.inbound import InboundGate
from core.transport.ports import (
    Bid,
    Blame,
    Confirmed,
    Ended,
    Established,
    SessionOwner,
    Unreachable,
)
from core.transport.publishing import Address, Published
from core.transport.reasons import TerminationReason
from core.transport.ssu2.bids import Bids
from core.transport.ssu2.blocks import Block
from core.transport.ssu2.connection import Connection
from core.transport.ssu2.connections import Connections
from core.transport.ssu2.context import Context
from core.transport.ssu2.deadlines import NEVER, Deadlines
from core.transport.ssu2.dials import Dials
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import PACKET_BYTES_MIN, read_destination
from core.transport.ssu2.introducing import Introductions, NoIntroductions
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.listener import Listener
from core.transport.ssu2.output import SessionOutput
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.path_mtu import LocalMtu
from core.transport.ssu2.published import PublishedAddress
from core.transport.ssu2.session import Ssu2Session
from core.transport.ssu2.session_traversal import SessionTraversal
from core.transport.ssu2.traversal import Introduced, IntroductionFailed
from core.transport.ssu2.variants import PLAIN, Variant


class Ssu2Endpoint:
    """A :class:`core.transport.ports.Endpoint`.

    ``static_key``: the Noise key published as ``s``; ``intro_key``: the 32 bytes published as
    ``i``. ``published``: where we say that we listen, for each family at most one; empty: we only
    dial. ``mtu``: of our side. ``hybrid``: the variant that we take and dial with; None: plain
    handshakes alone.
    """

    def __init__(
        self,
        context: TransportContext,
        static_key: X25519Key,
        intro_key: bytes,
        *,
        published: Sequence[Address] = (),
        mtu: LocalMtu | None = None,
        hybrid: Variant | None = None,
        introductions: Introductions | None = None,
    ) -> None:
        self.stats = context.stats
        intro = IntroKey(intro_key)
        self._published = Published(context.reachability, published)
        self.context = Context.of(context, static_key, intro, self._published, hybrid)
        self.introductions = introductions or NoIntroductions(context.stats)
        self.traversal: SessionTraversal | None = None
        mtu = mtu or LocalMtu()
        self._own_addresses = PublishedAddress(static_key, intro, self._published, mtu, hybrid)
        self._connections = Connections(self.context, mtu)
        self._mask = ChaChaMask(intro_key)
        self._bandwidth = context.bandwidth
        self._output = SessionOutput(context.bandwidth)
        self._bids = Bids(self, context)
        self._gate: InboundGate[Ssu2Session] = InboundGate(context)
        self._listener = Listener(self.context, self._gate, self._new_inbound)
        self._owner: SessionOwner
        self._sessions: dict[bytes, Ssu2Session] = {}
        self._by_router: dict[bytes, Ssu2Session] = {}
        self._hybrid_dials = HybridDials(context.stats)
        self._dials = Dials(self.context, mtu, self._hybrid_dials, self._sessions.__contains__)
        self._ready: dict[int, Ssu2Session] = {}
        #: what came with the datagrams that are being received, all for one session
        self._arrived: list[bytes] = []
        self._arrived_for: Ssu2Session | None = None
        self._deadlines = Deadlines()
        self._numbers = count(1)
        #: in a flood: nothing is done about what is of no session and no dial
        self.drops_strangers = False
        self._now = 0.0

    # For the link table

    @property
    def inbound_count(self) -> int:
        """Sessions that others began, and handshakes under way."""
        return self._gate.count

    @property
    def pending_count(self) -> int:
        """Inbound handshakes under way."""
        return self._gate.pending_count

    def established(self) -> Iterable[Ssu2Session]:
        """All sessions in the data phase."""
        return [one for one in self._sessions.values() if one.is_established]

    def session_with(self, router_hash: bytes) -> Ssu2Session | None:
        """The last session in the data phase with a router."""
        session = self._by_router.get(router_hash)
        return session if session is not None and session.is_established else None

    def traverse(self, traversal: SessionTraversal) -> None:
        """Test, and be tested; introduce, and be introduced."""
        self.introductions = self.traversal = traversal

    def is_calling(self, host: str) -> bool:
        """Whether a handshake that this host (numeric address) began is under way."""
        return self._gate.is_pending(host)

    @property
    def is_reachable(self) -> bool:
        """Whether others can dial us by what we publish."""
        return self._published.is_reachable

    def publish(self, is_ipv6: bool, address: Address | None, now: float) -> None:
        """See :class:`core.transport.ports.Endpoint`."""
        if self._published.set(is_ipv6, address):
            self._owner.addresses_changed(now)

    def attach(self, owner: SessionOwner) -> None:
        """See :class:`core.transport.ports.Endpoint`."""
        self._owner = owner

    def addresses(self) -> list[RouterAddress]:
        """One for each family in which others can dial us, and one for where we only dial."""
        traversal = self.traversal
        if traversal is None:
            return self._own_addresses.addresses()
        return self._own_addresses.addresses(traversal.introducer_options, traversal.caps)

    def options(self) -> dict[str, str]:
        """SSU2 says everything in its addresses."""
        return {}

    def bid(self, router_info: RouterInfo, now: float) -> Bid | None:
        """See :class:`core.transport.ssu2.bids.Bids`."""
        if self._listener.is_closing:
            return None
        return self._bids.bid(router_info, self.traversal, now)

    def dial(self, router_info: RouterInfo, bid: Bid, now: float) -> Ssu2Session:
        """Begin a session; its first packet leaves with the next output."""
        address = bid.address
        assert isinstance(address, Ssu2Address)
        remote = SocketAddress(address.host, address.port)
        session = Ssu2Session(self, next(self._numbers), remote, True)
        session.router_info = router_info
        session.address = address
        if self.traversal is not None and not address.is_published:
            self._dials.await_introduction(session)
            self.traversal.introduce(router_info, now)
        else:
            self._ready[session.number] = session
        return session

    def request_session(self, router_hash: bytes, now: float) -> None:
        """Make a session with a router, even if there is a link over another transport."""
        self._owner.connect(router_hash, self, now)

    def introduced(self, introduction: Introduced, now: float) -> None:
        """Begin the dial that waited for an introduction, or send it elsewhere."""
        session = self._dials.introduced(introduction, now)
        if session is not None:
            self._ready[session.number] = session

    def introduction_failed(self, failure: IntroductionFailed, now: float) -> None:
        """End the dial that waited for an introduction."""
        self._dials.not_introduced(failure.router_hash, now)

    def traversed(self, steps: Iterable[TraversalStep]) -> None:
        """See :class:`core.transport.ssu2.session_traversal.TraversalOwner`."""
        self._owner.traversed(steps)

    def addresses_changed(self, now: float) -> None:
        """What peer tests and introducers have us publish is something else now."""
        self._owner.addresses_changed(now)

    def shutdown(self, now: float) -> None:
        """Close every session with reason 3, refuse new ones and dial no more."""
        self._now = now
        self._listener.is_closing = True
        sessions = [*self._ready.values(), *self._sessions.values(), *self._dials.waiting]
        for session in {one.number: one for one in sessions}.values():
            session.close(TerminationReason.ROUTER_SHUTDOWN, now)

    # For the driver

    def receive(self, datagram: bytes, source: SocketAddress, now: float) -> None:
        """One datagram, whole."""
        self.receive_run(datagram, len(datagram), source, now)

    def receive_run(self, data: bytes, size: int, source: SocketAddress, now: float) -> int:
        """Datagrams of ``size`` bytes from one source, one behind the other; the last may be
        smaller. Returns how many are of strangers: they use up no bandwidth of ours, or who
        sends many would stop all others."""
        self._now = now
        total = len(data)
        self.stats.bytes_received += total
        strange = 0
        if total <= size:
            strange = self._receive(data, source, now)
        else:
            for at in range(0, total, size):
                strange += self._receive(data[at : at + size], source, now)
        if total > strange * size:
            self._bandwidth.received(total - strange * size, now)
        self._hand_over(now)
        return strange

    def peers(self) -> Iterable[tuple[float, SocketAddress]]:
        """With whom we have sessions, and when they were last active."""
        return [
            (one.connection.last_active, one.remote)
            for one in self._sessions.values()
            if one.connection is not None
        ]

    def newcomers(self) -> Iterable[SocketAddress]:
        """With whom a handshake is under way, whoever began it."""
        return [one.remote for one in self._sessions.values() if one.connection is None]

    def _receive(self, datagram: bytes, source: SocketAddress, now: float) -> int:
        """1 if it is a stranger's: of no session, or of one that he has only begun."""
        if len(datagram) < PACKET_BYTES_MIN:
            self.stats.packets_malformed += 1
            return 1
        strange = 0
        session = self._sessions.get(read_destination(datagram, self._mask))
        if session is not None and session.connection is not None:
            messages = session.receive_data(datagram, source, now)
        elif session is None or self._dials.awaits_punch(session):
            return self._receive_other(datagram, source, session is None, now)
        else:
            strange = 0 if session.is_outbound else 1
            messages = session.receive_handshake(datagram, source, now)
        self._ready[session.number] = session
        if session is not self._arrived_for:
            self._hand_over(now)
            self._arrived_for = session
        self._arrived += messages
        return strange

    def _hand_over(self, now: float) -> None:
        """What came for a session goes to the owner at once, and before whatever came later."""
        session, self._arrived_for = self._arrived_for, None
        if session is None:
            return
        messages = self._arrived
        if messages:
            self._arrived = []
            self._owner.received(session, messages, now)
        else:
            self._owner.heard(now)

    def take_output(self, now: float) -> list[tuple[bytes, SocketAddress]]:
        """Datagrams to send now, with their destinations. Call again until it is empty."""
        self._now = now
        output, self._listener.replies = self._listener.replies, []
        self._output.begin()
        if self.traversal is not None:
            output += self.traversal.take_output()
        if self._ready:
            ready = list(self._ready.values())
            self._ready.clear()
            for session in ready:
                self._fill(session, output, now)
        if output:
            self.stats.bytes_sent += self._output.ended(output, now)
        return output

    def readable(self, wanted: int) -> int:
        """How many of ``wanted`` bytes one read may bring: less where the limit is slow."""
        return self._bandwidth.readable(wanted)

    def read_pause(self, now: float) -> float:
        """Seconds for which nothing should be read, 0.0 for none."""
        return self._bandwidth.shared_read_pause(now)

    def destination_failed(self, destination: SocketAddress, error: int, now: float) -> None:
        """The system refuses to send there: a dial ends at once, a session may recover."""
        self._now = now
        self._dials.destination_failed(destination, now)

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer` or :meth:`take_output`, or None."""
        at = self._deadlines.next_at
        if self._output.is_limited:
            at = min(at, self._bandwidth.write_at(self._now))
        if self.traversal is not None and not self._listener.is_closing:
            at = min(at, self.traversal.next_timer())
        return None if at == NEVER else at

    def handle_timer(self, now: float) -> None:
        """Check the deadlines that have come; early calls do nothing."""
        self._now = now
        while (session := self._deadlines.pop_due(now)) is not None:
            session.handle_timer(now)
        if self.traversal is not None:
            self.traversal.handle_timer(now)

    # For the sessions

    def connect(
        self, session: Ssu2Session, keys: SessionKeys, rtt_s: float, now: float
    ) -> Connection:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        if not session.is_outbound:
            self._gate.succeeded(session)
        return self._connections.begin(session, keys, rtt_s, now)

    def mark(self, session: Ssu2Session) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        if session.local_id in self._sessions:
            self._ready[session.number] = session

    def told(self, session: Ssu2Session, now: float) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        self._hand_over(now)
        if isinstance(session.events[-1], Confirmed | Ended | Unreachable):
            self._dials.ended(session)
        if isinstance(session.events[-1], Established):
            self._hybrid_dials.established(session)
            if session.variant is not session.dialled_as and session.is_outbound:
                self._hybrid_dials.failed(session.router_hash or b"", now)
            self._by_router[session.router_hash or b""] = session
            if self.traversal is not None:
                self.traversal.session_began(session, now)
        self._owner.session_changed(session, now)

    def failed(self, session: Ssu2Session, end: Ended | Unreachable, now: float) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        if session.is_outbound:
            self.stats.dials_failed += isinstance(end, Unreachable)
            if session.dialled_as is not PLAIN:
                self._note_hybrid_failure(session, end, now)
        elif isinstance(end, Ended):
            self.stats.handshakes_in_failed += 1
            self._gate.failed(session, end, now)
        self._forget(session)

    def _note_hybrid_failure(
        self, session: Ssu2Session, end: Ended | Unreachable, now: float
    ) -> None:
        is_silent = isinstance(end, Unreachable)
        if end.is_silent if isinstance(end, Unreachable) else end.blame is Blame.PEER:
            router_hash = session.router_hash or b""
            self._hybrid_dials.failed(router_hash, now, is_silent=is_silent)

    def drop(self, session: Ssu2Session) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        self._dials.ended(session)
        self._forget(session)

    def seen_as(self, session: Ssu2Session, address: SocketAddress, now: float) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        self.introductions.seen_as(session, address, now)

    def block_received(self, session: Ssu2Session, block: Block, now: float) -> None:
        """See :class:`core.transport.ssu2.session.SessionHost`."""
        self.introductions.block_received(session, block, now)

    # Receiving

    def _receive_other(
        self, datagram: bytes, source: SocketAddress, is_strange: bool, now: float
    ) -> int:
        """A packet that names no session of ours: 0 if it answers a dial, 1 for strangers and
        noise."""
        dial = self._dials.answered(datagram, source)
        if dial is not None:
            dial.receive_handshake(datagram, source, now)
            self._ready[dial.number] = dial
            self._owner.heard(now)
            return 0
        if self.drops_strangers and is_strange:
            self.stats.datagrams_shed += 1
            return 1
        try:
            session, victims = self._listener.receive(datagram, source, self.introductions, now)
        except DecodeError:
            self.stats.packets_malformed += 1
            return 1
        for victim in victims:
            self._evict(victim, now)
        if session is not None and session.responder is not None:
            session.local_id = session.responder.ids.local.to_bytes(8, "big")
            self._sessions[session.local_id] = session
            self._ready[session.number] = session
        self._owner.heard(now)
        return 1

    def _evict(self, session: Ssu2Session, now: float) -> None:
        """Close a session so that another one may take its place."""
        self.stats.links_evicted += 1
        if session.is_established:
            session.close(TerminationReason.IDLE_TIMEOUT, now)
            # Its last words may still be repeated, but the place is free.
            self._gate.ended(session)
        else:
            self.stats.handshakes_in_failed += 1
            self.drop(session)

    # Sending

    def _fill(
        self, session: Ssu2Session, output: list[tuple[bytes, SocketAddress]], now: float
    ) -> None:
        if not session.local_id:
            self._begin_dial(session, now)
        connection = session.connection
        output += [(packet, session.remote) for packet in session.take_output()]
        if connection is not None:
            if self._output.pull(self._owner, session, connection, output, now):
                self._ready[session.number] = session
            if connection.is_closed:
                self._forget(session)
                return
        if session.local_id in self._sessions:
            self._deadlines.schedule(session, len(self._sessions))

    def _begin_dial(self, session: Ssu2Session, now: float) -> None:
        wishes = () if self.traversal is None else self.traversal.wishes(session, now)
        if self._dials.begin(session, wishes, now):
            self._sessions[session.local_id] = session

    # The tables

    def _new_inbound(self, source: SocketAddress) -> Ssu2Session:
        return Ssu2Session(self, next(self._numbers), source, False)

    def _forget(self, session: Ssu2Session) -> None:
        self._sessions.pop(session.local_id, None)
        self._ready.pop(session.number, None)
        self._dials.forget(session)
        router_hash = session.router_hash or b""
        if self._by_router.get(router_hash) is session:
            del self._by_router[router_hash]
        session.timer_at = NEVER
        self._gate.ended(session)
