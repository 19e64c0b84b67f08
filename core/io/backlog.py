"""Streams that peers opened and nobody has accepted yet, by the I2P port they were opened to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from core.base.errors import Retry, Unavailable

ACCEPT_BACKLOG_MAX = 512

StreamT = TypeVar("StreamT")


class Backlog(Generic[StreamT]):
    """Queues for ports that are asked for, and one for all others."""

    def __init__(self) -> None:
        #: port -> what waits; None: streams to ports that have no queue
        self._queues: dict[int | None, deque[StreamT]] = {}
        self._waiters: dict[int | None, deque[asyncio.Future[None]]] = {}

    def put(self, port: int, stream: StreamT) -> bool:
        """False if nobody wants streams to this port, or too many wait."""
        key = port if port in self._queues else None
        queue = self._queues.get(key)
        if queue is None or sum(map(len, self._queues.values())) >= ACCEPT_BACKLOG_MAX:
            return False
        queue.append(stream)
        waiters = self._waiters[key]
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
        return True

    def listen(self, port: int | None) -> None:
        """Take streams to this port from now on; None: to every port that is not asked for."""
        self._queues.setdefault(port, deque())
        self._waiters.setdefault(port, deque())

    async def take(self, port: int | None, check: Callable[[], None]) -> StreamT:
        """The next stream; ``check`` raises when waiting makes no sense."""
        self.listen(port)
        queue, waiters = self._queues[port], self._waiters[port]
        while not queue:
            check()
            if self._queues.get(port) is not queue:
                raise Unavailable("no longer accepting", "closed", Retry.NEVER)
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters.append(waiter)
            await waiter
        return queue.popleft()

    def stop(self, port: int | None) -> list[StreamT]:
        """Take no more streams to this port; returns those that wait."""
        queue = self._queues.pop(port, None)
        _wake(self._waiters.pop(port, ()))
        left = list(queue or ())
        if queue:
            queue.clear()
        return left

    def wake(self) -> None:
        """Have everybody check again."""
        for waiters in self._waiters.values():
            _wake(waiters)


def _wake(waiters: Iterable[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
