"""Streams between programs and I2P: carried, accepted one by one, or forwarded to a server.

Streams that peers open wait for an ACCEPT for a while; there are none before the first ACCEPT or
FORWARD of a session, for nobody may ever ask for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from core.api import ClientSession, Stream
from core.base.errors import Unavailable
from core.data.encoding import b64encode
from core.data.identity import Destination
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import Channel, CountedChannel
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.tls import TlsChannel
from i2ptunnel.sam.context import Figures, SamContext
from i2ptunnel.sam.protocol.requests import invalid
from i2ptunnel.sam.protocol.versions import WITH_PORTS, Version

#: Java: 64 ACCEPTs and 64 streams
ACCEPTS_MAX = 64
WAITING_MAX = 64
WAITING_S = 30.0
#: samv3.md, "FORWARD"
FORWARD_CONNECT_S = 3.0


def peer_line(peer: Destination, stream: Stream, version: Version) -> bytes:
    """Who has opened a stream, as programs are told before its first byte."""
    ports = ""
    if version >= WITH_PORTS:
        ports = f" FROM_PORT={stream.remote_port} TO_PORT={stream.local_port}"
    return f"{b64encode(peer.raw)}{ports}\n".encode()


async def carry(channel: Channel, stream: Stream, figures: Figures) -> None:
    """Carry bytes until both directions have ended; both are closed then."""
    figures.streams += 1
    figures.streams_total += 1
    try:
        await pump(channel, CountedChannel(stream, figures.traffic))
    finally:
        figures.streams -= 1


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """A server of the program. With ``is_tls`` it is spoken to over TLS, without a name to check:
    it is the program itself, at its own address."""

    endpoint: Endpoint
    is_silent: bool
    is_tls: bool
    version: Version


class Room(Protocol):
    """Descriptors for connections to servers of programs."""

    def take(self) -> bool:
        """Whether one more may be opened, which is then counted."""

    def give_back(self) -> None:
        """One has ended."""


class IncomingStreams:
    """Those of one session, to one port or (None) to all that no other one listens to."""

    def __init__(
        self,
        session: ClientSession,
        port: int | None,
        context: SamContext,
        figures: Figures,
        room: Room,
    ) -> None:
        self._session = session
        self._port = port
        self._context = context
        self._figures = figures
        self._room = room
        self._accepts: deque[asyncio.Future[Stream]] = deque()
        #: streams that nobody has asked for yet, with the time each may wait until
        self._waiting: deque[tuple[float, Stream]] = deque()
        self._forward: ForwardTarget | None = None
        self._taking: asyncio.Task[None] | None = None
        self._expiring: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def pending(self) -> int:
        """ACCEPTs that wait, and streams that wait for one."""
        return len(self._accepts) + len(self._waiting)

    async def accept(self, announce: Callable[[], Awaitable[None]]) -> Stream:
        """The next stream. ``announce`` is awaited when the place in the queue is taken.

        Raises Refused if that is not possible now, Unavailable when the session ends.
        """
        if self._forward is not None:
            raise invalid("the session forwards its streams")
        if len(self._accepts) >= ACCEPTS_MAX:
            raise invalid("too many pending ACCEPTs")
        accept: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._accepts.append(accept)
        self._listen()
        try:
            await announce()
            self._match()
            return await accept
        except BaseException:
            if accept.done() and not accept.cancelled() and accept.exception() is None:
                self._offer(accept.result())
            raise
        finally:
            self._accepts.remove(accept)

    def forward(self, target: ForwardTarget) -> None:
        """Forward all streams from now on; raises Refused while others are waited for."""
        if self._forward is not None:
            raise invalid("the session forwards its streams already")
        if any(not accept.done() for accept in self._accepts):
            raise invalid("the session has pending ACCEPTs")
        self._forward = target
        self._listen()
        while self._waiting:
            self._offer(self._waiting.popleft()[1])

    def stop_forwarding(self, target: ForwardTarget) -> None:
        """End what :meth:`forward` began; streams that are open go on."""
        if self._forward is target:
            self._forward = None

    async def close(self) -> None:
        """Everything ends: whoever waits gets Unavailable."""
        self._is_closed = True
        if self._expiring is not None:
            self._expiring.cancel()
        for accept in self._accepts:
            if not accept.done():
                accept.set_exception(Unavailable("the session has ended", "closed"))
        while self._waiting:
            self._waiting.popleft()[1].reset()
        tasks = [*self._tasks]
        if self._taking is not None:
            tasks.append(self._taking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._session.stop_accepting(self._port)

    # Inside

    def _listen(self) -> None:
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._take(), name="sam accept")

    async def _take(self) -> None:
        with contextlib.suppress(Unavailable):  # the session has ended, and closes this
            while True:
                self._offer(await self._session.accept(self._port))

    def _offer(self, stream: Stream) -> None:
        if self._is_closed:
            stream.reset()
        elif self._forward is not None:
            task = asyncio.create_task(self._run_forward(self._forward, stream))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(self._waiting) >= WAITING_MAX:
            stream.reset()
        else:
            loop = asyncio.get_running_loop()
            self._waiting.append((loop.time() + WAITING_S, stream))
            self._match()
            if self._waiting and self._expiring is None:
                self._expiring = loop.call_at(self._waiting[0][0], self._expire)

    def _match(self) -> None:
        while self._waiting:
            accept = next((one for one in self._accepts if not one.done()), None)
            if accept is None:
                return
            accept.set_result(self._waiting.popleft()[1])
        if self._expiring is not None:
            self._expiring.cancel()
            self._expiring = None

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        self._expiring = None
        while self._waiting and self._waiting[0][0] <= loop.time():
            self._waiting.popleft()[1].reset()
        if self._waiting:
            self._expiring = loop.call_at(self._waiting[0][0], self._expire)

    async def _run_forward(self, target: ForwardTarget, stream: Stream) -> None:
        if not self._room.take():
            stream.reset()
            return
        try:
            channel = await self._connect(target)
            if not target.is_silent:
                await channel.write(peer_line(stream.remote, stream, target.version))
        except Unavailable:
            stream.reset()
        except BaseException:
            stream.reset()
            raise
        else:
            await carry(channel, stream, self._figures)
        finally:
            self._room.give_back()

    async def _connect(self, target: ForwardTarget) -> LocalChannel:
        is_own = self._context.own_doors().is_own
        if not target.is_tls:
            return await LocalChannel.connect(target.endpoint, FORWARD_CONNECT_S, is_own=is_own)
        channel = await TlsChannel.connect(target.endpoint, FORWARD_CONNECT_S, is_own=is_own)
        assert isinstance(channel, TlsChannel)
        await channel.shake_hands(_own_server_context(), server_name=target.endpoint.host)
        return channel


def _own_server_context() -> ssl.SSLContext:
    """For the server of the program that asked for it, at its own address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
