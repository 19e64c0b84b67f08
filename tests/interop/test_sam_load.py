"""Many streams over SAM at once, beside as many through a plain client tunnel."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.api import Router, SessionConfig, SystemEntropy, TunnelShape, new_event_loop
from core.data.identity import Destination
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.sam.context import SamContext
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.sam_client import SamClient, close_all
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(900)]

STREAMS = 200
BYTES = 150_000
HOPS = "inbound.length=2 outbound.length=2 inbound.quantity=2 outbound.quantity=2"

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class _Naming:
    """No address book; a session for lookups."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.resolver = FileResolver(router.config.data_dir / "hosts.txt")

    def destination_of(self, destination_hash: bytes) -> Destination | None:
        return None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        shape = TunnelShape(2, 2)
        session = await self._router.open_session(SessionConfig("x", None, shape, shape))
        try:
            yield session
        finally:
            await session.close()


@asynccontextmanager
async def bridge(router: Router) -> AsyncIterator[SamBridge]:
    free = Endpoint("127.0.0.1", 0)
    section = SamSection(listen=free, udp=free)
    context = SamContext(router.config.data_dir, SystemEntropy(), router, _Naming(router))
    running = SamBridge(section, context)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """So many bytes as the first line says."""
    size = int(await reader.readline())
    writer.write(b"x" * size)
    await writer.drain()
    writer.close()


async def load(open_stream: Open) -> float:
    """Bytes of all streams together for a second of processor time: this process is all there is,
    and other processes on the machine change nothing."""

    async def one() -> None:
        reader, writer = await open_stream()
        writer.write(b"%d\n" % BYTES)
        assert len(await reader.readexactly(BYTES)) == BYTES
        writer.close()

    began = time.process_time()
    await asyncio.gather(*(one() for _ in range(STREAMS)))
    return STREAMS * BYTES / (time.process_time() - began)


def test_two_hundred_streams_are_as_fast_as_through_a_tunnel(tmp_path: Path) -> None:
    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        target = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        async with server, own_network(tmp_path, 7) as net:
            here, there = net.routers[-1], net.routers[-2]
            section = ServerTunnelSection(
                target=target, max_connections=1000, max_connections_per_client=1000, **TWO_HOPS
            )
            serving = await net.run(there, {"serve": section})
            await net.until_ready(serving)
            listen = Endpoint("127.0.0.1", 24444)
            address = DestinationName(b32_of(serving, "serve"))
            tunnel = ClientTunnelSection(listen=listen, destination=(address,), **TWO_HOPS)
            await net.until_ready(await net.run(here, {"ask": tunnel}))
            async with bridge(here) as ours, bridge(there) as theirs:
                figures = await compare(ours, theirs, listen, target)
        print(f"\ntunnel, SAM in MB for a second of CPU: {figures}")
        tunnels, bridges = (max(column) for column in zip(*figures, strict=True))
        assert bridges >= 0.8 * tunnels

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run())


async def compare(
    ours: SamBridge, theirs: SamBridge, listen: Endpoint, target: Endpoint
) -> list[tuple[float, float]]:
    """(tunnel, SAM) in MB for each second of processor time, in turn, three times."""
    there = await SamClient.greeted(theirs.port)
    create = "SESSION CREATE STYLE=STREAM ID={} DESTINATION=TRANSIENT SIGNATURE_TYPE=7 " + HOPS
    assert (await there.ask(create.format("there")))[1]["RESULT"] == "OK"
    destination = (await there.ask("NAMING LOOKUP NAME=ME"))[1]["VALUE"]
    forwarding = await SamClient.greeted(theirs.port)
    await forwarding.ask(f"STREAM FORWARD ID=there PORT={target.port} SILENT=true")
    here = await SamClient.greeted(ours.port)
    assert (await here.ask(create.format("here")))[1]["RESULT"] == "OK"

    async def through_tunnel() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(listen.host, listen.port)

    async def through_sam() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        client = await SamClient.greeted(ours.port)
        reply = await client.ask(f"STREAM CONNECT ID=here DESTINATION={destination}", 120)
        assert reply[1]["RESULT"] == "OK"
        return client.reader, client.writer

    figures = []
    await load(through_tunnel)  # links and lease sets
    for _ in range(3):
        pair = await load(through_tunnel), await load(through_sam)
        figures.append((round(pair[0] / 1e6, 2), round(pair[1] / 1e6, 2)))
    await close_all()
    return figures


