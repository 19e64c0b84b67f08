"""Reading and writing big-endian wire formats (common-structures: all integers are big endian).

A :class:`Reader` raises :class:`DecodeError` and nothing else, whatever the bytes.
"""

from __future__ import annotations

from core.base.errors import DecodeError


class Reader:
    """A cursor over immutable bytes."""

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self._data = data
        self.position = position
        self._end = len(data) if end is None else min(end, len(data))

    @property
    def remaining(self) -> int:
        """Bytes left to read."""
        return self._end - self.position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        start = self.position
        stop = start + count
        if count < 0 or stop > self._end:
            raise DecodeError(f"truncated: {count} bytes wanted, {self._end - start} left")
        self.position = stop
        return self._data[start:stop]

    def skip(self, count: int) -> None:
        """Move past ``count`` bytes."""
        if count < 0 or self.position + count > self._end:
            raise DecodeError(f"truncated: {count} bytes to skip, {self.remaining} left")
        self.position += count

    def rest(self) -> bytes:
        """All bytes that are left."""
        start, self.position = self.position, self._end
        return self._data[start : self._end]

    def since(self, position: int) -> bytes:
        """The bytes from an earlier ``position`` up to here (to keep what a signature covers)."""
        return self._data[position : self.position]

    def _uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def u8(self) -> int:
        """One byte."""
        return self._uint(1)

    def u16(self) -> int:
        """Two bytes, big-endian."""
        return self._uint(2)

    def u24(self) -> int:
        """Three bytes, big-endian."""
        return self._uint(3)

    def u32(self) -> int:
        """Four bytes, big-endian."""
        return self._uint(4)

    def u64(self) -> int:
        """Eight bytes, big-endian."""
        return self._uint(8)

    def expect_end(self) -> None:
        """Raise unless everything was read."""
        if self.position != self._end:
            raise DecodeError(f"{self.remaining} bytes too many")


class Writer:
    """Collects parts of a wire format; ``finish`` joins them once."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def raw(self, data: bytes) -> Writer:
        """Append ``data`` as it is."""
        self._parts.append(data)
        return self

    def _uint(self, value: int, size: int) -> Writer:
        self._parts.append(value.to_bytes(size, "big"))
        return self

    def u8(self, value: int) -> Writer:
        """Append one byte; LocalError if the value does not fit, as in all that follow."""
        return self._uint(value, 1)

    def u16(self, value: int) -> Writer:
        """Append two bytes, big-endian."""
        return self._uint(value, 2)

    def u24(self, value: int) -> Writer:
        """Append three bytes, big-endian."""
        return self._uint(value, 3)

    def u32(self, value: int) -> Writer:
        """Append four bytes, big-endian."""
        return self._uint(value, 4)

    def u64(self, value: int) -> Writer:
        """Append eight bytes, big-endian."""
        return self._uint(value, 8)

    def finish(self) -> bytes:
        """All that was appended."""
        return b"".join(self._parts)
