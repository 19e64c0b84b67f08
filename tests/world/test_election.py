"""A router that is a floodfill while it is fit for it: what the network sees and gets of it."""

from __future__ import annotations

from dataclasses import replace

from core.netdb.election import Criteria
from tests.support.world import Machine, World
from tests.support.world.pages import Site
from tests.support.world.world import telling_seed
from tests.world.scenario import INTERNET

CRITERIA = Criteria(
    uptime_s=60, routers=6, links=3, transit_tunnels=1, candidate_s=60, failing_s=60, lag_s=1
)


def is_known_as_floodfill(candidate: Machine, others: list[Machine]) -> bool:
    known = [one.engine.netdb.get_router(candidate.hash) for one in others]
    return any(info is not None and info.is_floodfill for info in known)


def test_a_fit_router_becomes_a_floodfill_serves_and_gives_it_up() -> None:
    world = World("election", ways=INTERNET)
    machines = [world.add(floodfill=number == 0) for number in range(9)]
    candidate = world.add(floodfill=None, floodfill_criteria=CRITERIA)
    site = Site(machines[-1], "site")
    with telling_seed(world):
        world.introduce()
        world.run_until(lambda: site.is_ready, 60)
        engine = candidate.engine
        assert not engine.router_info.is_floodfill
        assert engine.floodfill.why
        world.run_until(lambda: engine.floodfill.is_active, 400)
        assert engine.router_info.is_floodfill
        assert not engine.own.may_introduce
        world.run_until(lambda: is_known_as_floodfill(candidate, machines), 120)
        # What is published from now on is stored there, too.
        world.run_until(lambda: engine.netdb.served_lease_set_count > 0, 700)
        engine.reconfigure(replace(engine.config, transit=False), world.now)
        candidate.touch()
        world.run_until(lambda: not engine.floodfill.is_active, 120)
        assert engine.floodfill.why == "it carries no transit"
        assert not engine.router_info.is_floodfill
        assert engine.netdb.served_lease_set_count == 0
        # The other floodfill has it first; the others hear of it in time.
        world.run_until(lambda: not is_known_as_floodfill(candidate, machines[:1]), 120)
