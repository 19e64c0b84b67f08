"""Whole router engines joined in memory, in virtual time, each with a wall clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.client.config import SessionConfig
from core.client.events import LeaseSetFound
from core.client.session import ClientEngine
from core.data.blinded_address import BlindedTarget
from core.data.private_keys import PrivateKeys
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from core.transport.ntcp2.commands import Close, Dial
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy

STEP_S = 0.05
#: with nothing to measure: all that can be done at one moment is done in one step
LEAP_S = 25.0
SHAPE = TunnelShape(1, 1)
Target = bytes | BlindedTarget


class Wall:
    """The true time plus what this machine's clock is wrong by."""

    def __init__(self, true: FakeWallClock, error_s: float) -> None:
        self._true = true
        self.error_s = error_s

    def now(self) -> float:
        return self._true.now() + self.error_s


class Node:
    """One router. While it is asleep nothing runs; the bytes of others wait for it."""

    def __init__(self, network: VirtualNetwork, name: str, host: str, error_s: float, **more: Any):
        self.host = host
        self.network = network
        self.wall = Wall(network.true, error_s)
        self.entropy = SeededEntropy(f"router {name}")
        self.is_asleep = False
        self.uncounted_s = 0.0
        """Sleep that its monotonic clock did not count."""
        config = RouterConfig(
            data_dir=Path("/nonexistent"),
            network_id=77,
            host=host,
            allow_private_addresses=True,
            exploratory_inbound=SHAPE,
            exploratory_outbound=SHAPE,
            **more,
        )
        keys = RouterKeys.generate(self.entropy)
        self.engine = RouterEngine(config, keys, 1000, self.wall, self.entropy, self.now)
        self.accepted: list[Stream] = []

    @property
    def now(self) -> float:
        """Its monotonic clock."""
        return self.network.now - self.uncounted_s

    @property
    def skew_s(self) -> float:
        """What its status says: the clocks of others minus its own."""
        return self.engine.clock.skew_s(self.now, self.engine.netdb.dated_ahead_s)

    @property
    def age_s(self) -> float:
        """How old its RouterInfo is, by the true time."""
        return self.network.true.now() - self.engine.router_info.published_ms / 1000

    def open(self, name: str, **options: Any) -> ClientEngine:
        """A destination."""
        keys = PrivateKeys.generate_destination(SeededEntropy(name), 11)
        config = SessionConfig(name, inbound=SHAPE, outbound=SHAPE, **options)
        return self.engine.open_client(config, keys, self.now)

    def turn(self) -> None:
        now = self.now
        self.engine.ntcp2.handle_timer(now)
        self.engine.run(now)
        for client in self.engine.clients:
            while (event := client.next_event()) is not None:
                if isinstance(event, StreamOpened):
                    self.accepted.append(event.stream)
                elif isinstance(event, LeaseSetFound):
                    self.network.found[event.target] = event.lease_set


