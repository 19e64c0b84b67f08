"""A stream as asyncio's own programs know connections: a transport, or a reader and a writer."""

from __future__ import annotations

import asyncio
from typing import cast

from i2ptunnel.api.errors import StreamReset
from i2ptunnel.api.interface import Session, Stream, Target
from i2ptunnel.api.opening import CONNECT_TIMEOUT_S

#: bytes that wait to be sent until the protocol is told to pause, and until it may go on
_HIGH, _LOW = 65536, 16384


class StreamTransport(asyncio.Transport):
    """Gives the bytes of a stream to an asyncio protocol, and sends what the protocol writes.

    ``get_extra_info("peername")`` is the peer's I2P host name and port. The protocol's
    ``connection_made`` is called at once.
    """

    def __init__(self, stream: Stream, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": (stream.remote.host, stream.remote_port), "stream": stream})
        self._stream = stream
        self._protocol = cast(asyncio.Protocol, protocol)
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._has_output = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._high, self._low = _HIGH, _LOW
        self._is_paused = self._is_closing = self._is_lost = self._at_end = False
        protocol.connection_made(self)
        self._reading = self._loop.create_task(self._read())
        self._writing = self._loop.create_task(self._write())

    # Reading

    async def _read(self) -> None:
        try:
            while True:
                await self._may_read.wait()
                data = await self._stream.read()
                await self._may_read.wait()
                if self._is_closing:
                    return
                if not data:
                    if not self._protocol.eof_received():
                        self.close()
                    return
                self._protocol.data_received(data)
        except Exception as error:  # also one of the protocol, whose connection ends with it
            self._lose(error)

    def pause_reading(self) -> None:
        """The protocol wants nothing for now."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """The protocol goes on."""
        self._may_read.set()

    def is_reading(self) -> bool:
        """Whether the protocol gets what comes."""
        return self._may_read.is_set() and not self._is_closing

    # Writing

    async def _write(self) -> None:
        try:
            while True:
                await self._has_output.wait()
                self._has_output.clear()
                while self._buffer:
                    data = bytes(self._buffer)
                    await self._stream.write(data)
                    del self._buffer[: len(data)]
                    if self._is_paused and len(self._buffer) <= self._low:
                        self._is_paused = False
                        self._protocol.resume_writing()
                if self._is_closing:
                    await self._stream.close()
                    return self._lose(None)
                if self._at_end:
                    await self._stream.close_write()
        except Exception as error:
            self._lose(error)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, in the background."""
        if self._is_closing or self._at_end:
            return
        self._buffer += data
        self._has_output.set()
        if len(self._buffer) > self._high and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """End our direction when everything is sent."""
        self._at_end = True
        self._has_output.set()

    def can_write_eof(self) -> bool:
        """Always: streams close each direction on its own."""
        return True

    def get_write_buffer_size(self) -> int:
        """Bytes that are not handed over yet."""
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """When the protocol goes on, and when it pauses."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See :class:`asyncio.WriteTransport`."""
        self._high = high if high is not None else 4 * low if low is not None else _HIGH
        self._low = low if low is not None else self._high // 4

    # The end

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another protocol gets everything from now on."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who gets what comes."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether it ends or has ended."""
        return self._is_closing

    def close(self) -> None:
        """End when everything is sent."""
        if not self._is_closing:
            self._is_closing = True
            self._reading.cancel()
            self._has_output.set()

    def abort(self) -> None:
        """Break off at once."""
        self._stream.reset()
        self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        if isinstance(error, StreamReset):
            error = ConnectionResetError(str(error))
        for task in (self._reading, self._writing):
            if task is not asyncio.current_task():
                task.cancel()
        self._loop.call_soon(self._protocol.connection_lost, error)


async def open_connection(
    session: Session,
    target: Target,
    port: int | None = None,
    *,
    limit: int = 1 << 16,
    timeout: float | None = CONNECT_TIMEOUT_S,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Like :func:`asyncio.open_connection`, through I2P. Raises what ``Session.connect`` does."""
    stream = await session.connect(target, port, timeout=timeout)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = StreamTransport(stream, protocol)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
