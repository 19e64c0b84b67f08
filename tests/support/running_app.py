"""A whole program in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from i2ptunnel.app import App
from tests.support.waiting import until


@asynccontextmanager
async def running_app(app: App, is_up: Callable[[], object]) -> AsyncIterator[None]:
    """Run ``app`` until the block ends, which begins once ``is_up()``.

    Raises what ends the program before that, and TimeoutError.
    """
    running = asyncio.create_task(app.run())
    try:
        await until("the program is up", is_up, serve=lambda: running.done() and running.result())
        yield
    finally:
        app.request_stop()
        await running
