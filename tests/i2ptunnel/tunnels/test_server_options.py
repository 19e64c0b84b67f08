"""Options of server tunnels from the visitor's stream to the local service."""

from __future__ import annotations

import asyncio
import ipaddress
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.api import ensure_certificate
from core.base.errors import Unavailable
from core.data.identity import hash_to_b32
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import HttpServerSection, ServerTunnelSection
from i2ptunnel.config.tunnel_parts import (
    AccessSection,
    HealthCheckSection,
    MetaSection,
    PostLimitSection,
    RateLimitSection,
    TargetTlsSection,
)
from i2ptunnel.relay import tls
from i2ptunnel.tunnels.server_base import ServerTunnel
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession
from tests.support.tunnel_bench import TableResolver, http_bench, running
from tests.support.waiting import until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NAME = b"name"


class Service:
    """A local service that says its name, or speaks HTTP and keeps connections open."""

    running: ClassVar[list[Service]] = []

    def __init__(self, name: str = "name", is_http: bool = False) -> None:
        self.running.append(self)
        self.name = name
        self.is_http = is_http
        self.peers: list[str] = []
        self.transports: list[asyncio.WriteTransport] = []
        self.requests: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.expected = 0
        self.body = b"body of " + name.encode()
        self.endpoint = Endpoint("127.0.0.1", 0)
        self._server: asyncio.Server | None = None

    async def start(self, path: str = "", port: int = 0, **options: Any) -> Endpoint:
        if path:
            self._server = await asyncio.start_unix_server(self._serve, path, **options)
            self.endpoint = Endpoint(path=path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, **options)
            self.endpoint = Endpoint("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self.endpoint

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        self.peers.append(peer[0] if peer else "")
        self.transports.append(writer.transport)
        try:
            if self.is_http:
                while True:
                    await self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
            writer.write(self.name.encode())
            if self.expected:  # asyncio's TLS cannot end one direction alone
                writer.write(await reader.readexactly(self.expected))
            else:
                writer.write(await reader.read())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        self.requests.append(head)
        lines = [f"{name}: {value}" for name, value in self.headers]
        text = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(self.body)}", *lines, "", ""])
        writer.write(text.encode() + self.body)
        await writer.drain()


class Visit:
    """A tunnel that runs and somebody who visits it."""

    def __init__(self, network: LoopbackNetwork, tunnel: ServerTunnel[Any]) -> None:
        self.network = network
        self.tunnel = tunnel
        self.me = network.session("visitor")

    async def ask(
        self, raw: bytes = b"", port: int = 80, session: LoopbackSession | None = None
    ) -> bytes:
        """Say ``raw``, and everything that comes back."""
        assert self.tunnel.session is not None
        stream = await (session or self.me).connect(self.tunnel.session.destination.hash, port=port)
        await stream.write(raw)
        if not raw.endswith((b"\r\n\r\n", b"end")):
            await stream.close_write()
        answer = b""
        async with asyncio.timeout(5):
            while data := await stream.read():
                answer += data
        return answer

    async def get(self, *headers: str, method: str = "GET", port: int = 80) -> bytes:
        lines = [f"{method} / HTTP/1.1", "Host: site.i2p", *headers, "Connection: close", "", ""]
        return await self.ask("\r\n".join(lines).encode(), port)


def is_status(answer: bytes, status: int) -> bool:
    return answer.startswith(b"HTTP/1.1 %d " % status)


@asynccontextmanager
async def serving(model: ServerTunnelSection | HttpServerSection) -> AsyncIterator[Visit]:
    network = LoopbackNetwork()
    async with running("site", model, network, TableResolver({})) as tunnel:
        assert isinstance(tunnel, ServerTunnel)
        yield Visit(network, tunnel)


