"""The HTTP proxy: keep-alive, framing, bodies of any size, and what it says when things fail."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.base.errors import Unavailable
from core.data.identity import hash_to_b32
from i2ptunnel.config.client_models import AuthSection, HttpClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.protocols import reloads
from i2ptunnel.protocols.http_filter import USER_AGENT_OUTSIDE
from i2ptunnel.relay.http_exchange import INTERIM_MAX
from i2ptunnel.tunnels import client_base, httpclient
from i2ptunnel.tunnels.base import TunnelFault
from tests.support.loopback_session import BUFFER_BYTES_MAX, LoopbackNetwork
from tests.support.origin import Origin, body_of, digest_of
from tests.support.tunnel_bench import (
    ANY_PORT,
    Bench,
    RecordingOrigin,
    TableResolver,
    context,
    http_bench,
    port_of,
    running,
)
from tests.support.waiting import until

LARGE = 20_000_000
Answer = Callable[[bytearray, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with http_bench(**options) as bench:
            return await case(bench)

    return asyncio.run(main())


def says(raw: bytes) -> Answer:
    """An origin that sends ``raw`` and closes."""

    async def answer(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(raw)
        await writer.drain()

    return answer


async def ask_twice(bench: Bench, method: str = "GET") -> tuple[bytes, bytes]:
    """Two requests on one connection; the head of the first answer, and the whole rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
    try:
        writer.write(f"{method} http://site.i2p/1 HTTP/1.1\r\nHost: s\r\n\r\n".encode())
        async with asyncio.timeout(5):
            first = await reader.readuntil(b"\r\n\r\n")
            tail = b"GET http://site.i2p/2 HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"
            writer.write(tail)
            return first, await reader.read()
    finally:
        writer.close()


KEPT = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
    ),
    "up to the end": (b"HTTP/1.0 200 OK\r\n\r\nabc", b"3\r\nabc\r\n0\r\n\r\n"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", b""),
    "interim first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    ),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", b"abc"),
}


@pytest.mark.parametrize("name", KEPT)
def test_the_connection_is_kept_when_the_end_of_the_body_is_known(name: str) -> None:
    raw, body = KEPT[name]

    async def case(bench: Bench) -> None:
        bench.origin.answer = says(raw)
        _, rest = await ask_twice(bench)
        assert rest.startswith(body + b"HTTP/1.")
        assert len(bench.origin.received) == 2
        assert bench.proxy.counters()["connections"] == 1

    run(case)


def test_the_connection_is_kept_after_head() -> None:
    async def case(bench: Bench) -> None:
        async def answer(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            length = 1000 if got.startswith(b"HEAD") else 0
            await says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)(
                got, reader, writer
            )

        bench.origin.answer = answer
        first, rest = await ask_twice(bench, "HEAD")
        assert b"Content-Length: 1000" in first
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n")

    run(case)


def test_an_old_client_gets_no_chunks() -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = says(KEPT["chunked"][0])
        answer = await bench.ask(b"GET http://site.i2p/ HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b"abc"
        assert b"Transfer-Encoding" not in head
        assert b"Connection: close" in head

    run(case)


CUT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}


@pytest.mark.parametrize("name", CUT)
def test_a_response_cut_short_never_looks_whole(name: str) -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = says(CUT[name])
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
        writer.write(b"GET http://site.i2p/ HTTP/1.1\r\nHost: s\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()

    run(case)


BROKEN_RESPONSES = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "size of a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 junk\r\nhello\r\n0\r\n\r\n"
    ),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nab",
    "coding that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
    "NUL": b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: x\r\nContent-Length: 0\r\n\r\n",
    "ends in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "nothing": b"",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
}


@pytest.mark.parametrize("name", BROKEN_RESPONSES)
def test_responses_that_are_not_http_give_a_page(name: str) -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = says(BROKEN_RESPONSES[name])
        answer = await bench.get()
        assert re.match(rb"HTTP/1\.1 (502|503) ", answer), answer[:80]
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"Set-Cookie" not in answer

    run(case)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("fields", [b"", b"Link: </a>\r\n" * 60])
