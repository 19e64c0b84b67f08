"""Channels that are kept between two HTTP exchanges, for the next one to the same place.

An idle channel is watched: whatever comes on it, or its end, makes it useless, for nobody has asked
for anything. Nothing waits here for longer than its idle time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable

from core.base.errors import Unavailable
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.local import LocalChannel

#: less than what servers wait for another request (ours 120 s, Java 130 s, nginx 75 s, Apache 5 s)
IDLE_S = 55.0
_PER_KEY_MAX = 8
_TOTAL_MAX = 64


class _Kept:
    __slots__ = ("channel", "is_dead", "key", "watch")

    def __init__(self, key: Hashable, channel: Channel) -> None:
        self.key = key
        self.channel = channel
        self.is_dead = False
        self.watch: asyncio.Task[None] | None = None


class ChannelPool:
    """Idle channels by where they lead to; the one used last is given out first."""

    def __init__(
        self, idle_s: float = IDLE_S, per_key_max: int = _PER_KEY_MAX, total_max: int = _TOTAL_MAX
    ) -> None:
        self._idle_s = idle_s
        self._per_key_max = per_key_max
        self._total_max = total_max
        self._kept: list[_Kept] = []  # the one that is idle for longest comes first

    def __len__(self) -> int:
        return len(self._kept)

    async def take(self, key: Hashable) -> Channel | None:
        """An idle channel, or None. It may still turn out to be dead when it is used."""
        for kept in reversed(self._kept):
            if kept.key == key:
                self._kept.remove(kept)
                await _end_watch(kept)
                if not kept.is_dead:
                    return kept.channel
                return await self.take(key)
        return None

    def give(self, key: Hashable, channel: Channel) -> None:
        """Keep a channel on which nothing is under way; an older one may have to go for it."""
        same = [kept for kept in self._kept if kept.key == key]
        if len(same) >= self._per_key_max:
            self._discard(same[0])
        elif len(self._kept) >= self._total_max:
            # the oldest of the place with the most: one visitor cannot push out all others'
            places = Counter(kept.key for kept in self._kept)
            self._discard(max(self._kept, key=lambda kept: places[kept.key]))
        kept = _Kept(key, channel)
        self._kept.append(kept)
        kept.watch = asyncio.create_task(self._watch(kept))

    async def close(self) -> None:
        """End all idle channels."""
        kept, self._kept = self._kept, []
        for one in kept:
            await _end_watch(one)
            _end(one.channel)

    def _discard(self, kept: _Kept) -> None:
        self._kept.remove(kept)
        kept.is_dead = True
        if kept.watch is not None:
            kept.watch.cancel()
        _end(kept.channel)

    async def _watch(self, kept: _Kept) -> None:
        try:
            async with asyncio.timeout(self._idle_s):
                await kept.channel.read(1)
        except (Unavailable, TimeoutError):
            pass
        kept.is_dead = True
        if kept in self._kept:
            self._kept.remove(kept)
        await kept.channel.close()


def _end(channel: Channel) -> None:
    """Give up an idle channel at once; a local server sees an end in order."""
    if isinstance(channel, LocalChannel):
        channel.end()
    else:
        channel.reset()


async def _end_watch(kept: _Kept) -> None:
    """Until nobody reads from the channel any more."""
    if kept.watch is not None:
        kept.watch.cancel()
        await asyncio.gather(kept.watch, return_exceptions=True)


class PooledPlace:
    """One place in a pool, as an exchange uses it."""

    __slots__ = ("_key", "_pool")

    def __init__(self, pool: ChannelPool, key: Hashable) -> None:
        self._pool, self._key = pool, key

    async def take(self) -> Channel | None:
        """As :meth:`ChannelPool.take`, for this place."""
        return await self._pool.take(self._key)

    def give(self, channel: Channel) -> None:
        """As :meth:`ChannelPool.give`, for this place."""
        self._pool.give(self._key, channel)
