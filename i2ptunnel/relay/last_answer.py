"""An answer that is still given when the service that owes it is stopped.

What stops it may be the request itself: a reload that moves the service. So nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from i2ptunnel.finishing import begin
from i2ptunnel.relay.listener import Accepted

#: for an answer that is owed when its service stops
LAST_ANSWER_S = 30.0


def _always() -> bool:
    return True


async def answer_out(
    accepted: Accepted, work: Awaitable[None], owes: Callable[[], bool] = _always
) -> None:
    """Do ``work``, which ends the connection. Cancelled while it ``owes`` an answer, it goes on.

    ``owes`` is asked only then. What the work has begun by then has so many seconds more.
    """
    task = begin(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done() and owes():
            begin(_see_out(accepted, task))
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _see_out(accepted: Accepted, task: asyncio.Future[Any]) -> None:
    try:
        await asyncio.wait([task], timeout=LAST_ANSWER_S)
        is_well = task.done() and not task.cancelled() and task.exception() is None
        if not is_well:
            accepted.channel.reset()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
