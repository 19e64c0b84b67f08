"""The SOCKS proxy from a raw socket to a destination."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from i2ptunnel.config.client_models import AuthSection, SocksSection
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.tunnels import sockstunnel
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.waiting import until

GREETING = b"\x05\x01\x00"
NONE = b"\0" * 6


def request_5(host: str, port: int = 80, command: int = 1) -> bytes:
    return bytes((5, command, 0, 3, len(host))) + host.encode() + port.to_bytes(2, "big")


def request_4(host: str, port: int = 80, command: int = 1) -> bytes:
    return bytes((4, command)) + port.to_bytes(2, "big") + b"\0\0\0\1user\0" + host.encode() + b"\0"


class Bench:
    def __init__(self, network: LoopbackNetwork, proxy: Any, name: str) -> None:
        self.network = network
        self.proxy = proxy
        self.name = name

    async def ask(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(self.proxy))
        try:
            writer.write(raw)
            writer.write_eof()
            async with asyncio.timeout(5):
                return await reader.read()
        except ConnectionResetError:
            return b"reset"
        finally:
            writer.close()


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    """``echo.i2p`` sends back what it gets, in upper case."""

    async def main() -> Any:
        network = LoopbackNetwork()
        echo = network.session("echo")
        resolver = TableResolver({"echo.i2p": echo.destination.hash})

        async def serve() -> None:
            while True:
                stream = await echo.accept()
                while data := await stream.read():
                    await stream.write(data.upper())
                await stream.close_write()

        serving = asyncio.create_task(serve())
        model = SocksSection(listen=ANY_PORT, **options)
        async with running("socks", model, network, resolver) as proxy:
            try:
                return await case(Bench(network, proxy, echo.destination.b32))
            finally:
                serving.cancel()

    return asyncio.run(main())


def test_socks_5_by_name_and_by_b32() -> None:
    async def case(bench: Bench) -> None:
        for host in ("echo.i2p", "ECHO.I2P", "echo.i2p.", bench.name):
            answer = await bench.ask(GREETING + request_5(host, 7000) + b"hello")
            assert answer == b"\x05\x00\x05\x00\x00\x01" + NONE + b"HELLO"
        assert {port for _, port in bench.proxy.session.connects} == {7000}

    run(case)


def test_socks_4a() -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.ask(request_4("echo.i2p") + b"hello")
        assert answer == b"\x00\x5a" + NONE + b"HELLO"

    run(case)


REFUSED_5 = {
    "clearnet name": (request_5("example.com"), 2),
    "localhost": (request_5("localhost"), 2),
    "onion": (request_5("a.onion"), 2),
    "address as name": (request_5("127.0.0.1"), 2),
    "IPv4": (b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", 2),
    "IPv6": (b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50", 2),
    "unknown": (request_5("unknown.i2p"), 4),
    "damaged b32": (request_5("abc.b32.i2p"), 4),
    "nobody there": (request_5("a" * 52 + ".b32.i2p"), 4),
    "port zero": (request_5("echo.i2p", 0), 2),
    "BIND": (request_5("echo.i2p", command=2), 7),
    "unknown command": (request_5("echo.i2p", command=9), 7),
    "unknown address type": (b"\x05\x01\x00\x09\x05hello\x00\x50", 8),
    "empty name": (request_5(""), 4),
}


@pytest.mark.parametrize("name", REFUSED_5)
def test_socks_5_refusals(name: str) -> None:
    raw, reply = REFUSED_5[name]

    async def case(bench: Bench) -> None:
        answer = await bench.ask(GREETING + raw)
        assert answer == b"\x05\x00" + bytes((5, reply, 0, 1)) + NONE

    run(case)


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        ("connect_timeout", 6),
        ("stream_reset", 5),
        ("tunnels_not_ready", 1),
        ("lease_set_not_found", 4),
        ("encryption_unsupported", 4),
        ("never heard of", 1),
    ],
)
def test_failures_to_connect(code: str, reply: int) -> None:
    async def case(bench: Bench) -> None:
        bench.network.failures = dict.fromkeys(bench.network.sessions, code)
        answer = await bench.ask(GREETING + request_5("echo.i2p"))
        assert answer == b"\x05\x00" + bytes((5, reply, 0, 1)) + NONE
        assert await bench.ask(request_4("echo.i2p")) == b"\x00\x5b" + NONE

    run(case)


@pytest.mark.parametrize(
    "raw",
    [
        request_4("example.com"),
        request_4("127.0.0.1"),
        b"\x04\x01\x00\x50\x7f\x00\x00\x01user\0",
        request_4("echo.i2p", command=2),
    ],
)
def test_socks_4_refusals(raw: bytes) -> None:
    async def case(bench: Bench) -> None:
        assert await bench.ask(raw) == b"\x00\x5b" + NONE

    run(case)


USERS = {"auth": (AuthSection(username="ann", password="secret"),)}
LOGIN = b"\x01\x03ann\x06secret"


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"\x05\x01\x02" + LOGIN + request_5("echo.i2p") + b"hi", b"\x05\x02\x01\x00\x05\x00"),
        (b"\x05\x02\x00\x02" + LOGIN + request_5("echo.i2p"), b"\x05\x02\x01\x00\x05\x00"),
        (b"\x05\x01\x00" + request_5("echo.i2p"), b"\x05\xff"),
        (b"\x05\x01\x02\x01\x03ann\x05wrong" + request_5("echo.i2p"), b"\x05\x02\x01\x01"),
        (b"\x05\x01\x02\x01\x03bob\x06secret" + request_5("echo.i2p"), b"\x05\x02\x01\x01"),
        (b"\x05\x01\x02\x02\x03ann\x06secret" + request_5("echo.i2p"), b"\x05\x02\x01\x01"),
        (request_4("echo.i2p"), b"\x00\x5b"),
    ],
)
def test_users(raw: bytes, answer: bytes) -> None:
    async def case(bench: Bench) -> None:
        got = await bench.ask(raw)
        assert got.startswith(answer)
        if answer[-2:] != b"\x05\x00":
            assert len(got) in (len(answer), len(answer) + 6)
            assert bench.proxy.session.connects == []

    run(case, **USERS)


def test_users_are_welcome_where_none_are_needed() -> None:
    async def case(bench: Bench) -> None:
        got = await bench.ask(b"\x05\x01\x02" + LOGIN + request_5("echo.i2p") + b"hi")
        assert got.startswith(b"\x05\x02\x01\x00\x05\x00")
        assert got.endswith(b"HI")

    run(case)


def test_browsers_that_take_it_for_an_http_proxy_are_told() -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.ask(b"GET http://echo.i2p/ HTTP/1.1\r\nHost: echo.i2p\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"SOCKS" in answer

    run(case)


def test_junk_and_silence_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockstunnel, "HEADER_TIMEOUT_S", 0.02)

    async def case(bench: Bench) -> None:
        for raw in (b"", b"\x99junk", GREETING, b"\x04\x01" + b"a" * 400):
            assert await bench.ask(raw) in (b"", b"\x05\x00", b"reset")
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(bench.proxy))
        writer.write(b"\x05")
        await until("a connection", lambda: bench.proxy.connections_open)
        await until("no connection", lambda: not bench.proxy.connections_open, 5)
        writer.close()
        assert bench.proxy.session.connects == []

    run(case)


def test_a_destination_that_resets_resets_the_local_end() -> None:
    async def case(bench: Bench) -> None:
        other = bench.network.session("other")
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bench.proxy))
        writer.write(GREETING + request_5(other.destination.b32))
        stream = await other.accept()
        assert await reader.readexactly(12) == b"\x05\x00\x05\x00\x00\x01" + NONE
        stream.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    run(case)


def test_resolve_gives_an_address_that_leads_to_the_name() -> None:
    async def case(bench: Bench) -> None:
        resolve = request_5("echo.i2p", 0, command=0xF0)
        answer = await bench.ask(GREETING + resolve)
        assert answer[2:6] == b"\x05\x00\x00\x01"
        address = answer[6:10]
        assert ipaddress.ip_address(address) in ipaddress.ip_network("198.18.0.0/15")
        again = await bench.ask(GREETING + resolve)
        assert again == answer
        connect = b"\x05\x01\x00\x01" + address + b"\x00\x50"
        assert (await bench.ask(GREETING + connect + b"hello")).endswith(b"HELLO")
        reverse = b"\x05\xf1\x00\x01" + address + b"\x00\x00"
        assert (await bench.ask(GREETING + reverse))[2:] == (
            b"\x05\x00\x00\x03\x08echo.i2p\x00\x00"
        )
        # SOCKS 4 has Tor's command too
        socks_4 = await bench.ask(request_4("echo.i2p", 0, command=0xF0))
        assert socks_4[:4] == b"\x00\x5a\x00\x00"
        assert ipaddress.ip_address(socks_4[4:8]) in ipaddress.ip_network("198.18.0.0/15")

    run(case)


def test_addresses_may_stand_for_names() -> None:
    async def case(bench: Bench) -> None:
        plain = b"\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x50"
        six = b"\x05\x01\x00\x04" + bytes.fromhex("fd" + "00" * 14 + "01") + b"\x00\x50"
        for raw in (plain, six, request_5("10.1.2.3")):
            assert (await bench.ask(GREETING + raw + b"hi")).endswith(b"HI")
        assert (await bench.ask(b"\x04\x01\x00\x50\x0a\x01\x02\x03\0hi")).endswith(b"HI")
        reverse = b"\x05\xf1\x00\x01\x0a\x01\x02\x03\x00\x00"
        assert b"echo.i2p" in await bench.ask(GREETING + reverse)
        other = b"\x05\x01\x00\x01\x0a\x01\x02\x04\x00\x50"
        assert (await bench.ask(GREETING + other))[2:4] == b"\x05\x02"

    run(case, address_names=(("10.1.2.3", "echo.i2p"), ("fd00::1", "echo.i2p")))


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (request_5("unknown.i2p", 0, command=0xF0), 4),
        (request_5("example.com", 0, command=0xF0), 2),
        (request_5("localhost", 0, command=0xF0), 2),
        (b"\x05\xf1\x00\x01\x7f\x00\x00\x01\x00\x00", 2),
        (b"\x05\xf1\x00\x01\xc6\x12\x00\x01\x00\x00", 2),
        (b"\x05\x01\x00\x01\xc6\x12\x00\x01\x00\x50", 2),
    ],
)
def test_what_cannot_be_resolved(raw: bytes, reply: int) -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.ask(GREETING + raw)
        assert answer[2:] == bytes((5, reply, 0, 1)) + NONE

    run(case)


def test_one_user_cannot_read_what_another_has_resolved() -> None:
    async def case(bench: Bench) -> None:
        def login(name: bytes) -> bytes:
            return b"\x05\x01\x02\x01" + bytes((len(name),)) + name + b"\x01x"

        answer = await bench.ask(login(b"ann") + request_5("echo.i2p", 0, command=0xF0))
        reverse = b"\x05\xf1\x00\x01" + answer[-6:-2] + b"\x00\x00"
        assert (await bench.ask(login(b"ann") + reverse)).endswith(b"echo.i2p\x00\x00")
        assert (await bench.ask(login(b"bob") + reverse))[4:8] == b"\x05\x02\x00\x01"

    run(case)


HTTP = (
    b"GET /path?q=1 HTTP/1.1\r\nHost: echo.i2p\r\nUser-Agent: Secret/1\r\nReferer: http://x.i2p/\r\n"
    b"Accept-Language: rm\r\nConnection: close\r\n\r\n"
)


def filtered_site(pieces: list[bytes]) -> tuple[bytes, bytes]:
    """(what the site got, what the client got) through a SOCKS proxy with ``filter_http``."""

    async def main() -> tuple[bytes, bytes]:
        network = LoopbackNetwork()
        site = network.session("site")
        resolver = TableResolver({"echo.i2p": site.destination.hash})
        model = SocksSection(listen=ANY_PORT, filter_http=True)
        async with running("socks", model, network, resolver) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            async with asyncio.timeout(5):
                writer.write(GREETING + request_5("echo.i2p"))
                stream = await site.accept()
                await reader.readexactly(12)
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0.001)
                got = b""
                while b"\r\n\r\n" not in got and (data := await stream.read()):
                    got += data
                await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAlt-Svc: h2\r\n\r\nok")
                await stream.close_write()
                answer = await reader.read()
            writer.close()
            return got, answer

    return asyncio.run(main())


@pytest.mark.parametrize("is_slow", [False, True])
def test_http_inside_of_socks_is_filtered_when_asked_for(is_slow: bool) -> None:
    pieces = [HTTP[i : i + 1] for i in range(len(HTTP))] if is_slow else [HTTP]
    got, answer = filtered_site(pieces)
    assert got.startswith(b"GET /path?q=1 HTTP/1.1\r\nHost: ")
    assert b".b32.i2p\r\n" in got
    assert b"User-Agent: MYOB/6.66 (AN/ON)\r\n" in got
    for secret in (b"Secret", b"Referer", b"rm", b"echo.i2p"):
        assert secret not in got
    assert answer.endswith(b"ok")
    assert b"Alt-Svc" not in answer


def test_other_protocols_pass_the_http_filter_untouched() -> None:
    async def case(bench: Bench) -> None:
        for raw in (b"hello", b"\x16\x03\x01", b"EHLO me\r\n", b"GETTING x", b"G"):
            answer = await bench.ask(GREETING + request_5("echo.i2p") + raw)
            assert answer.endswith(raw.upper())

    run(case, filter_http=True)


def test_a_server_that_speaks_first_is_heard_through_the_filter() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        site = network.session("site")
        model = SocksSection(listen=ANY_PORT, filter_http=True)
        resolver = TableResolver({"mail.i2p": site.destination.hash})
        async with running("socks", model, network, resolver) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            async with asyncio.timeout(5):
                writer.write(GREETING + request_5("mail.i2p", 25))
                stream = await site.accept()
                await stream.write(b"220 ready\r\n")
                await reader.readexactly(12)
                assert await reader.readline() == b"220 ready\r\n"
                writer.write(b"QUIT\r\n")
                assert await stream.read() == b"QUIT\r\n"
            writer.close()

    asyncio.run(main())


def test_no_name_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError("no DNS here")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        monkeypatch.setattr(socket, name, refuse)

    async def case(bench: Bench) -> None:
        for host in ("example.com", "unknown.i2p", "echo.i2p", "localhost", "a.onion"):
            for command in (1, 0xF0):
                await bench.ask(GREETING + request_5(host, command=command))
                await bench.ask(request_4(host, command=command))

    outproxy = read_outproxy("socks5://127.0.0.1:9")  # nobody listens there
    run(case, outproxies=(outproxy,))
    assert asked == []
