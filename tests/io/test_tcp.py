"""The socket driver with real sockets on loopback; peers are whole Links."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from core.io import wakeup
from core.io.loop import RouterLoop
from core.io.tcp import TcpTransport
from core.io.wakeup import Wakeup
from core.transport.events import MessagesReceived, PeerConnected, PeerDisconnected, PeerFailed
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node, message
from tests.support.waiting import eventually


class Running:
    """A node on a socket of its own address; its port is only known once it listens."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.wake_ups = 0
        self.tcp = TcpTransport(node.ntcp2, Wakeup(self._on_wakeup), source_hosts=(node.host,))

    def _on_wakeup(self) -> None:
        self.wake_ups += 1
        self.node.links.handle_timer(time.monotonic())
        while (event := self.node.links.next_event()) is not None:
            self.node.events.append(event)

    def send(self, other: Running, *messages: bytes) -> None:
        self.node.links.send(other.node.hash, list(messages), time.monotonic())
        self.tcp.schedule()

    def of(self, kind: type) -> list[object]:
        return [event for event in self.node.events if isinstance(event, kind)]

    def received(self) -> list[bytes]:
        return [m for e in self.node.events if isinstance(e, MessagesReceived) for m in e.messages]


async def started(*names: str, **options: Any) -> list[Running]:
    wall = FakeWallClock()
    running = []
    for index, name in enumerate(names):
        node = Node(name, f"127.91.{index}.1", wall, **options)
        router = Running(node)
        node.port = await router.tcp.start(node.host)
        node.publish()
        running.append(router)
    for router in running:
        for other in running:
            if other is not router:
                router.node.known[other.node.hash] = other.node.router_info
    return running


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_awaited(body), 20))


async def _awaited(body: Callable[[], Awaitable[None]]) -> None:
    await body()


def test_messages_cross_real_sockets_both_ways_and_goodbye_is_said() -> None:
    async def body() -> None:
        alice, bob = await started("alice", "bob")
        alice.send(bob, message(1), message(2, 60000))
        await eventually(lambda: len(bob.received()) == 2)
        bob.send(alice, message(3))
        await eventually(lambda: alice.received())
        assert bob.received() == [message(1), message(2, 60000)]
        assert alice.received() == [message(3)]
        assert len(alice.of(PeerConnected)) == len(bob.of(PeerConnected)) == 1
        await alice.tcp.stop()
        await eventually(lambda: bob.of(PeerDisconnected))
        assert bob.of(PeerDisconnected) == [PeerDisconnected(alice.node.hash, "router_shutdown")]
        await bob.tcp.stop()
        assert alice.tcp.socket_count == bob.tcp.socket_count == 0

    run(body)


def test_megabytes_arrive_whole_although_the_socket_is_often_full() -> None:
    async def body() -> None:
        alice, bob = await started("alice", "bob")
        batch = [message(n, 1028) for n in range(1500)]
        sent = 0
        while sent < 12000:
            if alice.node.links.queued_bytes(bob.node.hash) == 0:
                alice.send(bob, *(batch if sent else batch[:100]))
                sent += 1500 if sent else 100
            await asyncio.sleep(0)
        await eventually(lambda: len(bob.received()) == sent)
        received = bob.received()
        assert received[:100] == batch[:100] and received[100:1600] == batch
        stats = alice.node.links.stats
        assert stats.messages_sent == sent and not stats.dropped_queue_full
        # Many frames share a wake-up, and a wake-up writes once.
        assert bob.wake_ups < sent / 10
        for router in (alice, bob):
            await router.tcp.stop()

    run(body)


def test_a_slow_reader_fills_the_queue_and_no_more() -> None:
    async def body() -> None:
        alice, bob = await started("alice", "bob")
        alice.send(bob, message(1))
        await eventually(lambda: bob.received())
        sock = next(iter(bob.tcp._sockets.values()))
        bob.tcp._read_off(sock)
        for _ in range(30):
            alice.send(bob, *[message(n, 60000) for n in range(5)])
            await asyncio.sleep(0)
        stats = alice.node.links.stats
        assert stats.dropped_queue_full > 0
        assert alice.node.links.queued_bytes(bob.node.hash) <= 2 * 1024 * 1024
        bob.tcp._read_on(sock)
        await eventually(lambda: len(bob.received()) == 151 - stats.dropped_queue_full)
        for router in (alice, bob):
            await router.tcp.stop()

    run(body)


def test_refused_dials_and_broken_links_are_reported() -> None:
    async def body() -> None:
        alice, bob = await started("alice", "bob")
        with socket.socket() as probe:
            probe.bind((bob.node.host, 0))
            bob.node.port = probe.getsockname()[1]
        alice.node.known[bob.node.hash] = bob.node.publish()
        alice.send(bob, message(1))
        await eventually(lambda: alice.of(PeerFailed))
        assert alice.of(PeerFailed) == [PeerFailed(bob.node.hash, "dial_failed", 1)]
        bob.send(alice, message(2))
        await eventually(lambda: alice.received())
        for sock in list(bob.tcp._sockets.values()):
            bob.tcp._drop(sock, is_abort=True)
        await eventually(lambda: alice.of(PeerDisconnected))
        assert alice.tcp.socket_count == 0
        for router in (alice, bob):
            await router.tcp.stop()

    run(body)


