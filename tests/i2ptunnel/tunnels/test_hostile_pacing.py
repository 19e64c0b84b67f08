"""No peer, site or client can keep the event loop for long, whatever it sends in whatever pieces.

Every case runs on the router's loop, whose turns are measured; the sizes are such that one of them
took seconds when each piece was handled on its own and nothing waited in between.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import (
    ClientTunnelSection,
    HttpClientSection,
    IrcClientSection,
    SocksIrcSection,
    SocksSection,
)
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.config.server_models import HttpServerSection, IrcServerSection, ServerTunnelSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession, LoopbackStream
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.turns import run_in_short_turns

pytestmark = pytest.mark.limits

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = HEAD + b"Transfer-Encoding: chunked\r\nContent-Encoding: x-i2p-gzip\r\n\r\n"
LAST = b"0\r\n\r\n"


def gzipped(*parts: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(coder.compress(part) for part in parts) + coder.flush()


def in_gzip(content: bytes) -> bytes:
    return PACKED + gzipped(content)


def without_framing(content: bytes, times: int) -> bytes:
    body = gzipped(*[content] * times)
    return HEAD + b"Content-Encoding: x-i2p-gzip\r\n\r\n" + body


#: what a site answers, and how it cuts it into pieces (0: not at all)
ANSWERS: dict[str, tuple[bytes, int]] = {
    "chunks of one byte in gzip": (in_gzip(b"1\r\nx\r\n" * 90_000 + LAST), 0),
    "chunks of one byte with extensions in gzip": (in_gzip(b"1;a\r\nx\r\n" * 30_000 + LAST), 0),
    "chunks of one byte": (CHUNKED + b"1\r\nx\r\n" * 60_000 + LAST, 0),
    "chunks of one byte with extensions": (CHUNKED + b"1;a=b\r\nx\r\n" * 30_000 + LAST, 0),
    "chunks of two bytes": (CHUNKED + b"2\r\nxy\r\n" * 60_000 + LAST, 0),
    "chunks of one byte in pieces of one byte": (CHUNKED + b"1\r\nx\r\n" * 4_000 + LAST, 1),
    "a length in pieces of one byte": (HEAD + b"Content-Length: 30000\r\n\r\n" + b"x" * 30_000, 1),
    "no length in pieces of one byte": (HEAD + b"\r\n" + b"x" * 30_000, 1),
    "a bomb": (without_framing(bytes(1_000_000), 20), 0),
    "a bomb as a transfer coding": (
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + gzipped(*[bytes(1_000_000)] * 20),
        0,
    ),
    "chunks of one byte around a bomb": (
        HEAD
        + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % byte for byte in gzipped(*[bytes(1_000_000)] * 20))
        + LAST,
        0,
    ),
    "a bomb in pieces of one byte": (without_framing(bytes(100_000), 20), 1),
    "a bomb of extensions": (in_gzip((b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 5_000 + LAST), 0),
    "a bomb of zeros before a size": (in_gzip(b"0" * 20_000_000), 0),
    "a bomb of trailers": (in_gzip(b"0\r\n" + b"a: b\r\n" * 1_000_000), 0),
    "an endless head": (HEAD + b"a: b\r\n" * 200_000, 0),
    "an endless line": (HEAD + b"a: " + b"b" * 1_000_000, 0),
    "an endless line in pieces of one byte": (HEAD + b"a: " + b"b" * 20_000, 1),
    "endless empty lines": (b"\r\n" * 500_000, 0),
    "endless interim responses": (b"HTTP/1.1 100 Continue\r\n\r\n" * 40_000, 0),
    "endless hints": ((b"HTTP/1.1 103 Hints\r\n" + b"Link: <a>\r\n" * 90 + b"\r\n") * 1_000, 0),
    "endless trailers": (CHUNKED + b"0\r\n" + b"a: b\r\n" * 200_000, 0),
    "an endless trailer": (CHUNKED + b"0\r\na: " + b"b" * 1_000_000, 0),
    "an endless size": (CHUNKED + b"0" * 1_000_000, 0),
}


#: those that are broken before there is anything to pass on: the client's connection is reset
BROKEN = (
    "a bomb of zeros before a size",
    "a bomb of trailers",
    "endless trailers",
    "an endless trailer",
    "an endless size",
)


#: heads within the limits, made to be slow
for _name, _value in (
    ("Connection", b"," * 250_000),
    ("Connection", b"a," * 125_000),
    ("Content-Encoding", b"a," * 125_000),
    ("Transfer-Encoding", b"a," * 125_000),
    ("Content-Length", b"1," * 125_000),
    ("Cache-Control", b"a," * 125_000),
    ("Set-Cookie", b"a;" * 125_000),
    ("Set-Cookie", b"a=b; Domain=" * 20_000),
    ("Content-Security-Policy", b"a " * 125_000),
    ("Location", b"http://" * 35_000),
    ("X", b"\x01" * 250_000),
    ("X", b" " * 250_000 + b"a"),
):
    ANSWERS[f"a long {_name}: {_value[:4]!r}"] = (
        HEAD + _name.encode() + b": " + _value + b"\r\nContent-Length: 0\r\n\r\n",
        0,
    )
for _field in (
    b"a: b",
    b"Connection: a",
    b"Set-Cookie: a=b; Domain=c",
    b"Content-Length: 0",
    b" a",
):
    ANSWERS[f"thousands of fields: {_field!r}"] = (HEAD + (_field + b"\r\n") * 4_090 + b"\r\n", 0)


class RawSite:
    """A destination that answers each stream with the same bytes, whatever it is asked."""

    def __init__(self, session: LoopbackSession) -> None:
        self.session = session
        self.answer = b""
        self.cut = 0

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._serve_one(await self.session.accept()))

    async def _serve_one(self, stream: LoopbackStream) -> None:
        try:
            await stream.read()
            await send_cut(stream.write, self.answer, self.cut)
            await stream.close_write()
            while await stream.read():
                pass
        except Unavailable:
            pass


async def send_cut(
    write: Callable[[bytes], Awaitable[object]], data: bytes, cut: int, pieces_at_once: int = 500
) -> None:
    """Write ``data`` in pieces of ``cut`` bytes, many in a turn; 0: large ones."""
    size = cut or 65536
    for number, start in enumerate(range(0, len(data), size)):
        await write(data[start : start + size])
        if number % pieces_at_once == pieces_at_once - 1:
            await asyncio.sleep(0)


def drain(port: int, ask: bytes, host: str = "127.0.0.1") -> int:
    """A client, for a thread: sends ``ask``, reads to the end, and tells how much that was."""
    got = 0
    with socket.create_connection((host, port)) as sock:
        sock.settimeout(20)
        sender = threading.Thread(target=_send_all, args=(sock, ask))
        sender.start()
        try:
            while data := sock.recv(1 << 20):
                got += len(data)
        except ConnectionError:
            pass
        sender.join()
    return got


def _send_all(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Origin:
    """A local server in a thread of its own, which answers each connection with the same bytes."""

    def __init__(self, answer: bytes, cut: int = 0) -> None:
        self._answer, self._cut = answer, cut
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = Endpoint("127.0.0.1", self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(20)
                try:
                    sock.recv(65536)
                    size = self._cut or 1 << 20
                    for start in range(0, len(self._answer), size):
                        sock.sendall(self._answer[start : start + size])
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1 << 20):
                        pass
                except OSError:
                    pass

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(20)


@asynccontextmanager
async def proxied(model: TunnelSection) -> AsyncIterator[tuple[int, RawSite]]:
    """A running proxy's port, and the site ``site.i2p`` behind it."""
    network, resolver = LoopbackNetwork(), TableResolver({})
    site = RawSite(network.session("site"))
    resolver.hosts["site.i2p"] = site.session.destination.hash
    serving = asyncio.create_task(site.serve())
    try:
        async with running("proxy", model, network, resolver) as proxy:
            yield port_of(proxy), site
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def fetch_through(model: TunnelSection, name: str, ask: bytes, count: int = 1) -> int:
    async def main() -> int:
        async with proxied(model) as (port, site):
            site.answer, site.cut = ANSWERS[name]
            clients = [asyncio.to_thread(drain, port, ask) for _ in range(count)]
            return sum(await asyncio.gather(*clients))

    got, _ = run_in_short_turns(main())
    return got


