"""Alice before there is a session: which dials are under way, and which answers are theirs.

Only answers to our dials are masked with the key of who answers, so they are found by their source.
A dial to a router that publishes no host waits until somebody has introduced us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.base.errors import DecodeError
from core.data.transport_address import Ssu2Address
from core.transport.hybrid_dials import HybridDials
from core.transport.ports import Blame, Ended, Unreachable
from core.transport.reasons import TerminationReason
from core.transport.ssu2.blocks import Block
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.header import read_destination
from core.transport.ssu2.initiator import Initiator, Target
from core.transport.ssu2.outside import IntroKey, random_id
from core.transport.ssu2.path_mtu import MTU_MAX, MTU_MIN, LocalMtu
from core.transport.ssu2.session import Ssu2Session
from core.transport.ssu2.traversal import Introduced
from core.transport.ssu2.variants import PLAIN, Variant

#: margin of ReceivedTokens included
INTRODUCTION_TOKEN_S = 15


class Dials:
    """See the module. ``is_taken``: whether a session has this local ID (8 bytes)."""

    __slots__ = ("_context", "_hybrid", "_is_taken", "_mtu", "_unconfirmed", "_waiting")

    def __init__(
        self,
        context: Context,
        mtu: LocalMtu,
        hybrid: HybridDials,
        is_taken: Callable[[bytes], bool],
    ) -> None:
        self._context = context
        self._mtu = mtu
        self._hybrid = hybrid
        self._is_taken = is_taken
        #: dials that the peer has not confirmed, by where the answers come from
        self._unconfirmed: dict[SocketAddress, Ssu2Session] = {}
        #: dials that wait for an introduction, by the hash of the router
        self._waiting: dict[bytes, Ssu2Session] = {}

    def __len__(self) -> int:
        return len(self._unconfirmed) + len(self._waiting)

    @property
    def waiting(self) -> list[Ssu2Session]:
        """Dials that have not begun, as nobody has introduced us yet."""
        return list(self._waiting.values())

    # Beginning

    def begin(self, session: Ssu2Session, wishes: Sequence[Block], now: float) -> bool:
        """Make the first packet; False if that is impossible, and the dial over."""
        address = session.address
        assert address is not None
        if session.remote in self._unconfirmed:
            self.refuse(session, now)
            return False
        is_ipv6 = session.remote.is_ipv6
        # specs/ssu2-hybrid: what Bob publishes, or 1500, is the bound of SessionRequest.
        mtu = min(self._mtu.of(is_ipv6), address.mtu or MTU_MAX)
        session.dialled_as = variant = self._variant(session, address, mtu, now)
        target = Target(
            session.remote,
            address.static_key,
            IntroKey(address.intro_key),
            session.router_hash or b"",
            variant.room(mtu, is_ipv6),
            variant,
        )
        ids = session.introduced_ids or self._draw_ids()
        session.local_id = _id_bytes(ids)
        try:
            room = PLAIN.room(MTU_MIN, is_ipv6)
            session.initiator = Initiator(self._context, target, ids, room, now, wishes)
        except DecodeError as error:
            code = TerminationReason.MESSAGE_1_ERROR
            session.end_dial(Ended(str(error), code, Blame.PEER, is_abort=True), now)
            return False
        self._unconfirmed[session.remote] = session
        return True

    def _variant(self, session: Ssu2Session, address: Ssu2Address, mtu: int, now: float) -> Variant:
        """The hybrid one, if the router has it, the path may carry it, and it has not failed."""
        hybrid = self._context.hybrid
        if hybrid is None or hybrid.version not in address.pq:
            return PLAIN
        is_possible = mtu >= hybrid.mtu_min(session.remote.is_ipv6)
        is_wanted = self._hybrid.may_try(session.router_hash or b"", now)
        return hybrid if is_possible and is_wanted else PLAIN

    def refuse(self, session: Ssu2Session, now: float) -> None:
        """End a dial for a reason that is ours."""
        session.end_dial(Unreachable("dial_failed", is_local=True, is_silent=False), now)

    def _draw_ids(self) -> ConnectionIds:
        entropy = self._context.entropy
        while True:
            ids = ConnectionIds(random_id(entropy), random_id(entropy))
            if ids.local != ids.remote and not self._is_taken(_id_bytes(ids)):
                return ids

    # Introductions

    def await_introduction(self, session: Ssu2Session) -> None:
        """Hold a dial back until :meth:`introduced`."""
        self._waiting[session.router_hash or b""] = session

    def introduced(self, introduction: Introduced, now: float) -> Ssu2Session | None:
        """The dial that goes on with it, or goes elsewhere now; None if there is none."""
        session = self._waiting.pop(introduction.router_hash, None)
        ids = ConnectionIds(introduction.source_id, introduction.destination_id)
        if session is None:
            return self._redirect(ids, introduction.address, now)
        if self._is_taken(_id_bytes(ids)):
            self.refuse(session, now)
            return None
        session.remote = introduction.address
        session.introduced_ids = ids
        expires_s = self._context.wall.now() + INTRODUCTION_TOKEN_S
        self._context.tokens.put(introduction.address, introduction.token, expires_s)
        return session

    def not_introduced(self, router_hash: bytes, now: float) -> None:
        """End the dial that waited for it."""
        session = self._waiting.pop(router_hash, None)
        if session is not None:
            session.end_dial(Unreachable("dial_failed", is_local=False, is_silent=True), now)

    def awaits_punch(self, session: Ssu2Session) -> bool:
        """Whether what has the ID of a dial under our key is a HolePunch: no answer is."""
        return session.introduced_ids is not None and session.connection is None

    def _redirect(
        self, ids: ConnectionIds, address: SocketAddress, now: float
    ) -> Ssu2Session | None:
        """Send the first packet of an unanswered dial to where the peer really is."""
        if address in self._unconfirmed:
            return None
        for session in self._unconfirmed.values():
            if session.introduced_ids == ids and session.initiator is not None:
                if not session.initiator.redirect(address, now):
                    return None
                del self._unconfirmed[session.remote]
                session.remote = address
                self._unconfirmed[address] = session
                return session
        return None

    # Answers and ends

    def answered(self, datagram: bytes, source: SocketAddress) -> Ssu2Session | None:
        """The dial to ``source`` that a packet answers, under the key of whom we dial."""
        dial = self._unconfirmed.get(source)
        if dial is None or dial.initiator is None:
            return None
        destination = read_destination(datagram, dial.initiator.target.intro.header)
        return dial if destination == dial.local_id else None

    def destination_failed(self, destination: SocketAddress, now: float) -> None:
        """The system refuses to send there: a dial without an answer is over."""
        dial = self._unconfirmed.get(destination)
        if dial is not None and dial.connection is None:
            self.refuse(dial, now)

    def ended(self, session: Ssu2Session) -> None:
        """The peer has confirmed, or there will be no session."""
        if self._unconfirmed.get(session.remote) is session:
            del self._unconfirmed[session.remote]

    def forget(self, session: Ssu2Session) -> None:
        """The session is gone, perhaps before its dial could begin."""
        router_hash = session.router_hash or b""
        if self._waiting.get(router_hash) is session:
            del self._waiting[router_hash]


def _id_bytes(ids: ConnectionIds) -> bytes:
    return ids.local.to_bytes(8, "big")