class VirtualNetwork:
    """Routers that know each other; the first three are floodfills."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.now = 1000.0
        self.true = FakeWallClock(start)
        self.nodes: dict[str, Node] = {}
        self.found: dict[object, Any] = {}
        self._ends: dict[tuple[str, int], tuple[str, int]] = {}

    def add(self, *, error_s: float = 0.0, **more: Any) -> Node:
        """One more; call :meth:`introduce` when all are there."""
        number = len(self.nodes) + 1
        node = Node(self, str(number), f"127.77.{number}.1", error_s, floodfill=number <= 3, **more)
        self.nodes[node.host] = node
        return node

    def introduce(self) -> None:
        """All learn of all, and start."""
        for node in self.nodes.values():
            others = [one.engine.router_info for one in self.nodes.values() if one is not node]
            node.engine.netdb.import_routers(others)
            node.engine.start(node.now)

    def run(self, seconds: float, step_s: float = STEP_S) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-6:
            self.now += step_s
            self.true.advance(step_s)
            for _ in range(30):
                for node in self.nodes.values():
                    if not node.is_asleep:
                        node.turn()
                if not self._carry():
                    break

    def run_until(self, done: Callable[[], object], limit_s: float) -> float:
        """Seconds that it took."""
        began = self.now
        while not done():
            assert self.now - began < limit_s, "it did not happen"
            self.run(STEP_S)
        return self.now - began

    def sleep(self, node: Node, seconds: float, *, is_counted: bool = True) -> None:
        """Suspend one machine; the others notice by timers.

        ``is_counted``: its monotonic clock counts meanwhile, as CLOCK_BOOTTIME does.
        """
        node.is_asleep = True
        end = self.now + seconds
        while self.now < end - 1e-6:
            self.run(LEAP_S, LEAP_S) if self.now < end - LEAP_S else self.run(1.0)
        node.is_asleep = False
        node.uncounted_s += 0.0 if is_counted else seconds

    # Pages

    def fetch(self, client: Node, engine: ClientEngine, server: Node, target: Target) -> float:
        """Seconds until a request has its answer, lookup included; tries again like a user."""
        began = self.now
        asked = b"GET %d" % int(began * 100)
        while True:
            lease_set = self._look_up(client, engine, target)
            if lease_set is not None and self._ask(client, engine, server, lease_set, asked):
                return self.now - began
            assert self.now - began < 120, "no page"
            self.run(0.5)

    def _look_up(self, client: Node, engine: ClientEngine, target: Target) -> Any:
        self.found.pop(target, None)
        engine.lookup(target, client.now)
        client.engine.touch(engine)
        limit = self.now + 10
        while target not in self.found and self.now < limit:
            self.run(STEP_S)
        return self.found.get(target)

    def _ask(
        self, client: Node, engine: ClientEngine, server: Node, lease_set: Any, asked: bytes
    ) -> bool:
        stream = engine.streams.connect(lease_set.destination, now=client.now, initial=asked)
        client.engine.touch(engine)
        limit = self.now + 10
        while self.now < limit:
            self.run(STEP_S)
            for accepted in server.accepted:
                if data := accepted.read(100):
                    accepted.write(b"answer to " + data)
                    for one in server.engine.clients:
                        server.engine.touch(one)
            if stream.read(100) == b"answer to " + asked:
                break
        else:
            asked = b""
        stream.reset(client.now)
        client.engine.touch(engine)
        return bool(asked)

    # Wires

    def _carry(self) -> bool:
        moved = False
        for host, node in self.nodes.items():
            if node.is_asleep:
                continue
            links = node.engine.ntcp2
            for link, data in links.take_output(node.now):
                moved = True
                target = self._ends.get((host, link))
                other = None if target is None else self.nodes[target[0]]
                if target is not None and other is not None and not other.is_asleep:
                    other.engine.ntcp2.receive_data(target[1], data, other.now)
            for command in links.take_commands():
                moved = True
                if isinstance(command, Dial):
                    self._dial(host, command)
                elif isinstance(command, Close):
                    self._close((host, command.link))
        return moved

    def _dial(self, host: str, command: Dial) -> None:
        node = self.nodes[host]
        links = node.engine.ntcp2
        target = self.nodes.get(command.host)
        if target is None or target.is_asleep:
            links.dial_failed(command.link, node.now)
            return
        link = target.engine.ntcp2.accepted(host, target.now)
        if link is None:
            links.dialed(command.link, node.now)
            links.lost(command.link, node.now)
            return
        self._ends[host, command.link] = (command.host, link)
        self._ends[command.host, link] = (host, command.link)
        links.dialed(command.link, node.now)

    def _close(self, end: tuple[str, int]) -> None:
        other = self._ends.pop(end, None)
        if other is not None:
            self._ends.pop(other, None)
            node = self.nodes[other[0]]
            if not node.is_asleep:
                node.engine.ntcp2.lost(other[1], node.now)
