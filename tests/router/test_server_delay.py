"""When servers come back after the router was off."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from core.client.config import SessionConfig
from core.client.hosted import HostedConfig, HostedEngine, LeaseSetWanted
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.server_delay import OFF_MIN_S, ServerDelay
from core.transport.reasons import TerminationReason
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.memory_routers import MemoryRouters
from tests.support.memory_transport import MemoryEndpoint


def test_servers_are_spread_over_the_time_each_on_its_own() -> None:
    delay = ServerDelay(120.0, OFF_MIN_S, 50.0, SeededEntropy(1))
    assert delay.is_on
    drawn = sorted(delay.draw() for _ in range(400))
    assert 50.0 <= drawn[0] < 53.0
    assert 167.0 < drawn[-1] < 170.0
    assert drawn[200] == pytest.approx(110.0, abs=10.0)


@pytest.mark.parametrize(("longest_s", "off_s"), [(120.0, OFF_MIN_S - 1), (0.0, 1e6), (120.0, 0.0)])
def test_after_a_restart_or_when_switched_off_they_do_not_wait(
    longest_s: float, off_s: float
) -> None:
    delay = ServerDelay(longest_s, off_s, 50.0, SeededEntropy(1))
    assert not delay.is_on
    assert delay.draw() == 50.0


ZERO_HOPS = TunnelShape(0, 1)


class World:
    """A router that was off for long, with whatever destinations it is given."""

    def __init__(self) -> None:
        self.entropy = SeededEntropy("delayed")
        config = RouterConfig(
            Path("."), network_id=77, host="127.0.0.1", server_delay_s=100.0, ssu2=False
        )
        self.wall = FakeWallClock()
        keys = RouterKeys.generate(self.entropy)
        self.engine = RouterEngine(config, keys, 4567, self.wall, self.entropy, 1.0)
        self.now = 1.0
        self.engine.start(1.0)
        assert self.engine.delay_servers(2 * OFF_MIN_S, 1.0)

    def open(self, name: str, *, publish: bool) -> ClientEngine:
        keys = PrivateKeys.generate_destination(self.entropy)
        config = SessionConfig(name, keys, ZERO_HOPS, ZERO_HOPS, publish=publish)
        return self.engine.open_client(config, keys, self.now)

    def host(self, *, publish: bool) -> HostedEngine:
        """For a program that signs its lease sets itself."""
        destination = PrivateKeys.generate_destination(self.entropy).destination
        config = HostedConfig("program", ZERO_HOPS, ZERO_HOPS, publish=publish)
        return self.engine.host(config, destination, self.now)

    def step(self) -> None:
        self.engine.run(self.now)
        assert self.engine.ntcp2 is not None
        self.engine.ntcp2.take_commands()
        step = min(max(self.engine.next_timer() - self.now, 0.01), 1.0)
        self.now += step
        self.wall.advance(step)


def test_only_what_is_published_waits() -> None:
    world = World()
    server, client = world.open("server", publish=True), world.open("client", publish=False)
    due = server.own._not_before
    assert 1.0 < due < 101.0
    while world.now < due + 1:
        is_due = world.now >= due
        world.step()
        assert client.own.current is not None, "a client has its tunnels and lease set"
        assert (server.own.current is not None) == is_due
    assert server.own.current is not None


def test_what_other_programs_publish_waits_too() -> None:
    world = World()
    hosted = {publish: world.host(publish=publish) for publish in (True, False)}
    asked = dict.fromkeys(hosted, 0.0)
    while world.now < 110.0:
        world.step()
        for publish, session in hosted.items():
            while (event := session.next_hosted_event()) is not None:
                if isinstance(event, LeaseSetWanted):
                    asked[publish] = asked[publish] or world.now
    assert asked[False] < 5.0 < asked[True] < 103.0


def test_servers_come_neither_with_the_router_nor_with_each_other() -> None:
    """Whoever watches the network database sees the router at once, and each server alone."""
    world = World()
    servers = [world.open(f"server {number}", publish=True) for number in range(6)]
    came: dict[int, float] = {}
    while len(came) < len(servers):
        world.step()
        for number, server in enumerate(servers):
            if server.own.current is not None:
                came.setdefault(number, world.now)
    times = sorted(came.values())
    assert times[0] > 1.5
    assert all(later - earlier > 0.5 for earlier, later in pairwise(times))
    assert times[-1] - times[0] > 30.0


def test_a_stop_withdraws_nothing() -> None:
    """Floodfills keep lease sets and RouterInfo until they end by themselves, each at its time:
    whoever watches there cannot tell that they went together."""
    network = MemoryRouters(6)
    router = network.routers[-1]
    servers = [router.open(f"server {number}", publish=True) for number in range(3)]
    network.run_until(lambda: all(server.is_ready for server in servers), 120)
    (endpoint,) = router.engine.endpoints
    assert isinstance(endpoint, MemoryEndpoint)
    network.run_until(lambda: not endpoint.output, 10)

    raw = router.engine.router_info.raw
    for server in servers:
        router.engine.close_client(server, network.now)
    router.engine.stop_transit()
    router.turn(network.now)
    router.engine.links.shutdown(network.now)
    packets = [packet for _, packet in endpoint.output]
    assert {packet.reason for packet in packets} == {TerminationReason.ROUTER_SHUTDOWN}
    assert not any(packet.messages for packet in packets)
    assert router.engine.router_info.raw == raw, "nor does it sign one that says so"
    network.routers.remove(router)
    served = [other.engine.netdb.served_lease_set_count for other in network.routers]
    network.run(60.0)
    assert sum(served) >= len(servers)
    assert served == [other.engine.netdb.served_lease_set_count for other in network.routers]
