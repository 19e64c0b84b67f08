"""Tunnel build messages and their replies: a number of records of one size (i2np).

The fixed forms (21, 22) have eight records and no count, the variable (23, 24) and short ones
(25, 26) one to eight and a count. Records are opaque here; what they hold is the tunnel room's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from core.base.errors import DecodeError, LocalError

RECORDS_MAX = 8
LONG_RECORD_BYTES = 528
SHORT_RECORD_BYTES = 218

BuildT = TypeVar("BuildT", bound="BuildMessage")


@dataclass(frozen=True, slots=True)
class BuildMessage:
    """What all six have in common; only the classes derived from it are messages."""

    TYPE: ClassVar[int]
    RECORD_BYTES: ClassVar[int] = LONG_RECORD_BYTES
    HAS_COUNT: ClassVar[bool] = True

    records: tuple[bytes, ...]

    @classmethod
    def parse(cls: type[BuildT], body: bytes) -> BuildT:
        """DecodeError unless the count is 1 to 8 and the body is exactly that long."""
        start = 1 if cls.HAS_COUNT else 0
        count = RECORDS_MAX if not cls.HAS_COUNT else body[0] if body else 0
        size = cls.RECORD_BYTES
        if not 0 < count <= RECORDS_MAX or len(body) != start + count * size:
            raise DecodeError(f"build message of {len(body)} bytes with {count} records")
        return cls(tuple([body[i : i + size] for i in range(start, len(body), size)]))

    def write(self) -> bytes:
        """LocalError unless there are 1 to 8 records of the right size."""
        count = len(self.records)
        if not 0 < count <= RECORDS_MAX or not (self.HAS_COUNT or count == RECORDS_MAX):
            raise LocalError(f"build message with {count} records")
        if any(len(record) != self.RECORD_BYTES for record in self.records):
            raise LocalError("build record of the wrong size")
        return (bytes((count,)) if self.HAS_COUNT else b"") + b"".join(self.records)


class TunnelBuild(BuildMessage):
    """Type 21. i2pd: ignored."""

    __slots__ = ()
    TYPE: ClassVar[int] = 21
    HAS_COUNT: ClassVar[bool] = False


class TunnelBuildReply(BuildMessage):
    """Type 22. i2pd: ignored."""

    __slots__ = ()
    TYPE: ClassVar[int] = 22
    HAS_COUNT: ClassVar[bool] = False


class VariableTunnelBuild(BuildMessage):
    """Type 23: records of 528 bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 23


class VariableTunnelBuildReply(BuildMessage):
    """Type 24."""

    __slots__ = ()
    TYPE: ClassVar[int] = 24


class ShortTunnelBuild(BuildMessage):
    """Type 25: records of 218 bytes."""

    __slots__ = ()
    TYPE: ClassVar[int] = 25
    RECORD_BYTES: ClassVar[int] = SHORT_RECORD_BYTES


class ShortTunnelBuildReply(BuildMessage):
    """Type 26, also called OutboundTunnelBuildReply."""

    __slots__ = ()
    TYPE: ClassVar[int] = 26
    RECORD_BYTES: ClassVar[int] = SHORT_RECORD_BYTES


OutboundTunnelBuildReply = ShortTunnelBuildReply
