"""A local TCP or Unix connection as a :class:`~i2ptunnel.relay.channel.Channel`.

Straight on transport callbacks: received pieces are handed on whole, reading pauses while much
waits, ``write`` waits while the transport's buffer is full. ``StreamReader`` would copy everything
twice more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from core.base.authority import bracketed
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import READ_BYTES
from i2ptunnel.relay.flag import Flag

_RECEIVED_BYTES_MAX = 262_144
#: received pieces below this are put together
_SMALL_BYTES = 4096
_WRITE_BYTES_HIGH = 524_288
_WRITE_BYTES_LOW = 131_072
_FLUSH_TIMEOUT_S = 30.0
#: how often a connection whose other side has ended its direction is looked at for a reset, which
#: asyncio does not tell
_RESET_LOOK_S = 0.5
#: a reset so soon after a write: the server had closed the connection before it came
_REFUSED_S = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

T = TypeVar("T")


def _broken(error: Exception | None = None) -> Unavailable:
    """With what the system said as its cause."""
    reason = f": {error}" if error is not None else ""
    broken = Unavailable(f"the local connection broke off{reason}", "stream_reset")
    broken.__cause__ = error
    return broken


class LocalChannel(asyncio.Protocol):
    """One connection. One task may read and one may write at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes | bytearray] = []
        self._received_bytes = 0
        self._written_bytes = 0
        self._is_paused = False
        self._is_eof = False
        self._is_full = False
        self._has_ended_writing = False
        self._error: Unavailable | None = None
        self._look: asyncio.TimerHandle | None = None
        self._ended_at = 0.0
        self._written_at = float("-inf")
        self._is_refused = False
        #: set by its owner while it may be closed for others as soon as it is half-closed
        self.may_yield = False
        self._data_waiter: asyncio.Future[None] | None = None
        self._room_waiter: asyncio.Future[None] | None = None
        self._ended = Flag()
        self._lost = Flag()

    @classmethod
    async def of_socket(cls, sock: socket.socket) -> LocalChannel:
        """A channel of a connected socket."""
        channel = cls()
        await channel.adopt(sock)
        return channel

    async def adopt(self, sock: socket.socket) -> None:
        """Take over a connected socket, once; raises Unavailable if it is no longer one."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: self, sock)
        except OSError as error:
            sock.close()
            raise _broken(error) from None

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint,
        timeout_s: float,
        source: str | None = None,
        is_own: Callable[[Any], bool] | None = None,
    ) -> LocalChannel:
        """Connect to a local service; raises Unavailable ``target_unreachable``.

        ``source``: the address to come from, where the system has it. ``is_own``: whether a
        connected socket leads to a listener of this program, which is refused.
        """
        loop = asyncio.get_running_loop()
        local = None if source is None else (source, 0)
        try:
            async with asyncio.timeout(timeout_s):
                if endpoint.is_unix:
                    _, channel = await loop.create_unix_connection(cls, endpoint.path)
                else:
                    _, channel = await loop.create_connection(
                        cls, endpoint.host, endpoint.port, local_addr=local
                    )
        except OSError as error:  # TimeoutError too
            reason = (error.strerror or "no answer").partition(":")[0].lower()
            if error.errno is not None:
                reason = _os_reason(error.errno, reason)
            raise Unavailable(
                f"the target cannot be reached: {reason}", "target_unreachable"
            ) from None
        if is_own is not None and channel._leads_to(is_own):
            channel.reset()
            raise Unavailable("the target is a listener of this program", "target_unreachable")
        return channel

    def _leads_to(self, is_wanted: Callable[[Any], bool]) -> bool:
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        return sock is not None and is_wanted(sock)

    @property
    def local_address(self) -> str:
        """Our own address of a TCP connection, empty for others."""
        name = self._transport.get_extra_info("sockname") if self._transport is not None else None
        if not isinstance(name, tuple):
            return ""
        return bracketed(str(name[0]).partition("%")[0])

    def keep_alive(self, idle_s: int, interval_s: int, tries: int) -> None:
        """Have the system ask the other side of a TCP connection whether it is still there."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is None or sock.family == socket.AF_UNIX:
            return
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in (
                (socket.TCP_KEEPIDLE, idle_s),
                (socket.TCP_KEEPINTVL, interval_s),
                (socket.TCP_KEEPCNT, tries),
            ):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    @property
    def is_half_closed(self) -> bool:
        """Whether the other side has ended its direction, and not the connection."""
        return self._is_eof and not self._lost.is_set()

    @property
    def ended_at(self) -> float:
        """When the other side ended its direction, on the loop's clock."""
        return self._ended_at

    @property
    def has_arrived(self) -> bool:
        """False after a reset so soon after a write that the server cannot have read it."""
        self._look_for_reset()
        return not self._is_refused

    async def probe(self) -> bool:
        """Always True: the system finds out by itself."""
        return True

    @property
    def bytes_sent(self) -> int:
        """What the kernel has taken; the transport's buffer does not count."""
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return self._written_bytes - waiting

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(_WRITE_BYTES_HIGH, _WRITE_BYTES_LOW)

    def data_received(self, data: bytes) -> None:
        """By asyncio: keeps it, and pauses reading at 256 KiB."""
        received = self._received
        if len(data) < _SMALL_BYTES and received and len(received[-1]) < _SMALL_BYTES:
            # Whoever sends byte by byte while nobody reads must not cost an object each.
            last = received[-1]
            if isinstance(last, bytes):
                last = received[-1] = bytearray(last)
            last += data
        else:
            received.append(data)
        self._received_bytes += len(data)
        if self._received_bytes >= _RECEIVED_BYTES_MAX and not self._is_paused:
            assert self._transport is not None
            self._is_paused = True
            self._transport.pause_reading()
        _wake(self._data_waiter)

    def eof_received(self) -> bool:
        """By asyncio: the other direction stays open, and is looked at for a reset."""
        self._is_eof = True
        loop = asyncio.get_running_loop()
        self._ended_at = loop.time()
        self._look = loop.call_later(_RESET_LOOK_S, self._look_again)
        self._ended.set()
        _wake(self._data_waiter)
        return True

    def _look_again(self) -> None:
        if not self._look_for_reset():
            self._look = asyncio.get_running_loop().call_later(_RESET_LOOK_S, self._look_again)

    def _look_for_reset(self) -> bool:
        """Whether it is lost; behind an end of the other direction nobody else looks."""
        if self._lost.is_set():
            return True
        transport = self._transport
        if transport is None or transport.is_closing() or not self._is_eof:
            return False
        sock = transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(sock.fileno(), 0)
        told = sum(events for _, events in poll.poll(0))
        is_closed = sock.family == socket.AF_UNIX and told & select.POLLHUP
        if not (told & select.POLLERR or (is_closed and not self._has_ended_writing)):
            return False
        self._note_refused()
        self._error = _broken()
        transport.abort()
        return True

    def _note_refused(self) -> None:
        now = asyncio.get_running_loop().time()
        self._is_refused = now - self._written_at < _REFUSED_S

    def connection_lost(self, error: Exception | None) -> None:
        """By asyncio, once: wakes all who wait; without an end in order they get an error."""
        if self._look is not None:
            self._look.cancel()
        if error is not None:
            self._note_refused()
        if error is not None or not self._is_eof:
            self._error = self._error or _broken(error)
        self._is_eof = True
        self._is_full = False
        self._ended.set()
        self._lost.set()
        _wake(self._data_waiter)
        _wake(self._room_waiter)

    def pause_writing(self) -> None:
        """By asyncio: writers wait from now on."""
        self._is_full = True

    def resume_writing(self) -> None:
        """By asyncio: the waiting writer goes on."""
        self._is_full = False
        _wake(self._room_waiter)

    # What the relay calls.

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Some bytes, ``b""`` at the end; a cancelled call loses nothing."""
        while not self._received:
            if self._error is not None:
                raise self._error
            if self._is_eof:
                return b""
            self._data_waiter = asyncio.get_running_loop().create_future()
            await self._data_waiter
        data = self._received.pop(0)  # few: small ones are put together
        if len(data) > limit:
            self._received.insert(0, data[limit:])
            data = data[:limit]
        self._received_bytes -= len(data)
        if isinstance(data, bytearray):
            data = bytes(data)
        if self._is_paused and self._received_bytes <= _RECEIVED_BYTES_MAX // 2:
            self._is_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Raises Unavailable once the connection is lost or its writing end closed."""
        if self._error is not None:
            raise self._error
        if self._transport is None or self._transport.is_closing() or self._has_ended_writing:
            raise _broken()
        self._written_bytes += len(data)
        self._written_at = asyncio.get_running_loop().time()
        self._transport.write(data)
        while self._is_full:
            self._room_waiter = asyncio.get_running_loop().create_future()
            await self._room_waiter
        if self._error is not None:
            raise self._error

    async def close_write(self) -> None:
        """Sends FIN after what is unsent; does nothing the second time."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._has_ended_writing:
            return
        self._has_ended_writing = True
        try:
            transport.write_eof()
        except OSError as error:
            raise _broken(error) from None

    async def close(self) -> None:
        """Close after everything was sent; a peer that does not take it is cut off in the end."""
        if self._transport is None or self._lost.is_set():
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_FLUSH_TIMEOUT_S):
                await self._lost.wait()
        except TimeoutError:
            self.reset()

    def reset(self) -> None:
        """Over TCP with RST (SO_LINGER 0), so that the program sees no end in order."""
        transport = self._transport
        if transport is None or self._lost.is_set():
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()

    def end(self) -> None:
        """Close in order without waiting; what is unsent still goes out."""
        if self._transport is not None:
            self._transport.close()

    async def wait_ended(self) -> None:
        """Return when the other side has ended its direction, or the connection is gone."""
        await self._ended.wait()

    async def wait_lost(self, grace_s: float | None = None) -> None:
        """Return when the connection is gone, also while nobody reads.

        With ``grace_s``, also so long after the peer has ended its direction: a program that has
        closed its socket looks just like one that only has nothing more to say.
        """
        if grace_s is None:
            await self._lost.wait()
            return
        await self._ended.wait()
        try:
            async with asyncio.timeout(grace_s):
                await self._lost.wait()
        except TimeoutError:
            pass


async def unless_lost(
    channel: LocalChannel, work: Coroutine[Any, Any, T], grace_s: float | None = None
) -> T:
    """The result of ``work``, which is given up when the local program goes away meanwhile.

    Raises Unavailable then, and whatever ``work`` raises. ``grace_s`` as in ``wait_lost``.
    """
    doing = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(channel.wait_lost(grace_s))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise _broken()
        return doing.result()
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _os_reason(number: int, otherwise: str) -> str:
    """The system's words for an error, without the address that asyncio adds."""
    return os.strerror(number).lower() if number > 0 else otherwise