ASK = b"GET http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("name", ANSWERS)
def test_a_site_behind_the_http_proxy(name: str) -> None:
    got = fetch_through(HttpClientSection(listen=ANY_PORT), name, ASK)
    assert got > 0 or name in BROKEN


@pytest.mark.parametrize(
    "name", ["chunks of one byte in gzip", "chunks of one byte with extensions", "a bomb"]
)
def test_many_such_sites_at_once(name: str) -> None:
    assert fetch_through(HttpClientSection(listen=ANY_PORT), name, ASK, 8) > 0


SOCKS_ASK = b"\x05\x01\x00" + b"\x05\x01\x00\x03\x08site.i2p\x00\x50"


@pytest.mark.parametrize("filter_http", [False, True])
@pytest.mark.parametrize(
    "name", ["chunks of one byte in gzip", "a length in pieces of one byte", "an endless head"]
)
def test_a_site_behind_the_socks_proxy(name: str, filter_http: bool) -> None:
    model = SocksSection(listen=ANY_PORT, filter_http=filter_http)
    ask = SOCKS_ASK + b"GET / HTTP/1.1\r\nHost: site.i2p\r\nConnection: close\r\n\r\n"
    assert fetch_through(model, name, ask) > 10


@pytest.mark.parametrize("name", ["chunks of one byte", "an endless head", "a bomb"])
def test_an_outproxy_and_the_host_behind_it(name: str) -> None:
    async def main() -> int:
        origin = Origin(*ANSWERS[name])
        outproxy = read_outproxy(f"http://127.0.0.1:{origin.endpoint.port}")
        model = HttpClientSection(listen=ANY_PORT, outproxies=(outproxy,))
        try:
            async with proxied(model) as (port, _):
                ask = b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n"
                return await asyncio.to_thread(drain, port, ask)
        finally:
            await asyncio.to_thread(origin.close)

    got, _ = run_in_short_turns(main())
    assert got > 0


