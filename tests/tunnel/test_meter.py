"""Transit above its limit."""

from __future__ import annotations

import pytest

from core.transport.bandwidth import Bandwidth
from core.tunnel.meter import TransitMeter

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


@pytest.mark.parametrize(("headroom", "share"), [(1.0, 1.0), (0.8, 0.8), (0.1, 0.5), (0.0, 0.5)])
def test_transit_is_thinned_at_once_as_the_headroom_of_the_router_goes(
    headroom: float, share: float
) -> None:
    meter = TransitMeter(1000 * MESSAGE_BYTES, lambda now: headroom)
    verdicts = passed(meter, 800, 1.0)
    assert sum(verdicts) == pytest.approx(800 * share, abs=2)
    gaps = "".join("01"[one] for one in verdicts).split("1")
    assert max(map(len, gaps)) <= 1, "nobody loses many in a row"
    assert sum(passed(TransitMeter(None, lambda now: headroom), 800, 1.0)) == 800


def test_transit_that_adapts_fills_the_limit_and_leaves_nothing_waiting() -> None:
    """A sender takes a few steps more each round and a tenth less where a tenth was lost."""
    inbound = Bandwidth(None, 256_000)
    meter = TransitMeter(0.8 * 256_000, inbound.shared_headroom)
    now, offered = 10.0, 500.0  # messages a second: twice what may come in
    carried = 0
    least = 1.0
    for step in range(600):
        count = int(offered / 20)
        lost = 0
        for number in range(count):
            at = now + number / count / 20
            inbound.received(MESSAGE_BYTES, at)
            inbound.shared_read_pause(at)
            lost += not meter.take(1, at)
        now += 0.05
        offered = max(20.0, offered * (0.9 if lost > 0.1 * count else 1.02))
        if step > 100:
            carried += count - lost
            least = min(least, inbound.shared_headroom(now))
    assert carried * MESSAGE_BYTES > 0.8 * 0.8 * 256_000 * 25
    assert least > 0.1
