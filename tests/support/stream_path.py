"""Two stream managers joined by a simulated path, in virtual time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.client.spread import RUN_PACKETS
from core.data.private_keys import PrivateKeys
from core.streaming.connection import Stream
from core.streaming.events import Reset, StreamOpened
from core.streaming.manager import StreamEvent, StreamManager
from core.streaming.options import StreamingOptions
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = [PrivateKeys.generate_destination(SeededEntropy(f"streams {i}")) for i in range(4)]


@dataclass
class Path:
    """One direction. ``rate`` in packets per second (0 = endless), ``queue`` in packets."""

    delay: float = 0.05
    loss: float = 0.0
    jitter: float = 0.0
    duplicate: float = 0.0
    rate: float = 0.0
    queue: int = 10_000
    #: arrivals happen only at multiples of this: batching hops
    tick: float = 0.0
    #: return True to drop: (direction, packet bytes)
    drop: Callable[[bytes], bool] | None = None
    #: so many links in a row share the delay, keep the order and repair their own losses, like TCP:
    #: the share ``repaired`` of packets needs a second journey over its link, and delays the rest
    links: int = 0
    repaired: float = 0.0
    #: every other run of packets goes this way, which has nothing but a journey of its own
    beside: Path | None = None
    free_at: float = 0.0
    sent: int = 0
    dropped: int = 0
    is_down: bool = False
    _links_free_at: list[float] = field(default_factory=list)

    def travel(self, at: float, rand: Callable[[], float]) -> float:
        """When what is sent at that time arrives."""
        if self.beside is not None and self.sent // RUN_PACKETS % 2:
            return self.beside.travel(at, rand)
        at += rand() * self.jitter if self.jitter else 0.0
        if not self.links:
            return at + self.delay
        free_at = self._links_free_at or [0.0] * self.links
        one_way = self.delay / self.links
        for number, free in enumerate(free_at):
            at += one_way
            while rand() < self.repaired:
                at += 2 * one_way
            free_at[number] = at = max(at, free)
        self._links_free_at = free_at
        return at


@dataclass
class End:
    """A manager with what its application did and saw."""

    manager: StreamManager
    out: Path
    events: list[StreamEvent] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)


class Network:
    """``ends[0]`` and ``ends[1]`` talk to each other; sources are authenticated or not."""

    def __init__(
        self,
        path: Callable[[], Path] = Path,
        *,
        seed: int = 1,
        authenticated: bool = True,
        options: StreamingOptions | None = None,
        options_b: StreamingOptions | None = None,
        start: float = 1000.0,
    ) -> None:
        self.now = start
        self.random = random.Random(seed)
        self.wall = FakeWallClock()
        self.authenticated = authenticated
        first = options or StreamingOptions()
        self.ends = [
            End(StreamManager(KEYS[i], chosen, self.wall, SeededEntropy(f"{seed} {i}")), path())
            for i, chosen in enumerate((first, options_b or first))
        ]
        self._heap: list[tuple[float, int, int, object, int, int, bytes]] = []
        self._number = 0
        #: called after each step with the network
        self.on_event: Callable[[int, StreamEvent], None] | None = None
        self.on_step: Callable[[], None] | None = None

    @property
    def a(self) -> StreamManager:
        return self.ends[0].manager

    @property
    def b(self) -> StreamManager:
        return self.ends[1].manager

    @property
    def accepted(self) -> Stream | None:
        """The first stream that came to end 1."""
        return next(iter(self.ends[1].streams), None)

    def connect(self, *, initial: bytes = b"", to_port: int = 80) -> Stream:
        """A stream from end 0 to end 1."""
        remote = self.b.keys.destination
        return self.a.connect(remote, to_port=to_port, now=self.now, initial=initial)

    def inject(
        self, to: int, packet: bytes, *, source: bytes | None = None, delay: float = 0.0
    ) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now + delay, self._number, to, source, 0, 0, packet))

    def _send(self, index: int) -> None:
        end = self.ends[index]
        path = end.out
        rand = self.random.random
        for packet in end.manager.packets_to_send(self.now):
            path.sent += 1
            if path.is_down or (path.drop is not None and path.drop(packet.packet)):
                path.dropped += 1
                continue
            if path.loss and rand() < path.loss:
                path.dropped += 1
                continue
            at = self.now
            if path.rate:
                waiting = max(0.0, path.free_at - at) * path.rate
                if waiting >= path.queue:
                    path.dropped += 1
                    continue
                path.free_at = max(path.free_at, at) + 1 / path.rate
                at = path.free_at
            at = path.travel(at, rand)
            if path.tick:
                at = math.ceil(at / path.tick) * path.tick
            source = end.manager.keys.hash if self.authenticated else None
            for _ in range(2 if path.duplicate and rand() < path.duplicate else 1):
                self._number += 1
                heapq.heappush(
                    self._heap,
                    (
                        at,
                        self._number,
                        1 - index,
                        source,
                        packet.from_port,
                        packet.to_port,
                        packet.packet,
                    ),
                )

    def _drain(self) -> None:
        for index, end in enumerate(self.ends):
            while (event := end.manager.next_event()) is not None:
                end.events.append(event)
                if isinstance(event, StreamOpened):
                    end.streams.append(event.stream)
                if self.on_event is not None:
                    self.on_event(index, event)
        if self.on_step is not None:
            self.on_step()
        self._send(0)
        self._send(1)

    def run(self, until: Callable[[], bool] | None = None, *, seconds: float = 1e9) -> bool:
        """Advance until ``until`` is true, nothing is left to happen, or time is over."""
        end_at = self.now + seconds
        self._drain()
        while until is None or not until():
            times = [t for end in self.ends if (t := end.manager.next_timer()) is not None]
            if self._heap:
                times.append(self._heap[0][0])
            if not times:
                return until is None
            at = max(self.now, min(times))
            if at > end_at:
                self.now = end_at
                return until is None
            self.now = at
            batches: tuple[list[tuple[object, int, int, bytes]], ...] = ([], [])
            while self._heap and self._heap[0][0] <= at + 0.0005:
                _, _, to, source, from_port, to_port, packet = heapq.heappop(self._heap)
                batches[to].append((source, from_port, to_port, packet))
            for index, end in enumerate(self.ends):
                if batches[index]:
                    end.manager.receive_packets(batches[index], self.now)
                timer = end.manager.next_timer()
                if timer is not None and timer <= self.now:
                    end.manager.handle_timer(self.now)
            self._drain()
        return True

    def events(self, index: int, kind: type[Any]) -> list[StreamEvent]:
        return [event for event in self.ends[index].events if isinstance(event, kind)]

    def resets(self, index: int) -> list[str]:
        return [event.why for event in self.ends[index].events if isinstance(event, Reset)]


class Transfer:
    """Writes ``total`` patterned bytes on one stream and checks what the other end reads."""

    def __init__(self, network: Network, total: int, *, close: bool = True) -> None:
        self.network = network
        self.total = total
        self.block = bytes(range(251)) * 600
        self.written = 0
        self.read = 0
        self.close = close
        self.is_exact = True
        self.ended_at = 0.0
        self.started_at = network.now

    def step(self, sender: Stream, receiver: Stream | None) -> None:
        while self.written < self.total and not sender.is_dead:
            start = self.written % 251
            wanted = min(self.total - self.written, 65000)
            taken = sender.write(self.block[start : start + wanted])
            self.written += taken
            if taken < wanted:
                break
        if self.written >= self.total and self.close and not sender.is_dead:
            sender.close(self.network.now)
        if receiver is None:
            return
        while data := receiver.read(65536):
            start = self.read % 251
            self.is_exact = self.is_exact and data == self.block[start : start + len(data)]
            self.read += len(data)
            if self.read >= self.total and not self.ended_at:
                self.ended_at = self.network.now

    @property
    def goodput(self) -> float:
        """Bytes per second of virtual time."""
        return self.total / (self.ended_at - self.started_at)


def transfer(network: Network, total: int, *, seconds: float = 3600.0) -> Transfer:
    """Send ``total`` bytes from end 0 to end 1 and close; both must end in order."""
    stream = network.connect()
    job = Transfer(network, total)

    def step() -> None:
        receiver = network.accepted
        job.step(stream, receiver)
        if receiver is not None and receiver.at_eof and not receiver.is_dead:
            receiver.close(network.now)

    network.on_step = step
    network.run(lambda: stream.is_dead, seconds=seconds)
    return job
