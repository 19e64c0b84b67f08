"""Messages that carry others: garlic, data, tunnel data, tunnel gateway (i2np)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer

TUNNEL_DATA_BYTES = 1024
#: The body of a TunnelData: tunnel id and data.
TUNNEL_DATA_BODY_BYTES = 4 + TUNNEL_DATA_BYTES


@dataclass(frozen=True, slots=True)
class Garlic:
    """Encrypted cloves, behind a length of four bytes."""

    TYPE: ClassVar[int] = 11

    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Garlic:
        """DecodeError if truncated."""
        return cls(_length_prefixed(body))

    def write(self) -> bytes:
        """Length (4 bytes) and data."""
        return len(self.data).to_bytes(4, "big") + self.data


@dataclass(frozen=True, slots=True)
class Data:
    """What a client sends to a client; only ever inside garlic."""

    TYPE: ClassVar[int] = 20

    payload: bytes

    @classmethod
    def parse(cls, body: bytes) -> Data:
        """DecodeError if truncated."""
        return cls(_length_prefixed(body))

    def write(self) -> bytes:
        """Length (4 bytes) and payload."""
        return len(self.payload).to_bytes(4, "big") + self.payload


@dataclass(frozen=True, slots=True)
class TunnelData:
    """1024 bytes (IV 16, encrypted 1008) for the tunnel ``tunnel_id`` of the receiving hop."""

    TYPE: ClassVar[int] = 18

    tunnel_id: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> TunnelData:
        """DecodeError unless it has exactly 1028 bytes and a tunnel id."""
        if len(body) != TUNNEL_DATA_BODY_BYTES:
            raise DecodeError(f"tunnel data of {len(body)} bytes")
        return cls(_tunnel_id(body), body[4:])

    def write(self) -> bytes:
        """LocalError unless the data is 1024 bytes."""
        if len(self.data) != TUNNEL_DATA_BYTES:
            raise LocalError(f"tunnel data of {len(self.data)} bytes")
        return self.tunnel_id.to_bytes(4, "big") + self.data


@dataclass(frozen=True, slots=True)
class TunnelGateway:
    """``message`` in standard form, for the gateway of tunnel ``tunnel_id`` to send into it."""

    TYPE: ClassVar[int] = 19

    tunnel_id: int
    message: bytes

    @classmethod
    def parse(cls, body: bytes) -> TunnelGateway:
        """DecodeError if truncated, or for tunnel id 0."""
        reader = Reader(body)
        tunnel_id = reader.u32()
        if not tunnel_id:
            raise DecodeError("tunnel id 0")
        return cls(tunnel_id, reader.take(reader.u16()))

    def write(self) -> bytes:
        """LocalError if the message is longer than 65535 bytes."""
        if len(self.message) > 0xFFFF:
            raise LocalError(f"tunnel gateway with {len(self.message)} bytes")
        writer = Writer().u32(self.tunnel_id).u16(len(self.message))
        return writer.raw(self.message).finish()


def _length_prefixed(body: bytes) -> bytes:
    reader = Reader(body)
    return reader.take(reader.u32())


def _tunnel_id(body: bytes) -> int:
    tunnel_id = int.from_bytes(body[:4], "big")
    if not tunnel_id:
        raise DecodeError("tunnel id 0")
    return tunnel_id
