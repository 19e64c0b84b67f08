"""Sockets that a service manager made: who gets which, and what a listener does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.activation import ActivatedSockets
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from tests.support.waiting import until

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def made() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def tcp(made: ExitStack, host: str = "127.0.0.1") -> tuple[socket.socket, Endpoint]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = made.enter_context(socket.socket(family))
    sock.bind((host, 0))
    sock.listen()
    return sock, Endpoint(host, sock.getsockname()[1])


def datagrams(made: ExitStack, endpoint: Endpoint) -> socket.socket:
    sock = made.enter_context(socket.socket(type=UDP))
    sock.bind((endpoint.host, endpoint.port))
    return sock


def test_a_socket_belongs_to_what_listens_at_its_address(made: ExitStack, tmp_path: Path) -> None:
    four, endpoint = tcp(made)
    six, sixth = tcp(made, "::1")
    path = str(tmp_path / "proxy.sock")
    unix = made.enter_context(socket.socket(socket.AF_UNIX))
    unix.bind(path)
    unix.listen()
    sockets = ActivatedSockets([("x.socket", four), ("six", six), ("u", unix)])
    for sock, where in ((four, endpoint), (six, sixth), (unix, Endpoint(path=path))):
        with sockets.of("browser", where)(where, TCP) or socket.socket() as copy:
            assert copy.fileno() != sock.fileno() and copy.getsockname() == sock.getsockname()
        assert sockets.has(where)
    assert sockets.has(Endpoint("localhost", endpoint.port))
    for other in (
        Endpoint("127.0.0.2", endpoint.port),
        Endpoint(path=f"{path}2"),
        Endpoint("x", 1),
    ):
        assert sockets.of("browser", other)(other, TCP) is None
    listeners = [(endpoint, TCP), (sixth, UDP)]
    assert sockets.unused(listeners) == [f"[::1]:{sixth.port}", f"unix:{path}"]


def test_tcp_and_udp_at_one_address_are_two_sockets(made: ExitStack) -> None:
    listening, endpoint = tcp(made)
    udp = datagrams(made, endpoint)
    sockets = ActivatedSockets([("sam", listening), ("sam", udp)])
    take = sockets.of("sam", endpoint)
    for kind in (TCP, UDP):
        assert sockets.has(endpoint, kind)
        with take(endpoint, kind) or socket.socket() as copy:
            assert copy.type == kind and copy.getsockname() == listening.getsockname()
    assert sockets.unused([(endpoint, TCP)]) == [f"{endpoint}/udp"]


def test_one_with_a_name_must_be_where_that_listens(made: ExitStack) -> None:
    sock, endpoint = tcp(made)
    sockets = ActivatedSockets([("browser", sock)])
    other = Endpoint("127.0.0.1", 1)
    with pytest.raises(Unavailable, match=f"socket browser is at {endpoint}, not at {other}"):
        sockets.of("browser", other)(other, TCP)
    assert sockets.of("irc", other)(other, TCP) is None
    # It has two addresses, and takes the port of one of them by itself.
    assert sockets.of("browser", endpoint, other)(other, TCP) is None
    assert sockets.of("browser", other)(other, UDP) is None


def test_what_does_not_wait_for_anybody_is_closed(made: ExitStack) -> None:
    listening, endpoint = tcp(made)
    connected = made.enter_context(socket.create_connection((endpoint.host, endpoint.port)))
    silent = made.enter_context(socket.socket())
    one_peer = datagrams(made, Endpoint("127.0.0.1", 0))
    one_peer.connect(("127.0.0.1", endpoint.port))
    pair = [made.enter_context(one) for one in socket.socketpair()]
    others = [connected, silent, one_peer, *pair]
    sockets = ActivatedSockets([*(("x", one) for one in others), ("c", listening)])
    assert {one.fileno() for one in others} == {-1}
    assert len(sockets.unused([])) == 1


def test_a_listener_leaves_the_socket_and_its_file_to_their_owner(
    made: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "proxy.sock"
    unix = made.enter_context(socket.socket(socket.AF_UNIX))
    unix.bind(str(path))
    unix.listen()
    endpoint = Endpoint(path=str(path))
    sockets = ActivatedSockets([("u", unix)])
    served: list[str] = []

    async def serve(accepted: Accepted) -> None:
        served.append(str(await accepted.channel.read()))
        accepted.channel.reset()

    async def life(word: str) -> None:
        take = sockets.of("browser", endpoint)
        listener = Listener(endpoint, serve, ListenerLimits(), take=take)
        listener.bind()
        serving = asyncio.create_task(listener.serve())
        await until("it is served", lambda: served[-1:] == [str(word.encode())], 10)
        assert listener.is_in_place
        serving.cancel()
        await asyncio.wait([serving])
        listener.close()

    # The program comes first, in each life of the listener, and is not refused.
    for word in ("one", "two"):
        with socket.socket(socket.AF_UNIX) as program:
            program.connect(str(path))
            program.send(word.encode())
            asyncio.run(life(word))
    assert path.exists() and served == ["b'one'", "b'two'"]
