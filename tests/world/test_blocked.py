"""Routers that the user blocks while everything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.data.address_ranges import AddressRange
from tests.support.world.world import telling_seed
from tests.world.scenario import Town, has_tunnels


@pytest.mark.world
def test_who_is_blocked_is_no_peer_any_more() -> None:
    """By hash, and by address: no link, no hop, not asked as a floodfill; tunnels come back."""
    town = Town("blocked", 14, visitors=1, floodfills=4)
    ours = town.hosts_of_visitors[0]
    with telling_seed(town.world) as world:
        world.introduce()
        world.run_until(lambda: has_tunnels(ours) and town.is_ready(), 60)
        by_hash = [town.floodfills[0], *town.others[:2]]
        by_address = [town.floodfills[1], *town.others[2:4]]
        blocked = {one.hash for one in (*by_hash, *by_address)}
        engine = ours.engine
        config = replace(
            engine.config,
            blocked_routers=frozenset(one.hash for one in by_hash),
            blocked_addresses=tuple(AddressRange.parse(one.host) for one in by_address),
        )
        engine.reconfigure(config, ours.now)
        ours.touch()
        world.run(1)
        assert not blocked & set(engine.links.connected_routers())
        began = world.now
        world.run(700)
        assert has_tunnels(ours) and town.is_ready()
        assert not blocked & set(engine.links.connected_routers())
        for pool in (engine.tunnels.exploratory, town.visitors[0].session.pool):
            assert pool is not None
            for tunnel in (*pool.inbound.tunnels, *pool.outbound.tunnels):
                assert not blocked & set(tunnel.hops)
                assert tunnel.created_at >= began - 1
        asked = engine.netdb._floodfills.choose(bytes(32), 4, (), ours.now)
        assert asked and not blocked & {info.hash for info in asked}