SESSIONS = 1000
#: before anything is measured: caches and free lists have their size then
WARM_UP = 200
AT_ONCE = 10
REMEMBERED_BYTES_MAX = 60_000
NO_HOPS = "inbound.length=0 outbound.length=0 inbound.quantity=1 outbound.quantity=1"


#: what a session is made of
PARTS = {"SamSession", "Connection", "ClientSession", "ClientEngine", "LocalDestination", "Stream"}


def held() -> dict[str, int]:
    """Descriptors, tasks, resident memory in bytes, and parts of sessions in this process."""
    for _ in range(2):  # the router's loop puts what lives long aside, after each collection
        gc.unfreeze()
        gc.collect()
    gc.unfreeze()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    kinds = Counter(type(one).__name__ for one in gc.get_objects())
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "bytes": pages * 4096,
        **{name: kinds[name] for name in sorted(PARTS)},
    }


def test_a_thousand_sessions_leave_nothing(tmp_path: Path) -> None:
    """On a real router, lease sets and streams to the session itself's neighbour included."""

    async def one(port: int, number: int, neighbour: str) -> None:
        control = await SamClient.greeted(port)
        create = f"SESSION CREATE STYLE=STREAM ID=s{number} DESTINATION=TRANSIENT SIGNATURE_TYPE=7 "
        assert (await control.ask(create + NO_HOPS, 120))[1]["RESULT"] == "OK"
        client = await SamClient.greeted(port)
        reply = await client.ask(f"STREAM CONNECT ID=s{number} DESTINATION={neighbour}", 120)
        assert reply[1]["RESULT"] == "OK", reply
        client.writer.write(b"9\n")
        assert await client.reader.readexactly(9)
        await client.close()
        await control.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        target = server.sockets[0].getsockname()[1]
        async with server, own_network(tmp_path, 4, ends=1) as net, bridge(net.routers[-1]) as sam:
            host = await SamClient.greeted(sam.port)
            create = "SESSION CREATE STYLE=STREAM ID=host DESTINATION=TRANSIENT SIGNATURE_TYPE=7 "
            assert (await host.ask(create + NO_HOPS, 120))[1]["RESULT"] == "OK"
            neighbour = (await host.ask("NAMING LOOKUP NAME=ME"))[1]["VALUE"]
            forwarding = await SamClient.greeted(sam.port)
            await forwarding.ask(f"STREAM FORWARD ID=host PORT={target} SILENT=true")

            async def many(numbers: Iterable[int]) -> dict[str, int]:
                left = iter(numbers)

                async def some() -> None:
                    for number in left:
                        await one(sam.port, number, neighbour)

                await asyncio.gather(*(some() for _ in range(AT_ONCE)))
                await until(
                    "one session, and no stream",
                    lambda: sam.status()["sessions"] <= 1 and not sam.status()["streams"],
                    60,
                    every_s=0.05,
                )
                return held()

            before = await many(range(WARM_UP))
            after = await many(range(WARM_UP, WARM_UP + SESSIONS))
            print(f"\n{before}\n{after}")
            await close_all()
        # Four routers remember lease sets for ten minutes, and the neighbour whom it has met.
        remembered = after.pop("bytes") - before.pop("bytes")
        assert remembered < SESSIONS * REMEMBERED_BYTES_MAX
        assert {name: count for name, count in after.items() if count > before[name] + 5} == {}

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run())