def test_endless_interim_responses_are_refused(version: str, fields: bytes) -> None:
    async def case(bench: Bench) -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\n" + fields + b"\r\n"
        bench.origin.answer = says(interim * 1000 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        answer = await bench.ask(
            b"GET http://site.i2p/ HTTP/%b\r\nHost: s\r\nConnection: close\r\n\r\n"
            % version.encode()
        )
        assert answer.count(b" 103 ") == (INTERIM_MAX if version == "1.1" else 0)
        assert answer.count(b"HTTP/1.1 502 ") == 1
        assert b" 200 OK" not in answer

    run(case)


def test_response_headers_that_mark_or_lead_away_are_dropped() -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = says(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAlt-Svc: h2=secret\r\nConnection: X-Hop\r\n"
            b"X-Hop: secret\r\nStrict-Transport-Security: secret\r\nKeep-Alive: secret\r\n"
            b"Set-Cookie: a=secret; Domain=.b32.i2p\r\nSet-Cookie: a=secret; Domain=i2p.alt\r\n"
            b'Set-Cookie: a=secret; domain=".B32.I2P.alt"\r\nSet-Cookie: a=secret; Domain=alt.\r\n'
            b"Set-Cookie: a=secret; Domain=site.i2p; Domain=i2p\r\n"
            b"Set-Cookie: b=mine; Domain=site.i2p\r\n"
            b"Set-Cookie: c=mine; Domain=site.i2p.alt\r\n\r\n"
        )
        answer = await bench.get()
        assert b"secret" not in answer
        assert answer.count(b"=mine; Domain=site.i2p") == 2

    run(case)


def test_100_continue_goes_through_and_the_body_follows() -> None:
    async def case(bench: Bench) -> None:
        async def answer(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            got += await reader.readexactly(5)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        bench.origin.answer = answer
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
        writer.write(
            b"PUT http://site.i2p/ HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(b"hello")
            assert (await reader.read()).endswith(b"\r\n\r\nok")
        writer.close()
        assert "Expect: 100-continue" in bench.origin.heads[0]
        assert bench.origin.everything.endswith(b"hello")

    run(case)


def test_an_answer_before_the_end_of_the_body_arrives() -> None:
    async def case(bench: Bench) -> None:
        bench.origin.answer = says(
            b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"
        )
        raw = b"POST http://site.i2p/ HTTP/1.1\r\nHost: s\r\nContent-Length: 500000\r\n\r\n"
        answer = await bench.ask(raw + bytes(100_000))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b"big")

    run(case)


def test_a_silent_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.relay.http_front.BODY_TIMEOUT_S", 0.05)

    async def wait(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(1000):
            got += data

    async def case(bench: Bench) -> None:
        bench.origin.answer = wait
        raw = b"POST http://site.i2p/ HTTP/1.1\r\nHost: s\r\nContent-Length: 10\r\n\r\nabc"
        assert (await bench.ask(raw)).startswith(b"HTTP/1.1 408 ")

    run(case)


async def fetch_digest(bench: Bench, path: str) -> tuple[int, str]:
    """Length and SHA-256 of a body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port, limit=1 << 20)
    writer.write(
        f"GET http://site.i2p{path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    digest, count = hashlib.sha256(), 0
    while data := await reader.read(1 << 18):
        digest.update(data)
        count += len(data)
    writer.close()
    return count, digest.hexdigest()


def test_20_mb_come_down_whole_with_bounded_memory() -> None:
    with Origin() as origin:

        async def case(bench: Bench) -> None:
            got = await fetch_digest(bench, f"/bytes/{LARGE}")
            assert got == (LARGE, digest_of(LARGE))
            assert bench.proxy.session is not None
            (stream,) = bench.proxy.session.streams  # type: ignore[attr-defined]
            assert stream.peak_bytes <= 3 * BUFFER_BYTES_MAX
            assert LARGE < bench.proxy.counters()["bytes_from_i2p"] < LARGE + 1000
            assert LARGE < bench.site.counters()["bytes_to_i2p"] < LARGE + 1000

        run(case, server={"target": Endpoint("127.0.0.1", origin.port)})


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_20_mb_go_up_whole(is_chunked: bool) -> None:
    body = body_of(LARGE)
    with Origin() as origin:

        async def case(bench: Bench) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
            framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {LARGE}"
            head = f"POST http://site.i2p/ HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{framing}"
            writer.write(head.encode() + b"\r\n\r\n")
            for start in range(0, LARGE, 77_777):
                piece = body[start : start + 77_777]
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                await writer.drain()
            writer.write(b"0\r\n\r\n" if is_chunked else b"")
            answer = await reader.read()
            writer.close()
            assert answer.endswith(digest_of(LARGE).encode())

        run(case, server={"target": Endpoint("127.0.0.1", origin.port)})


def test_50_fetches_at_the_same_time() -> None:
    size = 200_000
    with Origin() as origin:

        async def case(bench: Bench) -> None:
            got = await asyncio.gather(*(fetch_digest(bench, f"/bytes/{size}") for _ in range(50)))
            assert got == [(size, digest_of(size))] * 50
            assert bench.proxy.counters()["requests"] == 50

        run(case, server={"target": Endpoint("127.0.0.1", origin.port)})


def test_a_slow_browser_slows_the_site_down() -> None:
    sent = 0

    async def flood(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async def case(bench: Bench) -> None:
        bench.origin.answer = flood
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port, limit=1024)
        writer.write(b"GET http://site.i2p/ HTTP/1.1\r\nHost: s\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.05)
        # Kernel buffers of three loopback connections plus our own bounded ones.
        assert sent < 40_000_000
        writer.transport.abort()
        await until("the site is told that nobody listens", lambda: not bench.site.connections_open)

    run(case, client={"compression": False})  # zeros shrink to nothing


FAILURES = {
    "lease_set_not_found": 504,
    "blinded_lookup_failed": 504,
    "encryption_unsupported": 403,
    "connect_timeout": 504,
    "stream_reset": 403,
    "tunnels_not_ready": 503,
    "closed": 503,
    "too_many_streams": 503,
}


@pytest.mark.parametrize("code", FAILURES)
def test_failures_to_connect_have_their_pages(code: str) -> None:
    async def case(bench: Bench) -> None:
        bench.network.failures[bench.site_hash] = code
        answer = await bench.get()
        assert answer.startswith(b"HTTP/1.1 %d " % FAILURES[code])
        assert b"Content-Security-Policy: default-src 'none'" in answer
        if FAILURES[code] == 503:
            assert b"Retry-After: " in answer
        connect = b"CONNECT site.i2p:443 HTTP/1.1\r\nHost: s\r\n\r\n"
        assert (await bench.ask(connect)).startswith(b"HTTP/1.1 %d " % FAILURES[code])
        assert bench.proxy.counters()["connections_failed"] == 2
        assert bench.proxy.last_error
        assert "site.i2p" not in bench.proxy.last_error
        assert bench.proxy.failed.is_set() == (code == "closed")

    run(case)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("unknown.i2p", 502),
        ("a" * 52 + ".b32.i2p", 504),
        ("a" * 51 + ".b32.i2p", 400),
        ("a" * 56 + ".b32.i2p", 400),
        ("1" * 52 + ".b32.i2p", 400),
        ("a" * 600, 400),
    ],
)
def test_names_that_lead_nowhere_have_their_pages(host: str, status: int) -> None:
    async def case(bench: Bench) -> None:
        assert (await bench.get(host=host)).startswith(b"HTTP/1.1 %d " % status)

    run(case)


def test_b32_addresses_and_ports() -> None:
    async def case(bench: Bench) -> None:
        assert (await bench.get(host=f"{bench.b32}:8080")).startswith(b"HTTP/1.1 200 ")
        assert bench.proxy.session is not None
        assert bench.proxy.session.connects == [(bench.site_hash, 8080)]  # type: ignore[attr-defined]
        assert bench.origin.heads[0][1] == f"Host: {bench.b32}:8080"

    run(case)


def test_characters_that_do_not_belong_into_addresses_pass_as_they_are() -> None:
    async def case(bench: Bench) -> None:
        path = '/a[1]{x}|y^`?q="<[]>"&r={|}%zz'
        assert (await bench.get(path)).startswith(b"HTTP/1.1 200 ")
        assert bench.origin.heads[0][0] == f"GET {path} HTTP/1.1"

    run(case)


def test_before_the_session_is_ready_browsers_wait_and_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_base, "READY_WAIT_S", 0.05)
    monkeypatch.setattr(reloads, "RELOADS_MAX", 2)

    async def main() -> None:
        network = LoopbackNetwork()
        network.starts_ready = False
        site = network.session("site")
        site.become_ready()
        resolver = TableResolver({"site.i2p": site.destination.hash})
        model = HttpClientSection(listen=ANY_PORT)
        async with running("proxy", model, network, resolver) as proxy:
            assert not proxy.is_ready
            raw = b"GET http://site.i2p/ HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"

            async def ask() -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
                writer.write(raw)
                try:
                    return await reader.read()
                finally:
                    writer.close()

            early = await ask()
            assert early.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 5\r\n" in early
            # The page loads itself again, but not for ever: then there is a link.
            for count in range(1, 5):
                assert (b"http-equiv" in early) == (count <= 2), count
                assert (b'<a href="http://site.i2p/">Try again</a>' in early) == (count > 2), count
                early = await ask()
            monkeypatch.setattr(client_base, "READY_WAIT_S", 5.0)
            waiting = asyncio.create_task(ask())
            await until("a connection", lambda: proxy.connections_open)
            proxy.session.become_ready()  # type: ignore[union-attr]
            stream = await site.accept()
            assert (await stream.read()).startswith(b"GET / HTTP/1.1\r\n")
            await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert (await waiting).endswith(b"ok")
            assert proxy.is_ready

    asyncio.run(main())


def test_head_and_small_body_are_sent_in_one_piece() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        site = network.session("site")
        model = HttpClientSection(listen=ANY_PORT)
        async with running("proxy", model, network, TableResolver({})) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            head = f"POST http://{site.destination.b32}/ HTTP/1.1\r\nHost: s\r\n"
            writer.write(head.encode() + b"Content-Length: 5\r\n\r\nhello")
            stream = await site.accept()
            first = await stream.read()
            assert first.startswith(b"POST / HTTP/1.1\r\n")
            assert first.endswith(b"\r\n\r\nhello")
            stream.reset()
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            writer.close()

    asyncio.run(main())


def test_a_browser_that_leaves_ends_the_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.relay.http_front.LEFT_GRACE_S", 0.05)

    async def main() -> None:
        network = LoopbackNetwork()
        cancelled = asyncio.Event()
        model = HttpClientSection(listen=ANY_PORT)
        async with running("proxy", model, network, TableResolver({})) as proxy:

            async def never(*_: Any, **__: Any) -> None:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.set()
                    raise

            proxy.session.connect = never  # type: ignore[union-attr,method-assign,assignment]
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            name = "a" * 52 + ".b32.i2p"
            writer.write(f"GET http://{name}/ HTTP/1.1\r\nHost: s\r\n\r\n".encode())
            await until("the request", lambda: proxy.counters()["requests"])
            writer.transport.abort()
            async with asyncio.timeout(5):
                await cancelled.wait()

    asyncio.run(main())


def test_half_a_head_is_answered_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpclient, "HEADER_TIMEOUT_S", 0.05)

    async def case(bench: Bench) -> None:
        assert (await bench.ask(b"GET http://site")).startswith(b"HTTP/1.1 408 ")
        assert await bench.ask(b"") == b""

    run(case)


def credentials(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 407),
        ("Proxy-Authorization: Basic " + credentials("ann", "s3:cret"), 200),
        ("proxy-authorization: basic " + credentials("ann", "s3:cret"), 200),
        ("Proxy-Authorization: Basic " + credentials("ann", "wrong"), 407),
        ("Proxy-Authorization: Basic " + credentials("bob", "s3:cret"), 407),
        ("Proxy-Authorization: Basic !!!", 407),
        ("Proxy-Authorization: Digest username=ann", 407),
        ("Authorization: Basic " + credentials("ann", "s3:cret"), 407),
    ],
)
def test_a_proxy_with_users_wants_a_password(header: str, status: int) -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.get("/", *([header] if header else []))
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert (b'Proxy-Authenticate: Basic realm="I2P HTTP Proxy"' in answer) == (status == 407)
        assert b"cret" not in bench.origin.everything

    run(case, client={"auth": (AuthSection(username="ann", password="s3:cret"),)})


def test_a_password_file_is_read_at_the_start(tmp_path: Any) -> None:
    path = tmp_path / "password"

    async def start() -> None:
        model = HttpClientSection(
            listen=ANY_PORT, auth=(AuthSection(username="a", password_file=path),)
        )
        tunnel = httpclient.HttpProxy(model, context("p", LoopbackNetwork(), TableResolver({})))
        await tunnel.start()
        await tunnel.stop()

    with pytest.raises(TunnelFault, match="no such file"):
        asyncio.run(start())
    path.write_text("\n")
    with pytest.raises(TunnelFault, match="empty"):
        asyncio.run(start())
    path.write_text("secret\n")
    asyncio.run(start())


def test_the_proxy_answers_for_itself() -> None:
    async def case(bench: Bench) -> None:
        assert (await bench.get(host="proxy.i2p")).startswith(b"HTTP/1.1 200 ")
        assert (await bench.get("/other", host="proxy.i2p")).startswith(b"HTTP/1.1 404 ")
        assert bench.origin.received == []

    run(case)


def test_headers_of_the_same_site_pass_in_its_b32_name() -> None:
    async def case(bench: Bench) -> None:
        await bench.get(
            "/",
            "Referer: http://site.i2p/from?a=b#c",
            "Destination: http://site.i2p/to",
            "X-Requested-With: XMLHttpRequest",
        )
        await bench.get("/", "Destination: http://other.i2p/to", "X-Requested-With: com.app.name")
        first, second = bench.origin.heads
        assert "Referer: /from?a=b" in first
        assert f"Destination: http://{bench.b32}/to" in first
        assert "X-Requested-With: XMLHttpRequest" in first
        assert not [line for line in second if line.startswith(("Destination", "X-Requested"))]

    run(case)


def test_headers_that_the_user_allows_pass() -> None:
    async def case(bench: Bench) -> None:
        await bench.get("/", "X-Real-IP: yes", "X-Client-IP: no", "User-Agent: mine")
        (head,) = bench.origin.heads
        assert "User-Agent: mine" in head
        assert not [line for line in head if line.startswith("X-Client")]

    # The web server's tunnel removes the first one again: it would be a lie there.
    run(case, client={"pass_headers": ("X-Real-IP", "User-Agent")})


def test_an_address_helper_passes_if_it_tells_nothing_new() -> None:
    async def case(bench: Bench) -> None:
        other = hash_to_b32(bytes(32))
        known = f"/a?x=1&i2paddresshelper={bench.b32}&y=2"
        assert (await bench.get(known)).startswith(b"HTTP/1.1 200 ")
        assert bench.origin.heads[0][0] == "GET /a?x=1&y=2 HTTP/1.1"
        conflict = await bench.get(f"/a?x=1&i2paddresshelper={other}&y=%22")
        assert conflict.startswith(b"HTTP/1.1 409 Conflict\r\n")
        # Both addresses, and a way to each.
        assert f"<code>{other}</code>".encode() in conflict
        assert f"<code>{bench.b32}</code>".encode() in conflict
        assert f'href="http://{other}/a?x=1&amp;y=%22"'.encode() in conflict
        assert b'href="http://site.i2p/a?x=1&amp;y=%22"' in conflict
        new = await bench.get(f"/?I2PAddressHelper={bench.b32}", host="new.i2p")
        assert new.startswith(b"HTTP/1.1 409 New Address\r\n")
        assert f'href="http://{bench.b32}/"'.encode() in new
        bad = await bench.get("/?i2paddresshelper=%3Cscript%3E", host="new.i2p")
        assert bad.startswith(b"HTTP/1.1 409 Bad Helper\r\n")
        assert len(bench.origin.received) == 1

    run(case)


def test_redirected_requests_are_served_when_they_are_wanted() -> None:
    ask = "GET /a?b=1 HTTP/1.1\r\nHost: {}\r\nUser-Agent: secret\r\nConnection: close\r\n\r\n"

    async def case(bench: Bench) -> None:
        assert (await bench.ask(ask.format("Site.i2p").encode())).startswith(b"HTTP/1.1 200 ")
        (head,) = bench.origin.heads
        assert head[:2] == ["GET /a?b=1 HTTP/1.1", f"Host: {bench.b32}"]
        assert b"secret" not in bench.origin.everything
        for host in ("example.com", "127.0.0.1", "localhost:7657", "evil.com:80", "", "a b"):
            answer = await bench.ask(ask.format(host).encode())
            assert answer.startswith(b"HTTP/1.1 400 "), (host, answer)
        # One that comes through the proxy as such still does.
        assert (await bench.get()).startswith(b"HTTP/1.1 200 ")
        own = ask.format(f"127.0.0.1:{bench.proxy_port}").replace("/a?b=1", "/setup")
        assert (await bench.ask(own.encode())).startswith(b"HTTP/1.1 200 ")
        assert len(bench.origin.received) == 2

    exits = (read_outproxy("http://exit.i2p"),)
    run(case, client={"redirected": True, "outproxies": exits})

    async def unwanted(bench: Bench) -> None:
        assert (await bench.ask(ask.format("site.i2p").encode())).startswith(b"HTTP/1.1 400 ")

    run(unwanted)


async def outproxy_case(
    use: Callable[[Bench, RecordingOrigin], Awaitable[None]], *urls: str
) -> None:
    """A bench whose site also plays the outproxy ``exit.i2p``, answering like one."""
    async with http_bench(client={"outproxies": tuple(map(read_outproxy, urls))}) as bench:
        exit_ = bench.network.session("exit")
        bench.resolver.hosts["exit.i2p"] = exit_.destination.hash
        seen = RecordingOrigin()

        async def serve() -> None:
            while True:
                stream = await exit_.accept()
                got = bytearray()
                seen.received.append(got)
                while b"\r\n\r\n" not in got:
                    got += await stream.read()
                if got.startswith(b"CONNECT refused"):
                    await stream.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
                elif got.startswith(b"CONNECT "):
                    await stream.write(b"HTTP/1.1 200 OK\r\n\r\nserver first")
                    got += await stream.read()
                    await stream.write(b", then more")
                else:
                    await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nout!")
                await stream.close()

        serving = asyncio.create_task(serve())
        try:
            await use(bench, seen)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def test_addresses_outside_go_to_the_outproxy() -> None:
    async def use(bench: Bench, seen: RecordingOrigin) -> None:
        answer = await bench.get(
            "/p?q", "User-Agent: secret", "Cookie: a=b", host="example.com:8080"
        )
        assert answer.endswith(b"out!")
        (head,) = seen.heads
        assert head[0] == "GET http://example.com:8080/p?q HTTP/1.1"
        assert "Host: example.com:8080" in head
        assert f"User-Agent: {USER_AGENT_OUTSIDE}" in head
        assert "Proxy-Authorization: Basic " + credentials("me", "pass:word") in head
        assert "secret" not in str(head)
        assert bench.proxy.session is not None
        assert bench.proxy.session.connects[-1][1] == 4444  # type: ignore[attr-defined]

    asyncio.run(outproxy_case(use, "http://me:pass%3Aword@exit.i2p:4444"))


def test_connect_goes_through_the_outproxy() -> None:
    async def use(bench: Bench, seen: RecordingOrigin) -> None:
        raw = (
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nUser-Agent: secret\r\n"
            b"Proxy-Authorization: Basic secret\r\nproxy-connection: secret\r\n\r\nhello"
        )
        answer = await bench.ask(raw)
        assert answer == httpclient._ESTABLISHED + b"server first, then more"
        assert seen.heads[0] == [
            "CONNECT example.com:443 HTTP/1.1",
            "Host: example.com:443",
        ]
        assert seen.everything.endswith(b"\r\n\r\nhello")
        assert b"secret" not in seen.everything
        refused = b"CONNECT refused.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await bench.ask(refused)).startswith(b"HTTP/1.1 502 ")

    asyncio.run(outproxy_case(use, "http://exit.i2p"))


def test_the_next_outproxy_is_tried_and_remembered() -> None:
    async def use(bench: Bench, seen: RecordingOrigin) -> None:
        for number in range(8):
            answer = await bench.get(host=f"host{number}.example")
            assert answer.endswith(b"out!")
        assert bench.resolver.asked.count("dead.i2p") == 1
        bench.network.failures[bench.resolver.hosts["exit.i2p"]] = "connect_timeout"
        assert (await bench.get(host="example.com")).startswith(b"HTTP/1.1 502 ")

    asyncio.run(outproxy_case(use, "http://dead.i2p", "http://exit.i2p"))


def test_a_taken_port_is_an_error_in_words() -> None:
    async def main() -> None:
        network, resolver = LoopbackNetwork(), TableResolver({})
        async with running("a", HttpClientSection(listen=ANY_PORT), network, resolver) as first:
            taken = Endpoint("127.0.0.1", port_of(first))
            second = httpclient.HttpProxy(
                HttpClientSection(listen=taken), context("b", network, resolver)
            )
            with pytest.raises(Unavailable, match="address already in use"):
                await second.start()
            assert len(network.requests) == 1
            await second.stop()

    asyncio.run(main())


def test_a_session_that_cannot_be_opened_leaves_nothing_open() -> None:
    async def main() -> None:
        async def refuse(_: object) -> Any:
            raise Unavailable("no router", "closed")

        given = context("p", LoopbackNetwork(), TableResolver({}))
        given.open_session = refuse
        tunnel = httpclient.HttpProxy(HttpClientSection(listen=ANY_PORT), given)
        for _ in range(2):
            with pytest.raises(Unavailable, match="no router"):
                await tunnel.start()
            assert not tunnel.is_ready
        await tunnel.stop()

    asyncio.run(main())


def test_stop_ends_connections_and_start_works_again() -> None:
    async def main() -> None:
        network, resolver = LoopbackNetwork(), TableResolver({})
        tunnel = httpclient.HttpProxy(
            HttpClientSection(listen=ANY_PORT), context("p", network, resolver)
        )
        for _ in range(2):
            await tunnel.start()
            assert tunnel.is_ready
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
            await until("a connection", lambda: tunnel.connections_open)
            await tunnel.stop()
            assert not tunnel.is_ready
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
        assert all(session.is_closed for session in network.sessions.values())

    asyncio.run(main())
