"""When servers come back after the router was off."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.client.config import SessionConfig
from core.data.private_keys import PrivateKeys
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.server_delay import OFF_MIN_S, ServerDelay
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy


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


def test_only_what_is_published_waits() -> None:
    entropy = SeededEntropy("delayed")
    config = RouterConfig(Path("."), network_id=77, host="127.0.0.1", server_delay_s=100.0)
    wall = FakeWallClock()
    engine = RouterEngine(config, RouterKeys.generate(entropy), 4567, wall, entropy, 1.0)
    engine.start(1.0)
    assert engine.delay_servers(2 * OFF_MIN_S, 1.0)
    zero = TunnelShape(0, 1)
    found = {}
    for publish in (True, False):
        keys = PrivateKeys.generate_destination(entropy)
        shape = SessionConfig("one", keys, zero, zero, publish=publish)
        found[publish] = engine.open_client(shape, keys, 1.0)
    due = found[True].own._not_before
    assert 1.0 < due < 101.0
    now = 1.0
    while now < due + 1:
        engine.run(now)
        engine.ntcp2.take_commands()  # type: ignore[union-attr]
        assert found[False].own.current is not None, "a client has its tunnels and lease set"
        assert (found[True].own.current is not None) == (now >= due)
        step = min(max(engine.next_timer() - now, 0.01), 1.0)
        now += step
        wall.advance(step)
    assert found[True].own.current is not None
