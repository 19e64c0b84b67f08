"""Sessions over a foreign router by I2CP: a socket for each, made anew while it is needed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.errors import Retry, Unavailable, system_reason
from core.client.config import SessionConfig
from core.client.i2cp_session import I2cpEngine
from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from core.io.alarm import Alarm
from core.io.session import ClientSession
from core.io.system import SystemEntropy, SystemWallClock
from core.io.tracing import RouterLog
from core.router.counters import ForeignCounterTree
from core.tunnel.shape import TunnelShape

CONNECT_TIMEOUT_S = 20.0
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 15.0
#: a connection that lasted so long was a good one
_GOOD_S = 60.0

logger = logging.getLogger("core.i2cp")


@dataclass(frozen=True, slots=True)
class I2cpAddress:
    """Where a router takes I2CP. ``tls`` None: in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    user_name: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class _Socket(asyncio.Protocol):
    """What a socket brings goes to the engine, whose turn follows in the same iteration."""

    def __init__(self, link: I2cpLink) -> None:
        self._link = link
        self.closed = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._link.received(data)

    def eof_received(self) -> bool:
        """See :class:`asyncio.Protocol`."""
        self._link.received(b"")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        if not self.closed.done():
            self.closed.set_result(None)


class I2cpLink:
    """The socket of one session, and its turns. ``drain``: tells the application."""

    def __init__(
        self, engine: I2cpEngine, address: I2cpAddress, changed: Callable[[], None]
    ) -> None:
        self.engine = engine
        self.drain: Callable[[], None] = lambda: None
        self._address = address
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self.schedule)
        self._socket: _Socket | None = None
        self._is_scheduled = False
        self._task: asyncio.Task[None] | None = None
        engine.network.unsent = self._unsent

    def start(self) -> None:
        """Connect, and again whenever the connection ends."""
        self._task = self._loop.create_task(self._keep())

    def stop(self) -> None:
        """End the session; the socket closes once everything is written."""
        task, self._task = self._task, None
        if task is None:
            return
        self.engine.close()
        self._flush()
        if self._socket is not None and self._socket.transport is not None:
            self._socket.transport.close()
        task.cancel()
        self._alarm.cancel()

    def schedule(self) -> None:
        """Give the engine a turn in this iteration of the loop."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def received(self, data: bytes) -> None:
        """The socket brought something, or nothing more."""
        self.engine.receive(data, self._loop.time())
        self.schedule()

    def _turn(self) -> None:
        self._is_scheduled = False
        engine = self.engine
        engine.run(self._loop.time())
        self._flush()
        if engine.has_failed and self._socket is not None and self._socket.transport is not None:
            self._socket.transport.close()
        self.drain()
        self._alarm.set(engine.next_timer())

    def _flush(self) -> None:
        output = self.engine.take_output()
        if output and self._socket is not None and self._socket.transport is not None:
            self._socket.transport.write(output)

    def _unsent(self) -> int:
        socket = self._socket
        return (
            0
            if socket is None or socket.transport is None
            else (socket.transport.get_write_buffer_size())
        )

    async def _keep(self) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            began = self._loop.time()
            await self._connect_once()
            self.engine.disconnected(self.engine.failure)
            self._changed()
            self.drain()
            if self._loop.time() - began >= _GOOD_S:
                pause_s = RETRY_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    async def _connect_once(self) -> None:
        """One connection, from its beginning to its end; the engine knows why it ended."""
        address, engine = self._address, self.engine
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, socket = await self._loop.create_connection(
                    lambda: _Socket(self), address.host, address.port, ssl=address.tls
                )
        except TimeoutError:
            engine.failure = f"no I2CP at {address}: no answer"
            return
        except OSError as error:
            engine.failure = f"no I2CP at {address}: {_why(error)}"
            return
        self._socket = socket
        try:
            engine.connected(self._loop.time())
            self.schedule()
            self._changed()
            await socket.closed
            if not engine.has_failed:
                engine.receive(b"", self._loop.time())
                engine.run(self._loop.time())
        finally:
            self._socket = None
            transport.close()


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS"
    return system_reason(error, "cannot connect")


class I2cpSessions:
    """All sessions over one foreign router; they share nothing but its address."""

    def __init__(self, address: I2cpAddress, log: RouterLog, changed: Callable[[], None]) -> None:
        self.log = log
        self.counters = ForeignCounterTree()
        self._address = address
        self._changed = changed
        self._entropy = SystemEntropy()
        self._links: dict[I2cpEngine, I2cpLink] = {}
        self._handles: dict[I2cpEngine, ClientSession] = {}

    @property
    def engines(self) -> list[I2cpEngine]:
        """Those that are open."""
        return list(self._links)

    def now(self) -> float:
        """The loop's clock, which every engine call takes."""
        return asyncio.get_running_loop().time()

    async def open(self, config: SessionConfig) -> ClientSession:
        """A session; it connects from now on. Unavailable ("in_use"): its destination is open."""
        kind = SigningType.ED25519 if config.encrypted is None else SigningType.REDDSA
        keys = config.keys or PrivateKeys.generate_destination(self._entropy, kind)
        if any(engine.owner == keys.hash for engine in self._links):
            raise Unavailable("this destination is open already", "in_use", Retry.NEVER)
        engine = I2cpEngine(
            config,
            keys,
            SystemWallClock(),
            self._entropy,
            user_name=self._address.user_name,
            password=self._address.password,
        )
        link = self._links[engine] = I2cpLink(engine, self._address, self._changed)
        session = self._handles[engine] = ClientSession(self, engine)
        link.drain = session._drain
        link.start()
        return session

    # What sessions use

    def touch(self, engine: I2cpEngine) -> None:
        """Give a session's engine a turn in this loop iteration."""
        link = self._links.get(engine)
        if link is not None:
            link.schedule()

    def reshape_session(
        self, engine: I2cpEngine, inbound: TunnelShape, outbound: TunnelShape
    ) -> None:
        """Called by ``ClientSession.reshape``."""
        engine.reshape(inbound, outbound)
        self.touch(engine)

    def close_session(self, session: ClientSession, engine: I2cpEngine) -> None:
        """Called by ``ClientSession.close``."""
        self._handles.pop(engine, None)
        link = self._links.pop(engine, None)
        if link is not None:
            self.counters.keep(engine)
            link.stop()

    async def close(self) -> None:
        """End all of them."""
        for session in list(self._handles.values()):
            await session.close()
