"""A limit of bytes per second that many connections share.

Who takes bytes waits so long that the rate is held; after a pause a burst goes through at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_BURST_S = 0.25


class Pace:
    """``bytes_s`` may be changed at any time."""

    def __init__(self, bytes_s: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.bytes_s = bytes_s
        self._monotonic = monotonic
        self._paid_until = float("-inf")

    def charge(self, count: int) -> float:
        """Take ``count`` bytes; the seconds to wait before they may go on."""
        now = self._monotonic()
        self._paid_until = max(self._paid_until, now - _BURST_S) + count / self.bytes_s
        return max(0.0, self._paid_until - now)

    def admits(self, count: int) -> bool:
        """Take ``count`` bytes if they may go at once: for what is dropped rather than delayed."""
        if self._paid_until > self._monotonic():
            return False
        self.charge(count)
        return True

    async def settle(self) -> None:
        """Wait until what was taken before has passed."""
        delay_s = self._paid_until - self._monotonic()
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    async def wait(self, count: int) -> None:
        """Take ``count`` bytes and wait as long as they need."""
        delay_s = self.charge(count)
        if delay_s > 0:
            await asyncio.sleep(delay_s)
