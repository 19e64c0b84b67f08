"""Waiting for a condition, with a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from tests.support.machine import slowdown

T = TypeVar("T")


async def until(
    what: str,
    check: Callable[[], T],
    timeout_s: float = 20.0,
    *,
    serve: Callable[[], object] = lambda: None,
    every_s: float = 0.01,
    tell: Callable[[], object] = lambda: "",
) -> T:
    """What ``check()`` returns once it is true; TimeoutError with ``what`` and what ``tell`` says.

    ``serve`` is called meanwhile. ``timeout_s``: on a machine that does nothing else; a busy one
    gets more. A test that waits without such a bound may never end: what ``pytest-timeout`` raises
    can end up in a task of its own.
    """
    began = time.monotonic()
    while not (found := check()):
        waited_s = time.monotonic() - began
        if waited_s > timeout_s and waited_s > timeout_s * await asyncio.to_thread(slowdown):
            raise TimeoutError(f"{what}: not within {waited_s:.1f} s; {tell()}")
        serve()
        await asyncio.sleep(every_s)
    return found


async def eventually(check: Callable[[], T], timeout_s: float = 20.0) -> T:
    """As :func:`until`, where the line that waits says for what."""
    return await until("this", check, timeout_s)
