"""Alice: from the dial to the first data packet of Bob (specs/ssu2, "Session Establishment").

She begins with a TokenRequest unless she has a token: Java drops a SessionRequest without one. Her
data may follow SessionConfirmed at once; the confirmation is repeated until Bob is heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.base.errors import DecodeError, PeerError
from core.transport.context import CLOCK_SKEW_MAX_S
from core.transport.ports import Blame, Ended, Skew, Unreachable
from core.transport.reasons import TerminationReason, reason_word
from core.transport.ssu2 import handshake, outside
from core.transport.ssu2.blocks import AddressBlock, Block, NewToken, RelayTag, Termination
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import AwaitCreated, ConnectionIds, Created
from core.transport.ssu2.header import LongHeader, PacketType, check_header
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.retransmission import Retransmission
from core.transport.ssu2.states import TRANSITIONS, State, Trigger
from core.transport.ssu2.variants import PLAIN, VERSIONS, Variant

HANDSHAKE_TIMEOUT_S = 10.0
#: The token may be refused once: Bob has started again, or has forgotten it.
REQUESTS_MAX = 2


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to dial: the address to send to, the two keys that it publishes, and the router's hash.

    ``variant``: what to ask for; ``request_room``: the largest UDP payload of SessionRequest.
    """

    address: SocketAddress
    static_key: bytes
    intro: IntroKey
    router_hash: bytes
    request_room: int
    variant: Variant = PLAIN


