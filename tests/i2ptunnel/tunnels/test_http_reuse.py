"""Streams that serve several requests, x-i2p-gzip, limits of uploads, and curl's own digest."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from i2ptunnel.config.client_models import AuthSection, HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.relay import channel_pool, http_exchange
from tests.support import fetch_curl
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession, LoopbackStream
from tests.support.tunnel_bench import (
    ANY_PORT,
    Bench,
    TableResolver,
    http_bench,
    port_of,
    running,
)
from tests.support.waiting import until

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Site:
    """A site in I2P whose streams the test answers by itself."""

    def __init__(self, network: LoopbackNetwork, session: LoopbackSession, proxy: Any) -> None:
        self.network, self.session, self.proxy = network, session, proxy

    async def ask(self, *requests: str, version: str = "1.1") -> asyncio.StreamReader:
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port_of(self.proxy))
        for request in requests:
            method, path = request.split()
            raw = f"{method} http://site.i2p{path} HTTP/{version}\r\nHost: s\r\n"
            self.writer.write(raw.encode() + b"\r\n")
        return reader

    async def get(self, path: str = "/") -> None:
        """One whole exchange on a new browser connection."""
        reader = await self.ask(f"GET {path}")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")
        self.writer.close()

    async def head(self, stream: LoopbackStream) -> bytes:
        got = b""
        async with asyncio.timeout(5):
            while b"\r\n\r\n" not in got:
                data = await stream.read()
                assert data, "the stream ended"
                got += data
        return got


def run(case: Callable[[Site], Awaitable[Any]], **options: Any) -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        session = network.session("site")
        resolver = TableResolver({"site.i2p": session.destination.hash})
        model = HttpClientSection(listen=ANY_PORT, **options)
        async with running("proxy", model, network, resolver) as proxy:
            await case(Site(network, session, proxy))

    asyncio.run(main())


async def answering(
    site: Site, stream: LoopbackStream, count: int, answer: bytes = KEPT
) -> list[bytes]:
    got = []
    for _ in range(count):
        got.append(await site.head(stream))
        await stream.write(answer)
    return got


def test_one_stream_serves_several_connections_of_the_browser() -> None:
    async def case(site: Site) -> None:
        asking = asyncio.create_task(site.get("/1"))
        stream = await site.session.accept()
        first = await answering(site, stream, 1)
        await asking
        for path in ("/2", "/3"):
            asking = asyncio.create_task(site.get(path))
            again = await answering(site, stream, 1)
            assert again[0].startswith(f"GET {path} ".encode())
            await asking
        assert b"\r\nConnection: keep-alive\r\n" in first[0]
        assert len(site.proxy.session.connects) == 1

    run(case)


def test_pipelined_requests_share_a_stream_in_order() -> None:
    async def case(site: Site) -> None:
        reader = await site.ask("GET /1", "GET /2", "GET /3")
        stream = await site.session.accept()
        got = await answering(site, stream, 3)
        assert [one.split()[1] for one in got] == [b"/1", b"/2", b"/3"]
        async with asyncio.timeout(5):
            for _ in range(3):
                assert (await reader.readuntil(b"ok")).count(b"HTTP/1.1 200") == 1
        site.writer.close()

    run(case)


def test_without_keep_alive_every_request_has_a_stream() -> None:
    async def case(site: Site) -> None:
        for path in ("/1", "/2"):
            asking = asyncio.create_task(site.get(path))
            stream = await site.session.accept()
            assert b"\r\nConnection: close\r\n" in (await answering(site, stream, 1))[0]
            await asking

    run(case, keep_alive=False)


CLOSING = {
    "says so": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "bytes behind it": KEPT + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
}


@pytest.mark.parametrize("name", CLOSING)
def test_streams_that_cannot_be_reused_are_not(name: str) -> None:
    async def case(site: Site) -> None:
        for path in ("/1", "/2"):
            asking = asyncio.create_task(site.get(path))
            stream = await site.session.accept()
            await answering(site, stream, 1, CLOSING[name])
            await asking
        assert len(site.proxy.session.connects) == 2

    run(case)


@pytest.mark.parametrize("how", ["close", "reset", "speak"])
def test_a_stream_that_ended_while_idle_is_not_used(how: str) -> None:
    async def case(site: Site) -> None:
        asking = asyncio.create_task(site.get())
        stream = await site.session.accept()
        await answering(site, stream, 1)
        await asking
        if how == "close":
            await stream.close_write()
        elif how == "reset":
            stream.reset()
        else:
            await stream.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        async with asyncio.timeout(5):
            while len(site.proxy._pool):
                await asyncio.sleep(0)
        asking = asyncio.create_task(site.get())
        await answering(site, await site.session.accept(), 1)
        await asking

    run(case)


async def ask_again(site: Site) -> tuple[asyncio.StreamReader, LoopbackStream]:
    """Have a stream kept, and a second request on it."""
    asking = asyncio.create_task(site.get("/1"))
    stream = await site.session.accept()
    await answering(site, stream, 1)
    await asking
    reader = await site.ask("GET /2")
    return reader, stream


@pytest.mark.parametrize("how", ["end", "reset", "silence"])
def test_a_request_that_never_arrived_goes_out_again(how: str) -> None:
    async def case(site: Site) -> None:
        kept = asyncio.create_task(site.get("/1"))
        stream = await site.session.accept()
        await answering(site, stream, 1)
        await kept
        site.proxy.session.streams[0].has_arrived = False
        reader = await site.ask("GET /2")
        if how == "end":
            await stream.close_write()
        elif how == "reset":
            stream.reset()
        again = await site.session.accept()
        assert (await answering(site, again, 1))[0].startswith(b"GET /2 ")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")
        site.writer.close()

    run(case)


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_request_that_arrived_is_never_repeated(how: str) -> None:
    async def case(site: Site) -> None:
        reader, stream = await ask_again(site)
        await site.head(stream)
        if how == "end":
            await stream.close_write()
        else:
            stream.reset()
        async with asyncio.timeout(5):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 403 "), answer[:60]
        assert len(site.proxy.session.connects) == 1
        site.writer.close()

    run(case)


def test_a_silent_application_is_asked_once_and_its_path_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_exchange, "PROBE_FIRST_S", 0.01)
    monkeypatch.setattr(http_exchange, "PROBE_EVERY_S", 0.01)

    async def case(site: Site) -> None:
        reader, stream = await ask_again(site)
        await site.head(stream)
        ours = site.proxy.session.streams[0]
        await until("twenty probes", lambda: ours.probes >= 20, 5)
        await stream.write(KEPT)
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")
        assert len(site.proxy.session.connects) == 1
        site.writer.close()

    run(case)


def test_a_path_that_dies_while_the_answer_is_due_is_told_and_nothing_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_exchange, "PROBE_FIRST_S", 0.01)

    async def case(site: Site) -> None:
        reader, stream = await ask_again(site)
        await site.head(stream)
        ours = site.proxy.session.streams[0]

        async def is_there() -> bool:
            ours.probes += 1
            return False

        async with asyncio.timeout(5):
            while not ours.probes:
                await asyncio.sleep(0)

        ours.probe = is_there
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
        assert ours.probes >= http_exchange.PROBES_MAX
        assert len(site.proxy.session.connects) == 1
        site.writer.close()

    run(case)


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "refused"])
def test_a_web_server_is_asked_again_only_if_it_refused_the_request(is_read: bool) -> None:
    """A server that ends an idle connection resets what comes too late; one that read does not."""

    async def main() -> None:
        requests = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            await reader.readuntil(b"\r\n\r\n")
            requests += 1
            writer.write(KEPT)
            if requests == 1:
                if is_read:
                    await reader.readuntil(b"\r\n\r\n")
                    requests += 1
                else:
                    while not reader._buffer:
                        await asyncio.sleep(0)
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        network = LoopbackNetwork()
        target = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        async with running(
            "site", HttpServerSection(target=target), network, TableResolver({})
        ) as tunnel:
            visitor = network.session("visitor")
            assert isinstance(tunnel.session, LoopbackSession)
            stream = await visitor.connect(tunnel.session.destination.hash, port=80)
            answers = b""
            async with asyncio.timeout(5):
                for count in (1, 2):
                    await stream.write(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
                    while answers.count(b"HTTP/1.1 ") < count:
                        answers += await stream.read()
                    await asyncio.sleep(0.02)
        second = answers.split(b"HTTP/1.1 ")[2]
        assert second.startswith(b"503" if is_read else b"200")
        assert requests == 2
        server.close()

    asyncio.run(main())


def test_what_may_not_be_repeated_goes_out_on_a_fresh_stream() -> None:
    async def case(site: Site) -> None:
        asking = asyncio.create_task(site.get())
        stream = await site.session.accept()
        await answering(site, stream, 1)
        await asking
        reader = await site.ask("POST /")
        fresh = await site.session.accept()
        assert (await site.head(fresh)).startswith(b"POST / ")
        fresh.reset()
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
        site.writer.close()
        assert len(site.proxy.session.connects) == 2

    run(case)


def test_idle_streams_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def case(site: Site) -> None:
        site.proxy._pool = channel_pool.ChannelPool(idle_s=0.02)
        asking = asyncio.create_task(site.get())
        stream = await site.session.accept()
        await answering(site, stream, 1)
        await asking
        async with asyncio.timeout(5):
            assert await stream.read() == b""
        assert len(site.proxy._pool) == 0

    run(case)


def test_the_pool_is_bounded() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        one, other = network.session("one"), network.session("other")
        pool = channel_pool.ChannelPool(per_key_max=2, total_max=3)
        streams = []
        for number in range(6):
            streams.append(await one.connect(other.destination.hash))
            pool.give(number // 4, streams[-1])
        assert len(pool) == 3
        assert await pool.take(1) is streams[5]
        assert await pool.take(2) is None
        await pool.close()
        assert len(pool) == 0

    asyncio.run(main())


TEXT = b"".join(b"line %d of a page\n" % number for number in range(4000))


def test_compressed_pages_arrive_plain() -> None:
    async def case(site: Site) -> None:
        packed = gzip.compress(TEXT)
        inner = b"5\r\nhello\r\n0\r\n\r\n"
        cases = {
            b"": (packed, TEXT),
            b"Content-Length: %d\r\n" % len(TEXT): (packed, TEXT),
            b"Transfer-Encoding: chunked\r\n": (gzip.compress(inner), b"hello"),
        }
        for framing, (body, wanted) in cases.items():
            reader = await site.ask("GET /", version="1.0")
            stream = await site.session.accept()
            head = await site.head(stream)
            assert b"\r\nX-Accept-Encoding: x-i2p-gzip;q=1.0, identity;q=0.5" in head
            answer = (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: x-i2p-gzip\r\n" + framing + b"\r\n" + body
            )
            for start in range(0, len(answer), 1000):
                await stream.write(answer[start : start + 1000])
            async with asyncio.timeout(5):
                got = await reader.read()  # before the stream's end: the data says it itself
            head, _, plain = got.partition(b"\r\n\r\n")
            assert plain == wanted
            assert b"x-i2p-gzip" not in head
            site.writer.close()

    run(case, keep_alive=False)


@pytest.mark.parametrize(
    "body",
    [gzip.compress(TEXT)[:-20], b"no gzip at all", gzip.compress(TEXT)[:5] + b"\xff" * 50],
    ids=["cut short", "not packed", "damaged"],
)
def test_broken_compression_never_looks_whole(body: bytes) -> None:
    async def case(site: Site) -> None:
        reader = await site.ask("GET /")
        stream = await site.session.accept()
        await site.head(stream)
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: x-i2p-gzip\r\n\r\n" + body)
        await stream.close_write()
        async with asyncio.timeout(5):
            try:
                got = await reader.read()
            except ConnectionResetError:
                got = b""
        assert not got.endswith(b"0\r\n\r\n")
        site.writer.close()

    run(case)


def test_a_bomb_is_unpacked_in_pieces() -> None:
    async def case(site: Site) -> None:
        reader = await site.ask("GET /")
        stream = await site.session.accept()
        await site.head(stream)
        bomb = gzip.compress(bytes(50_000_000))
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: x-i2p-gzip\r\n\r\n" + bomb)
        await stream.close_write()
        count = 0
        async with asyncio.timeout(20):
            while data := await reader.read(1 << 20):
                count += len(data)
                if data.endswith(b"\r\n0\r\n\r\n"):
                    break
        assert count > 50_000_000
        site.writer.close()

    run(case)


def http(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> None:
    async def main() -> None:
        async with http_bench(**options) as bench:
            await case(bench)

    asyncio.run(main())


def test_compression_between_our_own_ends() -> None:
    async def case(bench: Bench) -> None:
        async def answer(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(TEXT) + TEXT)
            await writer.drain()

        bench.origin.answer = answer
        got = await bench.get()
        assert got.count(b"line 3999 of a page") == 1
        assert bench.proxy.traffic.received < len(TEXT) / 3
        assert "x-accept-encoding" not in str(bench.origin.heads).lower()

    http(case)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_uploads_are_limited(is_chunked: bool) -> None:
    async def case(bench: Bench) -> None:
        head = b"POST http://site.i2p/ HTTP/1.1\r\nHost: s\r\n"
        for size, status in ((1000, b"200"), (1001, b"413")):
            body = bytes(size)
            if is_chunked:
                raw = head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                raw += b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
            else:
                raw = head + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (size, body)
            answer = await bench.ask(raw)
            assert answer.startswith(b"HTTP/1.1 " + status), answer[:80]

    http(case, client={"max_upload": 1000})


@pytest.mark.parametrize("method", ["--proxy-digest", "--proxy-basic", "--proxy-anyauth"])
def test_curl_gets_in(method: str) -> None:
    async def case(bench: Bench) -> None:
        for password, status in (("s3cret", b"200"), ("wrong", b"407")):
            process = await asyncio.create_subprocess_exec(
                *(
                    *fetch_curl.command(),
                    "-sS",
                    "-o",
                    "/dev/null",
                    "-w",
                    "%{http_code} %{http_code}",
                ),
                *("-x", f"http://127.0.0.1:{bench.proxy_port}", method),
                *("--proxy-user", f"ann:{password}", "http://site.i2p/a?b=c"),
                stdout=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(15):
                out, _ = await process.communicate()
            assert out.split()[0] == status

    http(case, client={"auth": (AuthSection(username="ann", password="s3cret"),)})
