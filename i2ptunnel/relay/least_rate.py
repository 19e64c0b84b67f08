"""Breaks off who sends a body, or takes a response, too slowly to be doing it in earnest.

Only what the other side makes us wait for counts: neither what a bandwidth limit of ours holds back
(this channel goes below it) nor a back that has nothing to say yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from i2ptunnel.protocols.patience import Patience
from i2ptunnel.relay.channel import READ_BYTES, Channel, WrappedChannel

#: a pause that tunnels may need to be replaced, and a browser to be asked something
RESERVE_S = 120.0
_SAMPLES = 24
_AT_ONCE_S = 0.05


class LeastRateChannel(WrappedChannel):
    """A front's channel; ``bytes_s`` None: as slow as it likes.

    While ``is_body_due``, ``read`` raises TimeoutError when what comes is too slow. A response that
    is taken too slowly resets the channel, so that ``write`` raises Unavailable. ``on_slow`` is
    called in both cases.
    """

    __slots__ = (
        "_at",
        "_carried",
        "_on_slow",
        "_sample_s",
        "_taking",
        "_timer",
        "_uploading",
        "is_body_due",
    )

    def __init__(self, inner: Channel, bytes_s: int | None, on_slow: Callable[[], None]) -> None:
        super().__init__(inner)
        self.is_body_due = False
        self._on_slow = on_slow
        self._uploading = None if bytes_s is None else Patience(bytes_s, RESERVE_S)
        self._taking = None if bytes_s is None else Patience(bytes_s, RESERVE_S)
        self._sample_s = RESERVE_S / _SAMPLES
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._carried = 0

    def release(self) -> None:
        """From now on as slow as it likes: what speaks is no longer HTTP."""
        self._uploading = self._taking = None

    def read(self, limit: int = READ_BYTES) -> Coroutine[Any, Any, bytes]:
        """While an upload is due: TimeoutError once it is below the rate for too long."""
        # No coroutine of its own around the inner one: thousands of connections wait in here.
        if self._uploading is None or not self.is_body_due:
            return self._inner.read(limit)
        return self._read_in_time(limit, self._uploading)

    async def _read_in_time(self, limit: int, patience: Patience) -> bytes:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with asyncio.timeout(max(0.0, patience.left_s)):
                data = await self._inner.read(limit)
        except TimeoutError:
            self._on_slow()
            raise
        patience.note(now() - began, len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Resets the channel, so that this fails, if it is taken below the rate for too long."""
        if self._taking is None:
            await self._inner.write(data)
            return
        loop = asyncio.get_running_loop()
        self._at = loop.time()
        self._timer = loop.call_later(self._sample_s, self._sample)
        try:
            await self._inner.write(data)
        finally:
            self._timer.cancel()
        if loop.time() - self._at > _AT_ONCE_S:
            self._note()

    def _sample(self) -> None:
        """A write takes long: break it off, or look again in a while."""
        if not self._note():
            self._on_slow()
            self._inner.reset()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._sample_s, self._sample)

    def _note(self) -> bool:
        """False if there is no patience left."""
        if self._taking is None:
            return True
        now, carried = asyncio.get_running_loop().time(), self._inner.bytes_sent
        self._taking.note(now - self._at, max(0, carried - self._carried))
        self._at, self._carried = now, carried
        return self._taking.left_s > 0
