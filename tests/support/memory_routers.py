"""Whole routers over a transport in memory, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.client.config import SessionConfig
from core.client.events import LeaseSetFound
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from core.transport.context import TransportContext
from core.transport.ports import Endpoint
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.memory_transport import MemoryEndpoint, MemoryNetwork

FLOODFILLS = 3
SHAPE = TunnelShape(1, 1)
STEP_S = 0.05


class MemoryRouter:
    """One router whose only transport is in memory."""

    def __init__(self, network: MemoryRouters, number: int) -> None:
        host = f"127.77.{number}.1"
        entropy = SeededEntropy(f"router {number}")
        config = RouterConfig(
            data_dir=Path("/nonexistent"),
            network_id=77,
            host=host,
            allow_private_addresses=True,
            floodfill=number <= FLOODFILLS,
            exploratory_inbound=SHAPE,
            exploratory_outbound=SHAPE,
        )

        def make_endpoints(context: TransportContext) -> Sequence[Endpoint]:
            return [MemoryEndpoint(network.memory, context, host)]

        self.network = network
        self.accepted: list[Stream] = []
        self.lease_set: object = None
        self.engine = RouterEngine(
            config,
            RouterKeys.generate(entropy),
            0,
            network.wall,
            entropy,
            network.now,
            make_endpoints=make_endpoints,
        )

    def open(self, name: str, *, publish: bool) -> ClientEngine:
        """A destination."""
        keys = PrivateKeys.generate_destination(SeededEntropy(name), 11)
        config = SessionConfig(name, inbound=SHAPE, outbound=SHAPE, publish=publish)
        return self.engine.open_client(config, keys, self.network.now)

    def turn(self, now: float) -> None:
        for endpoint in self.engine.endpoints:
            endpoint.handle_timer(now)
        self.engine.run(now)
        for client in self.engine.clients:
            while (event := client.next_event()) is not None:
                if isinstance(event, StreamOpened):
                    self.accepted.append(event.stream)
                elif isinstance(event, LeaseSetFound):
                    self.lease_set = event.lease_set


class MemoryRouters:
    """Routers that know each other; the first three are floodfills."""

    def __init__(self, count: int) -> None:
        self.now = 1000.0
        self.wall = FakeWallClock(1_800_000_000.0)
        self.memory = MemoryNetwork()
        self.routers = [MemoryRouter(self, number) for number in range(1, count + 1)]
        infos = [router.engine.router_info for router in self.routers]
        for router in self.routers:
            others = [info for info in infos if info is not router.engine.router_info]
            router.engine.netdb.import_routers(others)
            router.engine.start(self.now)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-6:
            self.now += STEP_S
            self.wall.advance(STEP_S)
            for _ in range(30):
                for router in self.routers:
                    router.turn(self.now)
                if not self.memory.carry(self.now):
                    break

    def run_until(self, done: Callable[[], object], limit_s: float) -> None:
        """Let time pass until something has happened."""
        end = self.now + limit_s
        while not done():
            assert self.now < end, "it did not happen"
            self.run(STEP_S)
