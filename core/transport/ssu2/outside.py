"""Packets outside a session: TokenRequest, Retry, PeerTest, HolePunch (specs/ssu2, their KDFs).

Everything about them comes from one introduction key, which its router publishes: who knows that
router can make them. They prove nothing, and are cheap to make and to read.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.crypto.aead import TAG_LENGTH, ChaChaPoly
from core.crypto.chacha20 import ChaChaMask
from core.transport.reasons import TerminationReason
from core.transport.ssu2.blocks import AddressBlock, Block, DateTime, Termination, parse_block
from core.transport.ssu2.framing import SocketAddress, split_blocks, write_padding
from core.transport.ssu2.header import (
    COVERED_BYTES,
    LONG_HEADER_BYTES,
    PAYLOAD_BYTES_MIN,
    VERSION,
    LongHeader,
    PacketType,
    mask,
)

OUTSIDE_BYTES_MIN = LONG_HEADER_BYTES + PAYLOAD_BYTES_MIN + TAG_LENGTH
#: Java: a TokenRequest or a SessionRequest has no more.
REQUEST_PADDING_MAX = 29
#: spec: a Retry has at most 64 bytes of padding, so that forged sources gain little.
RETRY_PADDING_MAX = 29
_COVERED = COVERED_BYTES[PacketType.RETRY]


class IntroKey:
    """An introduction key of 32 bytes with its ciphers; LocalError for any other length."""

    __slots__ = ("cipher", "header", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.header = ChaChaMask(raw)
        self.cipher = ChaChaPoly(raw)


def random_id(entropy: Entropy) -> int:
    """A random connection ID."""
    return int.from_bytes(entropy.random_bytes(8), "big")


def random_number(entropy: Entropy) -> int:
    """A packet number as handshake packets have it: random, and the receiver ignores it."""
    return int.from_bytes(entropy.random_bytes(4), "big")


def seal(header: LongHeader, payload: bytes, intro: IntroKey) -> bytes:
    """A whole packet; ``payload`` has at least 8 bytes."""
    clear = header.write()
    sealed = intro.cipher.seal(header.packet_number, payload, clear)
    return mask(clear + sealed, intro.header, intro.header, _COVERED)


def open_packet(packet: bytes, intro: IntroKey) -> tuple[LongHeader, bytes]:
    """Header and payload; DecodeError if it was not made with this key."""
    if len(packet) < OUTSIDE_BYTES_MIN:
        raise DecodeError(f"packet of {len(packet)} bytes")
    clear = mask(packet, intro.header, intro.header, _COVERED)
    header = LongHeader.parse(clear)
    payload = intro.cipher.open(
        header.packet_number, clear[LONG_HEADER_BYTES:], clear[:LONG_HEADER_BYTES]
    )
    return header, payload


def read_blocks(payload: bytes) -> list[Block]:
    """All known blocks of a payload outside the data phase.

    DecodeError if one is malformed, overruns the payload, or DateTime is not among them (Java and
    the specification demand it in all handshake packets but SessionConfirmed).
    """
    parts, is_whole = split_blocks(payload)
    if not is_whole:
        raise DecodeError("a block overruns its payload")
    blocks = [block for kind, data in parts if (block := parse_block(kind, data)) is not None]
    if not any(isinstance(block, DateTime) for block in blocks):
        raise DecodeError("no DateTime block")
    return blocks


def clock_of(blocks: Sequence[Block]) -> int:
    """The time in unix seconds of what :func:`read_blocks` returned."""
    return next(block.time_s for block in blocks if isinstance(block, DateTime))


def write_token_request(
    destination_id: int,
    source_id: int,
    intro: IntroKey,
    network_id: int,
    wall: WallClock,
    entropy: Entropy,
    version: int = VERSION,
) -> bytes:
    """Alice asks for a token. ``version``: of the handshake that she wants."""
    header = LongHeader(
        destination_id,
        random_number(entropy),
        PacketType.TOKEN_REQUEST,
        source_id,
        0,
        network_id,
        version,
    )
    payload = DateTime.at(wall.now()).write()
    payload += write_padding(entropy.randbelow(REQUEST_PADDING_MAX + 1))
    return seal(header, payload, intro)


def write_retry(
    request: LongHeader,
    source: SocketAddress,
    intro: IntroKey,
    token: int,
    wall: WallClock,
    entropy: Entropy,
    refusal: TerminationReason | None = None,
) -> bytes:
    """Bob answers ``request``, which came from ``source``, with a token or with a reason why not.

    ``intro`` is Bob's. A refusal carries token 0.
    """
    header = LongHeader(
        request.source_id,
        random_number(entropy),
        PacketType.RETRY,
        request.destination_id,
        0 if refusal is not None else token,
        request.network_id,
        request.version,
    )
    payload = DateTime.at(wall.now()).write() + AddressBlock(source).write()
    if refusal is not None:
        payload += Termination(0, refusal).write()
    payload += write_padding(entropy.randbelow(RETRY_PADDING_MAX + 1))
    return seal(header, payload, intro)
