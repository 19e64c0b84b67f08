"""The eepsite tunnel: what visitors can claim, what the web server gives away, files, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import Unavailable
from core.data.encoding import b64encode
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.tunnels import httpserver, server_base
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession, LoopbackStream
from tests.support.tunnel_bench import RecordingOrigin, TableResolver, context, running
from tests.support.waiting import until


class Visitor:
    """Somebody in I2P who speaks raw bytes to the site."""

    def __init__(self, session: LoopbackSession, site: Any, origin: RecordingOrigin) -> None:
        self.session = session
        self.site = site
        self.origin = origin

    async def open(self, raw: bytes) -> LoopbackStream:
        stream = await self.session.connect(self.site.session.destination.hash, port=80)
        await stream.write(raw)
        return stream

    async def ask(self, raw: bytes) -> bytes:
        """Everything that comes back until the site closes."""
        stream = await self.open(raw)
        answer = b""
        async with asyncio.timeout(5):
            while data := await stream.read():
                answer += data
        return answer

    async def get(self, path: str, *headers: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", "Host: site.i2p", *headers, "Connection: close", "", ""]
        return await self.ask("\r\n".join(lines).encode("latin-1"))


def run(case: Callable[[Visitor], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        network = LoopbackNetwork()
        async with RecordingOrigin() as origin:
            options.setdefault("target", Endpoint("127.0.0.1", origin.port))
            options.setdefault("keep_alive", False)  # the origin answers once a connection
            if "docroot" in options:
                options["target"] = None
            model = HttpServerSection(**options)
            async with running("site", model, network, TableResolver({})) as site:
                return await case(Visitor(network.session("visitor"), site, origin))

    return asyncio.run(main())


def test_the_web_server_learns_who_visits_and_cannot_be_lied_to() -> None:
    async def case(visitor: Visitor) -> None:
        forged = (
            "X-I2P-DestHash: forged",
            "x-i2p-destb32:forged",
            "X_I2P_DestB64: forged",
            "X-I2P-Anything: forged",
            "X-Forwarded-For: forged",
            "X-Real-IP: forged",
            "Forwarded: for=forged",
            "Via: 1.1 forged",
            "Proxy-Connection: forged",
            "Proxy: forged",
        )
        answer = await visitor.get("/", *forged, "User-Agent: MYOB", "Cookie: a=b")
        assert answer.startswith(b"HTTP/1.1 200 ")
        (head,) = visitor.origin.heads
        me = visitor.session.destination
        assert f"X-I2P-DestHash: {b64encode(me.hash)}" in head
        assert f"X-I2P-DestB32: {me.b32}" in head
        assert f"X-I2P-DestB64: {me.b64}" in head
        assert b"forged" not in visitor.origin.everything
        assert "Cookie: a=b" in head
        assert "Connection: close" in head

    run(case)


def test_the_headers_can_be_left_out_and_the_host_set() -> None:
    async def case(visitor: Visitor) -> None:
        await visitor.get("http://site.i2p/a?b", "X-I2P-DestB32: forged")
        (head,) = visitor.origin.heads
        assert head[0] == "GET /a?b HTTP/1.1"
        assert [line for line in head if line.startswith("Host:")] == ["Host: mysite.i2p"]
        assert b"I2P" not in visitor.origin.everything.replace(b".i2p", b"")

    run(case, i2p_headers=False, hostname="mysite.i2p")


def test_responses_do_not_tell_clock_or_software() -> None:
    async def answer(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nserver: secret\r\nDATE: secret\r\nX-Powered-By: secret\r\n"
            b"X-Runtime: secret\r\nProxy-Authenticate: secret\r\nX-AspNet-Version: secret\r\n"
            b"ETag: mine\r\nContent-Length: 2\r\n\r\nok"
        )

    async def case(visitor: Visitor) -> None:
        visitor.origin.answer = answer
        got = await visitor.get("/")
        assert b"secret" not in got
        assert b"ETag: mine" in got

    run(case)


REDIRECTIONS = {
    "http://127.0.0.1:8080/a?b=c#d": "/a?b=c#d",
    "http://localhost": "/",
    "https://192.168.1.7/login": "/login",
    "//backend.lan/x": "/x",
    "HTTP://[::1]:80/x": "/x",
    "http://web:8000//x": "/.//x",
    "http://web:8000/\\x": "/./\\x",
    "/relative?q=http://127.0.0.1/": "/relative?q=http://127.0.0.1/",
    "http://site.i2p/x": "http://site.i2p/x",
    "https://example.com/x": "https://example.com/x",
    "http://[broken/x": "http://[broken/x",
    "../up": "../up",
}


@pytest.mark.parametrize("address", REDIRECTIONS)
def test_redirections_do_not_tell_where_the_web_server_is(address: str) -> None:
    async def answer(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = f"HTTP/1.1 302 Found\r\nlocation: {address}\r\nContent-Location: {address}\r\n"
        writer.write(head.encode() + b"X-Pingback: http://secret/\r\nContent-Length: 0\r\n\r\n")

    async def case(visitor: Visitor) -> None:
        visitor.origin.answer = answer
        lines = (await visitor.get("/")).decode().split("\r\n")
        assert f"location: {REDIRECTIONS[address]}" in lines
        assert f"Content-Location: {REDIRECTIONS[address]}" in lines
        assert "secret" not in str(lines)

    run(case)


REFUSED = {
    "not HTTP": (b"SSH-2.0-x\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "authority as target": (b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400),
    "length and coding": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        400,
    ),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    "long line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_clear_does_not_reach_the_web_server(name: str) -> None:
    raw, status = REFUSED[name]

    async def case(visitor: Visitor) -> None:
        answer = await visitor.ask(raw)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert visitor.origin.received == []
        assert visitor.site.counters()["requests_refused"] == 1

    run(case)


def test_several_requests_on_one_stream() -> None:
    async def case(visitor: Visitor) -> None:
        raw = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(3))
        answer = await visitor.ask(raw + b"GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 4
        assert len(visitor.origin.received) == 4
        assert visitor.site.counters()["connections"] == 1

    run(case)


def test_a_web_server_that_is_down_gives_503_and_shows_in_the_status() -> None:
    async def case(visitor: Visitor) -> None:
        answer = await visitor.get("/")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert visitor.site.last_error == "the target cannot be reached: connection refused"
        assert visitor.site.counters()["connections_failed"] == 1

    run(case, target=Endpoint("127.0.0.1", 1))


def test_a_visitor_who_resets_ends_the_backend_connection() -> None:
    ended = asyncio.Event()

    async def answer(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(10_000))
                await writer.drain()
        except OSError:
            ended.set()
            raise

    async def case(visitor: Visitor) -> None:
        visitor.origin.answer = answer
        stream = await visitor.open(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await stream.read()
        stream.reset()
        async with asyncio.timeout(5):
            await ended.wait()

    run(case)


def test_a_visitor_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpserver, "_FIRST_BYTE_TIMEOUT_S", 0.02)
    monkeypatch.setattr(httpserver, "_HEADER_TIMEOUT_S", 0.02)

    async def case(visitor: Visitor) -> None:
        assert await visitor.ask(b"") == b""
        assert (await visitor.ask(b"GET / HT")).startswith(b"HTTP/1.1 408 ")

    run(case)


_REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def _never(got: bytearray, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


def test_limits_of_connections() -> None:
    async def case(visitor: Visitor) -> None:
        answers, visitor.origin.answer = visitor.origin.answer, _never
        open_streams = [await visitor.open(_REQUEST) for _ in range(2)]
        await until("two requests", lambda: len(visitor.origin.heads) >= 2)
        answer = await visitor.ask(_REQUEST)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nRetry-After: 10\r\n" in answer
        assert visitor.site.counters()["connections_refused"] == 1
        visitor.origin.answer = answers
        open_streams[0].reset()
        await until("one is gone", lambda: visitor.site.connections_open <= 1)
        assert (await visitor.get("/")).startswith(b"HTTP/1.1 200 ")

    run(case, max_connections_per_client=2)
    run(case, max_connections=2)


def test_only_some_of_a_flood_are_told_why_they_may_not_come_in() -> None:
    async def case(visitor: Visitor) -> None:
        visitor.origin.answer = _never
        await visitor.open(_REQUEST)
        await until("the request", lambda: visitor.origin.heads)
        site_hash = visitor.site.session.destination.hash
        flood = [await visitor.session.connect(site_hash, port=80) for _ in range(100)]
        told = 0
        async with asyncio.timeout(5):
            for stream in flood:
                try:
                    told += (await stream.read()).startswith(b"HTTP/1.1 429 ")
                except Unavailable:
                    pass
        assert told == server_base._TURNED_AWAY_MAX
        assert visitor.site.counters()["connections_refused"] == 100

    run(case, max_connections=1)


def test_a_server_asks_for_its_own_published_session() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        model = HttpServerSection(target=Endpoint("127.0.0.1", 1))
        async with running("blog", model, network, TableResolver({})) as site:
            (request,) = network.requests
            assert (request.keys_file, request.publish, request.is_shared) == (
                "blog.dat",
                True,
                False,
            )
            assert site.is_ready
            assert not site.failed.is_set()
            assert site.status()["b32"] == site.b32
            await site.session.close()  # type: ignore[union-attr]
            async with asyncio.timeout(5):
                await site.failed.wait()
            assert not site.is_ready
            assert site.last_error == "the session is closed"

    asyncio.run(main())


def test_stop_resets_the_streams() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        model = HttpServerSection(target=Endpoint("127.0.0.1", 1))
        site = httpserver.HttpServer(model, context("s", network, TableResolver({})))
        await site.start()
        assert site.session is not None
        stream = await network.session("visitor").connect(site.session.destination.hash)
        await until("the stream", lambda: site.connections_open)
        await site.stop()
        with pytest.raises(Unavailable):
            await stream.read()
        assert site.connections_open == 0
        await site.stop()

    asyncio.run(main())


def test_idle_visitors_keep_nobody_out(tmp_path: Path) -> None:
    """Eight destinations fill all places with kept streams."""
    (tmp_path / "index.html").write_text("hello")

    async def case(visitor: Visitor) -> None:
        network = visitor.session._network
        kept = []
        for number in range(8):
            other = Visitor(network.session(f"idler {number}"), visitor.site, visitor.origin)
            for _ in range(4):
                stream = await other.open(b"GET / HTTP/1.1\r\nHost: site.i2p\r\n\r\n")
                async with asyncio.timeout(5):
                    assert (await stream.read()).startswith(b"HTTP/1.1 200")
                kept.append(stream)
        assert visitor.site.connections_open == 32
        for number in range(40):
            honest = Visitor(network.session(f"honest {number}"), visitor.site, visitor.origin)
            assert (await honest.get("/")).startswith(b"HTTP/1.1 200")
        counters = visitor.site.counters()
        assert counters["connections_evicted"] > 0 and not counters["connections_refused"]
        # They ended in order, not with a reset.
        assert kept[0]._in.is_closed
        assert all(stream._in.error is None for stream in kept)

    run(
        case,
        docroot=tmp_path,
        max_connections=32,
        max_connections_per_client=4,
    )
