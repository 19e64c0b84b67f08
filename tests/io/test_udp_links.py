"""SSU2 from end to end over real sockets on loopback: link tables, endpoints and the driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.io.loop import new_event_loop
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.transport.events import (
    Event,
    MessagesReceived,
    PeerConnected,
    PeerDisconnected,
    PeerFailed,
)
from core.transport.ssu2 import initiator
from core.transport.ssu2.framing import SocketAddress
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import message
from tests.support.ssu2_nodes import Ssu2Node
from tests.support.waiting import eventually

WALL_S = 1_699_999_000.0


class Running:
    """A node with its socket; its port is known when it listens."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.node = Ssu2Node(name, SocketAddress(host, port), FakeWallClock(WALL_S))
        self.udp = UdpTransport(self.node.ssu2, Wakeup(self._on_wakeup), self.node.stats)
        self.events: list[Event] = []

    def _on_wakeup(self) -> None:
        links = self.node.links
        links.handle_timer(asyncio.get_running_loop().time())
        while (event := links.next_event()) is not None:
            self.events.append(event)

    def send(self, other: Running, *messages: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.node.links.send(other.node.hash, list(messages), now)
        self.udp.schedule()

    def received(self) -> list[bytes]:
        return [m for e in self.events if isinstance(e, MessagesReceived) for m in e.messages]

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


async def started(*hosts: str) -> list[Running]:
    routers = []
    for number, host in enumerate(hosts):
        router = Running(f"router {number}", host, 20_000 + number)
        await router.udp.start(host, 20_000 + number)
        routers.append(router)
    for router in routers:
        for other in routers:
            if other is not router:
                router.node.known[other.node.hash] = other.node.router_info
    return routers


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(body(), 30)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(bounded())


@pytest.mark.parametrize("hosts", [("127.94.0.1", "127.94.0.2"), ("::1", "::1")])
def test_messages_of_all_sizes_cross_both_ways_and_goodbye_is_said(hosts: tuple[str, str]) -> None:
    async def body() -> None:
        alice, bob = await started(*hosts)
        to_bob = [message(n, size) for n, size in enumerate((1, 1000, 1400, 5000, 60_000))]
        to_alice = [message(100 + n, size) for n, size in enumerate((60_000, 1, 2000))]
        alice.send(bob, *to_bob)
        await eventually(lambda: len(bob.received()) == len(to_bob))
        bob.send(alice, *to_alice)
        await eventually(lambda: len(alice.received()) >= len(to_alice))
        assert sorted(bob.received()) == sorted(to_bob)
        # The first one is the RouterInfo with which bob greets.
        assert set(to_alice) <= set(alice.received())
        assert len(alice.of(PeerConnected)) == len(bob.of(PeerConnected)) == 1
        await alice.udp.stop(0.5)
        await eventually(lambda: bob.of(PeerDisconnected))
        assert bob.of(PeerDisconnected) == [PeerDisconnected(alice.node.hash, "router_shutdown")]
        await bob.udp.stop(0.5)
        assert alice.udp.sockets == bob.udp.sockets == ()

    run(body)


def test_megabytes_arrive_whole_in_large_batches() -> None:
    async def body() -> None:
        alice, bob = await started("127.94.1.1", "127.94.1.2")
        messages = [message(n, 1028) for n in range(8001)]
        # A router that is only being dialled gets a small queue.
        alice.send(bob, messages[0])
        await eventually(bob.received)
        sent = 1
        while sent < len(messages):
            if alice.node.links.queued_bytes(bob.node.hash) < 100_000:
                alice.send(bob, *messages[sent : sent + 500])
                sent += 500
            await asyncio.sleep(0)
        await eventually(lambda: len(bob.received()) >= len(messages))
        assert sorted(bob.received()) == sorted(messages)
        stats = alice.node.stats
        assert stats.datagrams_failed.total() == 0
        assert stats.packets_sent < 1.2 * len(messages)
        for router in (alice, bob):
            await router.udp.stop(0.2)

    run(body)


def test_a_router_that_is_not_there_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initiator, "HANDSHAKE_TIMEOUT_S", 2.0)

    async def body() -> None:
        alice, bob = await started("127.94.2.1", "127.94.2.2")
        await bob.udp.stop(0.0)
        alice.send(bob, message(1))
        await eventually(lambda: alice.of(PeerFailed), 25)
        await alice.udp.stop(0.0)

    run(body)
