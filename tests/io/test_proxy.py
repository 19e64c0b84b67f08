"""Connections to other routers through a proxy, and never past it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from core.base.errors import DecodeError, LocalError
from core.base.http_connect import HEAD_BYTES_MAX, HttpConnect
from core.io.proxy import Proxy
from core.io.router import Router
from core.io.tcp import TcpTransport
from core.io.wakeup import Wakeup
from core.router.config import RouterConfig
from core.transport.events import PeerConnected, PeerFailed
from tests.io.test_tcp import Running, run, started
from tests.support.forward_proxy import ForwardProxy
from tests.support.link_nodes import Node, message
from tests.support.waiting import until


async def _through(proxy: ForwardProxy | str) -> tuple[Running, Running]:
    """Alice, who has a proxy, and Bob; neither has dialled yet."""
    url = proxy if isinstance(proxy, str) else await proxy.start()
    (bob,) = await started("bob")
    # Bob sees the proxy's address, which had better be the one that Alice publishes.
    node = Node("alice", "127.0.0.1", bob.node.wall)
    alice = Running(node)
    alice.tcp = TcpTransport(
        node.ntcp2, Wakeup(alice._on_wakeup), source_hosts=("127.91.8.1",), proxy=Proxy.parse(url)
    )
    node.known[bob.node.hash] = bob.node.router_info
    return alice, bob


@pytest.mark.parametrize("scheme", ["socks5", "http"])
@pytest.mark.parametrize("user", ["", "ann"])
def test_all_goes_through_the_proxy(scheme: str, user: str) -> None:
    async def body() -> None:
        proxy = ForwardProxy(scheme, user, "pw")
        alice, bob = await _through(proxy)
        alice.send(bob, message(1), message(2, 60000))
        await until("both messages", lambda: len(bob.received()) == 2)
        bob.send(alice, message(3))
        await until("the answer", alice.received)
        assert bob.received() == [message(1), message(2, 60000)]
        assert proxy.targets == [f"{bob.node.host}:{bob.node.port}"]
        await alice.tcp.stop()
        await bob.tcp.stop()
        assert alice.tcp.socket_count == 0
        proxy.stop()

    run(body)


@pytest.mark.parametrize(
    ("scheme", "code"), [("socks5", 5), ("socks5", 2), ("http", 502), ("http", 403)]
)
def test_a_refusal_is_the_end_of_it(
    scheme: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        proxy = ForwardProxy(scheme)
        proxy.refusal = code
        alice, bob = await _through(proxy)
        alice.send(bob, message(1))
        await until("a failure", lambda: alice.of(PeerFailed))
        assert len(proxy.targets) == 1
        assert bob.tcp.socket_count == 0 and not bob.of(PeerConnected)
        assert ("the proxy for NTCP2" in caplog.text) == (code in (2, 403)), "or the peer's fault"
        await alice.tcp.stop()
        await bob.tcp.stop()
        proxy.stop()

    run(body)


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "http://u:wrong@127.0.0.1:1"])
def test_without_the_proxy_nobody_is_reached(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        alice, bob = await _through(url)
        alice.send(bob, message(1))
        await until("a failure", lambda: alice.of(PeerFailed))
        assert bob.tcp.socket_count == 0
        assert caplog.text.count("the proxy for NTCP2 cannot be reached") == 1
        await alice.tcp.stop()
        await bob.tcp.stop()

    run(body)


def test_a_wrong_password_gets_nowhere() -> None:
    async def body() -> None:
        for scheme in ("socks5", "http"):
            proxy = ForwardProxy(scheme, "ann", "right")
            url = (await proxy.start()).replace("right", "wrong")
            alice, bob = await _through(url)
            alice.send(bob, message(1))
            await until("a failure", lambda alice=alice: alice.of(PeerFailed))  # type: ignore[misc]
            assert proxy.targets == [] and bob.tcp.socket_count == 0
            await alice.tcp.stop()
            proxy.stop()
            await bob.tcp.stop()

    run(body)


def test_something_else_than_a_proxy_is_left_alone() -> None:
    async def body() -> None:
        left = []

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            left.append(writer)

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for scheme in ("socks5", "http"):
            alice, bob = await _through(f"{scheme}://127.0.0.1:{port}")
            alice.send(bob, message(1))
            await until("a failure", lambda alice=alice: alice.of(PeerFailed))  # type: ignore[misc]
            assert alice.tcp.socket_count == 0
            await alice.tcp.stop()
            await bob.tcp.stop()
        await until("both", lambda: len(left) == 2)
        server.close()

    run(body)


def test_a_router_behind_a_proxy_listens_nowhere(tmp_path: Path) -> None:
    async def body() -> None:
        for url, count in ((None, 1), ("socks5://127.0.0.1:1", 0)):
            config = RouterConfig(
                tmp_path / str(count), network_id=77, bind="127.91.9.1", ntcp2_proxy=url
            )
            router = Router(config)
            await router.start()
            tcp, udp = router._drivers._tcp, router._drivers._udp
            assert tcp is not None and len(tcp.listeners) == count
            # Datagrams would go past the proxy.
            assert (udp is not None) == bool(count)
            await router.stop()

    run(body)


def test_urls() -> None:
    assert Proxy.parse("socks5://localhost") == Proxy("socks5", "127.0.0.1", 1080)
    assert Proxy.parse("http://a%40b:c%3Ad@[::1]:3128/") == Proxy("http", "::1", 3128, "a@b", "c:d")
    assert "c:d" not in repr(Proxy.parse("http://a:c%3Ad@127.0.0.1"))
    for url in ("ftp://127.0.0.1", "socks5://proxy.example", "socks5://", "http://127.0.0.1:x"):
        with pytest.raises(LocalError):
            Proxy.parse(url)


def test_http_answers_cut_anywhere() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nA: b\r\n\r\nrest"
    for step in (1, 3, len(answer)):
        client = HttpConnect("::1", 5)
        assert client.data_to_send() == b"CONNECT [::1]:5 HTTP/1.1\r\nHost: [::1]:5\r\n\r\n"
        for start in range(0, len(answer), step):
            client.receive_data(answer[start : start + step])
        assert (client.status, client.take_rest()) == (200, b"rest")
    for junk in (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/2 200\r\n\r\n", b"\r\n\r\n"):
        with pytest.raises(DecodeError):
            HttpConnect("a", 1).receive_data(junk)
    endless = HttpConnect("a", 1)
    with pytest.raises(DecodeError):
        endless.receive_data(b"HTTP/1.1 200 " + b"x" * HEAD_BYTES_MAX)
