"""Sessions over ``core.api``: on a router in this process, or on another one by I2CP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from core.api import (
    ClientSession,
    DatagramReceiver,
    LastingKeys,
    SessionConfig,
    StreamingOptions,
    TunnelShape,
)
from core.api import Stream as CoreStream
from core.data.blinded_address import BlindedTarget
from core.data.payload import PROTOCOL_DATAGRAM, PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from i2ptunnel.api.address import Address, address_of, read_target, whole_destination
from i2ptunnel.api.base import BaseRouter, claim_port, split_target
from i2ptunnel.api.errors import Closed, UsageError, translated
from i2ptunnel.api.interface import (
    Datagram,
    DatagramSession,
    Listener,
    Session,
    SessionOptions,
    Stream,
    Target,
)
from i2ptunnel.api.opening import CONNECT_TIMEOUT_S, RESOLVE_TIMEOUT_S, Opening, limited
from i2ptunnel.config.tunnel_kinds import LASTING_SUFFIX
from i2ptunnel.keyfiles import load_or_create_keys, load_or_create_lasting
from i2ptunnel.naming.resolver import Resolver

#: what the router is told where the caller sets the limit
_FOREVER_S = 3600.0

OpenSession = Callable[[SessionConfig], Awaitable[ClientSession]]
CoreTarget = bytes | BlindedTarget
Find = Callable[[str | Address], Awaitable[CoreTarget]]


def load_keys(path: Path) -> tuple[PrivateKeys, LastingKeys]:
    """A destination's keys and what it keeps over restarts, both made if they are missing."""
    keys = load_or_create_keys(path)
    return keys, load_or_create_lasting(path.with_name(path.name + LASTING_SUFFIX), keys)