def run(case: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await case()
        finally:
            while Service.running:
                Service.running.pop().stop()

    asyncio.run(main())


def test_several_services_take_turns_and_the_dead_are_left_out() -> None:
    async def case() -> None:
        one, two = Service("one"), Service("two")
        targets = (await one.start(), await two.start())
        check = HealthCheckSection(interval=3600, timeout=1)
        async with serving(ServerTunnelSection(target=targets, health_check=check)) as visit:
            assert [await visit.ask() for _ in range(4)] == [b"one", b"two"] * 2
            one.stop()
            assert [await visit.ask() for _ in range(3)] == [b"two"] * 3
            status = visit.tunnel.status()["targets"]
            assert [target["healthy"] for target in status] == [False, True]
            assert "refused" in status[0]["last_error"]
            assert visit.tunnel.last_error is None, "every visitor was served"
            await one.start(port=one.endpoint.port)
            await visit.tunnel.backends.check()
            assert {await visit.ask() for _ in range(2)} == {b"one", b"two"}
            two.stop()
            one.stop()
            with pytest.raises(Unavailable, match="reset"):
                await visit.ask()
            assert "refused" in str(visit.tunnel.last_error)

    run(case)


@pytest.mark.parametrize("kind", ["alone", "multihomed", "meta"])
def test_who_has_others_with_its_address_tells_whether_the_service_answers(kind: str) -> None:
    async def case() -> None:
        service = Service("one")
        meta = MetaSection(keys="site.dat", machines=((hash_to_b32(bytes(32)), 0),))
        model = ServerTunnelSection(
            target=await service.start(),
            health_check=HealthCheckSection(interval=0.05, timeout=1),
            multihomed=kind == "multihomed",
            meta=meta if kind == "meta" else None,
        )
        async with serving(model) as visit:
            session = visit.tunnel.session
            assert isinstance(session, LoopbackSession)
            if kind == "alone":
                assert visit.tunnel._serving_of(session) is None
                return
            await until("it is told", lambda: session.serving)
            assert all(session.serving)
            service.stop()
            await until("it is told of the end", lambda: not session.serving[-1])
            await service.start(port=service.endpoint.port)
            await until("it is told of the return", lambda: session.serving[-1])

    run(case)


def test_a_health_check_asks_for_a_page() -> None:
    async def case() -> None:
        good, bad = Service("good", is_http=True), Service("bad")
        targets = (await good.start(), await bad.start())
        check = HealthCheckSection(interval=3600, timeout=0.2, path="/health")
        async with serving(HttpServerSection(target=targets, health_check=check)) as visit:
            await visit.tunnel.backends.check()
            assert [b.is_healthy for b in visit.tunnel.backends.all] == [True, False]
            assert good.requests[0].startswith("GET /health HTTP/1.1\r\n")
            for _ in range(3):
                assert b"body of good" in await visit.get()

    run(case)


def test_ports_lead_to_services_of_their_own() -> None:
    async def case() -> None:
        web, ssh, api = Service("web", True), Service("ssh"), Service("api", True)
        chat = Service("chat")
        target = await web.start()
        ports = ((22, await ssh.start()), (8080, await api.start()), (6667, await chat.start()))
        model = HttpServerSection(
            target=target,
            ports=ports,
            plain_ports=(6667,),
            hostname="a.i2p",
            hostnames=((8080, "api.i2p"),),
        )
        async with serving(model) as visit:
            assert await visit.ask(b"hello", port=22) == b"sshhello"
            assert await visit.ask(b"NICK a\r\n", port=6667) == b"chatNICK a\r\n"
            with pytest.raises(Unavailable, match="reset"):  # TLS would not understand a page
                await visit.ask(b"\x16\x03\x01hello", port=443)
            assert b"body of api" in await visit.get(port=8080)
            assert b"body of web" in await visit.get(port=80)
            assert b"body of web" in await visit.get(port=0)
            assert "\r\nHost: api.i2p\r\n" in api.requests[0]
            assert "\r\nHost: a.i2p\r\n" in web.requests[0]

    run(case)


def test_each_visitor_comes_from_an_address_of_its_own() -> None:
    async def case() -> None:
        service = Service()
        target = await service.start()
        async with serving(ServerTunnelSection(target=target)) as visit:
            other = visit.network.session("other")
            await visit.ask()
            await visit.ask()
            await visit.ask(session=other)
            first, second, third = service.peers
            assert first == second != third
            for peer in (first, third):
                assert ipaddress.ip_address(peer) in ipaddress.ip_network("127.0.0.0/8")
                assert ipaddress.ip_address(peer) not in ipaddress.ip_network("127.0.0.0/16")
        async with serving(ServerTunnelSection(target=target, unique_local=False)) as visit:
            await visit.ask()
            assert service.peers[-1] == "127.0.0.1"
        source = ipaddress.ip_address("127.0.0.9")
        async with serving(ServerTunnelSection(target=target, source=source)) as visit:
            await visit.ask()
            assert service.peers[-1] == "127.0.0.9"

    run(case)


def test_a_service_at_a_unix_socket(tmp_path: Path) -> None:
    async def case() -> None:
        service = Service(is_http=True)
        target = await service.start(str(tmp_path / "app.sock"))
        async with serving(HttpServerSection(target=target)) as visit:
            assert b"body of name" in await visit.get()

    run(case)


def test_tls_to_the_service_is_verified(tmp_path: Path) -> None:
    async def case() -> None:
        certificate, other = tmp_path / "cert.pem", tmp_path / "other.pem"
        for path in (certificate, other):
            ensure_certificate(path, ["127.0.0.1", "service.example"])
        service = Service()
        service.expected = 200_000
        target = await service.start(ssl=tls.server_context(certificate, None))

        async def ask(**options: Any) -> bytes:
            section = TargetTlsSection(**options)
            async with serving(ServerTunnelSection(target=target, target_tls=section)) as visit:
                try:
                    return await visit.ask(b"12345end" * 25_000)
                finally:
                    problems.append(visit.tunnel.last_error)

        problems: list[str | None] = []
        assert await ask(ca=certificate) == NAME + b"12345end" * 25_000
        named = await ask(ca=certificate, server_name="service.example")
        assert named == NAME + b"12345end" * 25_000
        for options in (
            {"ca": other},
            {},
            {"ca": certificate, "server_name": "elsewhere.example"},
        ):
            with pytest.raises(Unavailable, match="reset"):
                await ask(**options)
            assert problems[-1] is not None
            assert problems[-1].startswith("TLS failed: ")
        with pytest.raises(Unavailable, match="cannot be used"):
            await ask(ca=tmp_path / "missing.pem")

    run(case)


def test_connections_to_the_web_server_are_kept_for_the_same_visitor() -> None:
    async def case() -> None:
        service = Service(is_http=True)
        target = await service.start()
        async with serving(HttpServerSection(target=target)) as visit:
            for _ in range(3):
                assert b"body of name" in await visit.get()
            assert (len(service.peers), len(service.requests)) == (1, 3)
            assert "Connection: keep-alive" in service.requests[0]
            other = visit.network.session("other")
            request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert is_status(await visit.ask(request, session=other), 200)
            assert len(service.peers) == 2, "nobody gets the connection of another visitor"

    run(case)


@pytest.mark.parametrize(
    ("header", "is_compressed"),
    [
        ("X-Accept-Encoding: x-i2p-gzip;q=1.0, identity;q=0.5, deflate;q=0, gzip;q=0, *;q=0", True),
        ("Accept-Encoding: gzip, x-i2p-gzip", True),
        ("Accept-Encoding: gzip", False),
        ("X-Accept-Encoding: x-i2p-gzip;q=0", False),
    ],
)
def test_what_visitors_can_unpack_is_compressed(header: str, is_compressed: bool) -> None:
    async def case() -> None:
        service = Service(is_http=True)
        service.body = b"<p>the same again and again" * 4000
        service.headers = [("Content-Type", "text/html")]
        async with serving(HttpServerSection(target=await service.start())) as visit:
            head, _, body = (await visit.get(header)).partition(b"\r\n\r\n")
            if not is_compressed:
                assert (body, b"x-i2p-gzip" in head) == (service.body, False)
                return
            assert b"\r\nContent-Encoding: x-i2p-gzip" in head
            assert b"ontent-Length" not in head
            assert b"Transfer-Encoding" not in head
            unpacker = zlib.decompressobj(31)
            assert unpacker.decompress(body) == service.body
            assert unpacker.eof, "the end is marked: a cut body is seen to be cut"
            assert len(body) < len(service.body) / 20
            assert "X-Accept-Encoding" not in service.requests[0]

    run(case)


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "image/png")],
        [("Content-Type", "text/plain"), ("Content-Encoding", "br")],
        [("Content-Type", "text/plain"), ("Cache-Control", "no-transform")],
    ],
)
def test_what_does_not_get_smaller_is_left_alone(headers: list[tuple[str, str]]) -> None:
    async def case() -> None:
        service = Service(is_http=True)
        service.body = b"x" * 5000
        service.headers = headers
        async with serving(HttpServerSection(target=await service.start())) as visit:
            answer = await visit.get("X-Accept-Encoding: x-i2p-gzip")
            assert answer.endswith(b"x" * 5000)
            service.body = b"x" * 1299
            assert (await visit.get("X-Accept-Encoding: x-i2p-gzip")).endswith(b"x" * 1299)

    run(case)


