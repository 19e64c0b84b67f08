"""Which request headers reach a site, from where, in which form; and letters in addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from i2ptunnel.protocols.http_filter import filter_request
from i2ptunnel.protocols.http_head import Headers, RequestHead
from tests.support import fetch_curl
from tests.support.tunnel_bench import Bench, http_bench


def run(case: Callable[[Bench], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with http_bench(**options) as bench:
            await case(bench)

    asyncio.run(main())


def sent(*fields: tuple[str, str], method: str = "GET") -> Headers:
    """What of a request for http://site.i2p/ is sent on."""
    head = RequestHead(method, "http://site.i2p/", 1, Headers(list(fields)))
    return filter_request(head, target="/", authority="site.i2p", host="b32").headers


NEEDED = {
    "X-Transmission-Session-Id": "AbC",
    "Tus-Resumable": "1.0.0",
    "Upload-Length": "100",
    "Upload-Offset": "0",
    "Upload-Metadata": "filename d29ybGQ=",
    "OCS-APIRequest": "true",
    "requesttoken": "abc",
    "X-WP-Nonce": "abc",
    "Private-Token": "glpat",
    "X-Grpc-Web": "1",
    "X-Requested-With": "OwnCloud",
    "X-Gitea-OTP": "123456",
    "Api_Key": "abc",
    "X-Amz-Content-Sha256": "abc",
    "Signature": "keyId=x",
    "Docker-Distribution-Api-Version": "registry/2.0",
}
DENIED = {
    "User-Agent": "secret",
    "Accept-Language": "rm-CH",
    "X-Accept-Language": "rm-CH",
    "X-Locale": "rm-CH",
    "Accept-Charset": "secret",
    "Time-Zone": "Europe/Zurich",
    "DNT": "1",
    "From": "user@secret.example",
    "Date": "Mon, 30 Nov 2026 00:00:00 GMT",
    "Sec-GPC": "1",
    "Sec-CH-UA": "secret",
    "Sec-Fetch-Mode": "cors",
    "Sec-WebSocket-Key": "secret",
    "DPR": "2",
    "Save-Data": "on",
    "Device-Memory": "8",
    "Viewport-Width": "1000",
    "X-Forwarded-For": "192.0.2.7",
    "X_Forwarded_For": "192.0.2.7",
    "X-Forwarded-Anything": "secret",
    "Forwarded": "for=192.0.2.7",
    "Via": "1.1 secret",
    "X-Real-IP": "192.0.2.7",
    "Client-IP": "192.0.2.7",
    "True-Client-IP": "192.0.2.7",
    "CF-Connecting-IP": "192.0.2.7",
    "Fastly-Client-IP": "192.0.2.7",
    "X-Amz-Cf-Id": "secret",
    "Proxy-Anything": "secret",
    "X-I2P-DestHash": "secret",
    "X-Client-Data": "secret",
    "X-Wap-Profile": "secret",
    "X-User-Agent": "secret",
    "X-OperaMini-Phone-UA": "secret",
    "X-Requested-With": "org.secret.browser",
    "X-Request-ID": "secret",
    "traceparent": "secret",
    "Max-Forwards": "9",
    "Prefer": "secret",
    "Timeout": "Second-123456",
    "Want-Digest": "secret",
    "Upgrade-Insecure-Requests": "1",
    "Priority": "u=1",
    "Content_Type": "secret",
    "Keep-Alive": "300",
    "TE": "secret",
    "Authorization": "NTLM secret",
}
ELSEWHERE = {
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "none": {"Sec-Fetch-Site": "none"},
    "twice": {"Sec-Fetch-Site": "same-origin, cross-site"},
    "an origin": {"Origin": "http://other.i2p"},
    "no origin": {"Origin": "null"},
    "a referer": {"Referer": "http://other.i2p/"},
}
WITHIN = {
    "same-origin": {"Sec-Fetch-Site": "same-origin"},
    "absent": {},
    "own origin": {"Origin": "http://site.i2p", "Referer": "http://site.i2p/page"},
}


@pytest.mark.parametrize("where", WITHIN)
def test_within_a_site_all_passes_that_does_not_mark_anybody(where: str) -> None:
    headers = sent(*WITHIN[where].items(), *NEEDED.items())
    for name, value in NEEDED.items():
        assert headers.get(name) == value, name
    for name, value in DENIED.items():
        got = sent(*WITHIN[where].items(), (name, value)).get(name)
        assert got is None or name == "User-Agent", name
        assert got is None or "secret" not in got, name


@pytest.mark.parametrize("where", ELSEWHERE)
def test_from_elsewhere_only_what_is_known_passes(where: str) -> None:
    fields = ELSEWHERE[where].items()
    headers = sent(*fields, *NEEDED.items(), ("Content-Type", "text/plain"), ("Cookie", "a=b"))
    for name in NEEDED:
        assert headers.get(name) is None, name
    assert headers.get("Content-Type") == "text/plain"
    assert headers.get("Cookie") == "a=b"
    assert "Origin" not in headers
    assert "Referer" not in headers


