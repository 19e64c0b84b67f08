"""Bob: from a SessionRequest with a proven token to Alice's RouterInfo.

An object of this kind is the first state that a stranger makes us keep; by then she has shown that
she receives at her address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError, PeerError
from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from core.transport.admission import ForeignRouterError, check_handshake
from core.transport.ports import Blame, Ended
from core.transport.reasons import TerminationReason
from core.transport.ssu2 import outside
from core.transport.ssu2.blocks import Block, RelayTagRequest, RouterInfoBlock, parse_block
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import BlockType, SocketAddress, split_blocks
from core.transport.ssu2.handshake import Confirmed, ConnectionIds, Request
from core.transport.ssu2.header import PACKET_BYTES_MIN
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.retransmission import Retransmission
from core.transport.ssu2.states import TRANSITIONS, State, Trigger

HANDSHAKE_TIMEOUT_S = 10.0
#: Packets that overtake SessionConfirmed are kept: about what Alice sends in a first flight.
EARLY_MAX = 16
_TIMEOUT = 14


@dataclass(frozen=True, slots=True)
class Accepted:
    """Alice is known. ``flood``: she asks for her RouterInfo to be flooded.

    ``address``: the SSU2 address with her key; ``blocks``: what else she sent, as (type, data).
    """

    keys: SessionKeys
    router_info: RouterInfo
    flood: bool
    address: Ssu2Address
    blocks: Sequence[tuple[int, bytes]]


class Responder:
    """See the module.

    ``output``: packets to send; ``ended``: why it is over, if it failed; ``early``: packets that
    came before their keys; ``wants_tag``: her SessionRequest asks for a relay tag, which
    depends on who she is; ``variant``: of the handshake; ``skew_s``: Alice's clock minus ours;
    ``rtt_s`` as for the initiator.
    """

    def __init__(
        self,
        context: Context,
        request: Request,
        source: SocketAddress,
        packet: bytes,
        now: float,
        gifts: Sequence[Block] = (),
    ) -> None:
        """``packet``: the SessionRequest as it came; ``gifts``: blocks for SessionCreated."""
        header = request.header
        self.source = source
        self.ids = ConnectionIds(header.destination_id, header.source_id)
        self.state = State.AWAIT_CONFIRMED
        self.ended: Ended | None = None
        self.early: list[bytes] = []
        self.wants_tag = any(isinstance(one, RelayTagRequest) for one in request.blocks)
        self.rtt_s = 0.0
        self.skew_s = outside.clock_of(request.blocks) - context.wall.now()
        self.variant = request.variant
        self._context = context
        self._request = packet
        self._awaited, created = request.create(source, context.wall, context.entropy, gifts)
        self.output: list[bytes] = [created]
        self._retransmission = Retransmission((created,), now)
        self._deadline = now + HANDSHAKE_TIMEOUT_S

    @property
    def next_timer(self) -> float:
        """When :meth:`handle_timer` has something to do."""
        due_at = self._retransmission.due_at
        return self._deadline if due_at is None else min(due_at, self._deadline)

    def receive(self, packet: bytes, now: float) -> Accepted | None:
        """A packet with our connection ID. What is no SessionConfirmed may be early data."""
        if packet == self._request:
            self.output.extend(self._retransmission.nudge(now))
            return None
        try:
            confirmed = self._awaited.step(packet)
            return None if confirmed is None else self._on_confirmed(confirmed, now)
        except DecodeError:
            if len(packet) >= PACKET_BYTES_MIN and len(self.early) < EARLY_MAX:
                self.early.append(packet)
            else:
                self._context.stats.packets_malformed += 1
        except ForeignRouterError as error:
            self._fail(Trigger.VIOLATION, str(error), error.reason, Blame.FOREIGN_NETWORK)
        except PeerError as error:
            self._fail(Trigger.VIOLATION, str(error), error.reason, Blame.PEER)
        return None

    def handle_timer(self, now: float) -> None:
        """Send again what is due, or give up."""
        if self.state is not State.AWAIT_CONFIRMED:
            return
        if now < self._deadline:
            self.output.extend(self._retransmission.take_due(now))
        else:
            self._fail(Trigger.TIMEOUT, "timeout", _TIMEOUT, Blame.NOBODY)

    def _on_confirmed(self, confirmed: Confirmed, now: float) -> Accepted:
        context = self._context
        block, others = _read_confirmed(confirmed.payload)
        router_info = check_handshake(
            _open_router_info(block),
            confirmed.remote_static,
            _static_keys,
            context.network_id,
            context.wall.now(),
            context.find_router,
        )
        address = _address_of(router_info, confirmed.remote_static, self.source)
        if not self._retransmission.is_repeated:
            self.rtt_s = now - self._retransmission.sent_at
            self.skew_s += self.rtt_s / 2
        self.state = TRANSITIONS[self.state, Trigger.CONFIRMED]
        keys = confirmed.keys(context.local.intro.raw, address.intro_key)
        return Accepted(keys, router_info, block.flood, address, others)

    def _fail(self, trigger: Trigger, reason: str, code: int, blame: Blame) -> None:
        self.state = TRANSITIONS[self.state, trigger]
        self.ended = Ended(reason, code, blame, is_abort=True)


def _read_confirmed(payload: bytes) -> tuple[RouterInfoBlock, list[tuple[int, bytes]]]:
    """The RouterInfo block, which is the first, and the others; PeerError if it is not there."""
    parts, is_whole = split_blocks(payload)
    if is_whole and parts and parts[0][0] == BlockType.ROUTER_INFO:
        try:
            block = parse_block(*parts[0])
        except DecodeError:
            block = None
        if isinstance(block, RouterInfoBlock):
            return block, parts[1:]
    raise PeerError("SessionConfirmed with wrong blocks", TerminationReason.PAYLOAD_FORMAT_ERROR)


def _open_router_info(block: RouterInfoBlock) -> bytes:
    try:
        return block.router_info()
    except DecodeError as error:
        raise PeerError(str(error), TerminationReason.PAYLOAD_FORMAT_ERROR) from None


def _static_keys(router_info: RouterInfo) -> list[bytes]:
    return [address.static_key for address in router_info.ssu2_addresses()]


def _address_of(router_info: RouterInfo, static_key: bytes, source: SocketAddress) -> Ssu2Address:
    """The address whose introduction key our packets need: of the family she calls with, if any."""
    own = [one for one in router_info.ssu2_addresses() if one.static_key == static_key]
    if not own:
        # A newer RouterInfo has the key, the one shown has not.
        raise PeerError("static key is not in it", TerminationReason.STATIC_KEY_MISMATCH)
    return next((one for one in own if one.is_ipv6 == source.is_ipv6), own[0])
