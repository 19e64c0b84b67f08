"""The blocks of SSU2 as values (specs/ssu2, "Block Specifications").

Every class has ``parse(data)`` for the data of a block, which raises only DecodeError, and
``write()`` for the whole block with its header. :func:`parse_block` is the table of all types;
those of messages are in :mod:`core.transport.ssu2.data_blocks`, those of relay and peer test in
:mod:`core.transport.ssu2.introductions`, and all are exported here.

Fields that may grow are parsed from their known beginning. Times on the wire are unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, TypeAlias

from core.base.errors import DecodeError
from core.data.gzipped import compress, decompress
from core.data.router_info import ROUTER_INFO_BYTES_MAX
from core.transport.ssu2.data_blocks import (
    Ack,
    Congestion,
    FirstFragment,
    FollowOnFragment,
    I2npMessage,
)
from core.transport.ssu2.framing import (
    BLOCK_HEADER_BYTES,
    BlockType,
    SocketAddress,
    number_at_start,
    read_socket_address,
    write_block,
    write_socket_address,
)
from core.transport.ssu2.introductions import PeerTest, RelayIntro, RelayRequest, RelayResponse

FLAG_FLOOD = 0x01
FLAG_GZIP = 0x02
ROUTER_INFO_HEADER_BYTES = 2
_OPTIONS = Struct(">BBBBHHHH")
_TOKEN = Struct(">IQ")


@dataclass(frozen=True, slots=True)
class DateTime:
    """The sender's clock, unix seconds; :meth:`at` rounds so that no bias creeps in."""

    TYPE: ClassVar[BlockType] = BlockType.DATE_TIME
    time_s: int

    @classmethod
    def at(cls, wall_s: float) -> DateTime:
        """The nearest second."""
        return cls(int(wall_s + 0.5) & 0xFFFFFFFF)

    @classmethod
    def parse(cls, data: bytes) -> DateTime:
        """See the module."""
        return cls(number_at_start(data, 4, "DateTime"))

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.time_s.to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class Options:
    """Padding wishes of a peer, in sixteenths of the data; dummy traffic and delays are unused.

    ``sent_*`` is what its sender will send, ``received_*`` what it wants to receive.
    """

    TYPE: ClassVar[BlockType] = BlockType.OPTIONS
    sent_min: int = 0
    sent_max: int = 1
    received_min: int = 0
    received_max: int = 1

    @classmethod
    def parse(cls, data: bytes) -> Options:
        """See the module."""
        if len(data) < _OPTIONS.size:
            raise DecodeError(f"Options block of {len(data)} bytes")
        return cls(data[0], data[1], data[2], data[3])

    def write(self) -> bytes:
        """See the module."""
        limits = self.sent_min, self.sent_max, self.received_min, self.received_max
        return write_block(self.TYPE, _OPTIONS.pack(*limits, 0, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class RouterInfoBlock:
    """A RouterInfo, whole or compressed, or a fragment of it, which nobody sends any more.

    ``data``: as it stands in the block; :meth:`router_info` opens it.
    """

    TYPE: ClassVar[BlockType] = BlockType.ROUTER_INFO
    data: bytes
    flood: bool = False
    is_compressed: bool = False
    fragment: int = 0
    fragments: int = 1

    @classmethod
    def of(cls, router_info: bytes, room: int, *, flood: bool = False) -> RouterInfoBlock:
        """The block for a RouterInfo: compressed only if it does not fit ``room`` bytes otherwise.

        ``room`` includes the headers of the block; it is a wish and not a limit.
        """
        overhead = BLOCK_HEADER_BYTES + ROUTER_INFO_HEADER_BYTES
        if len(router_info) + overhead <= room:
            return cls(router_info, flood)
        compressed = compress(router_info)
        if len(compressed) >= len(router_info):
            return cls(router_info, flood)
        return cls(compressed, flood, is_compressed=True)

    @classmethod
    def parse(cls, data: bytes) -> RouterInfoBlock:
        """See the module. i2pd: a fragment byte of zero also stands for the whole."""
        if len(data) <= ROUTER_INFO_HEADER_BYTES:
            raise DecodeError(f"RouterInfo block of {len(data)} bytes")
        flags, fragment = data[0], data[1]
        return cls(
            data[ROUTER_INFO_HEADER_BYTES:],
            bool(flags & FLAG_FLOOD),
            bool(flags & FLAG_GZIP),
            fragment >> 4,
            (fragment & 0x0F) or 1,
        )

    def write(self) -> bytes:
        """See the module."""
        flags = FLAG_FLOOD * self.flood | FLAG_GZIP * self.is_compressed
        head = bytes((flags, self.fragment << 4 | self.fragments))
        return write_block(self.TYPE, head + self.data)

    def router_info(self) -> bytes:
        """The RouterInfo's bytes; DecodeError if it is a fragment, too large or broken gzip."""
        if (self.fragment, self.fragments) != (0, 1):
            raise DecodeError("a fragment of a RouterInfo")
        if self.is_compressed:
            return decompress(self.data, ROUTER_INFO_BYTES_MAX)
        if len(self.data) > ROUTER_INFO_BYTES_MAX:
            raise DecodeError(f"RouterInfo of {len(self.data)} bytes")
        return self.data


@dataclass(frozen=True, slots=True)
class Termination:
    """``packets_received``: valid data packets the sender got; ``text``: a reason in words."""

    TYPE: ClassVar[BlockType] = BlockType.TERMINATION
    packets_received: int
    reason: int
    text: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Termination:
        """See the module."""
        return cls(number_at_start(data, 9, "Termination") >> 8, data[8], data[9:])

    def write(self) -> bytes:
        """See the module."""
        head = self.packets_received.to_bytes(8, "big") + bytes((self.reason,))
        return write_block(self.TYPE, head + self.text)


@dataclass(frozen=True, slots=True)
class NextNonce:
    """Reserved for key rotation; nobody sends it."""

    TYPE: ClassVar[BlockType] = BlockType.NEXT_NONCE
    data: bytes

    @classmethod
    def parse(cls, data: bytes) -> NextNonce:
        """See the module."""
        return cls(data)

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.data)


@dataclass(frozen=True, slots=True)
class AddressBlock:
    """How the sender sees the receiver: the source of its packets."""

    TYPE: ClassVar[BlockType] = BlockType.ADDRESS
    address: SocketAddress

    @classmethod
    def parse(cls, data: bytes) -> AddressBlock:
        """See the module."""
        return cls(read_socket_address(data))

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, write_socket_address(self.address))


