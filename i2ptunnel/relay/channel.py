"""A two-way byte stream, local or through I2P, behind one small interface.

What is wrong with the other side is always an :class:`Unavailable`: ``stream_reset`` when it broke
off, ``target_unreachable`` when it could not be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Protocol

from core.base.errors import Unavailable
from core.data.identity import Destination
from i2ptunnel.config.network_kinds import Endpoint

READ_BYTES = 65536
_BUFFER_BYTES_MAX = 262144
_FLUSH_TIMEOUT_S = 30.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Channel(Protocol):
    """Bytes in, bytes out, each direction closed on its own."""

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Some bytes; empty when the other side closed its direction."""
        ...

    async def write(self, data: bytes) -> None:
        """Send; waits while too much is unsent."""
        ...

    async def close_write(self) -> None:
        """Tell the other side that nothing more comes; reading goes on."""
        ...

    async def close(self) -> None:
        """Close after everything was sent."""
        ...

    def reset(self) -> None:
        """Break off at once; what is unsent is lost and the other side knows."""
        ...


class I2pStream(Channel, Protocol):
    """A stream through I2P."""

    @property
    def remote(self) -> Destination: ...

    @property
    def local_port(self) -> int: ...


class I2pSession(Protocol):
    """A local destination."""

    @property
    def destination(self) -> Destination: ...

    @property
    def is_ready(self) -> bool: ...

    async def wait_ready(self, timeout_s: float) -> None: ...

    async def connect(
        self, destination_hash: bytes, *, port: int = 0, timeout_s: float = 60.0
    ) -> I2pStream: ...

    async def accept(self) -> I2pStream: ...

    async def close(self) -> None: ...


def _reset_error(error: Exception) -> Unavailable:
    return Unavailable(f"the local connection broke off: {error}", code="stream_reset")


class _Protocol(asyncio.StreamReaderProtocol):
    """Also tells, without being read from, when the connection is gone."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


class LocalChannel:
    """A TCP or Unix socket of this machine."""

    __slots__ = ("_lost", "_reader", "_writer")

    def __init__(
        self, transport: asyncio.Transport, protocol: _Protocol, reader: asyncio.StreamReader
    ) -> None:
        loop = asyncio.get_running_loop()
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._lost = protocol.lost
        transport.set_write_buffer_limits(high=_BUFFER_BYTES_MAX)

    @classmethod
    async def of_socket(cls, sock: socket.socket) -> LocalChannel:
        """Take over a connected socket."""
        reader = asyncio.StreamReader(limit=_BUFFER_BYTES_MAX)
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: _Protocol(reader), sock=sock)
        return cls(transport, protocol, reader)

    @classmethod
    async def connect(cls, endpoint: Endpoint, timeout_s: float) -> LocalChannel:
        """Connect to a local service; raises Unavailable ``target_unreachable``."""
        reader = asyncio.StreamReader(limit=_BUFFER_BYTES_MAX)
        loop = asyncio.get_running_loop()

        def factory() -> _Protocol:
            return _Protocol(reader)

        try:
            async with asyncio.timeout(timeout_s):
                if endpoint.is_unix:
                    pair = await loop.create_unix_connection(factory, endpoint.path)
                else:
                    pair = await loop.create_connection(factory, endpoint.host, endpoint.port)
        except OSError as error:  # TimeoutError too
            reason = error.strerror or "no answer"
            raise Unavailable(
                f"the target cannot be reached: {reason}", code="target_unreachable"
            ) from None
        return cls(*pair, reader)

    async def read(self, limit: int = READ_BYTES) -> bytes:
        try:
            return await self._reader.read(limit)
        except OSError as error:
            raise _reset_error(error) from None

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise _reset_error(error) from None

    async def close_write(self) -> None:
        try:
            if self._writer.can_write_eof() and not self._writer.is_closing():
                self._writer.write_eof()
        except OSError as error:
            raise _reset_error(error) from None

    async def close(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(_FLUSH_TIMEOUT_S):
                await self._lost.wait()
        except TimeoutError:
            self.reset()

    def reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def wait_lost(self) -> None:
        """Return when the connection is gone, also while nobody reads."""
        await self._lost.wait()


class Traffic:
    """What a tunnel has carried so far, in bytes; ``sent`` is into I2P."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0


class CountedChannel:
    """A channel into I2P whose bytes are counted."""

    __slots__ = ("_inner", "_traffic")

    def __init__(self, inner: Channel, traffic: Traffic) -> None:
        self._inner, self._traffic = inner, traffic

    async def read(self, limit: int = READ_BYTES) -> bytes:
        data = await self._inner.read(limit)
        self._traffic.received += len(data)
        return data

    async def write(self, data: bytes) -> None:
        await self._inner.write(data)
        self._traffic.sent += len(data)

    async def close_write(self) -> None:
        await self._inner.close_write()

    async def close(self) -> None:
        await self._inner.close()

    def reset(self) -> None:
        self._inner.reset()


async def finish_politely(
    channel: Channel, timeout_s: float = 2.0, bytes_max: int = 1 << 20
) -> None:
    """Close so that the last answer arrives although the other side is still sending.

    Closing a TCP socket with unread data resets it, and the reset overtakes the answer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await channel.close_write()
            while bytes_max > 0 and (data := await channel.read()):
                bytes_max -= len(data)
    except (Unavailable, TimeoutError):
        pass
    await channel.close()
