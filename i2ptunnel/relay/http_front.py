"""The side of an HTTP exchange that asks: its channel, and what was read of its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from core.api import share_turn
from core.base.errors import Unavailable
from i2ptunnel.protocols.http1 import NEED_DATA, RequestHead, RequestReader, Signal
from i2ptunnel.relay.channel import Channel, I2pStream
from i2ptunnel.relay.least_rate import LeastRateChannel
from i2ptunnel.relay.local import LocalChannel, unless_lost

#: a body whose sender is silent for longer is given up
BODY_TIMEOUT_S = 300.0
#: how long a front that has ended its direction is waited with for more of the response
LEFT_GRACE_S = 300.0

T = TypeVar("T")


@dataclass(slots=True)
class Front:
    """The side that asks: its channel and what was read from it so far."""

    channel: Channel
    reader: RequestReader
    #: the local connection below ``channel``, if there is one: its end is noticed at once
    local: LocalChannel | None = None
    #: the stream below it, if there is one: that it breaks off is noticed at once
    stream: I2pStream | None = None
    #: what holds the asking side to a least rate, if there is something
    least_rate: LeastRateChannel | None = None

    async def next_event(self) -> RequestHead | bytes | Signal:
        """The next event of the request; waits for data. Raises HttpFault, Unavailable."""
        while (event := await in_turn(self.reader.next_event)) is NEED_DATA:
            self.reader.receive_data(await self.channel.read())
        return event

    async def read_body(self) -> bytes:
        """More of a body; raises TimeoutError when its sender is silent or too slow."""
        guard = self.least_rate
        try:
            if guard is not None:
                guard.is_body_due = True
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self.channel.read()
        finally:
            if guard is not None:
                guard.is_body_due = False

    def release(self) -> None:
        """What comes is no longer HTTP, and may be as slow as it likes."""
        if self.least_rate is not None:
            self.least_rate.release()

    async def watch(self, passed_at: Callable[[], float]) -> None:
        """Raise Unavailable when the front is gone.

        ``passed_at``: when some of the response was last written to it, on the loop's clock.
        """
        if self.local is not None:
            await self.local.wait_ended()
            now = asyncio.get_running_loop().time
            while self.local.is_half_closed:
                left_s = max(self.local.ended_at, passed_at()) + LEFT_GRACE_S - now()
                if left_s <= 0:
                    break
                await self.local.wait_lost(left_s)
        elif self.stream is not None:
            await self.stream.wait_reset()
        raise Unavailable("the asking side is gone", "stream_reset")

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, which ends early if a local front is lost for long."""
        if self.local is None:
            return await work
        return await unless_lost(self.local, work, LEFT_GRACE_S)

    async def next_head(self, idle_s: float, head_s: float) -> RequestHead | Signal:
        """The next request head, or CLOSED.

        ``idle_s``: for its first byte; ``head_s``: from then on. Raises TimeoutError, HttpFault,
        Unavailable.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(idle_s) as timer:
            is_idle = self.reader.is_idle
            while (event := await in_turn(self.reader.next_event)) is NEED_DATA:
                self.reader.receive_data(await self.channel.read())
                if is_idle and not self.reader.is_idle:
                    is_idle = False
                    timer.reschedule(loop.time() + head_s)
        assert not isinstance(event, bytes)
        return event


async def in_turn(work: Callable[[], T]) -> T:
    """What ``work`` returns, done in a turn of the loop that has room for it."""
    await share_turn()
    return work()
