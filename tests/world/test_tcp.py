"""TCP ways: whatever happens, bytes arrive whole and in order, or the connection breaks."""

from __future__ import annotations

from typing import Any

import pytest

from core.transport.events import MessagesReceived, PeerConnected, PeerDisconnected, PeerFailed
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node, message
from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import Dice, Schedule
from tests.support.world.tcp import RETRANSMISSION_MIN_S, UNACKNOWLEDGED_S, TcpNet

ALICE, BOB = "11.0.0.1", "12.0.0.1"
COUNT = 50


class Host:
    """Links without a router above them."""

    def __init__(self, scene: Scene, name: str, host: str) -> None:
        self.scene = scene
        self.host = host
        self.hosts = (host,)
        self.node = Node(name, host, scene.wall)
        self.is_running = True
        self.events: list[tuple[float, Any]] = []

    @property
    def ntcp2(self) -> Ntcp2Endpoint | None:
        return self.node.ntcp2 if self.is_running else None

    @property
    def now(self) -> float:
        return self.scene.schedule.now

    def touch(self) -> None:
        self.node.handle_timer(self.now)
        self.scene.tcp.serve(self, self.node.ntcp2)
        self.events += [(self.now, event) for event in self.node.take_events()]

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def received(self) -> list[int]:
        """The numbers of the messages that came."""
        events = self.of(MessagesReceived)
        return [int.from_bytes(one[1:5], "big") for event in events for one in event.messages]


class Scene:
    """Two routers' links and the way between them."""

    def __init__(self, **model: Any) -> None:
        self.schedule = Schedule()
        self.ways = Ways(LinkModel(**model))
        self.wall = FakeWallClock()
        self.delivered = 0
        self.tcp = TcpNet(self.schedule, self.ways, Dice("tcp"), self._count)
        self.alice, self.bob = Host(self, "alice", ALICE), Host(self, "bob", BOB)
        for one, other in ((self.alice, self.bob), (self.bob, self.alice)):
            self.tcp.add(one)
            one.node.known[other.node.hash] = other.node.router_info

    def _count(self, source: object, target: object, data: bytes) -> None:
        self.delivered += len(data)

    def run(self, seconds: float) -> None:
        """Let time pass; timers are looked at every 100 ms."""
        end = self.schedule.tick_of(self.schedule.now + seconds)
        while self.schedule.tick < end:
            tick = self.schedule.next_tick()
            step = min(end, self.schedule.tick + 100)
            self.schedule.tick = step if tick is None else min(step, max(tick, self.schedule.tick))
            if not self.schedule.run_due() or self.schedule.tick == step:
                self.schedule.tick = max(self.schedule.tick, step)
                self.alice.touch()
                self.bob.touch()

    def send(self, numbers: range, size: int = 1000) -> None:
        messages = [message(number, size) for number in numbers]
        self.alice.node.links.send(self.bob.node.hash, messages, self.schedule.now)
        self.alice.touch()

    def connected(self) -> Scene:
        self.send(range(1))
        self.run(5)
        assert self.bob.received == [0]
        return self


def test_a_handshake_takes_three_ways_there_and_two_back() -> None:
    scene = Scene(delay_s=0.1)
    began = scene.schedule.now
    scene.send(range(1))
    scene.run(2)
    connected = [at for at, event in scene.bob.events if isinstance(event, PeerConnected)]
    # SYN and its answer, messages 1, 2 and 3.
    assert connected[0] - began == pytest.approx(0.5, abs=0.01)
    assert scene.bob.received == [0]


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_loss_is_only_delay(loss: float) -> None:
    scene = Scene(delay_s=0.02, jitter_s=0.05).connected()
    scene.ways.default = LinkModel(delay_s=0.02, jitter_s=0.05, loss=loss)
    sent_at = [scene.schedule.now]
    for number in range(1, COUNT):
        sent_at.append(scene.schedule.now)
        scene.send(range(number, number + 1))
        scene.run(0.01)
    scene.run(30)
    assert scene.bob.received == list(range(COUNT))
    arrived_at = [
        at
        for at, event in scene.bob.events
        if isinstance(event, MessagesReceived)
        for _ in event.messages
    ]
    waits = [there - here for here, there in zip(sent_at, arrived_at, strict=True)]
    assert max(waits[1:]) > RETRANSMISSION_MIN_S


def test_all_lost_is_a_broken_connection() -> None:
    scene = Scene().connected()
    scene.ways.default = LinkModel(loss=1.0)
    scene.send(range(1, 2))
    scene.run(1)
    assert scene.tcp.broken == 1
    assert [event.reason for event in scene.bob.of(PeerDisconnected)] == ["lost"]


def test_a_narrow_way_takes_its_time_and_pauses_the_writer() -> None:
    scene = Scene(delay_s=0.0, bytes_s=100_000).connected()
    began = scene.schedule.now
    scene.send(range(1, 1001), 990)  # a megabyte: ten seconds
    assert sum(end.is_paused for end in scene.tcp._ends.values()) == 1
    scene.run(20)
    assert scene.bob.received == list(range(1001))
    last = max(at for at, event in scene.bob.events if isinstance(event, MessagesReceived))
    assert last - began == pytest.approx(10, rel=0.1)


def test_a_short_cut_delays_and_a_long_one_breaks() -> None:
    scene = Scene().connected()
    scene.ways.cut([ALICE])
    scene.send(range(1, 2))
    scene.run(UNACKNOWLEDGED_S / 2)
    assert scene.bob.received == [0]
    scene.ways.heal()
    scene.run(2)
    assert scene.bob.received == [0, 1]
    scene.ways.cut([ALICE])
    scene.send(range(2, 3))
    scene.run(UNACKNOWLEDGED_S + 1)
    assert scene.tcp.broken == 1
    assert [event.reason for event in scene.alice.of(PeerDisconnected)] == ["lost"]
    scene.ways.heal()
    scene.run(2)
    assert scene.bob.received == [0, 1]


def test_where_no_router_runs_dials_are_refused_at_once() -> None:
    scene = Scene(delay_s=0.1)
    scene.bob.is_running = False
    scene.send(range(1))
    scene.run(0.25)
    assert [event.reason for event in scene.alice.of(PeerFailed)] == ["dial_failed"]


def test_a_dial_into_silence_takes_until_the_timer() -> None:
    scene = Scene()
    scene.ways.set_silent(BOB, True)
    scene.send(range(1))
    scene.run(5)
    assert not scene.alice.of(PeerFailed)
    scene.run(10)
    assert len(scene.alice.of(PeerFailed)) == 1


def test_a_killed_process_resets_its_connections() -> None:
    scene = Scene(delay_s=0.1).connected()
    scene.bob.is_running = False
    scene.tcp.drop_host(BOB, is_silent=False)
    scene.run(0.15)
    assert [event.reason for event in scene.alice.of(PeerDisconnected)] == ["lost"]
