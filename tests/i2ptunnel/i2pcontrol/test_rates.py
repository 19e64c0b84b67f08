"""Rates over any of the last periods."""

from __future__ import annotations

from core.api import TrafficTotals
from i2ptunnel.i2pcontrol.rates import BUILDS_SAMPLE_S, PERIOD_MAX_S, BuildHistory, RateHistory


def history(seconds: int) -> RateHistory:
    """100 bytes a second in, from the 20th on 1000; half of it out."""
    rates, received = RateHistory(), 0
    for second in range(seconds + 1):
        rates.sample(TrafficTotals(received, received // 2, 0), 500.0 + second)
        received += 100 if second < 20 else 1000
    return rates


def test_over_the_last_second_and_over_longer() -> None:
    rates = history(30)
    assert rates.rates(1.0) == (1000.0, 500.0, 0.0)
    assert rates.rates(10.0) == (1000.0, 500.0, 0.0)
    assert rates.rates(20.0) == (550.0, 275.0, 0.0)
    assert rates.rates(3600.0) == (400.0, 200.0, 0.0)


def test_nothing_is_known_at_first() -> None:
    assert history(0).rates(1.0) == (0.0, 0.0, 0.0)


def test_only_an_hour_is_kept() -> None:
    assert len(history(int(PERIOD_MAX_S) + 600)._samples) == PERIOD_MAX_S + 1


def test_builds_are_judged_by_the_last_ten_minutes() -> None:
    builds = BuildHistory()
    assert builds.is_due(0.0) and builds.success_rate(8, 6) == 75.0
    builds.sample(0, 0, 0.0)
    assert not builds.is_due(BUILDS_SAMPLE_S - 0.1) and builds.is_due(BUILDS_SAMPLE_S)
    builds.sample(100, 10, 30.0)
    assert builds.success_rate(100, 10) == 10.0
    builds.sample(103, 12, 620.0)
    assert builds.success_rate(103, 12) == 66.7
    assert builds.success_rate(103, 14) == 100.0
    builds.sample(103, 12, 1300.0)
    assert builds.success_rate(103, 12) == 0.0
    assert builds.success_rate(104, 13) == 100.0
