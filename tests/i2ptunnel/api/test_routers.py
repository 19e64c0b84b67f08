"""The library's routers on a private network: one in this process, and by SAM and I2CP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.data.identity import hash_to_b32
from i2ptunnel import api
from i2ptunnel.naming.store import Book
from tests.support.api_network import ApiNetwork, api_network

NOBODY = hash_to_b32(bytes(range(32)))


async def echo(listener: api.Listener) -> None:
    async for stream in listener:
        async with stream:
            while data := await stream.read():
                await stream.write(data)


async def streams(router: api.Router, keys: Path) -> str:
    """A listener that the router's own client reaches; returns its address."""
    async with router.open_session(keys=keys, publish=True, hops=1) as server:
        other = server.listen()
        async with server.listen(7) as listener:
            assert listener.address.port == 7
            for taken in (7, None):
                with pytest.raises(api.UsageError, match="already"):
                    server.listen(taken)
            serving = asyncio.create_task(echo(listener))
            async with router.open_session(hops=1) as client:
                async with client.connect(listener.address) as stream:
                    assert stream.remote == listener.address
                    sending = asyncio.create_task(stream.write(b"x" * 300_000))
                    got = b""
                    while len(got) < 300_000:
                        got += await stream.read(timeout=30)
                    await sending
                    assert got == b"x" * 300_000
                    await stream.close_write()
                    assert await stream.read(timeout=30) == b""
                stream = await client.connect(server.address, port=9)
                async with other, await other.accept(timeout=30) as visit:
                    assert visit.local_port == 9 and visit.remote == client.address
                    await visit.write(b"ninth")
                    assert await stream.read(timeout=30) == b"ninth"
                    for error in (api.TimedOut, TimeoutError):
                        with pytest.raises(error):
                            await stream.read(timeout=0)
                    reading = asyncio.create_task(stream.read())
                    await asyncio.sleep(0)
                    reading.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await reading
                    await visit.write(b"again")
                    assert await stream.read(timeout=30) == b"again"
                stream.reset()
                with pytest.raises(api.UsageError):
                    client.listen()
            serving.cancel()
        return server.address.host


async def datagrams(router: api.Router) -> None:
    async with (
        router.open_datagrams(publish=True, hops=1) as pong,
        router.open_datagrams(hops=1) as ping,
    ):
        question = asyncio.create_task(_repeat(ping, pong.address))
        asked = await pong.receive(timeout=30)
        assert (asked.payload, asked.to_port) == (b"ping", 13) and asked.source == ping.address
        await pong.send(b"pong", asked.source)
        answer = await ping.receive(timeout=30)
        question.cancel()
        assert answer.payload == b"pong" and answer.source == pong.address
        with pytest.raises(api.UsageError):
            await ping.send(b"x" * 70_000, pong.address)


async def raw_datagrams(router: api.Router) -> None:
    async with (
        router.open_datagrams(publish=True, raw=True, hops=1) as receiver,
        router.open_datagrams(raw=True, hops=1) as sender,
    ):
        sending = asyncio.create_task(_repeat(sender, receiver.address))
        came = await receiver.receive(timeout=30)
        sending.cancel()
        assert came == api.Datagram(b"ping", None, 13)


async def _repeat(socket: api.DatagramSession, target: api.Address) -> None:
    while True:
        await socket.send(b"ping", target, 13)
        await asyncio.sleep(1)


async def faults(router: api.Router, network: ApiNetwork) -> None:
    for wrong in ("example.com", "site.i2p:http", "site.i2p:70000", "", "short.b32.i2p"):
        with pytest.raises(api.UsageError):
            await router.resolve(wrong)
    with pytest.raises(api.NotFound):
        await router.resolve("nobody.i2p")
    with pytest.raises(api.NotFound):
        await router.connect("nobody.i2p", timeout=60)
    with pytest.raises((api.TimedOut, api.Unreachable)):
        await router.connect(NOBODY, timeout=5)
    for session in (router.open_session(timeout=0), router.open_datagrams(timeout=0)):
        with pytest.raises(api.TimedOut):
            await session
    assert (await router.resolve(f"{NOBODY}:80")) == api.Address(NOBODY, port=80)


async def closing(router: api.Router) -> None:
    session = await router.open_session(publish=True, hops=1)
    listener = session.listen()
    waiting = asyncio.create_task(listener.accept())
    datagrams = await router.open_datagrams(hops=1)
    receiving = asyncio.create_task(datagrams.receive())
    await asyncio.sleep(0)
    await router.close()
    await router.close()
    for task in (waiting, receiving):
        with pytest.raises(api.Closed):
            await task
    with pytest.raises(api.Closed):
        await session.connect(NOBODY)
    with pytest.raises(api.Closed):
        await router.open_session()


@pytest.mark.parametrize("kind", ["embedded", "sam", "i2cp"])
def test_a_router(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            api_network(tmp_path) as network,
            network.router(kind, tmp_path / "own") as router,
        ):
            keys = tmp_path / "keys" / "site.dat"
            first, *_ = await asyncio.gather(
                streams(router, keys),
                datagrams(router),
                raw_datagrams(router),
                faults(router, network),
            )
            if kind != "embedded":  # the address book is the router's
                network.naming.books.add(Book.LOCAL, "site.i2p", first)
                assert (await router.resolve("site.i2p")).host == first
            async with router.open_session(keys=keys, publish=True, hops=1) as again:
                assert again.address.host == first, "the address stays"
                with pytest.raises(api.UsageError):
                    await router.open_session(keys=keys)
            await closing(router)

    asyncio.run(asyncio.wait_for(main(), 110))
