"""Virtual time: what happens when, to the millisecond, and in the same order on every run."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from random import Random

TICKS_PER_S = 1000
"""Time moves in whole ticks: what happens in one of them is one turn."""
#: where virtual time begins; before that nothing is defined
START_S = 1000.0


class Schedule:
    """What is due, in order: by time, then by who asked first."""

    def __init__(self) -> None:
        self.tick = 0
        self.done = 0
        """How many actions there were so far."""
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0

    @property
    def now(self) -> float:
        """Seconds, monotonic."""
        return START_S + self.tick / TICKS_PER_S

    def tick_of(self, now: float) -> int:
        """The first tick that is not before ``now``, and never one that has passed."""
        return max(self.tick, math.ceil((now - START_S) * TICKS_PER_S - 1e-6))

    def at(self, now: float, action: Callable[[], None]) -> None:
        """Do it at ``now``, or at once if that has passed."""
        self.at_tick(self.tick_of(now), action)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it in ``seconds``."""
        self.at_tick(self.tick_of(self.now + seconds), action)

    def at_tick(self, tick: int, action: Callable[[], None]) -> None:
        """As :meth:`at`, for who counts in ticks."""
        self._serial += 1
        heapq.heappush(self._due, (tick, self._serial, action))

    def next_tick(self) -> int | None:
        """When the next action is due, or None."""
        return self._due[0][0] if self._due else None

    def run_due(self) -> bool:
        """Do all that is due at this tick, also what that brings; False if there was nothing."""
        due, tick = self._due, self.tick
        before = self.done
        while due and due[0][0] <= tick:
            self.done += 1
            heapq.heappop(due)[2]()
        return self.done > before


class Dice:
    """Entropy (:class:`core.base.ports.Entropy`) that a seed decides; a tenth of SHA-256's cost."""

    def __init__(self, *seed: object) -> None:
        self._random = Random(" ".join(map(str, seed)))

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def randbelow(self, bound: int) -> int:
        return self._random.randrange(bound)

    def fraction(self) -> float:
        """Uniform in [0, 1)."""
        return self._random.random()
