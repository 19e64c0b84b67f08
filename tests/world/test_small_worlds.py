"""Whole routers among themselves, with sites and visitors, on ways as bad as real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.tunnel.shape import TunnelShape
from tests.support.world import LinkModel, World
from tests.support.world.liars import (
    deny_lookups,
    drop_builds,
    drop_tunnel_data,
    forget_stores,
    throttle_builds,
)
from tests.support.world.pages import Site, Visitor
from tests.support.world.world import telling_seed
from tests.world.scenario import INTERNET, Town, has_tunnels, is_published, run_small, unheard_s

ROOT = Path(__file__).resolve().parents[2]
PAGE_S = 30.0
"""What users are promised, after whatever happened."""


def test_ten_routers_build_test_and_publish() -> None:
    town = Town("ten", 10)
    with telling_seed(town.world) as world:
        world.introduce()
        world.run_until(lambda: all(map(has_tunnels, town.machines)), 20)
        world.run(100)
        assert all(map(has_tunnels, town.machines))
        assert max(map(unheard_s, town.machines)) < 40
        assert all(is_published(one, town.floodfills) for one in town.machines)


def test_pages_through_three_hops() -> None:
    town = Town("pages", 16, sites=2, visitors=2)
    with telling_seed(town.world) as world:
        town.begin()
        fetches = town.fetch_some(10)
        world.run(20)
        assert all(fetch.is_done for fetch in fetches), fetches
        assert sum(fetch.attempts == 1 for fetch in fetches) >= 9, fetches
        assert {len(t.hops) for t in town.sites[0].session.pool.live_inbound(world.now)} == {3}


def test_hops_beside_each_other_share_a_family() -> None:
    """Some routers have IPv4, some IPv6, some both; nobody is asked for what he cannot do."""
    world = World("families", ways=INTERNET)
    with telling_seed(world):
        shape = TunnelShape(3, 2)
        for number in range(15):
            ipv4, ipv6 = f"{30 + number}.1.1.1", f"2a01:{number:x}::1"
            options: dict[str, Any] = (
                {"host": ipv4},
                {"host": ipv6, "bind": "::"},
                {"host": ipv4, "also_at": ipv6},
            )[number % 3]
            world.add(
                floodfill=number % 3 == 2,
                exploratory_inbound=shape,
                exploratory_outbound=shape,
                **options,
            )
        families = {one.hash: {":" in host for host in one.hosts} for one in world.machines}
        world.introduce()
        world.run_until(lambda: all(map(has_tunnels, world.machines)), 30)
        mixed = 0
        for _ in range(10):
            world.run(12)
            for machine in world.machines:
                pool = machine.engine.tunnels.exploratory
                assert pool is not None
                for inbound in pool.live_inbound(machine.now):
                    path = [*inbound.hops, machine.hash]
                    assert all(families[a] & families[b] for a, b in pairwise(path))
                for outbound in pool.live_outbound(machine.now):
                    path = [machine.hash, *outbound.hops]
                    assert all(families[a] & families[b] for a, b in pairwise(path))
                    mixed += len({len(families[one]) for one in path}) > 1
        assert mixed > 0
        builders = [machine.engine.tunnels.builder for machine in world.machines]
        started, succeeded = (sum(values) for values in zip(
            *((one.started, one.succeeded) for one in builders), strict=True
        ))  # fmt: skip
        assert succeeded > 0.9 * started, (succeeded, started)


@pytest.mark.world
@pytest.mark.parametrize(
    "ways",
    [
        LinkModel(delay_s=0.2, jitter_s=0.2),
        LinkModel(delay_s=0.05, loss=0.1),
        LinkModel(delay_s=0.05, bytes_s=20_000),
    ],
    ids=["far", "lossy", "narrow"],
)
def test_pages_on_bad_ways(ways: LinkModel) -> None:
    town = Town("bad ways", 12, sites=1, visitors=1, ways=ways)
    with telling_seed(town.world) as world:
        town.begin()
        fetches = town.fetch_some(3, gap_s=5, size_max=5_000)
        world.run(60)
        assert all(fetch.is_done for fetch in fetches), fetches


@pytest.mark.parametrize(
    "how", ["power", *(pytest.param(how, marks=pytest.mark.world) for how in ("stop", "crash"))]
)
def test_a_site_whose_router_starts_anew_is_back(how: str) -> None:
    town = Town(how, 14, sites=1, visitors=1)
    with telling_seed(town.world) as world:
        town.begin()
        site, visitor = town.sites[0], town.visitors[0]
        visitor.page_s(site)
        world.run(10)
        machine, before = site.machine, site.machine.hash
        if how == "stop":
            machine.stop()
        else:
            machine.crash(is_silent=how == "power")
        assert not site.is_ready
        world.run(20)
        machine.start()
        assert machine.hash == before
        assert machine.engine.netdb.router_count == 13
        assert world.run_until(lambda: site.is_ready, 60) < PAGE_S
        assert visitor.page_s(site) < PAGE_S


@pytest.mark.world
def test_a_router_that_leaves_is_replaced_in_tunnels() -> None:
    town = Town("leaving", 14, sites=1, visitors=1)
    with telling_seed(town.world) as world:
        town.begin()
        site, visitor = town.sites[0], town.visitors[0]
        visitor.page_s(site)
        hops = {hop for t in site.session.pool.live_inbound(world.now) for hop in t.hops}
        gone = [one for one in town.others if one.hash in hops][:2]
        assert gone
        for one in gone:
            one.leave()
        assert visitor.page_s(site) < PAGE_S
        world.run(60)
        assert all(has_tunnels(one) for one in town.machines if not one.has_left)


@pytest.mark.world
def test_a_network_in_two_parts_grows_together_again() -> None:
    town = Town("d", 16, sites=1, visitors=1, floodfills=4)
    with telling_seed(town.world) as world:
        town.begin()
        site, visitor = town.sites[0], town.visitors[0]
        visitor.page_s(site)
        part = [*town.floodfills[:2], *town.others[:5], site.machine]
        world.ways.cut([one.host for one in part])
        fetch = visitor.fetch(site)
        world.run(60)
        assert not fetch.is_done
        assert town.world.tcp.broken > 0
        world.ways.heal()
        world.run_until(lambda: fetch.is_done, 60)


@pytest.mark.world
def test_clocks_that_are_wrong_or_drift_a_little_do_no_harm() -> None:
    world = World("clocks", ways=INTERNET)
    errors = [0.0, 8.0, -8.0, 3.0, -40.0, 30.0]  # most agree as far as peers must
    machines = [
        world.add(floodfill=i < 3, error_s=errors[i % 6], drift=(i % 3 - 1) * 1e-4)
        for i in range(12)
    ]
    site, visitor = Site(machines[-1], "site"), Visitor(machines[-2], "visitor")
    with telling_seed(world):
        world.introduce()
        world.run_until(lambda: site.is_ready and visitor.is_ready, 60)
        # A site does not take what seems to have been sent before it started.
        world.run(100)
        assert visitor.page_s(site) < PAGE_S
        machines[-1].wall.error_s += 3600
        world.run(40)
        clock = machines[-1].engine.clock
        assert clock.correction_s == pytest.approx(-3600, abs=100)
        assert abs(machines[-1].skew_s) < 60
        machines[-1].wall.error_s -= 3600
        assert visitor.page_s(site) < PAGE_S
        assert abs(clock.correction_s) < 60


@pytest.mark.world
@pytest.mark.doubles
@pytest.mark.parametrize(
    "lie",
    [drop_builds, drop_tunnel_data, deny_lookups, forget_stores],
    ids=lambda lie: lie.__name__,
)
def test_with_liars_among_them(lie) -> None:  # type: ignore[no-untyped-def]
    world = World(f"liars {lie.__name__}", ways=INTERNET)
    is_netdb = lie in (deny_lookups, forget_stores)
    machines = [
        world.add(floodfill=i < 6, lies=[lie] if (i < 2 if is_netdb else 6 <= i < 9) else [])
        for i in range(18)
    ]
    site, visitor = Site(machines[-1], "site"), Visitor(machines[-2], "visitor")
    with telling_seed(world):
        world.introduce()
        world.run_until(lambda: site.is_ready and visitor.is_ready, 90)
        world.run(60)
        took = [visitor.page_s(site) for _ in range(4)]
        assert max(took) < PAGE_S, took


@pytest.mark.world
@pytest.mark.doubles
def test_neighbours_are_not_asked_for_more_than_they_take() -> None:
    """Java's limits. Four sessions share two of its routers as hops, which is far too little."""
    world = World("throttled", ways=INTERNET)
    javas = [world.add(floodfill=i > 0, lies=[throttle_builds]) for i in range(3)]
    for number in range(3):
        world.add(floodfill=not number)
    ours = world.add()
    shape = TunnelShape(1, 2, explicit_peers=tuple(one.hash for one in javas[1:]))
    visitors = [Visitor(ours, f"visitor-{i}", shape=shape) for i in range(4)]
    with telling_seed(world):
        world.introduce()
        world.run(290)
        builder = ours.engine.tunnels.builder
        assert builder.started < 80, (builder.succeeded, builder.started)
        assert builder.succeeded > 12, (builder.succeeded, builder.started)
        world.run_until(lambda: all(one.is_ready for one in visitors), 300)
        world.run(300)
        assert all(one.is_ready for one in visitors)
        assert builder.started < 160, (builder.succeeded, builder.started)


def _run(hash_seed: str, seed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.world.scenario", seed],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_seed_decides_everything() -> None:
    """Neither the order of Python's sets nor where objects lie in memory makes a difference."""
    runs = [_run("1", "same"), _run("2", "same")]
    one, two = (run.communicate()[0].strip() for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert len(one) == 64
    assert one == two


@pytest.mark.world
def test_another_seed_is_another_world() -> None:
    assert run_small("one") != run_small("other")
