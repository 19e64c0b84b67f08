"""When the router has its turn: once behind all reads of a turn of the loop, for all sockets.

A driver feeds what it reads to its transport at once. The turn that follows lets the router drain
its events (``on_wakeup``), and then has every driver write, because what the router has to say may
go over another transport than what it heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.io.loop import RouterLoop

#: what reading may take of one turn; the sockets behind are read in the next one, before these
READS_S = 0.008


class Wakeup:
    """Shared by the drivers of one router. Without drivers there are no turns."""

    __slots__ = (
        "_flushes",
        "_has_read",
        "_is_scheduled",
        "_loop",
        "_reads_began",
        "_router_loop",
        "on_wakeup",
    )

    def __init__(
        self, on_wakeup: Callable[[], None], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.on_wakeup = on_wakeup
        self._loop = loop or asyncio.get_running_loop()
        self._router_loop = self._loop if isinstance(self._loop, RouterLoop) else None
        self._flushes: tuple[Callable[[], None], ...] = ()
        self._is_scheduled = False
        self._has_read = False
        self._reads_began = 0.0

    def add(self, flush: Callable[[], None]) -> None:
        """Have a driver write in every turn."""
        if self._router_loop is not None and not self._flushes:
            self._router_loop.run_after_reads(self._run_after_reads)
        self._flushes = (*self._flushes, flush)

    def remove(self, flush: Callable[[], None]) -> None:
        """The driver has stopped."""
        self._flushes = tuple(one for one in self._flushes if one != flush)
        if self._router_loop is not None and not self._flushes:
            self._router_loop.stop_after_reads(self._run_after_reads)

    def schedule(self) -> None:
        """Have a turn soon; any number of calls in between cost one."""
        if not self._is_scheduled and self._flushes:
            self._is_scheduled = True
            self._loop.call_soon(self._run_scheduled)

    def run(self) -> None:
        """Have the turn now."""
        self._is_scheduled = self._has_read = False
        if not self._flushes:
            return
        self.on_wakeup()
        for flush in self._flushes:
            flush()

    def may_read(self, fd: int, now: float) -> bool:
        """Whether a readable socket is read in this turn; if not, it comes first in the next one.

        The router's turn follows the reads.
        """
        if not self._has_read:
            self._has_read = True
            self._reads_began = now
            if self._router_loop is None:
                self.schedule()
        elif self._router_loop is not None and self.is_reading_over(now):
            self._router_loop.read_next_turn(fd)
            return False
        return True

    def is_reading_over(self, now: float) -> bool:
        """Whether reading has taken its part of this turn."""
        return now - self._reads_began > READS_S

    def _run_scheduled(self) -> None:
        # A turn behind the readers may have been faster.
        if self._is_scheduled:
            self.run()

    def _run_after_reads(self) -> None:
        if self._has_read or self._is_scheduled:
            self.run()
