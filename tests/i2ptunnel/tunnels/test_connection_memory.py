"""What an open connection to the HTTP proxy costs: thousands of them must not matter."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc

import pytest

from i2ptunnel.config.client_models import HttpClientSection
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.waiting import until

COUNT = 200
#: as the allocator sees it; with its rounding, 10,000 connections grow the process by 58 MB
BYTES_MAX = 6_000


@pytest.mark.limits
@pytest.mark.parametrize("said", [b"", b"GET http://site.i2p/ HT"])
def test_an_idle_connection(said: bytes) -> None:
    async def main() -> float:
        model = HttpClientSection(
            listen=ANY_PORT, max_connections=2 * COUNT, max_connections_per_client=2 * COUNT
        )
        async with running("proxy", model, LoopbackNetwork(), TableResolver({})) as proxy:
            sockets: list[socket.socket] = []

            async def open_some(count: int) -> None:
                wanted = len(sockets) + count
                for _ in range(count):
                    sockets.append(socket.create_connection(("127.0.0.1", port_of(proxy))))
                    sockets[-1].sendall(said)
                await until("all connections", lambda: proxy.connections_open >= wanted)
                await asyncio.sleep(0.1)

            try:
                await open_some(20)  # what is made once for all
                gc.collect()
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
                await open_some(COUNT)
                gc.collect()
                return (tracemalloc.get_traced_memory()[0] - before) / COUNT
            finally:
                tracemalloc.stop()
                for sock in sockets:
                    sock.close()

    each = asyncio.run(main())
    print(f"{each:.0f} bytes for each connection")
    assert each < BYTES_MAX