class CoreRouter(BaseRouter):
    """``names``: the address book; None: the router that ``open_session`` leads to has one."""

    def __init__(
        self,
        open_session: OpenSession,
        names: Resolver | None,
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._open_core = open_session
        self._names = names
        self._stop_core = stop

    async def _stop(self) -> None:
        await self._stop_core()

    async def _find(self, name: str) -> Address:
        found = read_target(name)
        if not isinstance(found, str):
            return Address(found.host, whole_destination(name))
        if self._names is not None:
            return Address((await self._names.resolve(found)).host)
        session = await self.shared()
        assert isinstance(session, CoreSession)
        return address_of(await session.core.lookup_name(found))

    async def find(self, target: str | Address) -> CoreTarget:
        """What a core session connects to. Raises Error and Unavailable."""
        name = target.host if isinstance(target, Address) else target
        found = read_target(name)
        if self._names is not None:
            # The address book has the keys of encrypted destinations, too.
            return (await self._names.resolve(name)).target()
        if isinstance(found, str):
            found_name = read_target((await self._find(found)).host)
            assert not isinstance(found_name, str)
            found = found_name
        return found.target()

    async def _make_session(self, options: SessionOptions) -> Session:
        return CoreSession(self, await self._ready(options), options.publish)

    async def _make_datagrams(self, options: SessionOptions, *, raw: bool) -> DatagramSession:
        return CoreDatagrams(self, await self._ready(options), raw=raw)

    async def _ready(self, options: SessionOptions) -> ClientSession:
        keys, lasting = None, None
        if options.keys is not None:
            keys, lasting = await asyncio.to_thread(load_keys, options.keys)
        shape = TunnelShape(length=options.hops, quantity=options.tunnels)
        # Who cannot be found answers nothing that others begin.
        streaming = StreamingOptions(
            accepts_streams=options.publish,
            answer_pings=options.publish,
            connect_timeout_s=_FOREVER_S,
        )
        core = await self._open_core(
            SessionConfig(
                options.name, keys, shape, shape, options.publish, streaming, lasting=lasting
            )
        )
        try:
            await core.wait_ready()
        except BaseException:
            self._waited_for = core.why_not_ready
            await core.close()
            raise
        return core


class CoreSession(Session):
    """See :class:`Session`."""

    def __init__(self, router: CoreRouter, core: ClientSession, is_published: bool) -> None:
        self.core = core
        self.address = address_of(core.destination)
        self._router = router
        self._is_published = is_published
        self._ports: set[int | None] = set()

    def connect(
        self, target: Target, port: int | None = None, *, timeout: float | None = CONNECT_TIMEOUT_S
    ) -> Opening[Stream]:
        """See :class:`Session`."""
        return Opening(partial(self._connect, target, port, timeout))

    async def _connect(self, target: Target, port: int | None, timeout: float | None) -> Stream:
        whom, to_port = split_target(target, port)
        async with limited(timeout, "connecting"):
            found = await self._router.find(whom)
            core = await self.core.connect(found, port=to_port, timeout_s=_FOREVER_S)
            return _Stream(core)

    def listen(self, port: int | None = None) -> Listener:
        """See :class:`Session`."""
        if not self._is_published:
            raise UsageError("open the session with publish=True: nobody finds it", "not_published")
        claim_port(self._ports, port)
        return _Listener(self.core, port, self._ports)

    async def close(self) -> None:
        """See :class:`Session`."""
        self._router.forget(self)
        await self.core.close()


class _Listener(Listener):
    def __init__(self, core: ClientSession, port: int | None, ports: set[int | None]) -> None:
        self.address = address_of(core.destination, port or 0)
        self._core = core
        self._port = port
        self._ports = ports
        self._is_closed = False
        core.listen(port)

    async def accept(self, *, timeout: float | None = None) -> Stream:
        if self._is_closed:
            raise Closed("the listener is closed", "closed")
        async with limited(timeout, "waiting for a stream"):
            return _Stream(await self._core.accept(self._port))

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._ports.discard(self._port)
            self._core.stop_accepting(self._port)


class _Stream(Stream):
    def __init__(self, core: CoreStream) -> None:
        self._core = core
        self.remote = address_of(core.remote, core.remote_port)
        self.local_port = core.local_port
        self.remote_port = core.remote_port

    async def read(self, limit: int = 65536, *, timeout: float | None = None) -> bytes:
        async with limited(timeout, "reading"):
            return await self._core.read(limit)

    async def write(self, data: bytes, *, timeout: float | None = None) -> None:
        async with limited(timeout, "writing"):
            await self._core.write(data)

    async def close_write(self) -> None:
        with translated():
            await self._core.close_write()

    async def close(self) -> None:
        with translated():
            await self._core.close()

    def reset(self) -> None:
        self._core.reset()


class CoreDatagrams(DatagramSession):
    """See :class:`DatagramSession`."""

    def __init__(self, router: CoreRouter, core: ClientSession, *, raw: bool) -> None:
        self.address = address_of(core.destination)
        self._core = core
        self._router = router
        self._version = 0 if raw else 1
        protocol = PROTOCOL_RAW if raw else PROTOCOL_DATAGRAM
        self._receiver: DatagramReceiver = core.bind_datagrams(protocol)

    async def send(
        self,
        payload: bytes,
        target: Target,
        port: int | None = None,
        *,
        timeout: float | None = RESOLVE_TIMEOUT_S,
    ) -> None:
        """See :class:`DatagramSession`."""
        whom, to_port = split_target(target, port)
        async with limited(timeout, "looking the name up"):
            found = await self._router.find(whom)
            if isinstance(found, BlindedTarget):
                found = (await self._core.lookup(found, _FOREVER_S)).hash
            self._core.send_datagram(found, payload, version=self._version, to_port=to_port)

    async def receive(self, *, timeout: float | None = None) -> Datagram:
        """See :class:`DatagramSession`."""
        async with limited(timeout, "waiting for a datagram"):
            came = await self._receiver.receive()
        source = None if came.source is None else address_of(came.source, came.from_port)
        return Datagram(came.payload, source, came.to_port)

    async def close(self) -> None:
        """See :class:`DatagramSession`."""
        self._router.forget(self)
        await self._core.close()