POST = b"POST http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n"
#: what a browser sends, and a stranger in I2P
REQUESTS: dict[str, bytes] = {
    "chunks of one byte": POST + b"1\r\nx\r\n" * 60_000 + LAST,
    "chunks of one byte with extensions": POST + b"1;a=b\r\nx\r\n" * 30_000 + LAST,
    "endless trailers": POST + b"0\r\n" + b"a: b\r\n" * 100_000,
    "an endless size": POST + b"0" * 500_000,
    "an endless head": GET + b"a: b\r\n" * 100_000,
    "an endless line": GET + b"a: " + b"b" * 500_000,
    "endless empty lines": b"\r\n" * 200_000,
    "many requests": (GET + b"\r\n") * 80,
    "many requests with bodies": (POST + b"1\r\nx\r\n" * 20 + LAST) * 50,
    "many requests for nobody": b"GET http://nobody.i2p/ HTTP/1.1\r\nHost: n\r\n\r\n" * 100,
    "many requests for our own pages": b"GET http://proxy.i2p/ HTTP/1.1\r\nHost: p\r\n\r\n" * 100,
    "no HTTP at all": b"\x00\xff" * 200_000,
}
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize("name", REQUESTS)
def test_a_browser_at_the_http_proxy(name: str) -> None:
    async def main() -> int:
        async with proxied(HttpClientSection(listen=ANY_PORT)) as (port, site):
            site.answer = EMPTY
            return await asyncio.to_thread(drain, port, REQUESTS[name])

    run_in_short_turns(main())


async def visit(network: LoopbackNetwork, target: bytes, ask: bytes, cut: int = 0) -> int:
    """A stranger in I2P: sends ``ask`` to a destination and reads to the end."""
    stream = await network.session().connect(target)
    got = 0

    async def send() -> None:
        try:
            await send_cut(stream.write, ask, cut)
            await stream.close_write()
        except Unavailable:
            pass

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(20):
            while data := await stream.read():
                got += len(data)
            await sending
    except Unavailable:
        pass
    finally:
        sending.cancel()
    return got


def serve(model: Callable[[Endpoint], TunnelSection], ask: bytes, cut: int, answer: bytes) -> int:
    """A stranger's ``ask`` at a server tunnel before a local server with this answer."""

    async def main() -> int:
        network = LoopbackNetwork()
        origin = Origin(answer)
        try:
            async with running("site", model(origin.endpoint), network, TableResolver({})) as site:
                assert isinstance(site.session, LoopbackSession)
                return await visit(network, site.session.destination.hash, ask, cut)
        finally:
            await asyncio.to_thread(origin.close)

    got, _ = run_in_short_turns(main())
    return got


