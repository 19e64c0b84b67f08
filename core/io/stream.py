"""A stream as the application holds it: read, write and wait over the engine's bounded buffers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.base.errors import LocalError, Retry, Unavailable
from core.data.identity import Destination
from core.streaming import events as stream_events
from core.streaming.connection import Stream as StreamEngine
from core.streaming.manager import StreamEvent


class StreamReset(Unavailable):
    """The stream is dead: the peer reset it, or it no longer answers."""

    def __init__(self, why: str) -> None:
        code = "connect_timeout" if why == "connect_timeout" else "stream_reset"
        super().__init__(_RESET_TEXTS.get(why, f"stream reset ({why})"), code, Retry.NOW)
        self.why = why


_RESET_TEXTS = {
    "peer": "the other side reset the stream",
    "connect_timeout": "the destination did not answer",
    "timeout": "the other side no longer answers",
    "inactive": "nothing was sent or received for too long",
    "local": "the stream was reset here",
}


class Stream:
    """One connection to a remote destination. Use it from the router's event loop only."""

    def __init__(self, stream: StreamEngine, now: Callable[[], float], touch: Callable[[], None]):
        self._stream = stream
        self._now = now
        self._touch = touch
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._connector: asyncio.Future[None] | None = None
        self._failure: StreamReset | None = None
        self._broken = asyncio.Event()
        self._acknowledged: list[asyncio.Future[None]] = []
        stream.handle = self

    @property
    def remote(self) -> Destination:
        """The other side's destination."""
        return self._stream.remote

    @property
    def local_port(self) -> int:
        """0 if none was given."""
        return self._stream.local_port

    @property
    def remote_port(self) -> int:
        """0 if none was given."""
        return self._stream.remote_port

    @property
    def bytes_sent(self) -> int:
        """Payload that left the send buffer, without retransmissions."""
        return self._stream.stats.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Payload of data packets that came, duplicates included."""
        return self._stream.stats.bytes_received

    async def read(self, limit: int = 65536) -> bytes:
        """Up to ``limit`` bytes as soon as there are any; empty: the remote closed its direction.

        Raises StreamReset. One reader at a time.
        """
        stream = self._stream
        while True:
            data = stream.read(limit)
            if data:
                if stream.is_awake:
                    self._touch()
                return data
            if self._failure is not None:
                raise self._failure
            if stream.at_eof:
                return b""
            self._reader = _new_waiter(self._reader)
            await self._reader

    async def write(self, data: bytes) -> None:
        """Hand over all of ``data``; waits while the stream's buffer is full.

        Raises StreamReset. One writer at a time.
        """
        stream = self._stream
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                taken = stream.write(data)
            except LocalError as error:
                raise StreamReset("local") from error
            if taken:
                self._touch()
            if taken == len(data):
                return
            data = data[taken:]
            self._writer = _new_waiter(self._writer)
            await self._writer

    @property
    def has_arrived(self) -> bool:
        """Whether the peer has acknowledged every byte written; after a reset: whether it had.

        Its application may, or may not yet, have read them.
        """
        return self._stream.has_arrived

    async def probe(self) -> bool:
        """Ask the peer whether it knows this stream.

        True as soon as it has acknowledged everything written (if all is acknowledged, an empty
        packet that is sent for this), or if it has said anything on this stream within four
        round-trip timeouts, at least 3 and at most 10 s. False if not: the peer has forgotten the
        stream, or nothing gets through. i2pd and Java say nothing for streams they do not know.
        Raises StreamReset.
        """
        stream = self._stream
        if self._failure is not None:
            raise self._failure
        if stream.is_dead:
            return stream.has_arrived
        asked_at = self._now()
        waiter = asyncio.get_running_loop().create_future()
        self._acknowledged.append(waiter)
        stream.request_ack()
        self._touch()
        try:
            async with asyncio.timeout(stream.ack_due_s):
                await waiter
        except TimeoutError:
            return stream.heard_at > asked_at
        finally:
            if waiter in self._acknowledged:
                self._acknowledged.remove(waiter)
        return True

    @property
    def is_reset_by_peer(self) -> bool:
        """Whether the peer broke the stream off, as against one that only fell silent."""
        return self._failure is not None and self._failure.why == "peer"

    async def close_write(self) -> None:
        """End our direction after everything written; reading goes on."""
        self._stream.close(self._now())
        self._touch()

    async def close(self) -> None:
        """End both directions: what was written is still sent, what comes is dropped."""
        self._stream.close(self._now(), reading=False)
        self._touch()

    def reset(self) -> None:
        """Drop everything and tell the other side."""
        self._stream.reset(self._now())
        self._touch()

    async def wait_reset(self) -> None:
        """Return when the stream is dead, also while nobody reads or writes. Many may wait."""
        await self._broken.wait()

    async def _connected(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._connector = _new_waiter(self._connector)
        await self._connector

    def _on_event(self, event: StreamEvent) -> None:
        match event:
            case stream_events.Connected():
                wake(self._connector)
            case stream_events.Readable() | stream_events.RemoteClosed():
                wake(self._reader)
            case stream_events.Writable():
                wake(self._writer)
            case stream_events.Acknowledged():
                self._settle_probes(None)
            case stream_events.Closed():
                self._settle_probes(None)
                wake(self._connector)
                wake(self._reader)
                wake(self._writer)
            case stream_events.Reset(_, why):
                self._failure = StreamReset(why)
                self._broken.set()
                self._settle_probes(self._failure)
                _fail(self._connector, self._failure)
                wake(self._reader)
                wake(self._writer)

    def _settle_probes(self, failure: StreamReset | None) -> None:
        waiters, self._acknowledged = self._acknowledged, []
        for waiter in waiters:
            if failure is None:
                wake(waiter)
            else:
                _fail(waiter, failure)


def _new_waiter(waiter: asyncio.Future[None] | None) -> asyncio.Future[None]:
    if waiter is not None and not waiter.done():
        raise LocalError("two tasks wait for the same direction of a stream")
    return asyncio.get_running_loop().create_future()


def wake(waiter: asyncio.Future[None] | None) -> None:
    """Let whoever waits go on, if anybody still does."""
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _fail(waiter: asyncio.Future[None] | None, error: Exception) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_exception(error)
