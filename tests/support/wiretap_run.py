"""Ours, i2pd and Java I2P in one network, all heard by ours.

``python -m tests.support.wiretap_run FOLDER FILE``: FILE gets what is heard (JSON). Each of the
three has a site and visits another: ours those of all, i2pd and Java that of ours. Of our routers
one has NTCP2 alone and one SSU2 alone, so that both are dialled by everybody. It runs with
``I2PTUNNEL_NATIVE=0``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b32decode
from core.data.router_info import RouterInfo
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from tests.support import curl
from tests.support.fetch_i2pd import installed
from tests.support.i2pd_net import I2pdNet, I2pdRouter
from tests.support.java_net import JavaRouter, hash_in_java
from tests.support.namespace import add_outside_address
from tests.support.own_network import TWO_HOPS, OwnNetwork, b32_of, own_network
from tests.support.wiretap import Wiretap

NTCP2_ONLY, SSU2_ONLY, SERVER, CLIENT = 3, 4, 5, 6
ROUTERS = 7
OUR_PROXY = "http://127.78.50.1:4444"
JAVA_PROXY_PORT = 4471
#: what Firefox sends to a site over http
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: de,en-US;q=0.7,en;q=0.3",
    "Accept-Encoding: gzip, deflate",
    "Connection: keep-alive",
    "Upgrade-Insecure-Requests: 1",
    "Priority: u=0, i",
)
#: of the web server, as it leaves it
RESPONSE = (
    "HTTP/1.1 200 OK",
    "Server: nginx/1.24.0",
    "Date: Tue, 01 Dec 2026 12:00:00 GMT",
    "Content-Type: text/html",
    "Content-Length: 3000",
    "X-Powered-By: PHP/8.2",
    'ETag: "abc"',
)
_SITE_PAGE = ("\r\n".join(RESPONSE) + "\r\n\r\n").encode() + b"x" * 3000


def serve_site() -> int:
    """A web server in threads of its own; its port at 127.0.0.1."""

    def answer(visitor: socket.socket) -> None:
        with visitor:
            asked = b""
            while more := visitor.recv(65536):
                asked += more
                if asked.endswith(b"\r\n\r\n"):
                    visitor.sendall(_SITE_PAGE)
                    asked = b""

    def listen() -> None:
        while True:
            visitor, _ = listener.accept()
            threading.Thread(target=answer, args=(visitor,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=listen, daemon=True).start()
    return int(listener.getsockname()[1])


async def visit(proxy: str, site: str) -> None:
    got = await asyncio.to_thread(
        curl.fetch_with_retry,
        f"http://{site}/page?a=b",
        proxy=proxy,
        within_s=90,
        extra=tuple(word for header in BROWSER for word in ("-H", header)),
    )
    assert got.status == 200, (proxy, site, got)


async def start_i2pd(
    stack: AsyncExitStack, root: Path, network: OwnNetwork, port: int
) -> tuple[I2pdRouter, RouterInfo]:
    """With a site and a proxy."""
    net = I2pdNet(root, [installed("sid")], first_octet=91)
    stack.callback(net.stop)
    (router,) = net.routers
    router.floodfill = False
    shape = "inbound.length = 2\noutbound.length = 2\n"
    router.tunnels = (
        f"[site]\ntype = http\nhost = 127.0.0.1\nport = {port}\nkeys = site.dat\n{shape}"
        f"[web]\ntype = httpproxy\naddress = {router.address}\nport = 4445\n"
        f"keys = transient\n{shape}"
    )
    await asyncio.to_thread(net.prepare, [one.router_info.raw for one in network.routers])
    await asyncio.to_thread(net.start)
    return router, RouterInfo.parse(router.router_info)


async def start_java(
    stack: AsyncExitStack, root: Path, network: OwnNetwork, port: int
) -> tuple[JavaRouter, RouterInfo]:
    """With a site and a proxy, in tunnels of one hop: it dials both of ours with one transport."""
    router = JavaRouter(root, 20193, ssu2=True)
    stack.callback(router.stop)
    await asyncio.to_thread(router.start)
    infos = [one.router_info.raw for one in network.routers]
    await asyncio.to_thread(router.learn, infos)
    for raw in infos[:SERVER]:
        await asyncio.to_thread(router.greet, raw)
    hops = ",".join(map(hash_in_java, infos[NTCP2_ONLY:SERVER]))
    router.open_destinations(f"server:site:{port}:{hops}", f"proxy:web:{JAVA_PROXY_PORT}:{hops}")
    return router, RouterInfo.parse(router.router_info)


async def run(root: Path) -> dict[str, Any]:
    port = serve_site()
    special = {NTCP2_ONLY + 1: {"ssu2": False}, SSU2_ONLY + 1: {"ntcp2": False}}
    with pytest.MonkeyPatch.context() as patch:
        tap = Wiretap(patch)
        async with (
            own_network(root / "own", ROUTERS, ends=2, special=special) as network,
            AsyncExitStack() as stack,
        ):
            return await _listen(tap, stack, root, network, port)


async def _listen(
    tap: Wiretap, stack: AsyncExitStack, root: Path, network: OwnNetwork, port: int
) -> dict[str, Any]:
    site = HttpServerSection(target=(Endpoint("127.0.0.1", port),), **TWO_HOPS)
    proxy = HttpClientSection(listen=Endpoint("127.78.50.1", 4444), **TWO_HOPS)
    (i2pd, i2pd_info), (java, java_info) = await asyncio.gather(
        start_i2pd(stack, root / "i2pd", network, port),
        start_java(stack, root / "java", network, port),
    )
    for router in network.routers:
        router.import_routers([i2pd_info, java_info])
    ours = await network.run(network.routers[SERVER], {"site": site})
    client = await network.run(network.routers[CLIENT], {"web": proxy})
    await network.until_ready(ours, client)
    sites = {
        "ours": b32_of(ours, "site"),
        "i2pd": await asyncio.to_thread(i2pd.local_b32, "site"),
        "java": await asyncio.to_thread(java.b32_of, "site"),
    }
    visitors = {
        "ours": b32_of(client, "web"),
        "java": await asyncio.to_thread(java.b32_of, "web"),
    }
    await asyncio.gather(
        visit(OUR_PROXY, sites["ours"]),
        visit(f"http://{i2pd.address}:4445", sites["ours"]),
        visit(f"http://127.0.0.1:{JAVA_PROXY_PORT}", sites["ours"]),
        *(visit(OUR_PROXY, sites[who]) for who in ("i2pd", "java")),
    )
    routers = {one.hash.hex(): "ours" for one in network.routers}
    routers |= {str(one.config.host): "ours" for one in network.routers}
    routers |= {i2pd_info.hash.hex(): "i2pd", i2pd.address: "i2pd"}
    routers |= {java_info.hash.hex(): "java", "127.0.0.1": "java"}
    return {
        "routers": routers,
        "sites": {_hash_of(b32): who for who, b32 in sites.items()},
        "visitors": {_hash_of(b32): who for who, b32 in visitors.items()},
        "statics": tap.statics,
        "heard": tap.heard,
    }


def _hash_of(b32: str) -> str:
    return b32decode(b32.removesuffix(".b32.i2p")).hex()


def main() -> int:
    root, output = map(Path, sys.argv[1:])
    add_outside_address()
    output.write_text(json.dumps(asyncio.run(run(root))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
