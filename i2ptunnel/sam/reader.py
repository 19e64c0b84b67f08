"""Lines and counted bytes from a program's connection."""

from __future__ import annotations

from core.base.errors import Unavailable
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.sam.protocol.line import LINE_BYTES_MAX, LineFault, may_be_hello


class NoHello(Exception):
    """The first line is no HELLO: nobody who speaks SAM is there."""


class LineReader:
    """Reads ahead, and gives back what it read too far."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._buffer = bytearray()

    async def line(self, *, is_first: bool = False) -> bytes | None:
        """The next line without its end, None at the end of the connection.

        Raises LineFault if it is too long, NoHello if it ``is_first`` and no HELLO, as soon as that
        is known.
        """
        buffer, start = self._buffer, 0
        while True:
            if is_first and not may_be_hello(bytes(buffer[:8])):
                raise NoHello
            end = buffer.find(b"\n", start)
            if (len(buffer) if end < 0 else end) > LINE_BYTES_MAX:
                raise LineFault("HELLO REPLY" if is_first else "SESSION STATUS", "too long a line")
            if end >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                return line
            start = len(buffer)
            data = await self._channel.read()
            if not data:
                return None
            buffer += data

    async def exactly(self, size: int) -> bytes:
        """So many bytes; raises Unavailable if the connection ends before."""
        buffer = self._buffer
        while len(buffer) < size:
            data = await self._channel.read()
            if not data:
                raise Unavailable("the connection has ended", "closed")
            buffer += data
        payload = bytes(buffer[:size])
        del buffer[:size]
        return payload

    def rest(self) -> Channel:
        """The connection from here on, as bytes."""
        first = bytes(self._buffer)
        self._buffer.clear()
        return PrefixedChannel(first, self._channel) if first else self._channel
