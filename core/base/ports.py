"""What engines need from the outside and get handed in: wall-clock time and entropy.

Monotonic time is not a port: every engine call takes ``now`` (monotonic seconds) as an argument.
"""

from __future__ import annotations

from typing import Protocol


class WallClock(Protocol):
    """Wire time: the system's clock, corrected if it is wrong."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...


class AdjustableClock(WallClock, Protocol):
    """The wall clock for who corrects it. ``correction_s`` is added to the system's clock."""

    correction_s: float


class Entropy(Protocol):
    """Randomness. Production: the operating system; tests: a seeded stream."""

    def random_bytes(self, count: int) -> bytes:
        """``count`` random bytes."""
        ...

    def randbelow(self, bound: int) -> int:
        """A uniform integer in ``[0, bound)``; ``bound`` >= 1."""
        ...
