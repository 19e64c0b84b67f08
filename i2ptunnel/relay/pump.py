"""Carries bytes both ways between two channels until both directions are done.

Back-pressure comes from the channels: a read is followed by a write, which waits while the other
side is full. The end of one direction is passed on as such and the other one goes on; a reset on
either side resets both.
"""

from __future__ import annotations

import asyncio

from core.api import share_turn
from core.base.errors import Unavailable
from i2ptunnel.relay.channel import Channel, WrappedChannel
from i2ptunnel.relay.local import LocalChannel


def local_below(channel: Channel) -> LocalChannel | None:
    """The local connection that a channel is, or is around."""
    while isinstance(channel, WrappedChannel):
        channel = channel.below
    return channel if isinstance(channel, LocalChannel) else None


class _Idle(Exception):
    """Nothing was carried for the idle time."""


class _Activity:
    __slots__ = ("last",)

    def __init__(self, now: float) -> None:
        self.last = now


async def _copy(source: Channel, sink: Channel, activity: _Activity) -> None:
    now = asyncio.get_running_loop().time
    while data := await source.read():
        activity.last = now()
        await share_turn()
        await sink.write(data)
        activity.last = now()
    await sink.close_write()


async def _until_lost(local: LocalChannel) -> None:
    await local.wait_lost()
    raise Unavailable("the local connection broke off", "stream_reset")


async def _watch(activity: _Activity, idle_timeout_s: float) -> None:
    now = asyncio.get_running_loop().time
    while (left := activity.last + idle_timeout_s - now()) > 0:
        await asyncio.sleep(left)
    raise _Idle


async def _carry(one: Channel, other: Channel, idle_timeout_s: float) -> None:
    activity = _Activity(asyncio.get_running_loop().time())
    async with asyncio.TaskGroup() as watching:
        watch = None
        if idle_timeout_s > 0:
            watch = watching.create_task(_watch(activity, idle_timeout_s))
        async with asyncio.TaskGroup() as copying:
            forth = copying.create_task(_copy(one, other, activity))
            back = copying.create_task(_copy(other, one, activity))
            await asyncio.wait((forth, back), return_when=asyncio.FIRST_COMPLETED)
            # Who has ended its direction is no longer read from, and may break off unseen.
            ended, going = (one, back) if forth.done() else (other, forth)
            local = local_below(ended)
            if local is not None and not going.done():
                lost = copying.create_task(_until_lost(local))
                going.add_done_callback(lambda _: lost.cancel())
        if watch is not None:
            watch.cancel()


async def pump(one: Channel, other: Channel, *, idle_timeout_s: float = 0.0) -> bool:
    """Carry until both directions ended; True if both ended by themselves.

    Both channels are closed or reset afterwards, also when the task is cancelled. An idle time of
    0 never ends a connection.
    """
    try:
        await _carry(one, other, idle_timeout_s)
    except BaseExceptionGroup as group:
        one.reset()
        other.reset()
        unexpected = group.split((Unavailable, _Idle))[1]
        if unexpected is not None:
            raise unexpected from None
        return False
    except BaseException:
        one.reset()
        other.reset()
        raise
    await one.close()
    await other.close()
    return True
