"""The blocks of the data phase's loop: messages, their fragments, acknowledgements.

See :mod:`core.transport.ssu2.blocks`, which exports them with all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar

from core.base.errors import DecodeError
from core.transport.ssu2.framing import BlockType, number_at_start, write_block

FLAG_IMMEDIATE_ACK = 0x01
FLAG_CONGESTION_EXPERIENCED = 0x02
I2NP_HEADER_BYTES = 9
FRAGMENT_NUMBER_MAX = 127
#: number and flag, then the message id
FOLLOW_ON_HEADER_BYTES = 5
_FOLLOW_ON = Struct(">BI")


@dataclass(frozen=True, slots=True)
class I2npMessage:
    """A whole I2NP message in short form."""

    TYPE: ClassVar[BlockType] = BlockType.I2NP
    message: bytes

    @classmethod
    def parse(cls, data: bytes) -> I2npMessage:
        """See :mod:`core.transport.ssu2.blocks`."""
        if len(data) < I2NP_HEADER_BYTES:
            raise DecodeError(f"I2NP block of {len(data)} bytes")
        return cls(data)

    def write(self) -> bytes:
        """See :mod:`core.transport.ssu2.blocks`."""
        return write_block(self.TYPE, self.message)


@dataclass(frozen=True, slots=True)
class FirstFragment:
    """The short header of an I2NP message and the beginning of its body, at least a byte."""

    TYPE: ClassVar[BlockType] = BlockType.FIRST_FRAGMENT
    beginning: bytes

    @classmethod
    def parse(cls, data: bytes) -> FirstFragment:
        """See :mod:`core.transport.ssu2.blocks`."""
        if len(data) <= I2NP_HEADER_BYTES:
            raise DecodeError(f"first fragment of {len(data)} bytes")
        return cls(data)

    @property
    def message_id(self) -> int:
        """The I2NP message ID, which the fragments that follow repeat."""
        return int.from_bytes(self.beginning[1:5], "big")

    def write(self) -> bytes:
        """See :mod:`core.transport.ssu2.blocks`."""
        return write_block(self.TYPE, self.beginning)


@dataclass(frozen=True, slots=True)
class FollowOnFragment:
    """Fragment ``number`` 1 to 127 of a message's body."""

    TYPE: ClassVar[BlockType] = BlockType.FOLLOW_ON_FRAGMENT
    message_id: int
    number: int
    is_last: bool
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> FollowOnFragment:
        """See :mod:`core.transport.ssu2.blocks`. Number 0 and an empty body are refused."""
        if len(data) <= FOLLOW_ON_HEADER_BYTES or data[0] < 2:
            raise DecodeError("follow-on fragment without number or body")
        info, message_id = _FOLLOW_ON.unpack_from(data)
        return cls(message_id, info >> 1, bool(info & 1), data[FOLLOW_ON_HEADER_BYTES:])

    def write(self) -> bytes:
        """See :mod:`core.transport.ssu2.blocks`."""
        head = _FOLLOW_ON.pack(self.number << 1 | self.is_last, self.message_id)
        return write_block(self.TYPE, head + self.body)


@dataclass(frozen=True, slots=True)
class Ack:
    """Packets that arrived: ``through``, ``count`` more below it, then (missing, arrived) runs.

    ``ranges`` go downwards; each number is 0 to 255, and not both are 0. What lies below the last
    range is neither acknowledged nor missing.
    """

    TYPE: ClassVar[BlockType] = BlockType.ACK
    through: int
    count: int = 0
    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Ack:
        """See :mod:`core.transport.ssu2.blocks`. Half a range at the end is left out."""
        through = number_at_start(data, 5, "Ack") >> 8
        return cls(through, data[4], tuple(zip(data[5::2], data[6::2], strict=False)))

    def write(self) -> bytes:
        """See :mod:`core.transport.ssu2.blocks`."""
        head = self.through.to_bytes(4, "big") + bytes((self.count,))
        return write_block(self.TYPE, head + bytes(n for pair in self.ranges for n in pair))

    def intervals(self) -> list[tuple[int, int]]:
        """Acknowledged packet numbers as (first, last), the highest first.

        DecodeError if they go below zero: no honest sender says so.
        """
        found = [(self.through - self.count, self.through)]
        at = self.through - self.count
        for missing, arrived in self.ranges:
            at -= missing + arrived
            if arrived:
                if missing:
                    found.append((at, at + arrived - 1))
                else:
                    found[-1] = (at, found[-1][1])
        if at < 0:
            raise DecodeError("Ack block below packet number 0")
        return found


@dataclass(frozen=True, slots=True)
class Congestion:
    """``wants_ack``: acknowledge at once. ``is_experienced``: packets were marked on the way."""

    TYPE: ClassVar[BlockType] = BlockType.CONGESTION
    wants_ack: bool
    is_experienced: bool

    @classmethod
    def parse(cls, data: bytes) -> Congestion:
        """See :mod:`core.transport.ssu2.blocks`."""
        flags = number_at_start(data, 1, "Congestion")
        return cls(bool(flags & FLAG_IMMEDIATE_ACK), bool(flags & FLAG_CONGESTION_EXPERIENCED))

    def write(self) -> bytes:
        """See :mod:`core.transport.ssu2.blocks`."""
        flags = FLAG_IMMEDIATE_ACK * self.wants_ack
        flags |= FLAG_CONGESTION_EXPERIENCED * self.is_experienced
        return write_block(self.TYPE, bytes((flags,)))