def test_files_are_compressed_too(tmp_path: Path) -> None:
    async def case() -> None:
        (tmp_path / "page.html").write_text("word " * 100_000)
        async with serving(HttpServerSection(docroot=tmp_path)) as visit:
            request = b"GET /page.html HTTP/1.1\r\nHost: a\r\nX-Accept-Encoding: x-i2p-gzip\r\n\r\n"
            head, _, body = (await visit.ask(request)).partition(b"\r\n\r\n")
            assert b"Content-Encoding: x-i2p-gzip" in head
            assert zlib.decompress(body, 31) == b"word " * 100_000

    run(case)


def test_directories_end_in_a_slash(tmp_path: Path) -> None:
    async def case() -> None:
        (tmp_path / "blog").mkdir()
        (tmp_path / "blog" / "index.html").write_text("posts")
        (tmp_path / "empty").mkdir()
        async with serving(HttpServerSection(docroot=tmp_path)) as visit:

            async def get(path: str) -> bytes:
                head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                return await visit.ask(head.encode())

            for path, location in {
                "/blog": b"/blog/",
                "/blog?a=b": b"/blog/?a=b",
                "//blog": b"/blog/",
                "http://site.i2p/blog": b"/blog/",
            }.items():
                answer = await get(path)
                assert is_status(answer, 301)
                assert b"\r\nLocation: " + location + b"\r\n" in answer
            assert (await get("/blog/")).endswith(b"posts")
            assert is_status(await get("/empty"), 404)

    run(case)


