"""When a router becomes a floodfill by itself, and when it gives the role up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.netdb.election import EVALUATE_S, Criteria, Election, Fitness

FIT = Fitness(
    uptime_s=3 * 3600,
    is_hidden=False,
    is_published=True,
    carries_transit=True,
    bytes_s=1_000_000,
    routers=2000,
    floodfills=900,
    links=200,
    transit_tunnels=300,
    clock_error_s=0.3,
    lag_s=0.001,
    congestion="",
)
HOUR_S = 3600.0


def run(election: Election, fitness: Fitness, seconds: float, now: float = 0.0) -> float | None:
    """Look again and again; when the role changed, or None."""
    at = now
    while at <= now + seconds:
        if election.update(fitness, at):
            return at
        at += EVALUATE_S
    return None


def elected(now: float = 0.0) -> Election:
    election = Election(Criteria())
    assert run(election, FIT, HOUR_S, now) == now + 1800
    assert election.is_floodfill
    return election


def test_all_must_hold_for_half_an_hour() -> None:
    election = Election(Criteria())
    assert run(election, FIT, 1740) is None
    assert election.why == "all criteria of a floodfill are met; it is one in 1 min"
    assert not election.update(replace(FIT, links=10), 1760)
    assert election.why == "it is connected to 10 routers, a floodfill at least 50"
    assert run(election, FIT, HOUR_S, 1800) == 3600
    assert election.why == "all criteria of a floodfill are met"


LACKING: list[tuple[dict[str, Any], str]] = [
    ({"uptime_s": 7199}, "it has run for 120 of 120 min"),
    ({"bytes_s": 127_000}, "it shares 127 KB/s, a floodfill at least 128"),
    ({"routers": 399}, "it knows 399 routers, a floodfill at least 400"),
    ({"links": 49}, "it is connected to 49 routers, a floodfill at least 50"),
    ({"transit_tunnels": 24}, "it carries 24 transit tunnels, a floodfill at least 25"),
    ({"clock_error_s": 11.0}, "the system's clock is wrong by 11 s"),
    ({"lag_s": 0.04}, "the machine is busy: timers are 40 ms late"),
    ({"congestion": "D"}, "it is near the limits of its links or transit tunnels"),
    ({"floodfills": 5000}, "there are 5000 floodfills, which is enough"),
    ({"is_hidden": True}, "it is hidden"),
    (
        {"is_published": False},
        "other routers cannot reach it at a public IPv4 address over NTCP2",
    ),
    ({"carries_transit": False}, "it carries no transit"),
]


@pytest.mark.parametrize(("changed", "why"), LACKING)
def test_each_criterion_keeps_a_router_from_it(changed: dict[str, Any], why: str) -> None:
    election = Election(Criteria())
    assert run(election, replace(FIT, **changed), 24 * HOUR_S) is None
    assert not election.is_floodfill
    assert election.why == why


@pytest.mark.parametrize(
    "changed",
    [
        {"links": 36},
        {"routers": 299},
        {"transit_tunnels": 17},
        {"lag_s": 0.03},
        {"clock_error_s": 30.0},
        {"congestion": "E"},
        {"floodfills": 6000},
    ],
)
def test_it_is_given_up_after_ten_bad_minutes_and_not_taken_again_for_hours(
    changed: dict[str, Any],
) -> None:
    election = elected()
    bad = replace(FIT, **changed)
    assert run(election, bad, 540, 2000) is None
    assert election.why.endswith("; it ends in 1 min if that lasts")
    # A good moment in between: it begins anew.
    assert not election.update(FIT, 2560)
    assert run(election, bad, HOUR_S, 2600) == 3200
    assert not election.is_floodfill
    assert run(election, FIT, 24 * HOUR_S, 3260) == 3260 + 6 * HOUR_S - 60
    assert election.is_floodfill


@pytest.mark.parametrize("changed", [{"links": 37}, {"routers": 300}, {"floodfills": 5999}])
def test_a_floodfill_may_fall_a_little_below(changed: dict[str, Any]) -> None:
    assert run(elected(), replace(FIT, **changed), 24 * HOUR_S, 2000) is None


@pytest.mark.parametrize(
    "changed", [{"is_hidden": True}, {"is_published": False}, {"carries_transit": False}]
)
def test_what_makes_it_useless_ends_it_at_once(changed: dict[str, Any]) -> None:
    election = elected()
    assert election.update(replace(FIT, **changed), 2000)
    assert not election.is_floodfill
