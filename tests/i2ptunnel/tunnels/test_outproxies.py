"""Ways out of I2P: HTTP and SOCKS 5 inside, Tor-like SOCKS and HTTP proxies outside."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.client_models import ConnectClientSection, HttpClientSection, SocksSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.proxy_parts import OutproxyUrl, read_outproxy
from i2ptunnel.protocols.socks import ConnectRequest, SocksReply, SocksServer, SocksSignal
from i2ptunnel.tunnels import outproxy, proxy_base
from i2ptunnel.tunnels.outproxy import OutproxyChoice
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, OK, TableResolver, port_of, running
from tests.support.waiting import until


class World:
    """What is outside: a SOCKS or HTTP proxy, which answers for every host itself."""

    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.users = users or {}
        self.asked: list[tuple[str, int]] = []
        self.requests: list[bytes] = []
        self.credentials: list[str | None] = []
        self.reply = SocksReply.SUCCEEDED

    async def socks(self, reader: Any, writer: Any) -> None:
        """``reader.read()`` and ``writer.write()`` of a stream or a local connection."""
        server = SocksServer(self.users, wants_names=True)
        while True:
            event = server.next_event()
            writer.write(server.data_to_send())
            if isinstance(event, ConnectRequest):
                break
            if event is SocksSignal.REFUSED:
                return
            data = await reader.read(65536)
            if not data:
                return
            server.receive_data(data)
        self.asked.append((event.host, event.port))
        self.credentials.append(server.credential)
        if self.reply is not SocksReply.SUCCEEDED:
            server.fail(self.reply)
            writer.write(server.data_to_send())
            return
        server.succeed()
        writer.write(server.data_to_send())
        await self.host(reader, writer, server.take_rest())

    async def http(self, reader: Any, writer: Any) -> None:
        got = b""
        while b"\r\n\r\n" not in got:
            data = await reader.read(65536)
            if not data:
                return  # a health check
            got += data
        self.requests.append(got)
        if got.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await self.host(reader, writer, b"")
        else:
            writer.write(OK)

    async def host(self, reader: Any, writer: Any, got: bytes) -> None:
        """The host that was asked for: HTTP, or an echo."""
        if not got:
            got = await reader.read(65536)
        self.requests.append(got)
        writer.write(OK if b"HTTP/1.1" in got else got.upper())


class _Ends:
    """A stream of the loopback network with the two calls that are used above."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._tasks: list[asyncio.Task[None]] = []

    async def read(self, limit: int) -> bytes:
        return bytes(await self._stream.read(limit))

    def write(self, data: bytes) -> None:
        if data:
            self._tasks.append(asyncio.create_task(self._stream.write(data)))

    async def finish(self) -> None:
        await asyncio.gather(*self._tasks)
        await self._stream.close()


class Bench:
    def __init__(self, proxy: Any, world: World, network: LoopbackNetwork) -> None:
        self.proxy, self.world, self.network = proxy, world, network

    async def ask(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(self.proxy))
        writer.write(raw)
        try:
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()

    async def get(self, host: str = "example.com", path: str = "/a?b") -> bytes:
        raw = f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Secret\r\n"
        return await self.ask(raw.encode() + b"Connection: close\r\n\r\n")


