"""Transit above its limit."""

from __future__ import annotations

import pytest

from core.tunnel.meter import ADAPT_S, TransitMeter

MESSAGE_BYTES = 1028


def passed(meter: TransitMeter, per_s: int, seconds: float) -> list[bool]:
    """Which of so many single messages per second pass."""
    return [meter.take(1, 100.0 + number / per_s) == 1 for number in range(int(per_s * seconds))]


@pytest.mark.parametrize("offered", [1.1, 1.5, 4.0])
def test_what_is_too_much_is_thinned_to_the_limit(offered: float) -> None:
    verdicts = passed(TransitMeter(1000 * MESSAGE_BYTES), int(1000 * offered), 60.0)
    settled = verdicts[len(verdicts) // 2 :]
    assert sum(settled) == pytest.approx(30_000, rel=0.01)


@pytest.mark.parametrize("size", [2, 5])
def test_what_passes_whole_keeps_to_the_limit_as_well(size: int) -> None:
    meter = TransitMeter(1000 * MESSAGE_BYTES)
    verdicts = [meter.take_whole(size, 100.0 + number / 2000) for number in range(120_000)]
    settled = verdicts[len(verdicts) // 2 :]
    assert size * sum(settled) == pytest.approx(30_000, rel=0.01)


def test_thinning_begins_gently() -> None:
    verdicts = passed(TransitMeter(1000 * MESSAGE_BYTES), 4000, 10.0)
    first = verdicts.index(False)
    shares = [sum(verdicts[at : at + 400]) / 400 for at in range(first, first + 1600, 400)]
    assert shares[0] > 0.8
    assert sorted(shares, reverse=True) == shares


def test_what_the_limit_allows_passes_whole() -> None:
    assert all(passed(TransitMeter(1000 * MESSAGE_BYTES), 990, 60.0))


def test_a_burst_passes_after_quiet() -> None:
    meter = TransitMeter(1000 * MESSAGE_BYTES)
    assert meter.take(1000, 100.0) == 1000
    assert meter.take(4000, 100.0) <= 1000


def test_nothing_passes_a_limit_of_nothing() -> None:
    meter = TransitMeter(0.0)
    assert meter.take(5, 100.0) == meter.take(5, 200.0) == 0


def settled(meter: TransitMeter, began: float) -> float:
    """Messages a second that pass of 4000, after ten seconds."""
    verdicts = [meter.take(1, began + number / 4000) for number in range(80_000)]
    return sum(verdicts[40_000:]) / 10


def test_the_limit_sinks_while_our_own_waits_and_rises_again() -> None:
    meter = TransitMeter(1000 * MESSAGE_BYTES)
    for tick in range(3):
        meter.adapt(True, 100 + tick * ADAPT_S)
    assert settled(meter, 102.0) == pytest.approx(1000 * 0.8**3, rel=0.03)
    for _ in range(100):
        meter.adapt(True, 130.0)
    assert settled(meter, 130.0) == pytest.approx(250, rel=0.03), "a quarter is left in any case"
    meter.adapt(False, 300.0)
    assert settled(meter, 300.0) == pytest.approx(1000, rel=0.03)
