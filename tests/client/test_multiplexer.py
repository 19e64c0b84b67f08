"""Streams and datagrams over a network that is nothing but two queues: no router, no tunnels."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.client.events import DatagramsArrived, Event
from core.client.multiplexer import Multiplexer
from core.datagram.formats import DATAGRAM1
from core.datagram.manager import DatagramManager
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from core.streaming.manager import StreamManager
from core.streaming.options import StreamingOptions
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.stream_path import KEYS

DELAY_S = 0.05


class Queues:
    """Carries payloads between two destinations in ``DELAY_S``; ``lost`` of them at first."""

    def __init__(self) -> None:
        self.ends: dict[bytes, End] = {}
        self.under_way: deque[tuple[float, bytes, bytes, bytes]] = deque()
        self.lost = 0
        self.budgets: dict[bytes, int | None] = {}
        self.suspected: list[bytes] = []
        self.delivered: dict[bytes, int] = {}

    def deliver(self, now: float) -> None:
        while self.under_way and self.under_way[0][0] <= now:
            _, source, to, payload = self.under_way.popleft()
            assert self.ends[to].mux.receive(source, payload, 0, len(payload))


class Line:
    """One end's access to the queues: all that streams and datagrams need below them."""

    def __init__(self, queues: Queues, own_hash: bytes) -> None:
        self.queues = queues
        self.own_hash = own_hash
        self.hints: list[tuple[bool, bool]] = []

    def send(
        self,
        remote_hash: bytes,
        payloads: Sequence[bytes],
        now: float,
        *,
        is_datagram: bool,
        in_order: bool,
    ) -> None:
        self.hints.append((is_datagram, in_order))
        for payload in payloads:
            if self.queues.lost:
                self.queues.lost -= 1
            else:
                self.queues.under_way.append((now + DELAY_S, self.own_hash, remote_hash, payload))

    def budget(self, remote_hash: bytes, in_flight: int, now: float) -> int | None:
        limit = self.queues.budgets.get(remote_hash)
        return None if limit is None else max(0, limit - in_flight)

    def retry_at(self, remote_hash: bytes, now: float) -> float:
        return now + 1.0

    def note_delivered(
        self, remote_hash: bytes, packets: int, round_trip_s: float, now: float
    ) -> None:
        before = self.queues.delivered.get(remote_hash, 0)
        self.queues.delivered[remote_hash] = before + packets

    def suspect_path(self, remote_hash: bytes, now: float) -> None:
        self.queues.suspected.append(remote_hash)


class End:
    """A destination."""

    def __init__(self, queues: Queues, number: int) -> None:
        self.keys = KEYS[number]
        wall = FakeWallClock()
        self.streams = StreamManager(self.keys, StreamingOptions(), wall, SeededEntropy(number))
        self.datagrams = DatagramManager(self.keys, wall)
        self.events: deque[Event] = deque()
        self.line = Line(queues, self.keys.hash)
        self.mux = Multiplexer(self.streams, self.datagrams, self.line, self.events)
        queues.ends[self.keys.hash] = self


class World:
    """Both, and the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.queues = Queues()
        self.alice, self.bob = End(self.queues, 0), End(self.queues, 1)
        self.got = b""
        self.accepted: list[Stream] = []
        self.told: list[Event] = []

    def run(self, seconds: float) -> None:
        """From one deadline to the next; Bob reads whatever streams bring."""
        end = self.now + seconds
        while True:
            self.queues.deliver(self.now)
            for one in (self.alice, self.bob):
                one.mux.run(self.now)
            while self.bob.events:
                event = self.bob.events.popleft()
                self.told.append(event)
                if isinstance(event, StreamOpened):
                    self.accepted.append(event.stream)
            for stream in self.accepted:
                self.got += stream.read(1 << 20)
            due = [one.mux.next_timer() for one in (self.alice, self.bob)]
            if self.queues.under_way:
                due.append(self.queues.under_way[0][0])
            at = min((one for one in due if one is not None), default=end)
            if at >= end:
                self.now = end
                return
            self.now = max(self.now, at)


def test_a_stream_carries_bytes_and_ends_in_order() -> None:
    world = World()
    sent = bytes(range(256)) * 800
    stream = world.alice.streams.connect(
        world.bob.keys.destination, to_port=80, now=world.now, initial=sent
    )
    stream.close(world.now)
    world.run(5.0)
    assert world.got == sent
    (accepted,) = world.accepted
    assert accepted.remote_hash == world.alice.keys.hash and accepted.local_port == 80
    accepted.close(world.now)
    world.run(2.0)
    assert stream.at_eof and stream.is_dead and accepted.is_dead
    assert not world.alice.streams.streams and not world.bob.streams.streams
    assert world.queues.delivered[world.bob.keys.hash] >= len(sent) // 1812
    assert world.alice.line.hints[0] == (False, True)
    assert world.alice.line.hints[-1] == (False, False)


def test_a_path_that_loses_everything_is_suspected_and_recovers() -> None:
    world = World()
    world.queues.lost = 3
    world.alice.streams.connect(world.bob.keys.destination, now=world.now, initial=b"hello")
    world.run(40.0)
    assert world.got == b"hello"
    assert world.queues.suspected[0] == world.bob.keys.hash


def test_a_budget_holds_data_back_until_it_grows() -> None:
    world = World()
    stream = world.alice.streams.connect(world.bob.keys.destination, now=world.now)
    world.run(1.0)
    world.queues.budgets[world.bob.keys.hash] = 0
    stream.write(bytes(200_000))
    world.run(3.0)
    held = len(world.got)
    assert held < 20_000
    world.queues.budgets[world.bob.keys.hash] = None
    world.run(5.0)
    assert len(world.got) == 200_000


def test_datagrams_arrive_beside_streams() -> None:
    world = World()
    mailbox = world.bob.datagrams.bind(DATAGRAM1, 7)
    assert world.alice.datagrams.send(world.bob.keys.hash, b"ping", protocol=DATAGRAM1, to_port=7)
    world.run(1.0)
    assert DatagramsArrived(mailbox) in world.told
    received = mailbox.take()
    assert received is not None and received.content.payload == b"ping"
    assert received.content.sender_hash == world.alice.keys.hash
    assert world.alice.line.hints == [(True, False)]


def test_what_is_no_payload_is_refused() -> None:
    world = World()
    assert not world.bob.mux.receive(None, b"nothing of this kind", 0, 20)
