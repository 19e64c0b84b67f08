"""A table of named deadlines: no callbacks, no heap, late and spurious checks are harmless."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")


class TimerTable(Generic[Key]):
    """At most one deadline for each key."""

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[Key, float] = {}

    def set(self, key: Key, deadline: float) -> None:
        """Arm or re-arm ``key`` for monotonic time ``deadline``."""
        self._deadlines[key] = deadline

    def stop(self, key: Key) -> None:
        """Forget a deadline; nothing if there is none."""
        self._deadlines.pop(key, None)

    def deadline(self, key: Key) -> float | None:
        """When a key is due, or None."""
        return self._deadlines.get(key)

    def next(self) -> float | None:
        """The earliest deadline, or None."""
        return min(self._deadlines.values(), default=None)

    def pop_expired(self, now: float) -> list[Key]:
        """Disarm and return every key whose deadline has passed, earliest first."""
        due = sorted((t, i, k) for i, (k, t) in enumerate(self._deadlines.items()) if t <= now)
        for _, _, key in due:
            del self._deadlines[key]
        return [key for _, _, key in due]