@dataclass(frozen=True, slots=True)
class RelayTagRequest:
    """The sender wants the receiver as introducer."""

    TYPE: ClassVar[BlockType] = BlockType.RELAY_TAG_REQUEST

    @classmethod
    def parse(cls, data: bytes) -> RelayTagRequest:
        """See the module."""
        return cls()

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, b"")


@dataclass(frozen=True, slots=True)
class RelayTag:
    """The sender introduces to the receiver under this tag, which is not zero."""

    TYPE: ClassVar[BlockType] = BlockType.RELAY_TAG
    tag: int

    @classmethod
    def parse(cls, data: bytes) -> RelayTag:
        """See the module."""
        tag = number_at_start(data, 4, "RelayTag")
        if not tag:
            raise DecodeError("relay tag 0")
        return cls(tag)

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.tag.to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token for the receiver's next SessionRequest, until ``expires_s``."""

    TYPE: ClassVar[BlockType] = BlockType.NEW_TOKEN
    expires_s: int
    token: int

    @classmethod
    def parse(cls, data: bytes) -> NewToken:
        """See the module."""
        if len(data) < _TOKEN.size:
            raise DecodeError(f"NewToken block of {len(data)} bytes")
        expires_s, token = _TOKEN.unpack_from(data)
        return cls(expires_s, token)

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, _TOKEN.pack(self.expires_s, self.token))


