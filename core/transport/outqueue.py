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
    """First in, first out, our own messages before those of others (``is_transit``).

    Above ``shed_bytes`` transit is refused, above ``bytes_max`` all are; every refusal is counted
    in ``stats``. Both count ``MESSAGE_COST`` for each message, ``bytes`` does not.
    """

    __slots__ = ("_bytes_max", "_expired_at", "_own", "_shed_bytes", "_stats", "_transit", "bytes")

    def __init__(self, shed_bytes: int, bytes_max: int, stats: LinkStats) -> None:
        self._expired_at = 0
        self._own: deque[bytes] = deque()
        self._transit: deque[bytes] = deque()
        self._shed_bytes = shed_bytes
        self._bytes_max = bytes_max
        self._stats = stats
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._own) + len(self._transit)

    def set_bounds(self, shed_bytes: int, bytes_max: int) -> None:
        """Change the bounds: a router that is only being dialled gets less room."""
        self._shed_bytes = shed_bytes
        self._bytes_max = bytes_max

    def push(self, messages: Sequence[bytes], is_transit: bool) -> None:
        """Queue short-form messages; refuse what does not fit or cannot be framed."""
        waiting = self._transit if is_transit else self._own
        held = self.bytes + MESSAGE_COST * len(self)
        room = (self._shed_bytes if is_transit else self._bytes_max) - held
        size = sum(map(len, messages))
        if (
            _HEADER_BYTES <= size <= min(room - MESSAGE_COST * len(messages), _MESSAGE_BYTES_MAX)
            and min(map(len, messages)) >= _HEADER_BYTES
        ):
            waiting.extend(messages)
            self.bytes += size
            return
        for message in messages:
            size = len(message)
            if not _HEADER_BYTES <= size <= _MESSAGE_BYTES_MAX:
                self._stats.dropped_malformed += 1
            elif size + MESSAGE_COST > room:
                if is_transit and room + self._bytes_max - self._shed_bytes >= size + MESSAGE_COST:
                    self._stats.dropped_shed += 1
                else:
                    self._stats.dropped_queue_full += 1
            else:
                waiting.append(message)
                self.bytes += size
                room -= size + MESSAGE_COST

    def pop(self, bytes_max: int, transit_bytes_max: int) -> list[bytes]:
        """The next messages, together at most ``bytes_max`` bytes (but at least one), and transit
        only up to ``transit_bytes_max`` of these: none if that is zero or less."""
        if self.bytes <= min(bytes_max, transit_bytes_max):
            batch = [*self._own, *self._transit]
            self._own.clear()
            self._transit.clear()
            self.bytes = 0
            return batch
        batch = []
        size = _move(self._own, batch, bytes_max)
        if not self._own and transit_bytes_max > 0:
            room = min(bytes_max - size, transit_bytes_max)
            if room > 0:
                size += _move(self._transit, batch, room)
        self.bytes -= size
        return batch

    def drop_expired(self, wall_s: int) -> None:
        """Drop messages whose expiration passed while they waited: once in each second.

        A long queue is looked through for each batch that leaves otherwise.
        """
        if wall_s == self._expired_at:
            return
        self._expired_at = wall_s
        before = len(self)
        self._own = _unexpired(self._own, wall_s)
        self._transit = _unexpired(self._transit, wall_s)
        if len(self) < before:
            self._stats.dropped_expired += before - len(self)
            self.bytes = sum(map(len, self._own)) + sum(map(len, self._transit))

    def clear(self) -> int:
        """Drop everything; returns how many messages that were (counted by the caller)."""
        count = len(self)
        self._own.clear()
        self._transit.clear()
        self.bytes = 0
        return count


def _move(waiting: deque[bytes], batch: list[bytes], bytes_max: int) -> int:
    """Move the next messages to ``batch``, at least one, at most so many bytes; how many those
    are."""
    size = 0
    while waiting and (not size or size + len(waiting[0]) <= bytes_max):
        message = waiting.popleft()
        size += len(message)
        batch.append(message)
    return size


def _unexpired(waiting: deque[bytes], wall_s: float) -> deque[bytes]:
    kept = [m for m in waiting if int.from_bytes(m[5:9], "big") >= wall_s]
    return waiting if len(kept) == len(waiting) else deque(kept)
