"""The real wall clock and the real entropy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


#: Seconds since the boot, sleep included where the system can tell (Linux: CLOCK_BOOTTIME). Not a
#: function of Python's: a loop asks several times a turn.
running_time: Callable[[], float] = partial(time.clock_gettime, _CLOCK)


class SystemEntropy:
    """The operating system's random numbers, fetched in blocks (a system call costs more)."""

    _BLOCK_BYTES = 4096

    def __init__(self) -> None:
        self._pool = b""
        self._position = 0

    def random_bytes(self, count: int) -> bytes:
        """``count`` bytes from the system's generator, read from it in larger blocks."""
        if count >= self._BLOCK_BYTES // 4:
            return os.urandom(count)
        end = self._position + count
        if end > len(self._pool):
            self._pool = os.urandom(self._BLOCK_BYTES)
            self._position, end = 0, count
        data = self._pool[self._position : end]
        self._position = end
        return data

    def randbelow(self, bound: int) -> int:
        """A number from 0 to ``bound`` - 1, without a bias that could be measured."""
        return int.from_bytes(self.random_bytes((bound.bit_length() + 71) // 8), "big") % bound


class SystemWallClock:
    """The system's clock plus the router's correction of it (``core/router/clock.py``)."""

    def __init__(self) -> None:
        self.correction_s = 0.0

    def now(self) -> float:
        """Seconds since 1970, corrected."""
        return time.time() + self.correction_s
