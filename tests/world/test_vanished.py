"""Half of the routers vanish at once, and nobody is told: a flood ends, or a region is cut off."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.support.world import World
from tests.support.world.pages import Site, Visitor
from tests.support.world.world import telling_seed
from tests.world.scenario import INTERNET

ROUTERS, FLOODFILLS, VANISHED = 40, 6, 18
SEEDS = ("a", "b", "c")
#: tests of tunnels that are not in use tell after 16 to 20 s
PAGE_MAX_S = 40.0
#: in all three worlds; without a preference for who is there about 75
TIMED_OUT_MAX = 45


class Outcome(NamedTuple):
    page_s: float
    started: int
    timed_out: int


def vanish(seed: str) -> Outcome:
    """The first page afterwards, and the visitor's builds in two and a half minutes."""
    world = World(f"vanished {seed}", ways=INTERNET)
    machines = [world.add(floodfill=i < FLOODFILLS) for i in range(ROUTERS)]
    site, visitor = Site(machines[-1], "site"), Visitor(machines[-2], "visitor")
    with telling_seed(world):
        world.introduce()
        world.run_until(lambda: site.is_ready and visitor.is_ready, 60)
        world.run(120)
        candidates = machines[FLOODFILLS:-2]
        for _ in range(VANISHED):
            gone = candidates.pop(world.dice.randbelow(len(candidates)))
            gone.crash(is_silent=True)
        builder = visitor.machine.engine.tunnels.builder
        started, timed_out = builder.started, builder.timed_out
        began = world.now
        page_s = visitor.page_s(site, 180)
        world.run(max(0.0, began + 150 - world.now))
        return Outcome(page_s, builder.started - started, builder.timed_out - timed_out)


@pytest.mark.world
def test_who_has_vanished_is_soon_no_hop_any_more() -> None:
    outcomes = [vanish(seed) for seed in SEEDS]
    print(outcomes)
    assert max(one.page_s for one in outcomes) < PAGE_MAX_S, outcomes
    assert sum(one.timed_out for one in outcomes) < TIMED_OUT_MAX, outcomes
