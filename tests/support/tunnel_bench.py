"""Whole tunnels in one process: browser, httpclient, loopback, httpserver, recording origin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.tunnels.base import Tunnel, TunnelContext
from i2ptunnel.tunnels.client_base import ClientTunnel
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession

ANY_PORT = Endpoint("127.0.0.1", 0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class TableResolver:
    """Names from a dictionary; remembers what it was asked."""

    def __init__(self, hosts: dict[str, bytes]) -> None:
        self.hosts = hosts
        self.asked: list[str] = []
        #: what the real one says of subscriptions
        self.feed_state: Callable[[], FeedState] | None = None

    async def resolve(self, name: str) -> Address:
        self.asked.append(name)
        address = read_address(name)
        if address is not None:
            return address
        if name not in self.hosts:
            raise NameFault("the name is in no address book", "unknown_name")
        return Address(self.hosts[name])


class RecordingOrigin:
    """A server that keeps every byte it got, for each connection, and answers as it is told.

    ``answer`` gets the connection's reader and writer after a whole head arrived; the default sends
    :data:`OK` and closes.
    """

    def __init__(self) -> None:
        self.received: list[bytearray] = []
        self.answer: Callable[
            [bytearray, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]
        ]
        self.answer = self._answer_ok
        self._server: asyncio.Server | None = None
        self.port = 0

    async def _answer_ok(
        self, got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(OK)
        await writer.drain()
        while data := await reader.read(65536):
            got += data

    @property
    def everything(self) -> bytes:
        return b"".join(self.received)

    @property
    def heads(self) -> list[list[str]]:
        """The lines of the first head of each connection."""
        return [
            bytes(got).split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            for got in self.received
        ]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray()
        self.received.append(got)
        try:
            got += await reader.readuntil(b"\r\n\r\n")
            await self.answer(got, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> RecordingOrigin:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()


def context(name: str, network: LoopbackNetwork, resolver: Resolver, **more: Any) -> TunnelContext:
    """What a manager would give to a tunnel."""
    logger = logging.getLogger(f"test.{name}")
    return TunnelContext(name, Path("/nonexistent"), network.open, resolver, logger, **more)


@asynccontextmanager
async def running(
    name: str, model: TunnelSection, network: LoopbackNetwork, resolver: Resolver, **more: Any
) -> AsyncIterator[Tunnel[Any]]:
    """A started tunnel, as the manager would run it; ``more`` goes into its context."""
    tunnel = TUNNEL_CLASSES[model.TYPE](model, context(name, network, resolver, **more))
    await tunnel.start()
    try:
        yield tunnel
    finally:
        await tunnel.stop()


def port_of(tunnel: Tunnel[Any]) -> int:
    """The port a client tunnel listens at."""
    assert isinstance(tunnel, ClientTunnel)
    return tunnel.listener.port


class Bench:
    """A proxy and an eepsite, with what they saw."""

    def __init__(
        self,
        network: LoopbackNetwork,
        resolver: TableResolver,
        origin: RecordingOrigin,
        proxy: Tunnel[Any],
        site: Tunnel[Any],
    ) -> None:
        self.network = network
        self.resolver = resolver
        self.origin = origin
        self.proxy = proxy
        self.site = site
        assert isinstance(site.session, LoopbackSession)
        self.site_hash = site.session.destination.hash
        self.b32 = site.session.destination.b32

    @property
    def proxy_port(self) -> int:
        return port_of(self.proxy)

    async def ask(self, raw: bytes, *, timeout_s: float = 5.0, half_close: bool = False) -> bytes:
        """Send ``raw`` to the proxy; everything that comes back until it closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy_port)
        try:
            writer.write(raw)
            if half_close:
                writer.write_eof()
            async with asyncio.timeout(timeout_s):
                return await reader.read(-1)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def get(self, path: str = "/", *headers: str, host: str = "site.i2p") -> bytes:
        lines = [f"GET http://{host}{path} HTTP/1.1", f"Host: {host}", *headers]
        return await self.ask("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))


@asynccontextmanager
async def http_bench(
    *, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None
) -> AsyncIterator[Bench]:
    """``client`` and ``server`` are further options of the two tunnels."""
    network = LoopbackNetwork()
    resolver = TableResolver({})
    async with RecordingOrigin() as origin:
        options: dict[str, Any] = {
            "target": Endpoint("127.0.0.1", origin.port),
            "keep_alive": False,  # the origin answers once on each connection
            **(server or {}),
        }
        browser = HttpClientSection(listen=ANY_PORT, **(client or {}))
        async with (
            running("site", HttpServerSection(**options), network, resolver) as site,
            running("proxy", browser, network, resolver) as proxy,
        ):
            bench = Bench(network, resolver, origin, proxy, site)
            resolver.hosts["site.i2p"] = bench.site_hash
            yield bench
