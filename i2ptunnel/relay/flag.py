"""An event that costs next to nothing while nobody waits for it.

``asyncio.Event`` holds a queue of waiters from the start, 700 bytes; a listener with thousands of
idle connections has several for each.
"""

from __future__ import annotations

import asyncio


class Flag:
    """Set once and for all. Many may wait."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """True for good after :meth:`set`."""
        return self._is_set

    def set(self) -> None:
        """Wake all that wait."""
        self._is_set = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Return when it is set."""
        if self._is_set:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if self._waiters is not None:
                self._waiters.remove(waiter)