REFUSED = {
    "inproxy": ("X-Forwarded-For: 192.0.2.1", 403),
    "another inproxy": ("forwarded:for=192.0.2.1", 403),
    "link from elsewhere": ("Referer: http://elsewhere.i2p/page", 403),
    "link from the web": ("referer:https://example.org/", 403),
    "link without scheme": ("Referer: //elsewhere.i2p/", 403),
    "unwelcome program": ("User-Agent: Mozilla/5.0 (Scraper 1)", 403),
    "nameless program": ("Accept: */*", 403),
    "welcome": ("User-Agent: MYOB/6.66 (AN/ON) Scraper", 200),
    "own link": ("Referer: http://site.i2p/page\r\nUser-Agent: x", 200),
    "own relative link": ("Referer: /page\r\nUser-Agent: x", 200),
}


@pytest.mark.parametrize("name", REFUSED)
def test_visitors_who_are_refused(name: str) -> None:
    header, status = REFUSED[name]

    async def case() -> None:
        service = Service(is_http=True)
        model = HttpServerSection(
            target=await service.start(),
            reject_inproxies=True,
            reject_referers=True,
            reject_user_agents=("none", "Scraper"),
        )
        async with serving(model) as visit:
            assert is_status(await visit.get(header), status)
            assert len(service.requests) == (status == 200)

    run(case)


def test_who_sends_too_much_waits() -> None:
    async def case() -> None:
        service = Service(is_http=True)
        limits = PostLimitSection(per_client=2, total=3, period=60, client_ban=500, total_ban=700)
        async with serving(HttpServerSection(target=await service.start(), posts=limits)) as visit:

            async def post(session: LoopbackSession) -> bytes:
                head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                return await visit.ask(head + b"Content-Length: 0\r\n\r\n", session=session)

            for _ in range(2):
                assert is_status(await post(visit.me), 200)
            answer = await post(visit.me)
            assert is_status(answer, 429)
            assert b"\r\nRetry-After: 500\r\n" in answer
            assert is_status(await visit.get(), 200), "reading is no sending"
            other = visit.network.session("other")
            assert is_status(await post(other), 200)
            answer = await post(other)
            assert is_status(answer, 429)
            assert b"\r\nRetry-After: 700\r\n" in answer

    run(case)


def test_new_connections_are_limited() -> None:
    async def case() -> None:
        service = Service(is_http=True)
        target = await service.start()
        model = HttpServerSection(target=target, limits=RateLimitSection(client_minute=2))
        async with serving(model) as visit:
            for _ in range(2):
                assert is_status(await visit.get(), 200)
            answer = await visit.get()
            assert is_status(answer, 429)
            assert b"\r\nRetry-After: 60\r\n" in answer or b"\r\nRetry-After: 59\r\n" in answer
            with pytest.raises(Unavailable, match="reset"):
                await visit.ask(b"\x16\x03\x01", port=443)
            assert visit.tunnel.counters()["refused_rate"] == 2
        service.is_http = False
        plain = ServerTunnelSection(target=target, limits=RateLimitSection(total_hour=1))
        async with serving(plain) as visit:
            await visit.ask(b"x\r\n", session=visit.network.session("one"))
            with pytest.raises(Unavailable, match="reset"):
                await visit.ask(session=visit.network.session("two"))

    run(case)


