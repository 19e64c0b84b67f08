"""HTTP for the console: uvicorn's protocol over connections of our own listener.

The listener gives TLS, limits and an accept loop that cannot die; what uvicorn sees is a transport
made of one of its channels.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from core.base.errors import Unavailable
from i2ptunnel.relay.channel import finish_politely
from i2ptunnel.relay.last_answer import answer_out
from i2ptunnel.relay.listener import Accepted

#: from the connection, or the last response, to the end of a request's head
IDLE_TIMEOUT_S = 20.0
#: the longest that a response may take; live pages ask again
RESPONSE_TIMEOUT_S = 900.0
HEAD_BYTES_MAX = 16_384
_WRITE_BYTES_HIGH = 65_536
_READ_BYTES = 16_384

Asgi = Callable[..., Awaitable[None]]


class WebServer:
    """Serves an ASGI application on connections that a listener has accepted."""

    def __init__(self, site: Asgi) -> None:
        # What uvicorn would log has paths in it, which are secrets here; errors are the site's.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._config = Config(
            site,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(IDLE_TIMEOUT_S),
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        )
        self._config.load()
        self._state = ServerState()

    async def serve(self, accepted: Accepted) -> None:
        """One connection, until it ends; an answer that is owed then is still given."""
        transport = _ChannelTransport(accepted)
        protocol = _Protocol(self._config, self._state, {}, asyncio.get_running_loop())
        transport.protocol = protocol
        protocol.accepted = accepted
        protocol.connection_made(transport)
        await answer_out(accepted, _serve(transport, protocol), protocol.begin_last)


async def _serve(transport: _ChannelTransport, protocol: _Protocol) -> None:
    accepted = transport.accepted
    tasks = [
        asyncio.create_task(_read(transport, protocol)),
        asyncio.create_task(transport.write_all()),
    ]
    is_ours = False
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        is_ours = transport.is_closing()
    finally:
        protocol.connection_lost(None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if is_ours:
        await finish_politely(accepted.channel)
    elif transport.is_stuck:
        accepted.channel.reset()
    else:
        accepted.channel.end()


async def _read(transport: _ChannelTransport, protocol: _Protocol) -> None:
    with contextlib.suppress(Unavailable):
        while not transport.is_closing():
            try:
                async with asyncio.timeout_at(protocol.deadline) as limit:
                    protocol.limit = limit
                    await transport.may_read.wait()
                    data = await transport.accepted.channel.read(_READ_BYTES)
            except TimeoutError:
                transport.is_stuck = protocol.is_busy or transport.is_sending
                return
            if not data:
                return
            protocol.data_received(data)


class _Protocol(H11Protocol):
    """Says when a request begins and ends. ``deadline``: when it has taken too long."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.accepted: Accepted | None = None
        self.deadline = self.loop.time() + IDLE_TIMEOUT_S
        self.limit: asyncio.Timeout | None = None
        self._served: object = None

    @property
    def is_busy(self) -> bool:
        """Whether a response is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def begin_last(self) -> bool:
        """Whether a page is owed, the last one then; a live page ends, which asks again."""
        cycle, transport = self.cycle, cast(_ChannelTransport, self.transport)
        has_unsent = not self.is_busy and transport.is_unsent
        if not has_unsent and (cycle is None or not self.is_busy or cycle.response_started):
            return False
        self.shutdown()
        return True

    def handle_events(self) -> None:
        super().handle_events()
        cycle = self.cycle
        if self.is_busy and cycle is not self._served:
            self._served = cycle
            self._set_deadline(RESPONSE_TIMEOUT_S)
            if self.accepted is not None:
                self.accepted.establish()

    def on_response_complete(self) -> None:
        self._set_deadline(IDLE_TIMEOUT_S)
        if self.accepted is not None:
            self.accepted.relax()
        super().on_response_complete()

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds
        if self.limit is not None and not self.limit.expired():
            with contextlib.suppress(RuntimeError):  # nobody reads just now
                self.limit.reschedule(self.deadline)


class _ChannelTransport(asyncio.Transport):
    """A channel, as far as uvicorn's protocol asks for a transport."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.accepted = accepted
        self.protocol: H11Protocol | None = None
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        #: the other side does not take what it asked for
        self.is_stuck = False
        self.is_sending = False
        self._is_closing = False
        self._is_full = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername":
            return (self.accepted.client, 0)
        return default

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True
        self._changed.set()

    def pause_reading(self) -> None:
        self.may_read.clear()

    def resume_reading(self) -> None:
        self.may_read.set()

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        self._buffer += data
        self._changed.set()
        if len(self._buffer) > _WRITE_BYTES_HIGH and not self._is_full:
            self._is_full = True
            cast(H11Protocol, self.protocol).flow.pause_writing()

    @property
    def is_unsent(self) -> bool:
        """Whether some of what was written is still here."""
        return self.is_sending or bool(self._buffer)

    async def write_all(self) -> None:
        """Send what is written, until the transport is closed and everything is sent."""
        channel = self.accepted.channel
        with contextlib.suppress(Unavailable):
            while True:
                await self._changed.wait()
                self._changed.clear()
                data = bytes(self._buffer)
                self._buffer.clear()
                if data:
                    self.is_sending = True
                    await channel.write(data)
                    self.is_sending = False
                if self._is_full and len(self._buffer) <= _WRITE_BYTES_HIGH:
                    self._is_full = False
                    cast(H11Protocol, self.protocol).flow.resume_writing()
                if self._is_closing and not self._buffer:
                    return
