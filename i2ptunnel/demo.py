"""A whole private I2P network in one process: several routers, an eepsite, an HTTP proxy.

Every router is a complete one with its own identity, data directory and loopback address
(127.77.N.1); they talk to each other through real sockets. The page that is fetched goes through
two hops of the proxy's and two of the site's tunnels, as on the public network.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from core.api import Router, RouterConfig, SystemEntropy, TunnelShape
from core.base.errors import Unavailable
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.manager import Manager
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.table import TUNNEL_CLASSES

ROUTERS = 6
FLOODFILLS = 3
NETWORK_ID = 77
SAMPLE_BYTES = 5_000_000
PROXY_PORT = 4444
_READY_TIMEOUT_S = 90.0
_FETCH_TIMEOUT_S = 60.0
_HOPS = 2

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Hello from I2P</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}
</style></head><body><h1>Hello from I2P</h1>
<p>This page came through four hops of a private I2P network on this machine.</p>
<p><a href="/sample.bin">5 MB to measure the speed</a></p></body></html>
"""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one GET through the proxy brought: the start of the body, its length and SHA-256."""

    status: int
    body: bytes
    body_bytes: int
    digest: bytes
    first_byte_s: float
    seconds: float


@dataclass(slots=True)
class Demo:
    """The running network."""

    routers: list[Router]
    proxy_router: Router
    site_router: Router
    proxy: Endpoint
    site: str
    sample_digest: bytes
    ready_s: float

    @property
    def url(self) -> str:
        """The page that the demo fetches, by its ``.b32.i2p`` address."""
        return f"http://{self.site}/"

    def path(self) -> list[str]:
        """The hops from proxy to site, by the routers' numbers: one way of several."""
        names = {router.hash: f"r{number}" for number, router in enumerate(self.routers, 1)}
        proxy, site = self.proxy_router.tunnel_paths(), self.site_router.tunnel_paths()
        out = [path.hops for path in proxy if path.session and not path.is_inbound]
        into = [path.hops for path in site if path.session and path.is_inbound]
        if not out or not into:
            return ["?"]
        return ["proxy", *(names.get(hop, "?") for hop in (*out[0], *into[0])), "site"]

    async def fetch(self, path: str = "/", keep: int = 65536) -> Fetched:
        """GET a page of the site through the proxy; at most ``keep`` bytes of the body are kept.

        Raises Unavailable ``connect_timeout`` when it takes too long, OSError without a proxy.
        """
        try:
            async with asyncio.timeout(_FETCH_TIMEOUT_S):
                return await _fetch(self.proxy, f"http://{self.site}{path}", keep)
        except TimeoutError:
            raise Unavailable("the page did not arrive in time", code="connect_timeout") from None


async def _fetch(proxy: Endpoint, url: str, keep: int) -> Fetched:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        host = url.split("/")[2]
        request = f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        first_byte_s = time.monotonic() - began
        body, count, digest = bytearray(), 0, hashlib.sha256()
        while data := await reader.read(1 << 18):
            count += len(data)
            digest.update(data)
            body += data[: keep - len(body)]
    finally:
        writer.close()
    seconds = time.monotonic() - began
    status = int(head.split()[1])
    return Fetched(status, bytes(body), count, digest.digest(), first_byte_s, seconds)


def free_port(host: str, preferred: int) -> int:
    """``preferred`` if nobody listens there, else any free port."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, port))
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise Unavailable("no free port on this machine", code="cannot_listen")


def _write_site(root: Path) -> tuple[Path, bytes]:
    """The directory of the site, and the SHA-256 of its sample file."""
    site = root / "site"
    site.mkdir()
    sample = os.urandom(SAMPLE_BYTES)
    (site / "index.html").write_text(_PAGE)
    (site / "sample.bin").write_bytes(sample)
    return site, hashlib.sha256(sample).digest()


def _make_routers(root: Path, count: int) -> list[Router]:
    port = 20_000 + SystemEntropy().randbelow(20_000)
    shape = TunnelShape(_HOPS, 2)
    return [
        Router(
            RouterConfig(
                data_dir=root / f"r{number}",
                network_id=NETWORK_ID,
                host=f"127.77.{number}.1",
                port=port,
                bind=f"127.77.{number}.1",
                allow_private_addresses=True,
                inbound_bytes_s=1_000_000_000,
                outbound_bytes_s=1_000_000_000,
                floodfill=number <= FLOODFILLS,
                # The two ends carry nothing for others, so that every hop is another router.
                transit=number <= count - 2,
                exploratory_inbound=shape,
                exploratory_outbound=shape,
            )
        )
        for number in range(1, count + 1)
    ]


@contextlib.asynccontextmanager
async def _tunnel(router: Router, name: str, section: TunnelSection) -> AsyncIterator[Manager]:
    """A tunnel on one of the routers."""
    data_dir = router.config.data_dir
    sessions = SessionPool(router.open_session, data_dir)
    resolver = FileResolver(data_dir / "hosts.txt")
    async with Manager(TUNNEL_CLASSES, sessions, resolver, data_dir) as manager:
        await manager.apply({name: section})
        yield manager


async def _until_ready(*managers: Manager) -> None:
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while not all(manager.is_ready for manager in managers):
                await asyncio.sleep(0.05)
    except TimeoutError:
        faults = [
            tunnel["last_error"]
            for manager in managers
            for tunnel in manager.status()
            if tunnel["last_error"]
        ]
        why = "; ".join(faults) or "no tunnels could be built"
        raise Unavailable(f"the network did not get ready: {why}", "tunnels_not_ready") from None


@contextlib.asynccontextmanager
async def demo_network(root: Path, routers: int = ROUTERS) -> AsyncIterator[Demo]:
    """Start everything below ``root`` (an empty directory); stops it at the end.

    Raises FileFault, OSError or Unavailable when that does not work.
    """
    began = time.monotonic()
    shape = ShapeSection(length=_HOPS, quantity=2)
    proxy = Endpoint("127.0.0.1", free_port("127.0.0.1", PROXY_PORT))
    docroot, digest = _write_site(root)
    site = HttpServerSection(docroot=docroot, inbound=shape, outbound=shape)
    client = HttpClientSection(listen=proxy, inbound=shape, outbound=shape)
    async with contextlib.AsyncExitStack() as stack:
        running = _make_routers(root, routers)
        for router in running:
            await router.start()
            stack.push_async_callback(router.stop)
        infos = [router.router_info for router in running]
        for router in running:
            router.import_routers(info for info in infos if info.hash != router.hash)
        site_router, proxy_router = running[-2], running[-1]
        serving = await stack.enter_async_context(_tunnel(site_router, "site", site))
        browsing = await stack.enter_async_context(_tunnel(proxy_router, "proxy", client))
        await _until_ready(serving, browsing)
        name = str(serving.status()[0]["b32"])
        ready_s = time.monotonic() - began
        yield Demo(running, proxy_router, site_router, proxy, name, digest, ready_s)
