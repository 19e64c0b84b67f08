"""Payloads are blocks of type, 16-bit size, data (specs/ssu2, "Payload Format")."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from typing import NamedTuple

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.base.wire import Reader

BLOCK_HEADER = Struct(">BH")
BLOCK_HEADER_BYTES = 3


class BlockType(IntEnum):
    """Block types; 14 is reserved, and every other number is treated like padding."""

    DATE_TIME = 0
    OPTIONS = 1
    ROUTER_INFO = 2
    I2NP = 3
    FIRST_FRAGMENT = 4
    FOLLOW_ON_FRAGMENT = 5
    TERMINATION = 6
    RELAY_REQUEST = 7
    RELAY_RESPONSE = 8
    RELAY_INTRO = 9
    PEER_TEST = 10
    NEXT_NONCE = 11
    ACK = 12
    ADDRESS = 13
    RELAY_TAG_REQUEST = 15
    RELAY_TAG = 16
    NEW_TOKEN = 17
    PATH_CHALLENGE = 18
    PATH_RESPONSE = 19
    FIRST_PACKET_NUMBER = 20
    CONGESTION = 21
    PADDING = 254


#: As plain numbers: asking the enumeration costs a search.
KNOWN_BLOCKS = frozenset(map(int, BlockType))


class SocketAddress(NamedTuple):
    """Where datagrams come from or go to: a numeric address and a UDP port."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        """The family, by the form of the address."""
        return ":" in self.host


def number_at_start(data: bytes, size: int, what: str) -> int:
    """The first ``size`` bytes of a ``what`` block as a number; DecodeError if it is shorter."""
    if len(data) < size:
        raise DecodeError(f"{what} block of {len(data)} bytes")
    return int.from_bytes(data[:size], "big")


def write_block(block_type: int, data: bytes) -> bytes:
    """Header and data; LocalError if there is more data than a size can say."""
    if len(data) > 0xFFFF:
        raise LocalError(f"block of {len(data)} bytes")
    return BLOCK_HEADER.pack(block_type, len(data)) + data


def write_padding(count: int) -> bytes:
    """A Padding block of ``count`` bytes behind its header. Zeros: sealed, they look random."""
    return BLOCK_HEADER.pack(BlockType.PADDING, count) + bytes(count)


def padding_within(padding_max: int, room: int, entropy: Entropy) -> bytes:
    """A padding block within ``room`` bytes, or nothing."""
    padding_max = min(padding_max, room - BLOCK_HEADER_BYTES)
    return write_padding(entropy.randbelow(padding_max + 1)) if padding_max >= 0 else b""


def split_blocks(payload: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """All blocks but padding as (type, data), and whether the payload ends where the last ends.

    A block that overruns the payload ends the list; what came before it counts (i2pd too).
    """
    blocks: list[tuple[int, bytes]] = []
    unpack = BLOCK_HEADER.unpack_from
    offset = 0
    end = len(payload)
    last = end - BLOCK_HEADER_BYTES
    while offset <= last:
        block_type, size = unpack(payload, offset)
        start = offset + BLOCK_HEADER_BYTES
        offset = start + size
        if offset > end:
            return blocks, False
        if block_type != BlockType.PADDING:
            blocks.append((block_type, payload[start:offset]))
    return blocks, offset == end


def write_socket_address(address: SocketAddress) -> bytes:
    """Port and packed IP, 6 or 18 bytes; LocalError if the host is no IP or the port too large."""
    try:
        packed = ip_address(address.host).packed
        return address.port.to_bytes(2, "big") + packed
    except (ValueError, OverflowError) as error:
        raise LocalError(f"no socket address: {error}") from error


def read_socket_address(data: bytes) -> SocketAddress:
    """The inverse; DecodeError unless there are 6 or 18 bytes."""
    port = int.from_bytes(data[:2], "big")
    if len(data) == 6:
        return SocketAddress(str(IPv4Address(data[2:])), port)
    if len(data) == 18:
        return SocketAddress(str(IPv6Address(data[2:])), port)
    raise DecodeError(f"socket address of {len(data)} bytes")


def take_socket_address(reader: Reader) -> SocketAddress:
    """A size byte of 6 or 18 and what it announces; DecodeError otherwise."""
    return read_socket_address(reader.take(reader.u8()))
