"""A channel that first gives back what was read too far from it."""

from __future__ import annotations

from i2ptunnel.relay.channel import READ_BYTES, Channel


class PrefixedChannel:
    """``first``, then what comes from ``channel``."""

    __slots__ = ("_channel", "_first")

    def __init__(self, first: bytes, channel: Channel) -> None:
        self._first = first
        self._channel = channel

    @property
    def below(self) -> Channel:
        """What it is around."""
        return self._channel

    @property
    def bytes_sent(self) -> int:
        return self._channel.bytes_sent

    @property
    def has_arrived(self) -> bool:
        return self._channel.has_arrived

    async def probe(self) -> bool:
        return await self._channel.probe()

    async def read(self, limit: int = READ_BYTES) -> bytes:
        if self._first:
            data, self._first = self._first[:limit], self._first[limit:]
            return data
        return await self._channel.read(limit)

    async def write(self, data: bytes) -> None:
        await self._channel.write(data)

    async def close_write(self) -> None:
        await self._channel.close_write()

    async def close(self) -> None:
        await self._channel.close()

    def reset(self) -> None:
        self._channel.reset()