def test_bandwidth_limits_hold_in_both_directions() -> None:
    async def body() -> None:
        rate = 1_000_000
        alice, bob = await started("alice", "bob", outbound_bytes_s=rate, inbound_bytes_s=rate)
        begin = time.monotonic()
        alice.send(bob, *[message(n, 10000) for n in range(25)])
        await eventually(lambda: len(bob.received()) == 25)
        for _ in range(6):
            alice.send(bob, *[message(n, 10000) for n in range(25)])
            await eventually(lambda: alice.node.links.queued_bytes(bob.node.hash) == 0)
        await eventually(lambda: len(bob.received()) == 175)
        # 1.75 MB with a burst of one second's worth.
        assert 0.6 < time.monotonic() - begin < 5
        for router in (alice, bob):
            await router.tcp.stop()

    run(body)


def test_the_listener_rests_when_descriptors_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        """A listener whose accept fails until the reserve is given back."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.calls = 0

        def fileno(self) -> int:
            return self.real.fileno()

        def accept(self) -> tuple[socket.socket, object]:
            self.calls += 1
            if self.calls == 1:
                raise OSError(errno.EMFILE, "too many open files")
            return self.real.accept()

        def close(self) -> None:
            self.real.close()

    async def body() -> None:
        monkeypatch.setattr("core.io.tcp_acceptor.ACCEPT_PAUSE_S", 0.05)
        alice, bob = await started("alice", "bob")
        acceptor = bob.tcp._acceptor
        exhausted = Exhausted(acceptor.listeners[0])
        acceptor._loop.remove_reader(exhausted.fileno())
        listener = cast(socket.socket, exhausted)
        acceptor.listeners[0] = listener
        acceptor._loop.add_reader(exhausted.fileno(), lambda: acceptor._on_acceptable(listener))
        alice.send(bob, message(1))
        await eventually(lambda: alice.of(PeerFailed))
        assert exhausted.calls == 2 and acceptor.has_reserve
        assert bob.node.links.stats.refused == {"descriptors": 1}
        # The caller that was turned away is backed off from; a fresh one gets in.
        (carol,) = await started("carol")
        carol.node.known[bob.node.hash] = bob.node.router_info
        carol.send(bob, message(2))
        await eventually(lambda: bob.received())
        for router in (alice, bob, carol):
            await router.tcp.stop()

    run(body)


def test_who_calls_while_we_say_goodbye_is_not_refused() -> None:
    """Java bans a router for nine minutes whose port refuses it."""

    async def body() -> None:
        alice, bob = await started("alice", "bob")
        alice.send(bob, message(1))
        await eventually(lambda: bob.received())
        calls: list[str] = []

        def call() -> None:
            with socket.socket() as caller:
                caller.settimeout(0.5)
                caller.connect((bob.node.host, bob.node.port))
                calls.append("connected")

        def on_events() -> None:
            while (event := alice.node.links.next_event()) is not None:
                alice.node.events.append(event)
                if isinstance(event, PeerDisconnected) and len(calls) == 1:
                    calls.append(event.reason)
                    call()

        alice.tcp._wakeup.on_wakeup = on_events
        kept = bob.tcp.listeners[0].dup()
        call()
        await bob.tcp.stop(keep_listeners=True)
        await eventually(lambda: len(calls) == 3)
        assert calls == ["connected", "router_shutdown", "connected"]
        call()
        bob.tcp.close_listeners()
        # The next process inherits the socket, and whoever waited in it.
        again = Running(Node("bob", bob.node.host, bob.node.wall))
        assert await again.tcp.start(bob.node.host, 0, inherited=kept) == bob.node.port
        alice.send(bob, message(2))
        await eventually(lambda: again.received())
        assert again.received() == [message(2)]
        await again.tcp.stop()
        with pytest.raises(ConnectionRefusedError):
            call()
        await alice.tcp.stop()

    run(body)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EMFILE, "local"),
        (errno.ENFILE, "local"),
        (errno.ENOBUFS, "local"),
        (errno.ENOMEM, "local"),
        (errno.EADDRNOTAVAIL, "local"),
        (errno.ENETUNREACH, "local"),
        (errno.EHOSTUNREACH, "local"),
        (errno.ECONNREFUSED, "dial_failed"),
    ],
)
def test_our_own_faults_are_not_blamed_on_the_peer(
    monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    async def body() -> None:
        alice, bob = await started("alice", "bob")

        class Broken(socket.socket):
            def connect_ex(self, address: object) -> int:
                return number

        def refuse(*arguments: object) -> socket.socket:
            raise OSError(number, "no")

        is_early = number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
        monkeypatch.setattr("core.io.tcp.socket.socket", refuse if is_early else Broken)
        alice.send(bob, message(1))
        await eventually(lambda: alice.of(PeerFailed))
        monkeypatch.undo()
        assert alice.of(PeerFailed) == [PeerFailed(bob.node.hash, reason, 1)]
        later = time.monotonic() + 1.1
        assert alice.node.links.can_try(bob.node.hash, later) == (reason == "local")
        for router in (alice, bob):
            await router.tcp.stop()

    run(body)


def test_reading_that_takes_long_goes_on_in_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "READS_S", 0.0)

    async def body() -> None:
        bob, *others = await started("bob", "alice", "carol", "dave")
        for n, one in enumerate(others):
            one.send(bob, *[message(1000 * n + m, 30000) for m in range(8)])
        await eventually(lambda: len(bob.received()) == 24)
        for one in (bob, *others):
            await one.tcp.stop()

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(asyncio.wait_for(_awaited(body), 20))