class Initiator:
    """See the module.

    ``output``: packets to send; ``notices``: what happened, for the owner to empty; ``keys``: set
    when the data phase begins; ``variant``: of the handshake, which Bob may have made a plain one;
    ``rtt_s``: the round trip, 0.0 if a repetition spoilt it;
    ``seen_as``: our address as Bob sees it; ``relay_tag``: if he introduces to us, 0 if not.
    """

    def __init__(
        self,
        context: Context,
        target: Target,
        ids: ConnectionIds,
        room: int,
        now: float,
        wishes: Sequence[Block] = (),
    ) -> None:
        """``room``: the largest UDP payload. DecodeError if the published key is no point."""
        self.target = target
        self.variant = target.variant
        self.ids = ids
        self.output: list[bytes] = []
        self.notices: list[Skew | Ended | Unreachable] = []
        self.keys: SessionKeys | None = None
        self.rtt_s = 0.0
        self.seen_as: SocketAddress | None = None
        self.relay_tag = 0
        self._context = context
        self._room = room
        self._wishes = wishes
        self._awaited: AwaitCreated | None = None
        self._requests = 0
        self._is_heard = False
        self._deadline = now + HANDSHAKE_TIMEOUT_S
        token = context.tokens.take(target.address, context.wall.now())
        if token:
            self.state = State.AWAIT_CREATED
            self._retransmission = self._request(token, now)
        else:
            self.state = State.AWAIT_RETRY
            self._retransmission = self._send((self._token_request(),), now)

    @property
    def next_timer(self) -> float:
        """When :meth:`handle_timer` has something to do."""
        due_at = self._retransmission.due_at
        return self._deadline if due_at is None else min(due_at, self._deadline)

    def receive(self, packet: bytes, now: float) -> None:
        """A packet from the target's address. What is not genuine is dropped and counted."""
        try:
            if self.state in (State.AWAIT_RETRY, State.AWAIT_CREATED):
                self._receive(packet, now)
            elif self.state is State.AWAIT_DATA:
                # Undecryptable with our keys: probably SessionCreated again.
                self.output.extend(self._retransmission.nudge(now))
        except DecodeError:
            self._context.stats.packets_malformed += 1
        except PeerError as error:
            self._end(Trigger.VIOLATION, Ended(str(error), error.reason, Blame.PEER, True))

    def _receive(self, packet: bytes, now: float) -> None:
        """SessionCreated or Retry: they are masked with different keys, so either may look like
        the other's type by chance, and only opening them tells."""
        if self._awaited is not None:
            try:
                created = self._awaited.step(packet)
            except DecodeError:
                pass
            else:
                self._on_created(created, now)
                return
        self._on_retry(packet, now)

    def confirmed(self, now: float) -> None:
        """Bob's first data packet has come: he knows us."""
        if self.state is State.AWAIT_DATA:
            self._move(Trigger.DATA)

    def handle_timer(self, now: float) -> None:
        """Send again what is due, or give up."""
        if self.state not in (State.AWAIT_RETRY, State.AWAIT_CREATED, State.AWAIT_DATA):
            return
        if now < self._deadline:
            self.output.extend(self._retransmission.take_due(now))
        elif self.state is State.AWAIT_DATA or self._is_heard:
            self._end(Trigger.TIMEOUT, Ended("timeout", _TIMEOUT, Blame.PEER, is_abort=True))
        else:
            self._end(Trigger.TIMEOUT, Unreachable("timeout", is_local=False, is_silent=True))

    def abort(self) -> None:
        """Forget it."""
        self.state = State.CLOSED
        self.output.clear()

    def redirect(self, address: SocketAddress, now: float) -> bool:
        """Send to another address from now on; False if the first one has answered."""
        if self._is_heard:
            return False
        self.target = replace(self.target, address=address)
        self.output[:] = self._retransmission.repeat(now)
        return True

    # Steps

    def _on_retry(self, packet: bytes, now: float) -> None:
        header, payload = outside.open_packet(packet, self.target.intro)
        self._check_retry(header)
        blocks = outside.read_blocks(payload)
        reason = next((b.reason for b in blocks if isinstance(b, Termination)), None)
        if reason is None and header.version not in (self.variant.version, PLAIN.version):
            raise DecodeError(f"Retry of version {header.version}")
        self._is_heard = True
        self.seen_as = _address_in(blocks) or self.seen_as
        is_hybrid = self.variant is not PLAIN
        if is_hybrid and reason == TerminationReason.INCOMPATIBLE_VERSION:
            self.variant = PLAIN
            self._awaited = None
            self._move(Trigger.OTHER_VERSION)
            self._retransmission = self._send((self._token_request(),), now)
            return
        if reason is not None or not header.token:
            self._on_refusal(blocks, TerminationReason.NORMAL if reason is None else reason)
            return
        if self._requests >= REQUESTS_MAX:
            raise DecodeError("one more Retry")
        if is_hybrid and header.version == PLAIN.version:
            # i2pd without hybrid handshakes gives tokens for all versions, and drops the rest.
            self.variant = PLAIN
        self._move(Trigger.RETRY)
        self._retransmission = self._request(header.token, now)

    def _check_retry(self, header: LongHeader) -> None:
        check_header(header, PacketType.RETRY, self._context.network_id, VERSIONS)
        if (header.destination_id, header.source_id) != (self.ids.local, self.ids.remote):
            raise DecodeError("Retry with other connection IDs")

    def _on_refusal(self, blocks: Sequence[Block], reason: int) -> None:
        blame = Blame.NOBODY
        if reason == TerminationReason.CLOCK_SKEW:
            self.notices.append(Skew(outside.clock_of(blocks) - self._context.wall.now()))
            blame = Blame.CLOCK_SKEW
        end = Ended(reason_word(reason), reason, blame, is_abort=True, is_remote=True)
        self._end(Trigger.REFUSAL, end)

    def _on_created(self, created: Created, now: float) -> None:
        context = self._context
        first = self._retransmission
        self._is_heard = True
        round_trip_s = now - first.sent_at
        skew_s = outside.clock_of(created.blocks) - context.wall.now()
        if not first.is_repeated:
            self.rtt_s = round_trip_s
            skew_s += round_trip_s / 2
        self.notices.append(Skew(skew_s))
        if abs(skew_s) > CLOCK_SKEW_MAX_S:
            code = TerminationReason.CLOCK_SKEW
            end = Ended(reason_word(code), code, Blame.CLOCK_SKEW, is_abort=True)
            self._end(Trigger.VIOLATION, end)
            return
        self._keep_gifts(created.blocks)
        local = context.local
        confirmation = created.confirm(
            local.static_key, local.intro.raw, local.router_info(), self._room, context.entropy
        )
        self._awaited = None
        self._move(Trigger.CREATED)
        self.keys = confirmation.keys
        self._deadline = now + HANDSHAKE_TIMEOUT_S
        self._retransmission = self._send(confirmation.packets, now)

    def _keep_gifts(self, blocks: Sequence[Block]) -> None:
        self.seen_as = _address_in(blocks) or self.seen_as
        for block in blocks:
            if isinstance(block, RelayTag):
                self.relay_tag = block.tag
            elif isinstance(block, NewToken):
                self._context.tokens.put(self.target.address, block.token, block.expires_s)

    # Sending

    def _token_request(self) -> bytes:
        context, ids = self._context, self.ids
        return outside.write_token_request(
            ids.remote,
            ids.local,
            self.target.intro,
            context.network_id,
            context.wall,
            context.entropy,
            self.variant.version,
        )

    def _request(self, token: int, now: float) -> Retransmission:
        context = self._context
        self._requests += 1
        self._awaited, packet = handshake.request(
            self.ids,
            self.target.static_key,
            self.target.intro,
            token,
            context.network_id,
            context.wall,
            context.entropy,
            self._wishes,
            room=self.target.request_room,
            peer_hash=self.target.router_hash,
            variant=self.variant,
        )
        return self._send((packet,), now)

    def _send(self, packets: Sequence[bytes], now: float) -> Retransmission:
        self.output.extend(packets)
        return Retransmission(packets, now)

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state, trigger]

    def _end(self, trigger: Trigger, end: Ended | Unreachable) -> None:
        self._move(trigger)
        self.notices.append(end)


_TIMEOUT = 14
"""Reason "timeout" of SSU2; NTCP2 uses the number for something else."""


def _address_in(blocks: Sequence[Block]) -> SocketAddress | None:
    return next((block.address for block in blocks if isinstance(block, AddressBlock)), None)
