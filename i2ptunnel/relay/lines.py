"""Lines over a channel, for protocols whose words end with CRLF."""

from __future__ import annotations

import asyncio

from core.base.errors import PeerError
from i2ptunnel.relay.channel import Channel


class LineReader:
    """Reads a channel by lines, which are given without their CRLF.

    Only CRLF ends a line: what else might, for some reader behind us, stays in the line and is for
    the caller to refuse. A line of more than ``bytes_max`` raises PeerError.
    """

    def __init__(self, channel: Channel, bytes_max: int) -> None:
        self._channel = channel
        self._bytes_max = bytes_max
        self._lines: list[bytes] = []
        self._rest = b""
        self._reading: asyncio.Task[bytes] | None = None
        self.is_at_end = False

    @property
    def has_line(self) -> bool:
        """Whether :meth:`line` need not wait."""
        return bool(self._lines)

    def reading(self) -> asyncio.Task[bytes]:
        """What is awaited; wait for it, and then call :meth:`take`."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._channel.read())
        return self._reading

    def take(self) -> None:
        """Use what has been read; raises what reading raised."""
        reading, self._reading = self._reading, None
        assert reading is not None
        data = reading.result()
        self.is_at_end = not data
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        if max(map(len, (*lines, self._rest))) > self._bytes_max:
            raise PeerError(f"a line of more than {self._bytes_max} bytes")
        self._lines += lines

    async def line(self) -> bytes | None:
        """The next line; None at the end."""
        while not self._lines:
            if self.is_at_end:
                return None
            await asyncio.wait((self.reading(),))
            self.take()
        return self._lines.pop(0)

    async def lines(self) -> list[bytes]:
        """All lines that are there, at least one; none at the end."""
        first = await self.line()
        if first is None:
            return []
        rest, self._lines = self._lines, []
        return [first, *rest]

    def put_back(self, lines: list[bytes]) -> None:
        """They are read again first."""
        self._lines[:0] = lines

    async def stop(self) -> None:
        """Read no more."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def first_to_speak(one: LineReader, other: LineReader, timeout_s: float) -> LineReader | None:
    """Which of two has something, or has ended; None: neither within the time (0: for ever)."""
    for reader in (one, other):
        if reader.has_line or reader.is_at_end:
            return reader
    tasks = {one.reading(): one, other.reading(): other}
    done, _ = await asyncio.wait(
        tasks, timeout=timeout_s or None, return_when=asyncio.FIRST_COMPLETED
    )
    for task, reader in tasks.items():
        if task in done:
            reader.take()
            return reader
    return None
