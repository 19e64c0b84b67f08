"""The conformance battery: 29 ways to leak, smuggle or confuse, through both HTTP tunnels.

Each case goes from a raw socket through ``httpclient``, a loopback session and ``httpserver`` to an
origin that keeps every byte it gets.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from i2ptunnel.config.proxy_parts import read_outproxy
from tests.support.tunnel_bench import Bench, RecordingOrigin, http_bench

SITE = b"http://site.i2p"
END = b"Host: site.i2p\r\nConnection: close\r\n\r\n"


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with http_bench(**options) as bench:
            return await case(bench)

    return asyncio.run(main())


def status_of(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match, answer[:200]
    return int(match[1])


def check_refused(raw: bytes, *statuses: int, **options: Any) -> bytes:
    """The proxy answers with one of ``statuses`` and a page; the origin gets nothing."""

    async def case(bench: Bench) -> bytes:
        answer = await bench.ask(raw)
        assert status_of(answer) in statuses, answer[:300]
        assert bench.origin.received == []
        assert b"Content-Security-Policy: default-src 'none'" in answer
        assert b"<script" not in answer
        return answer

    answer: bytes = run(case, **options)
    return answer


IDENTIFYING = {
    "User-Agent": "SecretBrowser/1.0",
    "Accept-Language": "rm-CH",
    "Accept-Charset": "secret",
    "Sec-CH-UA": "secret",
    "Sec-CH-UA-Platform": "secret",
    "Sec-Fetch-Site": "cross-site",
    "Sec-GPC": "1",
    "DNT": "1",
    "Origin": "http://secret.example",
    "Referer": "http://secret.example/page",
    "X-Real-IP": "192.0.2.7",
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Host": "secret.example",
    "Forwarded": "for=192.0.2.7",
    "Via": "1.1 secret",
    "From": "user@secret.example",
    "Upgrade-Insecure-Requests": "1",
    "Save-Data": "on",
    "Device-Memory": "8",
    "Client-IP": "192.0.2.7",
    "Proxy-Authorization": "Basic c2VjcmV0",
    "Proxy-Connection": "keep-alive",
    "X-Never-Heard-Of": "secret",
    "Authorization": "NTLM secret",
    "Keep-Alive": "300",
    "TE": "trailers",
}


@pytest.mark.parametrize("change", [str, str.lower, str.upper], ids=["as is", "lower", "upper"])
@pytest.mark.parametrize("colon", [": ", ":", ":\t"], ids=["space", "none", "tab"])
def test_01_identifying_headers_never_arrive(change: Callable[[str], str], colon: str) -> None:
    async def case(bench: Bench) -> None:
        lines = [change(name) + colon + value for name, value in IDENTIFYING.items()]
        answer = await bench.get("/", *lines, "Accept-Encoding: gzip", "Cookie: a=b")
        assert status_of(answer) == 200
        (head,) = bench.origin.heads
        names = {line.partition(":")[0].lower() for line in head[1:]}
        assert names == {
            "host",
            "user-agent",
            "accept-encoding",
            "cookie",
            "connection",
            "x-i2p-desthash",
            "x-i2p-destb32",
            "x-i2p-destb64",
        }
        # What the proxy adds stands behind what passes, as Java has it.
        added = [line.partition(":")[0] for line in head[1:] if not line.startswith("X-I2P-")]
        assert added[-2:] == ["User-Agent", "Connection"]
        assert "User-Agent: MYOB/6.66 (AN/ON)" in head
        assert b"secret" not in bench.origin.everything.lower()
        assert b"192.0.2.7" not in bench.origin.everything

    run(case)


def test_02_what_connection_names_is_dropped() -> None:
    async def case(bench: Bench) -> None:
        raw = b"GET %b/ HTTP/1.1\r\nConnection: close, Cookie\r\nCookie: secret\r\nHost: a\r\n\r\n"
        assert status_of(await bench.ask(raw % SITE)) == 200
        assert b"secret" not in bench.origin.everything

    run(case)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:80",
        "localhost",
        "sub.localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "printer.local",
        "router",
    ],
)
@pytest.mark.parametrize("outproxies", [(), ("http://exit.i2p",)], ids=["plain", "outproxy"])
def test_03_04_local_addresses(host: str, outproxies: tuple[str, ...]) -> None:
    urls = tuple(map(read_outproxy, outproxies))
    raw = f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    check_refused(raw, 403, client={"outproxies": urls})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3"])
@pytest.mark.parametrize("outproxies", [(), ("http://exit.i2p",)], ids=["plain", "outproxy"])
def test_05_connect_to_local_addresses(host: str, outproxies: tuple[str, ...]) -> None:
    urls = tuple(map(read_outproxy, outproxies))
    raw = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode()
    check_refused(raw, 403, client={"outproxies": urls})


def test_06_the_console_is_not_reached_through_the_proxy() -> None:
    check_refused(b"GET http://127.0.0.1:7657/ HTTP/1.1\r\nHost: 127.0.0.1:7657\r\n\r\n", 403)


@pytest.mark.parametrize(
    "target", ["http://example.com/", "http://example.com./", "http://1.1.1.1/", "http://a.onion/"]
)
def test_07_clearnet_without_outproxy(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise OSError("no DNS here")

    real = socket.getaddrinfo

    def only_literals(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "127.0.0.1":
            return real(host, *rest, **more)
        return refuse(host)

    monkeypatch.setattr(socket, "getaddrinfo", only_literals)
    monkeypatch.setattr(socket, "gethostbyname", refuse)
    check_refused(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 503)
    check_refused(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", 503)
    assert asked == []


def test_08_host_is_the_b32_address_whatever_the_browser_says() -> None:
    async def case(bench: Bench) -> None:
        raw = b"GET %b/ HTTP/1.1\r\nHost: other.i2p\r\nConnection: close\r\n\r\n" % SITE
        assert status_of(await bench.ask(raw)) == 200
        (head,) = bench.origin.heads
        assert [line for line in head if line.lower().startswith("host:")] == [f"Host: {bench.b32}"]
        assert b"site.i2p" not in bench.origin.everything
        assert b"other.i2p" not in bench.origin.everything

    run(case)


REFUSED: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "09 two Host lines": (b"GET %b/ HTTP/1.1\r\nHost: site.i2p\r\nHost: x.i2p\r\n\r\n", (400,)),
    "09 two equal Host lines": (b"GET %b/ HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", (400,)),
    "09 no Host": (b"GET %b/ HTTP/1.1\r\nAccept: */*\r\n\r\n", (400,)),
    "10 origin-form": (b"GET /y HTTP/1.1\r\nHost: site.i2p\r\n\r\n", (400,)),
    "11 length and coding": (
        b"POST %b/ HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 40\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        (400,),
    ),
    "11 coding hidden by case": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 4\r\ntRANSFER-eNCODING: ChUnKeD\r\n\r\n",
        (400,),
    ),
    "12 two lengths": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        (400,),
    ),
    "12 two lengths in one line": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 3, 4\r\n\r\nabcd",
        (400,),
    ),
    "12 two equal lengths": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        (400,),
    ),
    "12 signed length": (b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: +3\r\n\r\nabc", (400,)),
    "12 negative length": (b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: -3\r\n\r\n", (400,)),
    "12 hexadecimal": (b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 0x3\r\n\r\nabc", (400,)),
    "12 empty length": (b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length:\r\n\r\n", (400,)),
    "12 huge length": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nContent-Length: 99999999999999999999\r\n\r\n",
        (400,),
    ),
    "13 unknown coding": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        (501,),
    ),
    "13 two codings": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        (501,),
    ),
    "13 chunked twice": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (501,),
    ),
    "13 vertical tab": (
        b"POST %b/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        (400,),
    ),
    "13 chunked in HTTP/1.0": (
        b"POST %b/ HTTP/1.0\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (400,),
    ),
    "14 space before the colon": (
        b"GET %b/ HTTP/1.1\r\nUser-Agent : leak\r\nHost: site.i2p\r\n\r\n",
        (400,),
    ),
    "14 tab before the colon": (
        b"GET %b/ HTTP/1.1\r\nUser-Agent\t: leak\r\nHost: site.i2p\r\n\r\n",
        (400,),
    ),
    "14 empty name": (b"GET %b/ HTTP/1.1\r\n: leak\r\nHost: site.i2p\r\n\r\n", (400,)),
    "14 no colon": (b"GET %b/ HTTP/1.1\r\nleak\r\nHost: site.i2p\r\n\r\n", (400,)),
    "15 folded line": (
        b"GET %b/ HTTP/1.1\r\nAccept: */*\r\n User-Agent: leak\r\nHost: site.i2p\r\n\r\n",
        (400,),
    ),
    "15 folded first line": (b"GET %b/ HTTP/1.1\r\n User-Agent: leak\r\nHost: s\r\n\r\n", (400,)),
    "16 bare LF": (b"GET %b/ HTTP/1.1\nHost: site.i2p\n\n", (400,)),
    "16 one bare LF": (b"GET %b/ HTTP/1.1\r\nAccept: a\nX: leak\r\nHost: s\r\n\r\n", (400,)),
    "17 bare CR": (b"GET %b/ HTTP/1.1\r\nAccept: a\rX-Leak: b\r\nHost: s\r\n\r\n", (400,)),
    "17 bare CR in the first line": (b"GET %b/\r HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "18 NUL": (b"GET %b/ HTTP/1.1\r\nAccept: a\0b\r\nHost: site.i2p\r\n\r\n", (400,)),
    "18 NUL in a name": (b"GET %b/ HTTP/1.1\r\nAcc\0ept: a\r\nHost: site.i2p\r\n\r\n", (400,)),
    "18 NUL in the target": (b"GET %b/\0 HTTP/1.1\r\nHost: site.i2p\r\n\r\n", (400,)),
    "21 a header of 100 KB": (
        b"GET %b/ HTTP/1.1\r\nHost: s\r\nCookie: " + b"c" * 100_000 + b"\r\n\r\n",
        (431,),
    ),
    "21 headers of 100 KB in all": (
        b"GET %b/ HTTP/1.1\r\nHost: s\r\n" + (b"Cookie: " + b"c" * 2000 + b"\r\n") * 50 + b"\r\n",
        (431,),
    ),
    "21 a target of 100 KB": (
        b"GET %b/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: s\r\n\r\n",
        (414,),
    ),
    "22 10,000 headers": (
        b"GET %b/ HTTP/1.1\r\nHost: s\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
        (431,),
    ),
    "24 https in clear": (b"GET https://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n", (400,)),
    "24 another scheme": (b"GET ftp://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n", (400,)),
    "26 a method that is no token": (b"G(E)T %b/ HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "27 HTTP/0.9": (b"GET %b/\r\n\r\n", (400,)),
    "27 HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, 400)),
    "27 HTTP/1.2": (b"GET %b/ HTTP/1.2\r\nHost: s\r\n\r\n", (505,)),
    "27 HTTP/11": (b"GET %b/ HTTP/11\r\nHost: s\r\n\r\n", (400,)),
    "27 TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
    "27 two spaces": (b"GET  %b/ HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "bad port": (b"GET http://site.i2p:99999/ HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "port zero": (b"GET http://site.i2p:0/ HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "no host": (b"GET http:/// HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "unknown Expect": (b"GET %b/ HTTP/1.1\r\nHost: s\r\nExpect: leak\r\n\r\n", (417,)),
    "CONNECT without port": (b"CONNECT site.i2p HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT to a port that is a word": (b"CONNECT site.i2p:x HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT to port 70000": (b"CONNECT site.i2p:70000 HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT to port 0": (b"CONNECT site.i2p:0 HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT to half an IPv6": (b"CONNECT [::1:443 HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT to a bare IPv6": (b"CONNECT ::1:443 HTTP/1.1\r\nHost: s\r\n\r\n", (400,)),
    "CONNECT with body": (
        b"CONNECT site.i2p:80 HTTP/1.1\r\nHost: s\r\nContent-Length: 3\r\n\r\nabc",
        (400,),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_09_to_27_malformed_requests_are_refused(name: str) -> None:
    raw, statuses = REFUSED[name]
    check_refused(raw.replace(b"%b", SITE), *statuses)


BROKEN_BODIES = {
    "no hexadecimal": b"xyz\r\nabc\r\n0\r\n\r\n",
    "negative size": b"-3\r\nabc\r\n0\r\n\r\n",
    "prefixed size": b"0x3\r\nabc\r\n0\r\n\r\n",
    "no line end after the chunk": b"3\r\nabcX\r\n0\r\n\r\n",
    "huge size": b"fffffffffffffffffffff\r\nabc",
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_11_broken_chunks(name: str) -> None:
    async def case(bench: Bench) -> None:
        head = b"POST %b/ HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n" % SITE
        answer = await bench.ask(head + BROKEN_BODIES[name])
        assert answer == b"" or status_of(answer) == 400
        assert bench.origin.received == []

    run(case)


def test_11_chunk_extensions_and_trailers_do_not_arrive() -> None:
    async def case(bench: Bench) -> None:
        async def read_all(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while not got.endswith(b"0\r\n\r\n"):
                got += await reader.read(100)
            await answer_ok(got, reader, writer)

        answer_ok = bench.origin.answer
        bench.origin.answer = read_all
        raw = (
            b"POST %b/ HTTP/1.1\r\nHost: s\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
            b"3;leak=1\r\nabc\r\n0\r\nX-Leak: 1\r\n\r\n" % SITE
        )
        assert status_of(await bench.ask(raw)) == 200
        assert bench.origin.everything.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert b"leak" not in bench.origin.everything.lower()

    run(case)


def test_19_each_pipelined_request_is_routed_and_filtered() -> None:
    async def case(bench: Bench) -> None:
        raw = (
            b"GET %b/one HTTP/1.1\r\nHost: site.i2p\r\nUser-Agent: secret\r\n\r\n"
            b"GET http://127.0.0.1/two HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = await bench.ask(raw % SITE)
        assert answer.count(b"HTTP/1.1 ") == 2
        assert b"HTTP/1.1 200 OK" in answer
        assert b"HTTP/1.1 403 Forbidden" in answer
        assert [head[0] for head in bench.origin.heads] == ["GET /one HTTP/1.1"]
        assert b"secret" not in bench.origin.everything

    run(case)


def test_19_pipelined_requests_for_one_site_are_answered_in_order() -> None:
    async def case(bench: Bench) -> None:
        one = b"GET %b/%d HTTP/1.1\r\nHost: site.i2p\r\n\r\n"
        raw = b"".join(one % (SITE, number) for number in range(5))
        answer = await bench.ask(raw + b"GET %b/last HTTP/1.1\r\n%b" % (SITE, END))
        assert answer.count(b"HTTP/1.1 200 OK") == 6
        paths = [head[0].split()[1] for head in bench.origin.heads]
        assert paths == ["/0", "/1", "/2", "/3", "/4", "/last"]

    run(case)


def test_20_a_body_that_looks_like_a_request_stays_a_body() -> None:
    async def case(bench: Bench) -> None:
        body = b"GET /smuggled HTTP/1.1\r\nHost: other.i2p\r\nX: 0123456789\r\n\r\n"
        head = b"GET %b/ HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\nHost: s\r\n\r\n"
        assert status_of(await bench.ask(head % (SITE, len(body)) + body)) == 200
        assert len(bench.origin.received) == 1
        assert bench.origin.everything.endswith(b"\r\n\r\n" + body)
        assert f"Content-Length: {len(body)}" in bench.origin.heads[0]

    run(case)


def test_23_userinfo_and_fragment_do_not_arrive() -> None:
    async def case(bench: Bench) -> None:
        raw = b"GET http://user:secret@site.i2p/a?b=c#secret HTTP/1.1\r\n" + END
        assert status_of(await bench.ask(raw)) == 200
        assert bench.origin.heads[0][0] == "GET /a?b=c HTTP/1.1"
        assert b"secret" not in bench.origin.everything

    run(case)


def test_25_connect_carries_bytes_as_they_are() -> None:
    async def case(bench: Bench) -> None:
        request = b"GET /raw HTTP/1.1\r\nHost: x\r\n\r\n"
        raw = b"CONNECT %b:80 HTTP/1.1\r\nHost: x\r\n\r\n" % bench.b32.encode() + request
        answer = await bench.ask(raw, half_close=True)
        assert answer.startswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
        assert b"HTTP/1.1 200 OK" in answer

    run(case)


def test_25_connect_only_to_allowed_ports() -> None:
    options = {"client": {"connect_ports": (443, 6697)}}
    check_refused(b"CONNECT site.i2p:22 HTTP/1.1\r\nHost: s\r\n\r\n", 403, **options)


@pytest.mark.parametrize("method", ["BREW", "PROPFIND", "QUERY", "DELETE", "OPTIONS"])
def test_26_unknown_methods_pass(method: str) -> None:
    async def case(bench: Bench) -> None:
        raw = b"%b %b/ HTTP/1.1\r\n" % (method.encode(), SITE) + END
        assert status_of(await bench.ask(raw)) == 200
        assert bench.origin.heads[0][0] == f"{method} / HTTP/1.1"

    run(case)


def test_28_a_websocket_is_carried_whole() -> None:
    key = base64.b64encode(b"0123456789abcdef")
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())

    async def echo(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\nhello" % accept
        )
        while data := await reader.read(1000):
            got += data
            writer.write(data.upper())
        writer.write(b"bye")

    async def case(bench: Bench) -> None:
        bench.origin.answer = echo
        raw = (
            b"GET %b/chat HTTP/1.1\r\nHost: site.i2p\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n"
            b"Origin: http://site.i2p\r\n\r\nearly frame"
        )
        answer = await bench.ask(raw % (SITE, key), half_close=True)
        head, _, data = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: " + accept in head
        assert b"Connection: Upgrade" in head
        assert data == b"helloEARLY FRAMEbye"
        (sent,) = bench.origin.heads
        assert "Upgrade: websocket" in sent
        assert "Connection: Upgrade" in sent
        assert f"Origin: http://{bench.b32}" in sent

    run(case)


def test_28_a_switch_nobody_asked_for_is_refused() -> None:
    async def switch(
        got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nsmuggled")
        await writer.drain()

    async def case(bench: Bench) -> None:
        bench.origin.answer = switch
        answer = await bench.get("/")
        assert status_of(answer) == 502
        assert b"smuggled" not in answer

    run(case)


@pytest.mark.parametrize(
    "host",
    ["<script>alert(1)</script>.i2p", '"><img src=x>.i2p', "a%3Cb%3E.i2p", "x&lt;y.i2p"],
)
def test_29_pages_escape_what_they_show(host: str) -> None:
    raw = f"GET http://{host}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    answer = check_refused(raw, 400)
    assert b"<img" not in answer
    assert b"alert(1)</script>" not in answer


def test_29_unknown_names_are_shown_escaped() -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.get(host="nobody.i2p")
        assert status_of(answer) == 502
        assert b"<code>nobody.i2p</code>" in answer

    run(case)


def test_the_origin_of_the_battery_really_sees_everything() -> None:
    """The battery proves nothing if its recorder is blind."""

    async def main() -> bytes:
        async with RecordingOrigin() as origin:
            reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
            writer.write(b"GET / HTTP/1.1\r\nA: leak\r\n\r\nbody")
            writer.write_eof()
            await reader.read()
            writer.close()
            return origin.everything

    assert asyncio.run(main()) == b"GET / HTTP/1.1\r\nA: leak\r\n\r\nbody"
