"""What the application has written and no packet has taken yet."""

from __future__ import annotations

from collections import deque


class SendBuffer:
    """``unsent`` and ``taken`` count bytes: those that wait, and all that ever left."""

    __slots__ = ("_chunks", "_limit", "_offset", "taken", "unsent")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        #: how much of the first chunk was taken
        self._offset = 0
        self.unsent = 0
        self.taken = 0

    @property
    def room(self) -> int:
        """How many bytes :meth:`write` would take now."""
        return max(0, self._limit - self.unsent)

    @property
    def is_half_empty(self) -> bool:
        """True if writing is worth while again after a short write."""
        return self.unsent * 2 <= self._limit

    def write(self, data: bytes) -> int:
        """Take what fits; returns how many bytes that is."""
        size = min(len(data), self.room)
        if size:
            self._chunks.append(bytes(data) if size == len(data) else bytes(data[:size]))
            self.unsent += size
        return size

    def take(self, count: int) -> bytes:
        """The next bytes, up to ``count``."""
        chunks = self._chunks
        if not chunks:
            return b""
        chunk = chunks[0]
        offset = self._offset
        end = offset + count
        if end < len(chunk):
            self._offset = end
            part = chunk[offset:end]
        else:
            part = chunk[offset:] if offset else chunk
            chunks.popleft()
            self._offset = 0
            if len(part) < count and chunks:
                part = self._gather(part, count)
        self.unsent -= len(part)
        self.taken += len(part)
        return part

    def _gather(self, part: bytes, count: int) -> bytes:
        chunks = self._chunks
        parts = [part]
        left = count - len(part)
        while left and chunks:
            chunk = chunks[0]
            if len(chunk) > left:
                parts.append(chunk[:left])
                self._offset = left
                left = 0
            else:
                parts.append(chunk)
                left -= len(chunk)
                chunks.popleft()
        return b"".join(parts)

    def clear(self) -> None:
        """Drop what was not taken."""
        self._chunks.clear()
        self.unsent = 0
