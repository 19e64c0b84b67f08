"""Networks in growing sizes and in trouble; the small versions of ``python -m tests.world``."""

from __future__ import annotations

from math import log2

import pytest

from tests.support.world.report import Table
from tests.support.world.sharing import shared_router_infos
from tests.world.scenario import run_small
from tests.world.scenarios import attacks, builds, day, flood, growth, trouble
from tests.world.scenarios.outcome import Outcome, Wish

LOOKUPS_MIN = 99.0
BUILDS_MIN = 95.0


def rows_of(outcome: Outcome) -> list[dict[str, float]]:
    """All figures, shown if the test fails."""
    table = outcome.tables[0]
    print(f"{table.text()}\n{outcome.trace_hash}")
    numbers = [{k: v for k, v in row.items() if not isinstance(v, str)} for row in table.rows]
    return [{name: float(value) for name, value in row.items()} for row in numbers]


def found_percent(rows: list[dict[str, float]]) -> float:
    """Of all lookups of these minutes."""
    lookups = sum(row["lookups"] for row in rows)
    return sum(row["lookups"] * row["found %"] for row in rows) / lookups


def built_percent(rows: list[dict[str, float]]) -> float:
    """Of all builds of these minutes."""
    builds = sum(row["builds"] for row in rows)
    return sum(row["builds"] * row["built %"] for row in rows) / builds if builds else 100.0


@pytest.mark.world
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "routers", [50, 100, 200, *(pytest.param(n, marks=pytest.mark.slow) for n in (500, 1000))]
)
def test_lookups_succeed_at_every_size_and_ask_few(routers: int) -> None:
    table = Table("growth")
    with shared_router_infos():
        table.add(**growth.measure(routers, 2, "test"))
    print(table.text())
    row = {name: value for name, value in table.rows[0].items() if name != "trace"}
    assert float(row["found %"]) >= LOOKUPS_MIN
    assert float(row["new: found %"]) >= LOOKUPS_MIN
    assert float(row["built %"]) >= BUILDS_MIN
    assert float(row["new: asked"]) <= log2(routers)


@pytest.mark.world
@pytest.mark.timeout(300)
def test_churn_of_a_third_in_an_hour_is_not_noticed() -> None:
    rows = rows_of(trouble.churn(Wish(40, 10, "test")))
    assert found_percent(rows) >= LOOKUPS_MIN
    assert built_percent(rows) >= 85


@pytest.mark.world
@pytest.mark.doubles
@pytest.mark.timeout(300)
def test_lookups_succeed_while_floodfills_lie_and_vanish() -> None:
    rows = rows_of(trouble.floodfills(Wish(60, 8, "test")))
    assert found_percent(rows) >= 95
    assert built_percent(rows) >= 85


@pytest.mark.world
@pytest.mark.timeout(300)
def test_two_halves_of_a_network_find_each_other_again() -> None:
    rows = rows_of(trouble.partition(Wish(30, 8, "test")))
    apart, healed = rows[trouble.BEFORE_MINUTES :], rows[-4:]
    assert min(row["found %"] for row in apart) < 80
    assert found_percent(healed) >= LOOKUPS_MIN
    assert built_percent(healed) >= 85


@pytest.mark.world
@pytest.mark.timeout(300)
def test_clocks_that_are_wrong_by_hours_are_corrected_by_peers() -> None:
    """In the minute in which they go wrong, fewer are found: tunnels end, and are built anew."""
    rows = rows_of(trouble.clocks(Wish(40, 6, "test")))
    assert rows[-1]["wrong"] == 0
    jump = rows.pop(trouble.BEFORE_MINUTES)
    assert jump["found %"] >= 80
    assert found_percent(rows) >= LOOKUPS_MIN


@pytest.mark.world
@pytest.mark.doubles
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("honest", "minutes"), [(16, 6), pytest.param(50, 30, marks=pytest.mark.slow)]
)
def test_a_flood_of_hostile_routers_stops_nobody(honest: int, minutes: int) -> None:
    """39 for each honest one. The fewer honest ones there are, the harder is it to know enough."""
    with shared_router_infos():
        rows = rows_of(flood.run(Wish(honest, minutes, "test")))
    flooded = rows[flood.BEFORE_MINUTES :]
    assert found_percent(flooded) >= 95
    assert built_percent(flooded) >= (80 if honest >= 50 else 55)
    assert rows[-1]["known"] < honest * 40


@pytest.mark.world
@pytest.mark.doubles
@pytest.mark.timeout(300)
def test_a_site_is_found_although_all_nearest_floodfills_are_hostile() -> None:
    rows = rows_of(attacks.eclipse(Wish(40, 8, "test")))
    assert found_percent(rows[attacks.BEFORE_MINUTES :]) >= 95


@pytest.mark.world
@pytest.mark.timeout(300)
def test_watching_routers_see_less_than_chance_gives_them() -> None:
    ours, random = rows_of(attacks.sybil(Wish(40, 20, "test")))[-2:]
    assert ours["next %"] <= random["next %"]
    assert ours["both %"] <= random["both %"]
    assert ours["neighbours"] <= random["neighbours"]


@pytest.mark.world
@pytest.mark.timeout(300)
def test_a_flood_of_builds_leaves_own_tunnels_alone() -> None:
    rows = rows_of(builds.run(Wish(20, 3, "test")))
    assert rows[-1]["refused"] > 10 * rows[-1]["taken"]
    assert found_percent(rows) >= LOOKUPS_MIN
    assert built_percent(rows) >= 85
    assert rows[-1]["held"] < 200


@pytest.mark.world
@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_what_a_router_holds_does_not_grow_in_a_day() -> None:
    rows = rows_of(day.run(Wish(20, 24 * 60, "test")))
    noon, night = rows[11], rows[23]
    assert night["entries"] <= 1.2 * noon["entries"]
    assert night["MB"] - noon["MB"] <= 0.2 * noon["grown_MB"] + 5
    assert found_percent(rows) >= LOOKUPS_MIN


@pytest.mark.world
def test_sharing_router_infos_changes_nothing() -> None:
    alone = run_small("shared")
    with shared_router_infos():
        assert run_small("shared") == alone
