"""A network of a hundred routers and more, ten minutes long, with sites, visitors and churn."""

from __future__ import annotations

import time

import pytest

from tests.support.world.world import telling_seed
from tests.world.churn import MINUTES, PAGE_S, run_town
from tests.world.scenario import Town, has_tunnels, is_published, unheard_s

SITES = 20
FETCHES = 200
AT_ONCE_PART = 0.97
"""Of the pages come at the first try."""


@pytest.mark.world
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("routers", [100, pytest.param(200, marks=pytest.mark.slow)])
def test_ten_minutes_of_a_network_with_churn(routers: int) -> None:
    town = Town(f"big {routers}", routers, sites=SITES, visitors=SITES)
    began_s = time.process_time()
    with telling_seed(town.world) as world:
        churn = run_town(town, FETCHES)
        used_s = time.process_time() - began_s
        print(
            f"world: {routers} routers, {MINUTES} minutes, {used_s:.0f} s of CPU, "
            f"{1000 * used_s / routers / (MINUTES * 60):.2f} ms for a router and second, "
            f"{world.trace_hash}"
        )
        assert len(churn.gone) == routers // 10
        expected = [fetch for fetch in town.fetches if churn.is_expected(fetch)]
        assert len(expected) > 0.9 * FETCHES
        late = [one for one in expected if one.took_s is None or one.took_s > PAGE_S]
        assert not late, late
        assert sum(one.attempts == 1 for one in expected) >= AT_ONCE_PART * len(expected)
        up = [one for one in town.machines if one.is_running]
        assert len(up) >= 0.97 * routers
        assert [one for one in up if not has_tunnels(one)] == []
        assert [one for one in up if unheard_s(one) > 60] == []
        assert [one for one in up if not is_published(one, town.floodfills)] == []
