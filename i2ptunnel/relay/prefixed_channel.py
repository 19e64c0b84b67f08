"""A channel that first gives back what was read too far from it."""

from __future__ import annotations

from i2ptunnel.relay.channel import READ_BYTES, Channel, WrappedChannel


class PrefixedChannel(WrappedChannel):
    """``first``, then what comes from ``channel``."""

    __slots__ = ("_first",)

    def __init__(self, first: bytes, channel: Channel) -> None:
        super().__init__(channel)
        self._first = first

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """What was read too far comes alone, however short: nothing waits for the channel."""
        if self._first:
            data, self._first = self._first[:limit], self._first[limit:]
            return data
        return await self._inner.read(limit)
