"""Introductions and peer tests step by step, for traces: which block went where, but not whose."""

from __future__ import annotations

from collections.abc import Iterable

from core.base.errors import DecodeError
from core.transport.events import TraversalStep
from core.transport.ssu2.blocks import (
    Block,
    PeerTest,
    RelayIntro,
    RelayRequest,
    RelayResponse,
    parse_block,
)
from core.transport.ssu2.framing import split_blocks
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.traversal import Introduced

_NONCE_MASK = 0xFFFFFFFF


def steps_of(
    blocks: Iterable[Block], *, is_sent: bool, kind: int | None = None
) -> list[TraversalStep]:
    """``kind``: of the packet that they are in, if that is outside a session."""
    steps = []
    for block in blocks:
        if isinstance(block, RelayRequest):
            steps.append(TraversalStep("relay_request", block.offer.nonce, is_sent))
        elif isinstance(block, RelayIntro):
            steps.append(TraversalStep("relay_intro", block.offer.nonce, is_sent))
        elif isinstance(block, RelayResponse):
            name = "hole_punch" if kind == PacketType.HOLE_PUNCH else "relay_response"
            steps.append(TraversalStep(name, block.nonce, is_sent, block.code))
        elif isinstance(block, PeerTest):
            name = f"peer_test_{block.message}"
            steps.append(TraversalStep(name, block.nonce, is_sent, block.code))
    return steps


def steps_sent(payload: bytes, kind: int | None = None) -> list[TraversalStep]:
    """The same for blocks of our own, as they were written."""
    try:
        parsed = [parse_block(*part) for part in split_blocks(payload)[0]]
    except DecodeError:  # what we wrote; a trace is not where to find out
        return []
    return steps_of((one for one in parsed if one is not None), is_sent=True, kind=kind)


def session_requested(introduction: Introduced) -> TraversalStep:
    """Our SessionRequest to a router that was introduced to us."""
    return TraversalStep("session_request", introduction.source_id & _NONCE_MASK, is_sent=True)
