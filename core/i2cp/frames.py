"""The byte stream of I2CP: one protocol byte from the client, then length, type, body (i2cp.md).

The bound is Java's: "Actual message length limit is about 64 KB". i2pd: 65535 bytes.
"""

from __future__ import annotations

from core.base.errors import DecodeError

PROTOCOL_BYTE = 0x2A
BODY_BYTES_MAX = 65536
_HEADER_BYTES = 5


def write_frame(kind: int, body: bytes) -> bytes:
    """One message with its header."""
    return len(body).to_bytes(4, "big") + bytes((kind,)) + body


class FrameReader:
    """Cuts what arrives into messages. Holds at most one message and what was fed last."""

    __slots__ = ("_buffer", "_position")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0

    @property
    def is_inside(self) -> bool:
        """True if a message has begun and is not complete."""
        return self._position < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket; :meth:`next` gives what is complete."""
        del self._buffer[: self._position]
        self._position = 0
        self._buffer += data

    def next(self) -> tuple[int, bytes] | None:
        """Type and body of the next message; None if there is none yet.

        DecodeError if it is too long: nothing after it can be found.
        """
        buffer, start = self._buffer, self._position
        if len(buffer) - start < _HEADER_BYTES:
            return None
        size = int.from_bytes(buffer[start : start + 4], "big")
        if size > BODY_BYTES_MAX:
            raise DecodeError(f"I2CP message of {size} bytes")
        begin = start + _HEADER_BYTES
        if len(buffer) < begin + size:
            return None
        self._position = begin + size
        return buffer[start + 4], bytes(buffer[begin : begin + size])
