"""Streams through I2P with an IRC filter in them, as channels for the pump."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from core.api import share_turn
from core.base.errors import PeerError, Unavailable
from i2ptunnel.protocols.irc_filter import IrcClientFilter
from i2ptunnel.protocols.irc_server import IrcServerFilter, error_line
from i2ptunnel.relay.channel import READ_BYTES, Channel, WrappedChannel

#: what a filter gets at a time: a few hundred lines, if they are short
_PART_BYTES = 512


async def _feed(receive: Callable[[bytes], None], data: bytes) -> None:
    """Give bytes to a filter in parts, each in a turn of the loop that has room for it."""
    for start in range(0, len(data), _PART_BYTES):
        await share_turn()
        receive(data[start : start + _PART_BYTES])


class IrcClientStream(WrappedChannel):
    """The way to an IRC server: what is written is filtered, and what is read is.

    ``read`` also returns what the filter itself has to say to the client.
    """

    def __init__(self, inner: Channel, irc: IrcClientFilter) -> None:
        super().__init__(inner)
        self._irc = irc
        self._reading: asyncio.Task[bytes] | None = None
        self._told: asyncio.Future[None] | None = None
        self._ready = b""

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Filtered lines of the server; empty once it has closed."""
        while not self._ready:
            self._ready = self._irc.data_to_client()
            if not self._ready and not await self._read_more():
                return b""
        data, self._ready = self._ready[:limit], self._ready[limit:]
        return data

    async def _read_more(self) -> bool:
        """Until the server or the filter said something; False at the end."""
        reading = self._reading
        if reading is None:
            reading = self._reading = asyncio.ensure_future(self._inner.read())
        self._told = asyncio.get_running_loop().create_future()
        try:
            waiting: set[asyncio.Future[Any]] = {reading, self._told}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._reading = None
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            raise
        if not reading.done():
            return True
        self._reading = None
        data = reading.result()
        await _feed(self._irc.receive_from_server, data)
        return bool(data)

    async def write(self, data: bytes) -> None:
        """Lines of the client, of which the filter passes some on, changes some and drops some."""
        await _feed(self._irc.receive_from_client, data)
        if self._told is not None and not self._told.done():
            self._told.set_result(None)
        passed = self._irc.data_to_server()
        if passed:
            await self._inner.write(passed)


class IrcVisitorStream(WrappedChannel):
    """A user's stream, in front of our IRC server: what is read of it is filtered.

    Who is no IRC client, or is not registered ``registration_timeout_s`` after the start, is told
    so; then the stream looks as if the user had closed it.
    """

    def __init__(self, inner: Channel, irc: IrcServerFilter, registration_timeout_s: float) -> None:
        super().__init__(inner)
        self._irc = irc
        self._deadline = asyncio.get_running_loop().time() + registration_timeout_s
        self._writing = asyncio.Lock()
        self._ready = b""
        self.is_refused = False

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Filtered lines of the visitor; empty if it is refused or did not register in time."""
        while not self._ready and not self.is_refused:
            try:
                deadline = None if self._irc.is_registered else self._deadline
                async with asyncio.timeout_at(deadline):
                    data = await self._inner.read()
                if not data:
                    return b""
                await _feed(self._irc.receive_data, data)
            except TimeoutError:
                await self.refuse("registration timed out")
            except PeerError as error:
                await self.refuse(str(error))
            self._ready = self._irc.data_to_send()
        data, self._ready = self._ready[:limit], self._ready[limit:]
        return data

    async def refuse(self, reason: str) -> None:
        """Tell the user why there is no more, and read nothing any more."""
        self.is_refused = True
        with contextlib.suppress(Unavailable):
            await self.write(error_line(reason))

    async def write(self, data: bytes) -> None:
        """Lines of the IRC server, unchanged; never within an answer of ours."""
        async with self._writing:
            await self._inner.write(data)
