"""Bob before there is a session: who gets a token, who is let in (specs/ssu2, "Tokens").

Nothing is kept for a source address that has not proven itself. A TokenRequest, or a SessionRequest
with a token that does not hold, is answered with a Retry of about its own size, so a forged source
gains nothing; Diffie-Hellman is computed only for a token that holds.
"""

from __future__ import annotations

from collections.abc import Callable

from core.base.errors import DecodeError, PeerError
from core.base.rates import TokenBucket
from core.transport.context import CLOCK_SKEW_MAX_S
from core.transport.inbound import InboundGate
from core.transport.ports import Blame, Ended
from core.transport.reasons import TerminationReason
from core.transport.ssu2 import outside
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import Request, open_request_header
from core.transport.ssu2.header import LongHeader, PacketType, check_header, read_type
from core.transport.ssu2.introducing import Introductions
from core.transport.ssu2.responder import Responder
from core.transport.ssu2.session import Ssu2Session
from core.transport.ssu2.variants import VERSIONS

#: A Retry costs about 60 us: a flood of requests takes less than a twentieth of a core.
RETRIES_PER_SECOND = 500.0


class Listener:
    """``replies``: stateless answers to send, with their destinations, for the owner to empty."""

    __slots__ = ("_context", "_gate", "_new_session", "_retries", "is_closing", "replies")

    def __init__(
        self,
        context: Context,
        gate: InboundGate[Ssu2Session],
        new_session: Callable[[SocketAddress], Ssu2Session],
    ) -> None:
        """``new_session`` makes one that nobody knows yet."""
        self._context = context
        self._gate = gate
        self._new_session = new_session
        self._retries = TokenBucket(RETRIES_PER_SECOND)
        self.replies: list[tuple[bytes, SocketAddress]] = []
        self.is_closing = False

    def receive(
        self, packet: bytes, source: SocketAddress, introductions: Introductions, now: float
    ) -> tuple[Ssu2Session | None, list[Ssu2Session]]:
        """A packet of no session, and of no dial; returns as :meth:`on_session_request`.

        DecodeError if the packet is not genuine.
        """
        if self._gate.is_blocked(source.host):
            self._context.stats.refused["blocked"] += 1
            return None, []
        kind = read_type(packet, self._context.local.intro.header)
        if kind == PacketType.SESSION_REQUEST:
            return self.on_session_request(packet, source, now)
        if kind == PacketType.TOKEN_REQUEST:
            if not self.is_closing:
                self.on_token_request(packet, source, now)
        elif kind in (PacketType.PEER_TEST, PacketType.HOLE_PUNCH):
            introductions.packet_received(packet, source, now)
        else:
            raise DecodeError("a packet of no session")
        return None, []

    def on_token_request(self, packet: bytes, source: SocketAddress, now: float) -> None:
        """Answer with a token; DecodeError if the packet is not genuine.

        Beyond the rate of answers it is not even opened: a flood costs no more than noise.
        """
        context = self._context
        if self._retries.balance(now) < 1:
            context.stats.refused["rate"] += 1
            return
        header, payload = outside.open_packet(packet, context.local.intro)
        check_header(header, PacketType.TOKEN_REQUEST, context.network_id, VERSIONS)
        if header.version not in context.versions:
            self._retry(header, source, now, TerminationReason.INCOMPATIBLE_VERSION)
            return
        time_s = outside.clock_of(outside.read_blocks(payload))
        if self._is_skewed(time_s):
            self._retry(header, source, now, TerminationReason.CLOCK_SKEW)
        else:
            self._retry(header, source, now)

    def on_session_request(
        self, packet: bytes, source: SocketAddress, now: float
    ) -> tuple[Ssu2Session | None, list[Ssu2Session]]:
        """A session that begins, and sessions to close for it; (None, []) if none does.

        DecodeError if the packet is not genuine.
        """
        context = self._context
        clear = open_request_header(packet, context.local.intro)
        header = LongHeader.parse(clear)
        check_header(header, PacketType.SESSION_REQUEST, context.network_id, VERSIONS)
        if self.is_closing:
            context.stats.refused["shutdown"] += 1
            return None, []
        if header.version not in context.versions:
            self._retry(header, source, now, TerminationReason.INCOMPATIBLE_VERSION)
            return None, []
        if not header.token or not context.mint.redeem(source, header.token, now):
            self._retry(header, source, now)
            return None, []
        refusal, victims = self._gate.admit(source.host, now)
        if refusal is not None:
            context.stats.refused[refusal] += 1
            if refusal != "rate":
                self._retry(header, source, now, TerminationReason.CONNECTION_LIMITS)
            return None, []
        session = self._new_session(source)
        self._gate.began(session, source.host, now)
        try:
            session.responder = self._respond(packet, source, now)
        except (DecodeError, PeerError) as error:
            self._fail(session, str(error), Blame.PROBE, now)
            return None, victims
        if session.responder is None:
            self._fail(session, "clock_skew", Blame.CLOCK_SKEW, now)
            return None, victims
        return session, victims

    def _respond(self, packet: bytes, source: SocketAddress, now: float) -> Responder | None:
        """None if the clock of the initiator is wrong, of which it is told."""
        context = self._context
        local = context.local
        request = Request(packet, local, context.network_id, context.versions)
        if context.replays.is_duplicate(int.from_bytes(request.ephemeral[:8], "big"), now):
            context.stats.replays += 1
            raise PeerError("SessionRequest was replayed", TerminationReason.MESSAGE_1_ERROR)
        if self._is_skewed(outside.clock_of(request.blocks)):
            self._retry(request.header, source, now, TerminationReason.CLOCK_SKEW)
            return None
        return Responder(context, request, source, packet, now)

    def _fail(self, session: Ssu2Session, reason: str, blame: Blame, now: float) -> None:
        self._context.stats.handshakes_in_failed += 1
        end = Ended(reason, TerminationReason.MESSAGE_1_ERROR, blame, is_abort=True)
        self._gate.failed(session, end, now)
        self._gate.ended(session)

    def _is_skewed(self, time_s: int) -> bool:
        return abs(time_s - self._context.wall.now()) > CLOCK_SKEW_MAX_S

    def _retry(
        self,
        request: LongHeader,
        source: SocketAddress,
        now: float,
        refusal: TerminationReason | None = None,
    ) -> None:
        context = self._context
        if not self._retries.take(now):
            context.stats.refused["rate"] += 1
            return
        token = context.mint.retry_token(source, now)
        packet = outside.write_retry(
            request, source, context.local.intro, token, context.wall, context.entropy, refusal
        )
        self.replies.append((packet, source))
