"""What is inside NTCP2 frames: blocks of type, 16-bit size, data (specs/ntcp2, "Data Phase").

Order rules for sending: Termination comes last but for Padding, Padding last of all. On receipt
they are not enforced in the data phase, as in i2pd and Java, because an authenticated peer gains
nothing by breaking them. In message 3 they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from core.base.errors import PeerError
from core.base.native import accelerated
from core.transport.reasons import TerminationReason

BLOCK_HEADER = Struct(">BH")
SHORT_HEADER_BYTES = 9
FLAG_FLOOD = 0x01
#: short-form TunnelData, the block that nearly all are
_TUNNEL_DATA_BYTES = 1037
_TUNNEL_BLOCK_BYTES = 1040
_TUNNEL_BLOCK_HEADER = BLOCK_HEADER.pack(3, _TUNNEL_DATA_BYTES)
#: Looking for a run of equal blocks costs as much as it saves with about six.
RUN_MIN = 8
#: Java: 4096; a larger block cannot hold a RouterInfo anybody accepts.
ROUTER_INFO_BLOCK_BYTES_MAX = 4097


class BlockType(IntEnum):
    """Block types; unknown ones are ignored in the data phase."""

    DATE_TIME = 0
    OPTIONS = 1
    ROUTER_INFO = 2
    I2NP = 3
    TERMINATION = 4
    PADDING = 254


@dataclass(frozen=True, slots=True)
class Options:
    """Padding wishes of a peer, in sixteenths of the data; dummy traffic and delays are unused.

    ``sent_*`` is what its sender will send, ``received_*`` what it wants to receive.
    """

    sent_min: int = 0
    sent_max: int = 1
    received_min: int = 0
    received_max: int = 1

    _FORMAT = Struct(">BBBBHHHH")

    @classmethod
    def parse(cls, data: bytes) -> Options:
        """From block data of 12 bytes or more; PeerError if shorter."""
        if len(data) < 12:
            raise PeerError(f"options of {len(data)} bytes", TerminationReason.INCOMPATIBLE_OPTIONS)
        return cls(data[0], data[1], data[2], data[3])

    def write(self) -> bytes:
        """Block data."""
        return self._FORMAT.pack(
            self.sent_min, self.sent_max, self.received_min, self.received_max, 0, 0, 0, 0
        )


@dataclass(frozen=True, slots=True)
class Termination:
    """``frames_received``: valid data-phase frames the sender got before it ended the session."""

    frames_received: int
    reason: int

    @classmethod
    def parse(cls, data: bytes) -> Termination:
        """From block data; a short block counts as a normal close (i2pd ignores it)."""
        if len(data) < 9:
            return cls(0, TerminationReason.NORMAL)
        return cls(int.from_bytes(data[:8], "big"), data[8])

    def write(self) -> bytes:
        """Block data."""
        return self.frames_received.to_bytes(8, "big") + bytes((self.reason,))


def write_block(block_type: int, data: bytes) -> bytes:
    """Header and data."""
    return BLOCK_HEADER.pack(block_type, len(data)) + data


def write_padding(count: int) -> bytes:
    """A padding block with ``count`` bytes. Zeros: the AEAD makes them as good as random."""
    return BLOCK_HEADER.pack(BlockType.PADDING, count) + bytes(count)


def write_date_time(wall_s: float) -> bytes:
    """A DateTime block, rounded to seconds as the spec demands."""
    return write_block(BlockType.DATE_TIME, (int(wall_s + 0.5) & 0xFFFFFFFF).to_bytes(4, "big"))


def write_router_info(router_info: bytes, flood: bool = False) -> bytes:
    """A RouterInfo block; ``router_info`` uncompressed."""
    flag = FLAG_FLOOD if flood else 0
    return write_block(BlockType.ROUTER_INFO, bytes((flag,)) + router_info)


@accelerated
def split_blocks(payload: bytes, messages: list[bytes], others: list[tuple[int, bytes]]) -> bool:
    """Cut a frame: I2NP blocks go to ``messages``, everything but padding to ``others``.

    Returns False if a block overruns the frame or an I2NP block is shorter than its header: what
    came before stays, the rest of the frame is ignored (i2pd and Java do the same).
    """
    unpack = BLOCK_HEADER.unpack_from
    append = messages.append
    offset = 0
    end = len(payload)
    last = end - 3
    count = end // _TUNNEL_BLOCK_BYTES
    if count >= RUN_MIN and payload.startswith(_TUNNEL_BLOCK_HEADER):
        # A run of tunnel data: if every header says so, each is where the one before it ends.
        run = count * _TUNNEL_BLOCK_BYTES
        kind, high, low = _TUNNEL_BLOCK_HEADER
        if (
            payload[0:run:_TUNNEL_BLOCK_BYTES].count(kind) == count
            and payload[1:run:_TUNNEL_BLOCK_BYTES].count(high) == count
            and payload[2:run:_TUNNEL_BLOCK_BYTES].count(low) == count
        ):
            for offset in range(_TUNNEL_BLOCK_BYTES, run + 1, _TUNNEL_BLOCK_BYTES):
                append(payload[offset - _TUNNEL_DATA_BYTES : offset])
    while offset <= last:
        block_type, size = unpack(payload, offset)
        start = offset + 3
        offset = start + size
        if offset > end:
            return False
        if block_type == 3:
            if size < 9:
                return False
            append(payload[start:offset])
        elif block_type != 254:
            others.append((block_type, payload[start:offset]))
    return offset == end


def write_confirmed_payload(router_info: bytes, padding: int) -> bytes:
    """The payload of message 3: our RouterInfo, our options, ``padding`` bytes of padding."""
    return (
        write_router_info(router_info)
        + write_block(BlockType.OPTIONS, Options().write())
        + write_padding(padding)
    )


def parse_confirmed_payload(payload: bytes) -> tuple[int, bytes, Options | None]:
    """Flag byte, RouterInfo and options of message 3; PeerError unless the order is exact."""
    error = PeerError("message 3 with wrong blocks", TerminationReason.FRAMING_ERROR)
    blocks: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(payload):
        if offset + 3 > len(payload):
            raise error
        block_type, size = BLOCK_HEADER.unpack_from(payload, offset)
        offset += 3
        if offset + size > len(payload):
            raise error
        blocks.append((block_type, payload[offset : offset + size]))
        offset += size
    types = [block_type for block_type, _ in blocks]
    if types not in ([2], [2, 1], [2, 254], [2, 1, 254]):
        raise error
    router_info = blocks[0][1]
    if not 1 < len(router_info) <= ROUTER_INFO_BLOCK_BYTES_MAX:
        raise error
    options = Options.parse(blocks[1][1]) if len(blocks) > 1 and types[1] == 1 else None
    return router_info[0], router_info[1:], options
