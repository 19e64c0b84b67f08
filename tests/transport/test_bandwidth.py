"""The limits that all transports share."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import pytest

from core.transport.bandwidth import BURST_S, RESERVED_SHARE, Bandwidth

BATCH = 128 * 1024


def written(bandwidth: Bandwidth, seconds: float, *, start: float = 0.0) -> list[tuple[float, int]]:
    """What a writer with endless demand writes and when, as the outbox does."""
    now = start
    writes = []
    while now < start + seconds:
        size = bandwidth.writable(BATCH, now)
        if size > 0:
            size = max(size, 16 * 1024)
            bandwidth.sent(size, now)
            writes.append((now, size))
        now = max(bandwidth.write_at(now), now + 0.001)
    return writes


def most_and_least(writes: list[tuple[float, int]], seconds: float) -> tuple[float, float]:
    """Bytes per second of the busiest and the idlest stretch of so many seconds."""
    moments = [at for at, _ in writes]
    so_far = [0, *accumulate(size for _, size in writes)]
    sums = [
        so_far[bisect_left(moments, begin + seconds)] - so_far[bisect_left(moments, begin)]
        for begin in moments
        if begin + seconds <= moments[-1]
    ]
    return max(sums) / seconds, min(sums) / seconds


@pytest.mark.parametrize("rate", [100_000, 1_000_000, 10_000_000])
def test_any_ten_seconds_of_demand_carry_the_rate(rate: int) -> None:
    most, least = most_and_least(written(Bandwidth(rate), 30.0), 10.0)
    assert 0.95 * rate <= least <= most <= 1.05 * rate


def test_another_limit_holds_at_once() -> None:
    bandwidth = Bandwidth(10_000_000, 10_000_000)
    written(bandwidth, 2.0)
    bandwidth.configure(500_000, 200_000)
    most, least = most_and_least(written(bandwidth, 30.0, start=2.0), 10.0)
    assert 475_000 <= least <= most <= 525_000
    bandwidth.received(250_000, 40.0)
    assert 0.9 < bandwidth.read_pause(40.0) < 1.1  # 50,000 of it was saved up
    bandwidth.configure(None, None)
    assert bandwidth.writable(BATCH, 40.0) == BATCH and bandwidth.read_pause(40.0) == 0


def test_transit_leaves_the_reserve_to_our_own_messages() -> None:
    bandwidth = Bandwidth(100_000)
    burst = 100_000 * BURST_S
    reserved = burst * RESERVED_SHARE
    assert bandwidth.transit_writable(BATCH, 0) == burst - reserved
    bandwidth.sent(int(burst - reserved), 0)
    assert bandwidth.transit_writable(BATCH, 0) <= 0 < bandwidth.writable(BATCH, 0)
    soon = bandwidth.write_at(0)
    assert 0 < soon < 0.001 and bandwidth.transit_writable(BATCH, soon) > 0
    # An own batch that overdraws comes first, and waits for no reserve.
    bandwidth.sent(int(reserved) + 10_000, soon)
    assert bandwidth.transit_writable(BATCH, soon) <= 0
    assert bandwidth.write_at(soon) == pytest.approx(soon + 0.1, abs=0.001)


def test_writers_share_one_rate() -> None:
    bandwidth = Bandwidth(outbound_bytes_s=4000, inbound_bytes_s=None)
    assert bandwidth.writable(5000, 0) == 1000 and bandwidth.writable(10, 0) == 10
    bandwidth.sent(600, 0)
    bandwidth.sent(600, 0)
    assert bandwidth.writable(5000, 0) <= 0
    write_at = bandwidth.write_at(0)
    assert 0.05 < write_at < 0.051
    assert bandwidth.writable(5000, write_at) > 0
    bandwidth.received(10_000_000, 0)
    assert bandwidth.read_pause(0) == 0


def test_any_positive_balance_lets_something_out() -> None:
    bandwidth = Bandwidth(outbound_bytes_s=1000)
    bandwidth.sent(250, 0)
    at = 0.0004  # less than one byte was earned
    assert bandwidth.write_at(at) == at and bandwidth.writable(5000, at) == 1


def test_readers_rest_until_the_debt_is_paid() -> None:
    bandwidth = Bandwidth(inbound_bytes_s=1000)
    bandwidth.received(200, 0)
    assert bandwidth.read_pause(0) == 0
    bandwidth.received(1050, 0)
    assert 1.0 < bandwidth.read_pause(0) < 1.01
    assert Bandwidth().writable(7, 0) == 7 and Bandwidth().write_at(3) == 3


def test_a_shared_socket_tells_how_much_may_still_come_in() -> None:
    bandwidth = Bandwidth(None, 100_000)
    bandwidth.received(20_000, 10.0)
    assert bandwidth.shared_headroom(10.0) == 1.0, "no socket is shared"
    assert bandwidth.shared_read_pause(10.0) == 0.0
    assert bandwidth.shared_headroom(10.0) == pytest.approx(0.2)
    assert bandwidth.shared_headroom(10.1) == pytest.approx(0.6)
    bandwidth.received(30_000, 10.1)
    assert bandwidth.shared_read_pause(10.1) == pytest.approx(0.15, abs=0.001)
    assert bandwidth.shared_headroom(10.1) == 0.0
    bandwidth.configure(None, None)
    assert bandwidth.shared_headroom(10.1) == 1.0
