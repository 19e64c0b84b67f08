"""Work that goes on to its end, although who asked for it has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

_T = TypeVar("_T")
#: the loop alone does not keep its tasks
_under_way: set[asyncio.Future[Any]] = set()


def begin(work: Awaitable[_T]) -> asyncio.Future[_T]:
    """Have it done, whether or not anybody waits."""
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return task


async def finish(work: Awaitable[_T]) -> _T:
    """The result. What was begun is ended whatever becomes of who waits, whom it may stop."""
    return await asyncio.shield(begin(work))