def run(
    case: Callable[[Bench], Awaitable[Any]],
    kind: str,
    url: str,
    *,
    path: Path | None = None,
    users: dict[str, str] | None = None,
    section: Any = HttpClientSection,
    **options: Any,
) -> None:
    """``url`` may have %p for the port of an outproxy outside; ``kind``: http or socks."""

    async def main() -> None:
        network = LoopbackNetwork()
        world = World(users)
        exit_ = network.session("exit")
        speak = world.http if kind == "http" else world.socks

        async def local(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await speak(reader, writer)
            await writer.drain()
            writer.close()

        async def serve() -> None:
            while True:
                ends = _Ends(await exit_.accept())
                await speak(ends, ends)
                await ends.finish()

        if path is not None:
            server = await asyncio.start_unix_server(local, path)
            port = 0
        else:
            server = await asyncio.start_server(local, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
        serving = asyncio.create_task(serve())
        chosen = tuple(read_outproxy(one.replace("%p", str(port))) for one in url.split())
        model = section(listen=ANY_PORT, outproxies=chosen, **options)
        resolver = TableResolver({"exit.i2p": exit_.destination.hash})
        try:
            async with running("proxy", model, network, resolver) as proxy:
                await case(Bench(proxy, world, network))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            server.close()

    asyncio.run(main())


WAYS = {
    "http in I2P": ("http", "http://exit.i2p"),
    "socks in I2P": ("socks", "socks5://exit.i2p"),
    "local http": ("http", "http://127.0.0.1:%p"),
    "local socks 5": ("socks", "socks5://127.0.0.1:%p"),
    "local socks 4": ("socks", "socks4://127.0.0.1:%p"),
}


@pytest.mark.parametrize("way", WAYS)
def test_pages_and_tunnels_through_every_kind(way: str) -> None:
    kind, url = WAYS[way]

    async def case(bench: Bench) -> None:
        answer = await bench.get()
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        request = bench.world.requests[-1]
        target = b"http://example.com/a?b" if kind == "http" else b"/a?b"
        assert request.startswith(b"GET " + target + b" HTTP/1.1\r\nHost: example.com\r\n")
        assert b"Secret" not in request
        assert b"MYOB" not in request
        connect = b"CONNECT example.com:8443 HTTP/1.1\r\nHost: x\r\nUser-Agent: Secret\r\n\r\nhello"
        answer = await bench.ask(connect)
        assert answer.endswith(b"\r\n\r\nHELLO"), answer
        assert b"Secret" not in b"".join(bench.world.requests)
        if kind == "socks":
            # names go as names: nobody here has asked DNS
            assert bench.world.asked == [("example.com", 80), ("example.com", 8443)]

    run(case, kind, url)


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_unix_socket(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "tor.sock"

    async def case(bench: Bench) -> None:
        assert (await bench.get()).startswith(b"HTTP/1.1 200 ")

    kind = "http" if scheme == "http" else "socks"
    run(case, kind, f"{scheme}+unix:{path}", path=path)


@pytest.mark.parametrize("host", ["exit.i2p", "127.0.0.1:%p"])
def test_socks_outproxies_with_a_password(host: str) -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.get()
        is_right = bool(bench.world.credentials)
        assert answer.startswith(b"HTTP/1.1 200 " if is_right else b"HTTP/1.1 502 ")

    users = {"me": "pass:word"}
    run(case, "socks", f"socks5://me:pass%3Aword@{host}", users=users)

    async def wrong(bench: Bench) -> None:
        assert (await bench.get()).startswith(b"HTTP/1.1 502 ")
        assert bench.world.asked == []

    run(wrong, "socks", f"socks5://me:wrong@{host}", users=users)
    run(wrong, "socks", f"socks5://{host}", users=users)


def test_http_outproxies_with_a_password() -> None:
    async def case(bench: Bench) -> None:
        await bench.get()
        await bench.ask(b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\nhello")
        token = base64.b64encode(b"me:secret")
        wanted = b"\r\nProxy-Authorization: Basic " + token + b"\r\n"
        assert wanted in bench.world.requests[0]
        assert wanted in bench.world.requests[1]

    run(case, "http", "http://me:secret@exit.i2p")


@pytest.mark.parametrize("way", ["socks in I2P", "local socks 5"])
def test_what_the_outproxy_cannot_reach_is_not_its_fault(way: str) -> None:
    async def case(bench: Bench) -> None:
        bench.world.reply = SocksReply.HOST_UNREACHABLE
        answer = await bench.get()
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"cannot reach" in answer
        assert bench.proxy.counters().get("outproxy_failures", 0) == 0

    run(case, *WAYS[way])


def test_https_has_its_own_outproxies() -> None:
    async def case(bench: Bench) -> None:
        assert (await bench.get()).startswith(b"HTTP/1.1 200 ")
        connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await bench.ask(connect)).startswith(b"HTTP/1.1 502 ")

    dead = (read_outproxy("http://dead.i2p"),)
    run(case, "http", "http://exit.i2p", https_outproxies=dead)


def test_a_dead_one_is_passed_over_and_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_base, "_CHECK_EVERY_S", 0.01)
    monkeypatch.setattr(outproxy, "_BACK_OFF_FIRST_S", 0.02)
    monkeypatch.setattr(outproxy, "_BACK_OFF_MAX_S", 0.05)

    async def case(bench: Bench) -> None:
        hosts = bench.proxy.context.resolver.hosts
        for number in range(12):
            assert (await bench.get(f"host{number}.example")).startswith(b"HTTP/1.1 200 ")
        (choice, _) = bench.proxy.outproxy_choices()
        dead = next(url for url in choice._urls if url.endpoint.host == "dead.i2p")
        hosts["dead.i2p"] = hosts["exit.i2p"]
        await until("the dead one forgiven", lambda: not choice._health[dead].failures, 5)
        assert bench.proxy.counters()["outproxy_failures"] >= 1

    run(case, "http", "http://dead.i2p http://exit.i2p")


@pytest.mark.parametrize("section", [HttpClientSection, SocksSection, ConnectClientSection])
def test_outproxies_change_while_the_proxy_runs(section: Any) -> None:
    async def case(bench: Bench) -> None:
        model = section(listen=ANY_PORT)
        ask = b"\x05\x01\x00" + b"\x05\x01\x00\x03\x0bexample.com\x00\x50hi"
        if section is not SocksSection:
            ask = b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\nhi"
        assert (await bench.ask(ask)).endswith(b"HI")
        assert bench.proxy.update(model)
        assert not (await bench.ask(ask)).endswith(b"HI")
        url = read_outproxy("socks5://exit.i2p")
        assert bench.proxy.update(section(listen=ANY_PORT, outproxies=(url,)))
        assert (await bench.ask(ask)).endswith(b"HI")
        assert not bench.proxy.update(section(listen=ANY_PORT, isolate="site"))

    run(case, "socks", "socks5://exit.i2p", section=section)


def test_a_host_keeps_its_outproxy_and_hosts_are_spread() -> None:
    urls = [read_outproxy(f"http://exit{number}.i2p") for number in range(4)]
    choice = OutproxyChoice(urls)
    firsts = {f"host{n}": choice.in_order(f"host{n}", 0.0)[0] for n in range(64)}
    assert all(choice.in_order(host, 5.0)[0] == first for host, first in firsts.items())
    assert len(set(firsts.values())) == 4
    down = firsts["host0"]
    choice.note(down, 10.0, works=False)
    assert choice.in_order("host0", 11.0)[0] != down
    assert choice.in_order("host0", 11.0)[-1] == down
    others = [host for host, first in firsts.items() if first != down]
    assert all(choice.in_order(host, 11.0)[0] == firsts[host] for host in others)
    assert choice.in_order("host0", 10.0 + 31)[0] == down
    assert choice.doubtful(10.0 + 31) == [down]


def test_socks_clients_reach_hosts_outside() -> None:
    async def case(bench: Bench) -> None:
        host = b"example.com"
        names = b"\x05\x01\x00\x03" + bytes((len(host),)) + host + b"\x00\x50hello"
        address = b"\x05\x01\x00\x01\x01\x01\x01\x01\x00\x50hello"
        six = b"\x05\x01\x00\x04" + bytes.fromhex("26064700000000000000000000001111") + b"\0\x50hi"
        for raw in (names, address, six):
            assert (await bench.ask(b"\x05\x01\x00" + raw)).endswith(raw[-2:].upper())
        four = b"\x04\x01\x00\x50\0\0\0\x01\0example.com\0hello"
        assert (await bench.ask(four)).endswith(b"HELLO")
        hosts = [host for host, _ in bench.world.asked]
        assert hosts == ["example.com", "1.1.1.1", "2606:4700::1111", "example.com"]
        local = b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"
        assert (await bench.ask(b"\x05\x01\x00" + local))[2:4] == b"\x05\x02"
        bench.world.reply = SocksReply.CONNECTION_REFUSED
        assert (await bench.ask(b"\x05\x01\x00" + names))[2:4] == b"\x05\x05"

    run(case, "socks", "socks5://exit.i2p", section=SocksSection)


def test_ports_may_have_outproxies_of_their_own() -> None:
    async def case(bench: Bench) -> None:
        def ask(port: int) -> bytes:
            host = b"example.com"
            name = bytes((len(host),)) + host + port.to_bytes(2, "big")
            return b"\x05\x01\x00" + b"\x05\x01\x00\x03" + name + b"hello"

        assert (await bench.ask(ask(25))).endswith(b"HELLO")
        assert (await bench.ask(ask(80)))[2:4] == b"\x05\x03", "nobody at that outproxy"
        assert bench.world.asked == [("example.com", 25)]
        assert bench.proxy.update(replace(bench.proxy.model, port_outproxies=()))
        assert (await bench.ask(ask(25)))[2:4] == b"\x05\x03"

    mail = ((25, (read_outproxy("socks5://exit.i2p"),)),)
    url = "http://nobody.i2p"
    run(case, "socks", url, section=SocksSection, port_outproxies=mail)


def test_tor_is_told_to_keep_isolated_users_apart() -> None:
    async def case(bench: Bench) -> None:
        for host in ("a.example", "b.example", "a.example"):
            assert (await bench.get(host)).startswith(b"HTTP/1.1 200 ")
        first, second, third = bench.world.credentials
        assert first == third != second
        assert first is not None

    run(case, "socks", "socks5://127.0.0.1:%p", isolate="site")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "exit.i2p",
        "ftp://exit.i2p",
        "socks4://exit.i2p",
        "http://exit.example",
        "socks5://tor.local:9050",
        "http://exit.i2p/path",
        "http://exit.i2p:0",
        "http://exit.i2p:99999",
        "socks5+unix:relative",
        "socks5://a b@exit.i2p",
    ],
)
def test_outproxies_that_make_no_sense(url: str) -> None:
    with pytest.raises(ValueError, match=re.compile("write", re.I)):
        read_outproxy(url)


def test_secrets_of_outproxies_are_not_shown() -> None:
    url = read_outproxy("socks5://me:secret@exit.i2p:9050")
    assert url == OutproxyUrl("socks5", Endpoint("exit.i2p", 9050), True, "me", "secret")
    assert "secret" not in f"{url!r}{url}"