@dataclass(frozen=True, slots=True)
class PathChallenge:
    """Bytes that the receiver sends back, to prove that packets reach it there."""

    TYPE: ClassVar[BlockType] = BlockType.PATH_CHALLENGE
    data: bytes

    @classmethod
    def parse(cls, data: bytes) -> PathChallenge:
        """See the module."""
        return cls(data)

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.data)


@dataclass(frozen=True, slots=True)
class PathResponse:
    """The bytes of a PathChallenge."""

    TYPE: ClassVar[BlockType] = BlockType.PATH_RESPONSE
    data: bytes

    @classmethod
    def parse(cls, data: bytes) -> PathResponse:
        """See the module."""
        return cls(data)

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.data)


@dataclass(frozen=True, slots=True)
class FirstPacketNumber:
    """Where the sender's packet numbers begin; the specification leaves it unused."""

    TYPE: ClassVar[BlockType] = BlockType.FIRST_PACKET_NUMBER
    number: int

    @classmethod
    def parse(cls, data: bytes) -> FirstPacketNumber:
        """See the module."""
        return cls(number_at_start(data, 4, "FirstPacketNumber"))

    def write(self) -> bytes:
        """See the module."""
        return write_block(self.TYPE, self.number.to_bytes(4, "big"))


Block: TypeAlias = (
    DateTime
    | Options
    | RouterInfoBlock
    | I2npMessage
    | FirstFragment
    | FollowOnFragment
    | Termination
    | RelayRequest
    | RelayResponse
    | RelayIntro
    | PeerTest
    | NextNonce
    | Ack
    | AddressBlock
    | RelayTagRequest
    | RelayTag
    | NewToken
    | PathChallenge
    | PathResponse
    | FirstPacketNumber
    | Congestion
)

_PARSERS: Mapping[int, Callable[[bytes], Block]] = {
    BlockType.DATE_TIME: DateTime.parse,
    BlockType.OPTIONS: Options.parse,
    BlockType.ROUTER_INFO: RouterInfoBlock.parse,
    BlockType.I2NP: I2npMessage.parse,
    BlockType.FIRST_FRAGMENT: FirstFragment.parse,
    BlockType.FOLLOW_ON_FRAGMENT: FollowOnFragment.parse,
    BlockType.TERMINATION: Termination.parse,
    BlockType.RELAY_REQUEST: RelayRequest.parse,
    BlockType.RELAY_RESPONSE: RelayResponse.parse,
    BlockType.RELAY_INTRO: RelayIntro.parse,
    BlockType.PEER_TEST: PeerTest.parse,
    BlockType.NEXT_NONCE: NextNonce.parse,
    BlockType.ACK: Ack.parse,
    BlockType.ADDRESS: AddressBlock.parse,
    BlockType.RELAY_TAG_REQUEST: RelayTagRequest.parse,
    BlockType.RELAY_TAG: RelayTag.parse,
    BlockType.NEW_TOKEN: NewToken.parse,
    BlockType.PATH_CHALLENGE: PathChallenge.parse,
    BlockType.PATH_RESPONSE: PathResponse.parse,
    BlockType.FIRST_PACKET_NUMBER: FirstPacketNumber.parse,
    BlockType.CONGESTION: Congestion.parse,
}


def parse_block(block_type: int, data: bytes) -> Block | None:
    """The block, None for padding and unknown types; DecodeError if it is malformed."""
    parse = _PARSERS.get(block_type)
    return None if parse is None else parse(data)


__all__ = [
    "Ack",
    "AddressBlock",
    "Block",
    "Congestion",
    "DateTime",
    "FirstFragment",
    "FirstPacketNumber",
    "FollowOnFragment",
    "I2npMessage",
    "NewToken",
    "NextNonce",
    "Options",
    "PathChallenge",
    "PathResponse",
    "PeerTest",
    "RelayIntro",
    "RelayRequest",
    "RelayResponse",
    "RelayTag",
    "RelayTagRequest",
    "RouterInfoBlock",
    "Termination",
    "parse_block",
]