UNIFORM = {
    ("Accept", "text/html,application/xhtml+xml;q=0.9,secret/x"): (
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    ),
    ("Accept", "image/avif,image/secret,*/*;q=0.5"): "image/webp,image/apng,image/*,*/*;q=0.8",
    ("Accept", "video/webm,video/ogg,*/*;q=0.5"): "*/*",
    ("Accept", "*/*;secret=1"): "*/*",
    ("Accept", "no media type"): "*/*",
    ("Accept", "Application/JSON ,text/plain;  q=0.5"): "application/json, text/plain;q=0.5",
    ("Accept", 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'): (
        'application/ld+json;profile="https://www.w3.org/ns/activitystreams"'
    ),
    ("Accept-Encoding", "gzip, deflate, br, zstd"): "gzip, deflate",
    ("Accept-Encoding", "deflate, gzip;q=1.0, secret"): "gzip, deflate",
    ("Accept-Encoding", "gzip;q=0.5"): "gzip",
    ("Accept-Encoding", "br"): "identity",
    ("Accept-Encoding", "identity;q=1, *;q=0"): "identity",
    ("Accept-Encoding", "gzip;q=0, deflate"): "identity",
    ("Range", "bytes=0-"): "bytes=0-",
    ("Range", "Bytes = 007-0099"): "bytes=7-99",
    ("Range", "bytes=-500"): "bytes=-500",
    ("Range", "bytes=0-1,5-9"): None,
    ("Range", "secret=0-1"): None,
    ("Range", "bytes=-"): None,
    ("Referer", "http://site.i2p/a?b#c"): "/a?b",
}


@pytest.mark.parametrize("case", UNIFORM, ids=lambda case: f"{case[0]} {case[1][:20]}")
def test_values_do_not_tell_programs_apart(case: tuple[str, str]) -> None:
    assert sent(case).get(case[0]) == UNIFORM[case]


def test_websocket_headers_pass_with_a_genuine_upgrade_only() -> None:
    fields = (
        ("Sec-WebSocket-Key", "abc"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "chat"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Odd", "secret"),
    )
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
    headers = sent(*upgrade, *fields, ("Origin", "http://site.i2p"))
    assert headers.get("Sec-WebSocket-Key") == "abc"
    assert headers.get("Sec-WebSocket-Extensions") == "permessage-deflate"
    assert "Sec-WebSocket-Odd" not in headers
    assert headers.get("Origin") == "http://b32"
    assert sent(*upgrade, *fields, ("Origin", "http://evil.i2p")).get("Origin") == "null"
    for other in ((), (("Upgrade", "websocket"),), (upgrade[0], ("Upgrade", "h2c"))):
        assert not [name for name, _ in sent(*other, *fields).fields if name.startswith("Sec-")]


def test_the_log_tells_names_only(caplog: pytest.LogCaptureFixture) -> None:
    async def case(bench: Bench) -> None:
        for level in (logging.INFO, logging.DEBUG):
            caplog.set_level(level)
            await bench.get("/private", "Sec-GPC: secret", "X-Odd: value")
        told = [r.getMessage() for r in caplog.records if "not passed on" in r.getMessage()]
        assert len(told) == 1
        assert "sec-gpc" in told[0]
        assert not [word for word in ("secret", "site.i2p", "private", "x-odd") if word in told[0]]

    run(case)


LETTERS = {
    "/gr\u00fc\u00dfe?q=\u2713": "/gr%C3%BC%C3%9Fe?q=%E2%9C%93",
    "/\u65e5\u672c": "/%E6%97%A5%E6%9C%AC",
    "/a%20b/\u00e9%C3": "/a%20b/%C3%A9%C3",
}


@pytest.mark.parametrize("path", LETTERS)
def test_letters_in_addresses_are_encoded_as_browsers_do(path: str) -> None:
    async def case(bench: Bench) -> None:
        raw = f"GET http://site.i2p{path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"
        await bench.ask(raw.encode())
        process = await asyncio.create_subprocess_exec(
            *(*fetch_curl.command(), "-sS", "-o", "/dev/null", "-w", "%{http_code}"),
            *("-x", f"http://127.0.0.1:{bench.proxy_port}", f"http://site.i2p{path}"),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(15):
            assert (await process.communicate())[0] == b"200"
        assert [head[0] for head in bench.origin.heads] == [f"GET {LETTERS[path]} HTTP/1.1"] * 2

    run(case)


def test_other_bytes_and_hosts_in_other_scripts() -> None:
    async def case(bench: Bench) -> None:
        await bench.ask(
            b"GET http://site.i2p/\xff\x80 HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"
        )
        assert bench.origin.heads[0][0] == "GET /%FF%80 HTTP/1.1"
        bench.resolver.hosts["xn--bcher-kva.i2p"] = bench.site_hash
        for number, host in enumerate(("s", "b\u00fccher.i2p", "B\u00dcCHER.i2p:80"), 1):
            head = f"GET http://b\u00fccher.i2p/\u00fc HTTP/1.1\r\nHost: {host}\r\n"
            raw = f"{head}Connection: close\r\n\r\n".encode()
            assert (await bench.ask(raw)).startswith(b"HTTP/1.1 200 ")
            assert bench.origin.heads[number][0] == "GET /%C3%BC HTTP/1.1"
        head = "CONNECT b\u00fccher.i2p:443 HTTP/1.1\r\nHost: b\u00fccher.i2p:443\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
        writer.write(head.encode())
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        for bad in (b"\xff.i2p", b"\xc3\xbc" * 3000 + b".i2p"):
            answer = await bench.ask(
                b"GET http://%b/ HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n" % bad
            )
            assert answer.startswith(b"HTTP/1.1 4")

    run(case)


def test_an_address_of_the_site_has_the_name_that_the_site_is_told() -> None:
    """The name of the user's address book stays here, also in headers that nobody knows."""

    async def case(bench: Bench) -> None:
        await bench.get(
            "/",
            "HX-Current-URL: http://site.i2p:80/p?q",
            "X-Link: http://other.i2p/p",
            "X-Text: a://",
        )
        (head,) = bench.origin.heads
        (host,) = (line.removeprefix("Host: ") for line in head if line.startswith("Host: "))
        assert host.endswith(".b32.i2p")
        assert f"HX-Current-URL: http://{host}/p?q" in head
        assert {"X-Link: http://other.i2p/p", "X-Text: a://"} <= set(head)
        assert b"site.i2p" not in bench.origin.everything

    run(case)