def test_lists_and_filter_decide_who_may_connect(tmp_path: Path) -> None:
    async def case() -> None:
        service = Service()
        target = await service.start()
        network = LoopbackNetwork()
        friend, enemy, other = (network.session(name) for name in ("friend", "enemy", "other"))

        async def who_may(access: AccessSection) -> set[str]:
            model = ServerTunnelSection(target=target, access=access)
            names = set()
            async with running("site", model, network, TableResolver({})) as tunnel:
                assert tunnel.session is not None
                for name, session in (("friend", friend), ("enemy", enemy), ("other", other)):
                    stream = await session.connect(tunnel.session.destination.hash)
                    await stream.close_write()
                    try:
                        if await stream.read():
                            names.add(name)
                    except Unavailable:
                        pass
            return names

        hashes = {name: s.destination.hash for name, s in (("friend", friend), ("enemy", enemy))}
        assert await who_may(AccessSection()) == {"friend", "enemy", "other"}
        assert await who_may(AccessSection(allow=(hashes["friend"],))) == {"friend"}
        assert await who_may(AccessSection(deny=(hashes["enemy"],))) == {"friend", "other"}
        definition = tmp_path / "filter.txt"
        (tmp_path / "friends.txt").write_text(f"# mine\n{friend.destination.b32}\n")
        definition.write_text(
            f"deny default\nallow file friends.txt\nallow explicit {other.destination.b32}\n"
        )
        access = AccessSection(filter=definition)
        assert await who_may(access) == {"friend", "other"}
        for bad in ("deny defualt\n", "deny file missing.txt\n", "\xff", "15/0 default"):
            definition.write_bytes(bad.encode("latin-1"))
            with pytest.raises(Unavailable, match=r"filter\.txt"):
                await who_may(access)
        definition.unlink()
        with pytest.raises(Unavailable, match="no such file"):
            await who_may(access)

    run(case)


def test_a_bad_filter_opens_no_session(tmp_path: Path) -> None:
    async def case() -> None:
        network = LoopbackNetwork()
        access = AccessSection(filter=tmp_path / "missing.txt")
        model = ServerTunnelSection(target=Endpoint("127.0.0.1", 1), access=access)
        with pytest.raises(Unavailable):
            async with running("site", model, network, TableResolver({})):
                pass
        assert network.requests == []

    run(case)


def test_our_own_proxy_unpacks_what_our_own_site_packs() -> None:
    async def case() -> None:
        body = b"<p>again and again and " * 2000

        async def answer(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(body) + body)

        async with http_bench() as bench:
            bench.origin.answer = answer
            got = await bench.get()
            head, _, rest = got.partition(b"\r\n\r\n")
            assert is_status(got, 200)
            assert b"x-i2p-gzip" not in head
            text = rest if b"chunked" not in head else dechunked(rest)
            assert text == body
            carried = bench.site.counters()["bytes_to_i2p"]
            assert carried < len(body) / 4

    run(case)


def dechunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            return body
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


def test_a_web_server_that_gives_up_kept_connections() -> None:
    async def case() -> None:
        service = Service(is_http=True)
        target = await service.start()
        async with serving(HttpServerSection(target=target)) as visit:
            assert b"body of name" in await visit.get()
            service.stop()
            for transport in service.transports:
                transport.abort()
            await service.start(port=target.port)
            assert b"body of name" in await visit.get()
            post = await visit.get("Content-Length: 0", method="POST")
            assert b"body of name" in post
            assert len(service.peers) == 3, "what may not be repeated gets a new connection"

    run(case)


def test_an_upgrade_with_kept_connections() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nConnection: Upgrade\r\n" in head
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    async def case() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        target = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        async with serving(HttpServerSection(target=target)) as visit:
            assert visit.tunnel.session is not None
            stream = await visit.me.connect(visit.tunnel.session.destination.hash, port=80)
            await stream.write(
                b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                b"Upgrade: websocket\r\nX-Accept-Encoding: x-i2p-gzip\r\n\r\n"
            )
            async with asyncio.timeout(5):
                head = await stream.read()
                assert is_status(head, 101)
                for _ in range(3):
                    await stream.write(b"frame")
                    assert await stream.read() == b"FRAME"
                await stream.close_write()
                assert await stream.read() == b""
        server.close()

    run(case)