@pytest.mark.parametrize("name", REQUESTS)
def test_a_stranger_at_the_web_server(name: str) -> None:
    serve(lambda to: HttpServerSection(target=to), REQUESTS[name], 0, EMPTY)


@pytest.mark.parametrize("name", ["chunks of one byte", "an endless head", "an endless line"])
def test_a_stranger_at_the_web_server_byte_by_byte(name: str) -> None:
    serve(lambda to: HttpServerSection(target=to), REQUESTS[name][:20_000], 1, EMPTY)


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("name", [n for n in ANSWERS if "gzip" not in n and "bomb" not in n])
def test_a_local_web_server(name: str, packs: bool) -> None:
    ask = b"GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n"
    ask += b"X-Accept-Encoding: x-i2p-gzip\r\n\r\n" if packs else b"\r\n"
    got = serve(lambda to: HttpServerSection(target=to), ask, 0, ANSWERS[name][0])
    assert got > 0 or name in BROKEN


def test_plain_tunnels_byte_by_byte() -> None:
    assert (
        serve(lambda to: ServerTunnelSection(target=to), b"x" * 50_000, 1, b"y" * 500_000)
        == 500_000
    )


LINES = {
    "lines of one byte": b"a\n" * 20_000,
    "commands": b"PRIVMSG #a :b\r\n" * 5_000,
    "pings": b"PING :a\r\n" * 5_000,
    "tags": (b"@" + b"a=b;" * 1000 + b" PRIVMSG #a :b\r\n") * 50,
    "parameters": (b"JOIN " + b"a " * 2000 + b"\r\n") * 50,
    "CTCP": b"PRIVMSG a :\x01DCC SEND a 2130706433 5000 1\x01\r\n" * 5_000,
    "an endless line": b"PRIVMSG #a :" + b"a" * 1_000_000,
    "pieces of one byte": b"PRIVMSG #a :b\r\n" * 1_000,
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("side", ["client", "server"])
def test_an_irc_client_and_its_server(name: str, side: str) -> None:
    async def main() -> None:
        destination = (DestinationName("site.i2p"),)
        model = IrcClientSection(listen=ANY_PORT, destination=destination, dcc=True)
        async with proxied(model) as (port, site):
            if side == "server":
                site.answer, site.cut = LINES[name], 1 if "one byte" in name else 0
            await asyncio.to_thread(drain, port, LINES[name] if side == "client" else b"NICK a\r\n")

    run_in_short_turns(main())


@pytest.mark.parametrize("name", LINES)
def test_irc_through_socks(name: str) -> None:
    async def main() -> None:
        async with proxied(SocksIrcSection(listen=ANY_PORT)) as (port, site):
            site.answer = LINES[name]
            await asyncio.to_thread(drain, port, SOCKS_ASK + LINES[name])

    run_in_short_turns(main())


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("start", [b"", b"NICK a\r\nUSER a 0 * :a\r\n"])
def test_a_stranger_at_the_irc_server(name: str, start: bytes) -> None:
    cut = 1 if "one byte" in name else 0
    serve(lambda to: IrcServerSection(target=to), start + LINES[name], cut, b":s NOTICE a :b\r\n")


def test_a_plain_client_tunnel_byte_by_byte() -> None:
    async def main() -> int:
        model = ClientTunnelSection(listen=ANY_PORT, destination=(DestinationName("site.i2p"),))
        async with proxied(model) as (port, site):
            site.answer, site.cut = b"x" * 50_000, 1
            return await asyncio.to_thread(drain, port, b"y" * 200_000)

    got, _ = run_in_short_turns(main())
    assert got == 50_000


def test_more_connections_than_there_is_room_for() -> None:
    limit = 150

    def flood(port: int) -> None:
        sockets = []
        try:
            for number in range(3 * limit):
                sockets.append(socket.create_connection(("127.0.0.1", port)))
                if number % 2:
                    sockets[-1].sendall(b"GET http://site.i2p/ HTTP/1.1\r\n" + b"a: b\r\n" * 90)
        finally:
            for sock in sockets:
                sock.close()

    async def main() -> int:
        model = HttpClientSection(
            listen=ANY_PORT, max_connections=limit, max_connections_per_client=limit
        )
        async with proxied(model) as (port, site):
            site.answer = EMPTY
            await asyncio.to_thread(flood, port)
            return await asyncio.to_thread(drain, port, ASK)

    got, _ = run_in_short_turns(main())
    assert got > 0
