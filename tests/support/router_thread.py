"""A router of ours in a thread, beside tests that block: real routers, their programs, curl."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from core.api import ClientSession, Router, RouterConfig, Stream
from core.base.errors import Unavailable

T = TypeVar("T")
Handler = Callable[[Stream], Coroutine[Any, Any, None]]


class RouterThread:
    """Has an event loop of its own. ``router`` is not started."""

    def __init__(self, config: RouterConfig) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self.router = Router(config)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float = 90) -> T:
        """From another thread: what the coroutine returns, or TimeoutError."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def close(self) -> None:
        self.run(self.router.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def serve(self, session: ClientSession, handle: Handler) -> None:
        """Within the loop: hand each stream of a session over, until the session ends."""
        self._spawn(self._accept(session, handle))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, session: ClientSession, handle: Handler) -> None:
        try:
            while True:
                self._spawn(handle(await session.accept()))
        except Unavailable:
            return
