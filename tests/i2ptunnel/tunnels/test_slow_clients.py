"""Browsers and visitors who are slow on purpose are broken off, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import SocksSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.config.tunnel_parts import TunnelBandwidthSection
from tests.support.loopback_session import LoopbackNetwork, LoopbackStream
from tests.support.origin import Origin, body_of
from tests.support.tunnel_bench import (
    ANY_PORT,
    OK,
    Bench,
    RecordingOrigin,
    TableResolver,
    http_bench,
    port_of,
    running,
)
from tests.support.waiting import until

RESERVE_S = 0.5
LARGE = 5_000_000


@pytest.fixture(autouse=True)
def short_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.relay.least_rate.RESERVE_S", RESERVE_S)


class Site:
    """A web site in I2P, the web server behind it, and somebody who visits it."""

    def __init__(self, network: LoopbackNetwork, tunnel: Any, origin: RecordingOrigin) -> None:
        self.visitor = network.session("visitor")
        self.tunnel = tunnel
        self.origin = origin

    async def open(self, raw: bytes) -> LoopbackStream:
        stream = await self.visitor.connect(self.tunnel.session.destination.hash, port=80)
        await stream.write(raw)
        return stream

    async def is_empty(self) -> None:
        await until("no connection", lambda: not self.tunnel.connections_open)


def at_site(case: Callable[[Site], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        async with RecordingOrigin() as origin:
            target = Endpoint("127.0.0.1", origin.port)
            model = HttpServerSection(**{"target": target, "keep_alive": False, **options})
            async with running("site", model, network, TableResolver({})) as tunnel:
                async with asyncio.timeout(20):
                    await case(Site(network, tunnel, origin))

    asyncio.run(main())


def at_proxy(case: Callable[[Bench], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with http_bench(**options) as bench, asyncio.timeout(20):
            await case(bench)

    asyncio.run(main())


async def read_body(
    got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """An origin that takes a body of unknown length and never answers."""
    while data := await reader.read(1000):
        got += data


async def answer_body(
    got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """An origin that answers after a body of 3000 bytes."""
    got += await reader.readexactly(3000)
    writer.write(OK)
    await writer.drain()


async def flood(got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    writer.write(body_of(LARGE))
    await writer.drain()


HEAD = b"POST %b HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 3000\r\n\r\n"


def test_a_trickling_upload_of_a_visitor_is_given_up() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = read_body
        stream = await site.open(HEAD % b"/")
        answer = asyncio.create_task(stream.read())
        sent = 0
        while not answer.done():  # slower than the least rate, and never silent
            await stream.write(b"x")
            sent += 1
            await asyncio.sleep(0.01)
        assert (await answer).startswith(b"HTTP/1.1 408 ")
        assert 0 < sent < 3000
        await stream.close()
        await site.is_empty()
        assert site.tunnel.counters()["connections_too_slow"] == 1

    at_site(case, min_rate=1000)


def test_a_slow_upload_at_the_least_rate_arrives() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = answer_body
        stream = await site.open(HEAD % b"/")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(30):
            await stream.write(bytes(100))
            await asyncio.sleep(0.04)
        assert loop.time() - began > 2 * RESERVE_S
        assert (await stream.read()).startswith(b"HTTP/1.1 200 ")

    at_site(case, min_rate=1000)


def test_a_visitor_who_hardly_reads_is_broken_off() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = flood
        stream = await site.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\n\r\n")
        with pytest.raises(Unavailable):
            while await stream.read(50):
                await asyncio.sleep(0.01)
        await site.is_empty()
        assert site.tunnel.counters()["connections_too_slow"] == 1

    at_site(case, min_rate=20_000)


def test_a_visitor_who_reads_slowly_enough_gets_everything() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = flood
        stream = await site.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\nConnection: close\r\n\r\n")
        count, loop = 0, asyncio.get_running_loop()
        began = loop.time()
        while data := await stream.read(65536):
            count += len(data)
            await asyncio.sleep(0.02)
        assert loop.time() - began > 2 * RESERVE_S
        assert count > LARGE

    at_site(case, min_rate=20_000)


def test_a_web_server_that_takes_its_time_is_not_the_visitors_fault() -> None:
    async def case(site: Site) -> None:
        async def slow(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await asyncio.sleep(2 * RESERVE_S)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(2 * RESERVE_S)
            writer.write(b"ok")

        site.origin.answer = slow
        stream = await site.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := await stream.read():
            answer += data
        assert answer.endswith(b"\r\n\r\nok")

    at_site(case, min_rate=20_000)


def test_a_tunnels_own_limit_is_not_the_visitors_fault() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = answer_body
        stream = await site.open(HEAD % b"/" + bytes(3000))
        assert (await stream.read()).startswith(b"HTTP/1.1 200 ")

    slow = TunnelBandwidthSection(inbound=3000, outbound=1000)
    at_site(case, min_rate=100_000, bandwidth=slow)


def test_a_visitor_who_leaves_a_silent_web_server_frees_its_place() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = read_body
        stream = await site.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\n\r\n")
        await until("the request", lambda: site.origin.received)
        assert site.tunnel.connections_open == 1
        stream.reset()
        await site.is_empty()

    at_site(case)


def test_a_web_server_that_does_not_answer_is_given_up() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = read_body
        stream = await site.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\n\r\n")
        assert (await stream.read()).startswith(b"HTTP/1.1 504 ")
        assert len(site.origin.received) == 1

    at_site(case, response_timeout=0.1)


def test_the_time_for_an_answer_begins_with_the_end_of_the_request() -> None:
    async def case(site: Site) -> None:
        site.origin.answer = answer_body
        stream = await site.open(HEAD % b"/")
        for _ in range(30):
            await stream.write(bytes(100))
            await asyncio.sleep(0.04)
        assert (await stream.read()).startswith(b"HTTP/1.1 200 ")

    at_site(case, response_timeout=0.8)


def test_a_kept_web_server_is_not_asked_twice() -> None:
    async def case(site: Site) -> None:
        async def answer_once(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(OK.replace(b"Connection: close\r\n", b""))
            got += await reader.readuntil(b"\r\n\r\n")
            await reader.read()

        site.origin.answer = answer_once
        ask = b"GET / HTTP/1.1\r\nHost: site.i2p\r\n\r\n"
        stream = await site.open(ask)
        assert (await stream.read()).startswith(b"HTTP/1.1 200 ")
        await stream.write(ask)
        answer = b""
        while b"HTTP/1.1 504 " not in answer:
            data = await stream.read()
            assert data
            answer += data
        assert len(site.origin.received) == 1
        assert site.origin.everything.count(b"GET / ") == 2

    at_site(case, keep_alive=True, response_timeout=0.2)


def test_a_trickling_upload_of_a_browser_is_given_up() -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = read_body
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
        writer.write(HEAD % b"http://site.i2p/")
        answer = asyncio.create_task(reader.readline())
        sent = 0
        while not answer.done():
            writer.write(b"x")
            sent += 1
            await asyncio.sleep(0.01)
        assert (await answer).startswith(b"HTTP/1.1 408 ")
        assert sent < 3000
        assert bench.proxy.counters()["connections_too_slow"] == 1
        writer.close()

    at_proxy(case, client={"min_rate": 1000})


def test_a_trickling_upload_through_socks_is_given_up() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        site = network.session("site")
        model = SocksSection(listen=ANY_PORT, filter_http=True, min_rate=1000)
        resolver = TableResolver({"site.i2p": site.destination.hash})
        async with running("socks", model, network, resolver) as proxy, asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            writer.write(b"\x05\x01\x00" + b"\x05\x01\x00\x03\x08site.i2p\x00\x50")
            await site.accept()
            await reader.readexactly(12)
            writer.write(HEAD % b"/")
            answer = asyncio.create_task(reader.readline())
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.01)
            assert (await answer).startswith(b"HTTP/1.1 408 ")
            writer.close()

    asyncio.run(main())


def test_a_browser_that_does_not_read_is_broken_off() -> None:
    with Origin() as origin:

        async def case(bench: Bench) -> None:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", bench.proxy_port, limit=1024
            )
            writer.write(b"GET http://site.i2p/bytes/40000000 HTTP/1.1\r\nHost: s\r\n\r\n")
            await until("too slow", lambda: bench.proxy.counters().get("connections_too_slow"))
            await until(
                "no connection",
                lambda: not bench.proxy.connections_open and not bench.site.connections_open,
            )
            with pytest.raises(ConnectionResetError):
                while await reader.read(1 << 20):
                    pass
            writer.close()

        target = Endpoint("127.0.0.1", origin.port)
        at_proxy(case, client={"min_rate": 1000}, server={"target": target, "min_rate": None})


def test_what_is_no_longer_http_may_be_as_slow_as_it_likes() -> None:
    async def case(bench: Bench) -> None:
        async def talk(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
            )
            writer.write(bytes(20_000_000))
            await writer.drain()

        bench.origin.answer = talk
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port, limit=1024)
        writer.write(
            b"GET http://site.i2p/ HTTP/1.1\r\nHost: s\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await asyncio.sleep(3 * RESERVE_S)
        count = 0
        while count < 20_000_000:
            data = await reader.read(1 << 20)
            assert data
            count += len(data)
        writer.close()

    slow = {"min_rate": 1_000_000_000}
    at_proxy(case, client=slow, server=slow)
