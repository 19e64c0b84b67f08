"""Transit above its limit."""

from __future__ import annotations

import itertools

import pytest

from core.tunnel.meter import TransitMeter

MESSAGE_BYTES = 1028


def passed(meter: TransitMeter, per_s: int, seconds: float) -> list[bool]:
    """Which of so many single messages per second pass."""
    return [meter.take(1, 100.0 + number / per_s) == 1 for number in range(int(per_s * seconds))]


@pytest.mark.parametrize("offered", [1.1, 1.5, 4.0])
def test_what_is_too_much_is_thinned_evenly_to_the_limit(offered: float) -> None:
    limit = 1000
    verdicts = passed(TransitMeter(limit * MESSAGE_BYTES), int(limit * offered), 60.0)
    settled = verdicts[len(verdicts) // 2 :]
    assert sum(settled) == pytest.approx(30 * limit, rel=0.01)
    runs = [(has_passed, len(list(run))) for has_passed, run in itertools.groupby(settled)]
    assert max(length for has_passed, length in runs if not has_passed) <= offered + 1


def test_what_the_limit_allows_passes_whole() -> None:
    assert all(passed(TransitMeter(1000 * MESSAGE_BYTES), 990, 60.0))


def test_a_burst_passes_after_quiet() -> None:
    meter = TransitMeter(1000 * MESSAGE_BYTES)
    assert meter.take(1000, 100.0) == 1000
    assert meter.take(4000, 100.0) <= 1000


def test_nothing_passes_a_limit_of_nothing() -> None:
    meter = TransitMeter(0.0)
    assert meter.take(5, 100.0) == meter.take(5, 200.0) == 0
