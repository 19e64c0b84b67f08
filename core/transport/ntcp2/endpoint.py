"""NTCP2 as a transport: its sessions, what their ends mean, and what we publish.

The socket driver (core/io/tcp.py) reports what happened to sockets and drains
:meth:`Ntcp2Endpoint.take_commands` and :meth:`Ntcp2Endpoint.take_output`. Sockets are numbers here.

A connection on which a peer sent a forged frame reads on for a while and says nothing (DRAINING,
specs/ntcp2 "AEAD Error Handling"). For its owner such a session is over at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.errors import DecodeError
from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address, RouterAddress
from core.transport.context import TransportContext
from core.transport.hybrid_dials import HybridDials
from core.transport.inbound import InboundGate
from core.transport.ntcp2.commands import Close, Command, Dial, LinkId
from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.local import LocalRouter
from core.transport.ntcp2.outbox import Outbox
from core.transport.ntcp2.session import Ntcp2Session
from core.transport.ntcp2.states import State
from core.transport.ntcp2.variants import HYBRIDS, PLAIN, Variant
from core.transport.ports import (
    Bid,
    Blame,
    Confirmed,
    Ended,
    Established,
    SessionEvent,
    SessionOwner,
    Unreachable,
)
from core.transport.publishing import Address, Published, caps_of
from core.transport.reasons import TerminationReason

TICK_BUSY_S = 1.0
TICK_IDLE_S = 10.0
_COST_PUBLISHED = 3
_COST_UNPUBLISHED = 14


class Ntcp2Endpoint:
    """A :class:`core.transport.ports.Endpoint`.

    ``static_key``: the Noise key published as ``s``; ``iv``: the 16 bytes published as ``i``.
    ``published``: where we say that we listen, for each network at most one; empty: we only dial.
    ``hybrid``: the variant that we publish as ``pq``; None: plain handshakes alone, dials included.
    """

    def __init__(
        self,
        context: TransportContext,
        static_key: X25519Key,
        iv: bytes,
        *,
        published: Sequence[Address] = (),
        hybrid: Variant | None = None,
    ) -> None:
        local = LocalRouter(context.router_hash, static_key, iv, context.router_info)
        self.stats = context.stats
        self._own = context.own
        self._local = local
        self._published = Published(context.reachability, published)
        self._context = Context(
            local,
            context.network_id,
            context.wall,
            context.entropy,
            context.find_router,
            context.stats,
            hybrid,
        )
        self._hybrid_dials = HybridDials(context.stats)
        self._bandwidth = context.bandwidth
        self._reachability = context.reachability
        self._families = context.families
        self._gate: InboundGate[Ntcp2Session] = InboundGate(context)
        self._outbox = Outbox(context.stats, context.bandwidth)
        self._owner: SessionOwner
        self._sessions: dict[LinkId, Ntcp2Session] = {}
        self._commands: list[Command] = []
        self._next_number = 1
        self._tick_at: float | None = None
        self._is_closing = False
        self._now = 0.0

    # For the link table

    @property
    def inbound_count(self) -> int:
        """Connections that others made, and handshakes under way."""
        return self._gate.count

    @property
    def pending_count(self) -> int:
        """Inbound handshakes under way, those included that failed and have not ended."""
        return self._gate.pending_count

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
        """One for each network in which others can dial us, and one for where we only dial."""
        options: dict[str, str] = {"s": b64encode(self._local.static_key.public), "v": "2"}
        hybrid = self._context.hybrid
        pq = {} if hybrid is None else {"pq": str(hybrid.number)}
        found = []
        for _, (host, port) in self._published.addresses():
            more = {"host": host, "port": str(port), "i": b64encode(self._local.iv)}
            found.append(RouterAddress(_COST_PUBLISHED, 0, "NTCP2", options | more | pq))
        unpublished = self._published.unpublished()
        if unpublished:
            more = {"caps": caps_of(unpublished)}
            found.append(RouterAddress(_COST_UNPUBLISHED, 0, "NTCP2", options | more))
        return found

    def options(self) -> dict[str, str]:
        """NTCP2 says everything in its address."""
        return {}

    def bid(self, router_info: RouterInfo, now: float) -> Bid | None:
        """The best published NTCP2 address that can be dialled from here."""
        if self._is_closing:
            return None
        usable = [
            address
            for address in router_info.ntcp2_addresses()
            if address.is_published and self._reachability.can_dial(address.host)
        ]
        best = self._families.best(usable)
        return None if best is None else Bid(self, best.host, best, _COST_PUBLISHED)

    def dial(self, router_info: RouterInfo, bid: Bid, now: float) -> Ntcp2Session:
        """Have the driver connect; :meth:`dialed` or :meth:`dial_failed` follows."""
        address = bid.address
        assert isinstance(address, Ntcp2Address)
        session = self._add(address.host, True, now)
        session.address = address
        session.router_info = router_info
        if self._context.hybrid is not None and self._hybrid_dials.may_try(router_info.hash, now):
            session.variant = HYBRIDS.get(address.pq, PLAIN)
        self._commands.append(Dial(session.number, address.host, address.port))
        return session

    def shutdown(self, now: float) -> None:
        """Close every session with reason 3, refuse new connections and dial no more.

        Java bans a router whose handshake it breaks off, so who is calling is told at the end of
        the handshake: the owner closes it then.
        """
        self._now = now
        self._is_closing = True
        for session in list(self._sessions.values()):
            if session.is_outbound or session.was_established:
                session.close(TerminationReason.ROUTER_SHUTDOWN, now)

    # For the socket driver

    def accepted(self, remote_address: str, now: float) -> LinkId | None:
        """A TCP connection came in from this numeric address; None means close it at once."""
        self._now = now
        refusal: str | None = "shutdown"
        if not self._is_closing:
            refusal, victims = self._gate.admit(remote_address, now)
            for victim in victims:
                self._evict(victim, now)
        if refusal is not None:
            self.stats.refused[refusal] += 1
            return None
        session = self._add(remote_address, False, now)
        self._gate.began(session, remote_address, now)
        session.connection = Connection.accept(self._context, now)
        return session.number

    def free_descriptors(self, now: float) -> None:
        """The system has no descriptors left: give up the session that is worth least, if any."""
        victim = self._gate.idlest(now)
        if victim is not None:
            self._evict(victim, now)

    def dialed(self, number: LinkId, now: float) -> None:
        """The TCP connection of a Dial command is up."""
        self._now = now
        self._owner.heard(now)
        session = self._sessions.get(number)
        address = None if session is None else session.address
        if session is None or session.router_info is None or address is None or address.iv is None:
            self._commands.append(Close(number, True))
            return
        try:
            session.connection = Connection.initiate(
                self._context,
                session.router_info.hash,
                address.static_key,
                address.iv,
                now,
                peer_version=session.router_info.version,
                variant=session.variant,
            )
        except DecodeError as error:
            code = TerminationReason.MESSAGE_1_ERROR
            self._finish(session, Ended(str(error), code, Blame.PEER, is_abort=True), now)
            return
        self._outbox.mark(session)

    def dial_failed(
        self, number: LinkId, now: float, is_local: bool = False, *, is_silent: bool = False
    ) -> None:
        """The TCP connection of a Dial command could not be made.

        ``is_local``: through no fault of the peer, e.g. for lack of file descriptors.
        ``is_silent``: there was no answer, so it may be either's fault.
        """
        self._now = now
        session = self._sessions.get(number)
        if session is not None:
            self.stats.dials_failed += 1
            self._forget(session)
            self._tell(session, Unreachable("dial_failed", is_local, is_silent), now)

    def receive_data(self, number: LinkId, data: bytes | memoryview, now: float) -> None:
        """Bytes read from a socket; ``data`` may be a view that is reused after the call."""
        session = self._sessions.get(number)
        if session is None:
            return
        connection = session.connection
        if connection is None:
            return
        self._now = now
        size = len(data)
        self.stats.bytes_received += size
        self._bandwidth.received(size, now)
        messages = connection.receive_data(data, now)
        if messages:
            # A handshake and its first data may come in one read: tell the owner in that order.
            if connection.notices:
                self._carry_notices(session, now, until_established=True)
            self._owner.received(session, messages, now)
        else:
            self._owner.heard(now)
        if connection.notices:
            self._carry_notices(session, now)
        if connection.output and number in self._sessions:
            self._outbox.mark(session)
        if not session.is_confirmed and connection.frames_received and connection.is_established:
            session.is_confirmed = True
            self._tell(session, Confirmed(), now)
        if connection.state is State.DRAINING and session.is_told:
            end = Ended("aead_failure", TerminationReason.AEAD_FAILURE, Blame.PEER, False)
            self._tell(session, end, now)

    def lost(self, number: LinkId, now: float) -> None:
        """The peer closed the socket, or it broke."""
        self._now = now
        session = self._sessions.get(number)
        if session is None:
            return
        connection = session.connection
        if connection is not None and connection.pending_end is not None:
            self._finish(session, connection.pending_end, now)
            return
        if not session.is_outbound and not session.was_established:
            self.stats.handshakes_in_failed += 1
        self._note_hybrid_failure(session, now)
        self._forget(session)
        end = Ended("lost", TerminationReason.NORMAL, Blame.NOBODY, is_abort=True)
        self._tell(session, end, now)

    def pause_writing(self, number: LinkId) -> None:
        """The socket's write buffer is full: messages wait with the owner, unsealed and bounded."""
        session = self._sessions.get(number)
        if session is not None:
            session.is_paused = True
            self._outbox.unmark(session)

    def resume_writing(self, number: LinkId) -> None:
        """There is room in the socket's write buffer again."""
        session = self._sessions.get(number)
        if session is not None and session.is_paused:
            session.is_paused = False
            self._outbox.mark(session)

    def readable(self, wanted: int) -> int:
        """How many of ``wanted`` bytes the next read may bring."""
        return self._bandwidth.readable(wanted)

    def read_pause(self, now: float) -> float:
        """Seconds for which a socket that was just read should not be read, 0.0 for none."""
        return self._bandwidth.read_pause(now)

    def take_output(self, now: float | None = None) -> list[tuple[LinkId, bytes]]:
        """What to write now, one entry for each socket. Call again until it is empty."""
        if now is not None:
            self._now = now
        return self._outbox.take(self._owner, self._now)

    def take_commands(self) -> list[Command]:
        """What to do with sockets. Write :meth:`take_output` before obeying a Close."""
        commands, self._commands = self._commands, []
        return commands

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer` (or :meth:`take_output`), or None."""
        ready_at = self._outbox.ready_at(self._now)
        if ready_at is None or self._tick_at is None:
            return self._tick_at if ready_at is None else ready_at
        return min(self._tick_at, ready_at)

    def handle_timer(self, now: float) -> None:
        """Check the deadlines; early calls do nothing."""
        self._now = now
        if self._tick_at is None or now < self._tick_at:
            return
        for session in list(self._sessions.values()):
            session.handle_timer(now)
        self._tick_at = None
        if self._sessions:
            is_busy = any(not session.is_established for session in self._sessions.values())
            self._tick_at = now + (TICK_BUSY_S if is_busy else TICK_IDLE_S)

    # For the sessions

    def drop(self, session: Ntcp2Session) -> None:
        """Close the socket with a reset and forget the session; harmless the second time."""
        session.is_told = False
        session.events.clear()
        if session.number in self._sessions:
            self._forget(session)
            self._commands.append(Close(session.number, True))

    def settle(self, session: Ntcp2Session, now: float) -> None:
        """The connection has notices or output: carry them."""
        connection = session.connection
        if connection is None:
            return
        if connection.notices:
            self._carry_notices(session, now)
        elif connection.output:
            self._outbox.mark(session)

    def check_deadlines(self, session: Ntcp2Session, now: float) -> None:
        """A dial, a handshake or a session may have timed out."""
        connection = session.connection
        if connection is not None:
            connection.handle_timer(now)
            self.settle(session, now)
        elif now >= session.deadline:
            self.stats.dials_failed += 1
            self._forget(session)
            self._commands.append(Close(session.number, True))
            self._tell(session, Unreachable("timeout", is_local=False, is_silent=True), now)

    # What connections report

    def _carry_notices(
        self, session: Ntcp2Session, now: float, until_established: bool = False
    ) -> None:
        """Carry notices to the owner; up to the first Established if there are messages to tell."""
        connection = session.connection
        assert connection is not None
        notices, connection.notices = connection.notices, []
        for index, notice in enumerate(notices):
            if isinstance(notice, Ended):
                if until_established:
                    connection.notices = notices[index:] + connection.notices
                    return
                self._finish(session, notice, now)
                continue
            if isinstance(notice, Established):
                self._on_established(session, connection, now)
            self._tell(session, notice, now)
            if until_established and isinstance(notice, Established):
                connection.notices = notices[index + 1 :] + connection.notices
                return

    def _on_established(self, session: Ntcp2Session, connection: Connection, now: float) -> None:
        session.was_established = True
        session.is_told = True
        self._hybrid_dials.established(session)
        if session.is_outbound:
            connection.remote_router_info = session.router_info
        else:
            self._gate.succeeded(session)
            if self._own.connected(Ntcp2Session.transport, session.remote_host, now):
                self._owner.addresses_changed(now)

    def _finish(self, session: Ntcp2Session, end: Ended, now: float) -> None:
        """A connection is over: last bytes, close command, and whose fault it was."""
        self._outbox.finish(session)
        self._commands.append(Close(session.number, end.is_abort))
        if not session.is_outbound and not session.was_established:
            self.stats.handshakes_in_failed += 1
            self._gate.failed(session, end, now)
        if end.blame is Blame.PEER:
            self._note_hybrid_failure(session, now)
        self._forget(session)
        self._tell(session, end, now)

    def _note_hybrid_failure(self, session: Ntcp2Session, now: float) -> None:
        has_begun = session.connection is not None and not session.was_established
        if has_begun and session.variant.kem is not None and session.router_info is not None:
            self._hybrid_dials.failed(session.router_info.hash, now)

    def _tell(self, session: Ntcp2Session, event: SessionEvent, now: float) -> None:
        """Tell the owner, unless the session is over for it. Handshakes may tell a skew before."""
        if isinstance(event, Ended | Unreachable):
            if not session.is_told:
                return
            session.is_told = False
        session.events.append(event)
        self._owner.session_changed(session, now)

    def _evict(self, session: Ntcp2Session, now: float) -> None:
        """Close a session so that another one may take its place."""
        self.stats.links_evicted += 1
        if session.is_established:
            session.close(TerminationReason.IDLE_TIMEOUT, now)
        else:
            self.stats.handshakes_in_failed += 1
            self.drop(session)

    def _add(self, remote_host: str, is_outbound: bool, now: float) -> Ntcp2Session:
        soon = now + TICK_BUSY_S
        if self._tick_at is None or self._tick_at > soon:
            self._tick_at = soon
        session = Ntcp2Session(
            self, self._outbox.ready, self._next_number, remote_host, is_outbound, now
        )
        self._next_number += 1
        self._sessions[session.number] = session
        return session

    def _forget(self, session: Ntcp2Session) -> None:
        self._sessions.pop(session.number, None)
        self._outbox.unmark(session)
        self._gate.ended(session)
