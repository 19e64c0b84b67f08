"""Duplicate filters with bounded memory: two generations of a set, rotated by time and by size."""

from __future__ import annotations


class DuplicateFilter:
    """Remembers integers for at least ``period_s`` and at most twice as long.

    When a generation reaches ``generation_max`` entries it is rotated early, so a flood shortens
    the memory instead of growing it.
    """

    __slots__ = ("_current", "_generation_max", "_period_s", "_previous", "_rotate_at")

    def __init__(self, period_s: float, generation_max: int) -> None:
        self._period_s = period_s
        self._generation_max = generation_max
        self._current: set[int] = set()
        self._previous: set[int] = set()
        self._rotate_at: float | None = None

    def is_duplicate(self, value: int, now: float) -> bool:
        """True if ``value`` was seen before; remembers it either way."""
        current, previous = self.generations(now)
        if value in current:
            return True
        current.add(value)
        return value in previous

    def is_known(self, value: int, now: float) -> bool:
        """True if ``value`` was seen before; remembers nothing."""
        current, previous = self.generations(now)
        return value in current or value in previous

    def generations(self, now: float) -> tuple[set[int], set[int]]:
        """The newer and the older generation, for a batch that does as :meth:`is_duplicate` does:
        look into both, add to the newer. Valid until the next call.
        """
        if self._rotate_at is None:
            self._rotate_at = now + self._period_s
        elif now >= self._rotate_at or len(self._current) >= self._generation_max:
            gap = now - self._rotate_at
            self._previous = self._current if gap < self._period_s else set()
            self._current = set()
            self._rotate_at = now + self._period_s
        return self._current, self._previous
