"""The library through real routers: one in this process, ours and i2pd's by SAM and by I2CP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from i2ptunnel import api
from tests.interop.conftest import I2CP_PORT, SAM_PORT, Network
from tests.support.api_network import embedded_config
from tests.support.examples import load_examples
from tests.support.i2pd_net import NETWORK_ID
from tests.support.origin import PAGE

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

HOPS = 2
EMBEDDED = "embedded"
#: datagrams may get lost, and a lease set may still be on its way to the floodfills
TRIES = 15
ECHO_BYTES = 50_000
WAYS = (EMBEDDED, "our SAM", "i2pd's SAM", "our I2CP", "i2pd's I2CP")


@asynccontextmanager
async def ways(network: Network, root: Path, *names: str) -> AsyncIterator[list[api.Router]]:
    """The routers of these names."""
    ours, i2pd = network.ours.address, network.i2pd_proxy.address
    known = root / "known"
    known.mkdir()
    infos = [*network.i2pd.router_infos(), network.relay.router_info]
    for number, raw in enumerate(infos):
        (known / f"routerInfo-{number}.dat").write_bytes(raw)
    openings = {
        EMBEDDED: api.open_router(embedded_config(24, known, NETWORK_ID), data_dir=root / "own"),
        "our SAM": api.attach_sam(ours, SAM_PORT),
        "i2pd's SAM": api.attach_sam(i2pd, SAM_PORT),
        "our I2CP": api.attach_i2cp(ours, I2CP_PORT),
        "i2pd's I2CP": api.attach_i2cp(i2pd, I2CP_PORT),
    }
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(openings[name]) for name in names]


async def pages(network: Network, router: api.Router) -> list[str]:
    """An eepsite of i2pd's and one of ours, with httpx."""
    client = load_examples()["httpx_client"].client
    async with router.open_session(hops=HOPS) as session, client(session) as web:
        sites = (network.i2pd_site, network.other_site)
        found = [await web.get(f"http://{site}/") for site in sites]
    return ["page" if page.content == PAGE else str(page.status_code) for page in found]


async def reach(session: api.Session, address: str) -> api.Stream:
    """A stream; a lease set may still be on its way to the floodfills."""
    for _ in range(TRIES):
        try:
            return await session.connect(address, timeout=60)
        except api.Unreachable:
            await asyncio.sleep(2)
    return await session.connect(address)


async def serve(listener: api.Listener) -> None:
    """Without a port: i2pd's SAM knows none, and calls port 0."""
    echo = load_examples()["echo_server"].echo
    async with asyncio.TaskGroup() as visitors:
        async for stream in listener:
            visitors.create_task(echo(stream))


async def echoes(keys: Path, to: api.Router, by: api.Router) -> int:
    """A listener of one router, which the client of another one visits: bytes that came back."""
    async with (
        to.open_session(keys=keys, publish=True, hops=HOPS) as server,
        server.listen() as listener,
        by.open_session(hops=HOPS) as client,
    ):
        serving = asyncio.create_task(serve(listener))
        stream = await reach(client, str(server.address))
        sending = asyncio.create_task(stream.write(bytes(ECHO_BYTES)))
        count = 0
        while count < ECHO_BYTES and (data := await stream.read(timeout=60)):
            assert not any(data)
            count += len(data)
        await sending
        await stream.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return count


async def questions(to: api.Router, by: api.Router) -> str:
    """Datagrams that are answered."""
    async with (
        to.open_datagrams(publish=True, hops=HOPS) as clock,
        by.open_datagrams(hops=HOPS) as asker,
    ):
        for _ in range(TRIES):
            await asker.send(b"ping", clock.address)
            with contextlib.suppress(TimeoutError):
                question = await clock.receive(timeout=2)
                assert question.source == asker.address
                await clock.send(b"pong", question.source)
                return (await asker.receive(timeout=2)).payload.decode()
    return "none"


async def messages(to: api.Router, by: api.Router) -> str:
    """Raw datagrams, which have no sender."""
    async with (
        to.open_datagrams(publish=True, raw=True, hops=HOPS) as listener,
        by.open_datagrams(raw=True, hops=HOPS) as teller,
    ):
        for _ in range(TRIES):
            await teller.send(b"told", listener.address)
            with contextlib.suppress(TimeoutError):
                return (await listener.receive(timeout=2)).payload.decode()
    return "none"


async def names(router: api.Router) -> str:
    """A name that nobody has."""
    try:
        return (await router.resolve("nobody-has-this.i2p", timeout=90)).host
    except api.NotFound:
        return "not found"


def test_the_library_over_every_router(network: Network, tmp_path: Path) -> None:
    """All at once: most of the time passes while tunnels are built and lease sets spread."""

    async def of(number: int, name: str, to: api.Router, by: api.Router) -> list[object]:
        return await asyncio.gather(
            pages(network, to),
            echoes(tmp_path / f"{number}.dat", to, by),
            questions(to, by),
            messages(to, by),
            names(to),
        )

    async def main() -> None:
        async with ways(network, tmp_path, *WAYS) as routers:
            pairs = zip(WAYS, routers, [*routers[1:], routers[0]], strict=True)
            found = await asyncio.gather(*(of(at, *pair) for at, pair in enumerate(pairs)))
        wanted = [["page", "page"], ECHO_BYTES, "pong", "told", "not found"]
        assert dict(zip(WAYS, found, strict=True)) == dict.fromkeys(WAYS, wanted)

    asyncio.run(asyncio.wait_for(main(), 200))
