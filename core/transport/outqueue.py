"""The messages that wait for one router, bounded by the memory they take."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.transport.stats import LinkStats

_HEADER_BYTES = 9
MESSAGE_COST = 64
"""Bytes of memory for a message beside its own: a small one is mostly that."""
_MESSAGE_BYTES_MAX = 65516  # the largest block that fits one frame


class OutQueue:
    """First in, first out. Above ``shed_bytes`` droppable messages are refused, above
    ``bytes_max`` all are; every refusal is counted in ``stats``. Both count ``MESSAGE_COST`` for
    each message, ``bytes`` does not.
    """

    __slots__ = ("_bytes_max", "_messages", "_shed_bytes", "_stats", "bytes")

    def __init__(self, shed_bytes: int, bytes_max: int, stats: LinkStats) -> None:
        self._messages: deque[bytes] = deque()
        self._shed_bytes = shed_bytes
        self._bytes_max = bytes_max
        self._stats = stats
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def set_bounds(self, shed_bytes: int, bytes_max: int) -> None:
        """Change the bounds: a router that is only being dialled gets less room."""
        self._shed_bytes = shed_bytes
        self._bytes_max = bytes_max

    def push(self, messages: Sequence[bytes], droppable: bool) -> None:
        """Queue short-form messages; refuse what does not fit or cannot be framed."""
        held = self.bytes + MESSAGE_COST * len(self._messages)
        room = (self._shed_bytes if droppable else self._bytes_max) - held
        size = sum(map(len, messages))
        if (
            _HEADER_BYTES <= size <= min(room - MESSAGE_COST * len(messages), _MESSAGE_BYTES_MAX)
            and min(map(len, messages)) >= _HEADER_BYTES
        ):
            self._messages.extend(messages)
            self.bytes += size
            return
        for message in messages:
            size = len(message)
            if not _HEADER_BYTES <= size <= _MESSAGE_BYTES_MAX:
                self._stats.dropped_malformed += 1
            elif size + MESSAGE_COST > room:
                if droppable and room + self._bytes_max - self._shed_bytes >= size + MESSAGE_COST:
                    self._stats.dropped_shed += 1
                else:
                    self._stats.dropped_queue_full += 1
            else:
                self._messages.append(message)
                self.bytes += size
                room -= size + MESSAGE_COST

    def pop(self, bytes_max: int) -> list[bytes]:
        """The next messages, together at most ``bytes_max`` bytes (but at least one)."""
        messages = self._messages
        if self.bytes <= bytes_max:
            batch = list(messages)
            messages.clear()
            self.bytes = 0
            return batch
        batch = []
        size = 0
        while messages and (not batch or size + len(messages[0]) <= bytes_max):
            message = messages.popleft()
            size += len(message)
            batch.append(message)
        self.bytes -= size
        return batch

    def drop_expired(self, wall_s: float) -> None:
        """Drop messages whose expiration passed while they waited."""
        kept = [m for m in self._messages if int.from_bytes(m[5:9], "big") >= wall_s]
        dropped = len(self._messages) - len(kept)
        if dropped:
            self._stats.dropped_expired += dropped
            self._messages = deque(kept)
            self.bytes = sum(map(len, kept))

    def clear(self) -> int:
        """Drop everything; returns how many messages that were (counted by the caller)."""
        count = len(self._messages)
        self._messages.clear()
        self.bytes = 0
        return count
