"""Acks, loss by time, probes: Recovery without any stream around it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.bbr import WINDOW_STEP, WINDOW_TRUSTED, Bbr
from core.base.congestion import AckSample, Cubic
from core.streaming.recovery import TIMEOUTS_PERSISTENT, Recovery, RoundTrip


def sent(recovery: Recovery, count: int, now: float) -> None:
    burst = recovery.begin_burst(now)
    for _ in range(count):
        recovery.in_flight[recovery.next_sequence] = burst
        recovery.payloads[recovery.next_sequence] = b""
        recovery.next_sequence += 1


def new(smoothed: float = 0.1) -> Recovery:
    return Recovery(Cubic(10, 512), RoundTrip(smoothed, 0.01))


def test_cumulative_and_selective_acks() -> None:
    recovery = new()
    sent(recovery, 10, 0.0)
    assert recovery.on_ack(2, (), 0.1) == 3
    assert recovery.on_ack(7, (4, 6), 0.1) == 3
    assert recovery.lowest_unacked == 4
    assert sorted(recovery.in_flight) == [4, 6, 8, 9]
    # A cumulative-only ack of an older state (as on data packets of i2pd) changes nothing.
    assert recovery.on_ack(3, (), 0.1) == 0
    assert recovery.on_ack(7, (6,), 0.11) == 1
    assert recovery.on_ack(9, (), 0.12) == 3
    assert recovery.is_idle
    assert recovery.on_ack(9, (), 0.2) == 0


def test_acks_of_what_was_never_sent_are_ignored() -> None:
    recovery = new()
    sent(recovery, 3, 0.0)
    assert recovery.on_ack(3, (), 0.1) == 0
    assert recovery.on_ack(0xFFFFFFFF, (0,), 0.1) == 0
    assert len(recovery.in_flight) == 3


def test_three_later_packets_show_a_loss_at_once() -> None:
    recovery = new()
    sent(recovery, 5, 0.0)
    recovery.on_ack(4, (1,), 0.1)
    assert list(recovery.lost) == [1]


def test_fewer_wait_for_the_reordering_window() -> None:
    recovery = new()
    sent(recovery, 3, 0.0)
    recovery.on_ack(2, (1,), 0.1)
    assert not recovery.lost
    assert 0.1 < recovery.deadline < 0.2
    assert recovery.on_timer(recovery.deadline) is None
    assert list(recovery.lost) == [1]


def test_reordering_widens_the_window() -> None:
    recovery = new()
    sent(recovery, 8, 0.0)
    recovery.on_ack(3, (1, 2), 0.1)
    recovery.on_ack(3, (), 0.101)
    assert recovery.is_reordering_seen
    recovery.on_ack(7, (4,), 0.102)
    assert not recovery.lost


def test_spurious_losses_are_noticed() -> None:
    recovery = new()
    sent(recovery, 8, 0.0)
    recovery.on_ack(7, (2,), 0.1)
    assert 2 in recovery.lost
    recovery.on_ack(7, (), 0.105)
    assert recovery.spurious_total == 1
    assert recovery.is_idle


def test_losses_that_were_none_show_reordering() -> None:
    recovery = new()
    sent(recovery, 12, 0.0)
    recovery.on_ack(11, (2, 3, 4), 0.1)
    assert sorted(recovery.lost) == [2, 3, 4]
    recovery.on_ack(11, (), 0.12)
    assert recovery.is_reordering_seen
    sent(recovery, 12, 0.2)
    recovery.on_ack(23, (14,), 0.3)
    assert not recovery.lost


def test_first_copies_are_no_sign_of_a_shorter_path() -> None:
    recovery = new()
    sent(recovery, 40, 0.0)
    recovery.on_ack(0, (), 0.1)
    for sequence in range(1, 40):
        recovery.resend(sequence, recovery.begin_burst(0.11))
    for sequence in range(1, 40):
        recovery.on_ack(sequence, (), 0.111 + sequence * 0.0001)
    assert recovery.round_trip.minimum == 0.1
    assert recovery.spurious_total == 39


def test_a_first_ack_that_is_for_a_first_copy_is_no_round_trip() -> None:
    """Nothing was measured yet on this stream; the path is known from an earlier one."""
    recovery = new(1.0)
    sent(recovery, 1, 1000.0)
    recovery.resend(0, recovery.begin_burst(1003.0))
    assert recovery.on_ack(0, (), 1003.1) == 1
    assert recovery.spurious_total == 1
    assert recovery.round_trip.latest == recovery.round_trip.minimum == 1.0
    assert recovery.round_trip.timeout < 2


def test_probes_then_everything_is_given_up() -> None:
    recovery = new()
    sent(recovery, 5, 0.0)
    times = []
    probes = []
    for _ in range(TIMEOUTS_PERSISTENT):
        times.append(recovery.deadline)
        probe = recovery.on_timer(recovery.deadline)
        assert probe is not None
        probes.append(probe)
        if probe in recovery.in_flight:
            recovery.resend(probe, recovery.begin_burst(times[-1]))
    assert probes == [4, 0, 0]
    assert times[1] - times[0] < times[2] - times[1]
    assert sorted(recovery.lost) == [0, 1, 2, 3, 4]
    assert recovery.congestion.window == 4


def test_resent_packets_give_no_round_trip() -> None:
    recovery = Recovery(Cubic(10, 512), RoundTrip())
    sent(recovery, 1, 0.0)
    recovery.resend(0, recovery.begin_burst(3.0))
    recovery.on_ack(0, (), 3.2)
    assert recovery.round_trip.smoothed == 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 70), st.lists(st.integers(0, 70), max_size=8), st.booleans()),
        max_size=40,
    )
)
def test_any_acks_keep_the_books(acks: list[tuple[int, list[int], bool]]) -> None:
    recovery = Recovery(Bbr(12, 512), RoundTrip())
    now = 0.0
    for through, nacks, is_timer in acks:
        now += 0.01
        sent(recovery, 3, now)
        for sequence in sorted(recovery.lost)[:2]:
            recovery.resend(sequence, recovery.begin_burst(now))
        recovery.on_ack(through, nacks, now + 0.005)
        if is_timer and recovery.deadline:
            recovery.on_timer(max(now, recovery.deadline))
        assert not set(recovery.in_flight) & set(recovery.lost)
        assert set(recovery.payloads) == set(recovery.in_flight) | set(recovery.lost)
        outstanding = len(recovery.in_flight) + len(recovery.lost)
        assert recovery.delivered + outstanding == recovery.next_sequence
        assert recovery.lowest_unacked <= recovery.next_sequence


def test_bbr_learns_rate_and_delay() -> None:
    bbr = Bbr(12, 512)
    sample = AckSample()
    delivered = 0
    for step in range(400):
        sample.now = step * 0.01
        sample.acked = 5
        delivered += 5
        sample.delivered = delivered
        sample.delivered_before = max(0, delivered - 50)
        sample.rtt_s = 0.1
        sample.rate = 500.0
        sample.in_flight = 50
        bbr.on_ack(sample)
    assert bbr.bandwidth == 500.0
    assert 100 <= bbr.window <= 160
    bbr.limit(64)
    assert bbr.window == 64


@pytest.mark.parametrize("window_min", [4.0, 16.0])
def test_bbr_keeps_its_least_window_where_the_round_trip_says_that_nothing_fills_the_path(
    window_min: float,
) -> None:
    bbr = Bbr(10, 512, window_min=window_min)
    sample = AckSample(rtt_s=0.0003, in_flight=4)
    for step in range(200):
        sample.now = step * 0.025
        sample.acked = 4
        sample.delivered_before = sample.delivered
        sample.delivered += 4
        sample.rate = 160.0
        bbr.on_ack(sample)
    assert window_min <= bbr.window <= window_min + 8
    bbr.on_timeout(10.0)
    assert bbr.window == 4


class Rounds:
    """Round trips of 100 ms with a full window."""

    def __init__(self) -> None:
        self.bbr = Bbr(12, 4096)
        self.sample = AckSample(rtt_s=0.1)

    def go(self, rate: float, *, lost: int = 0) -> None:
        bbr, sample = self.bbr, self.sample
        sample.now += 0.1
        sample.acked = int(bbr.window) - lost
        sample.lost = lost
        sample.delivered_before = sample.delivered
        sample.delivered += sample.acked
        sample.rate = rate
        sample.in_flight = int(bbr.window)
        bbr.on_ack(sample)


def test_bbr_leaves_the_trusted_window_only_while_that_makes_it_faster() -> None:
    rounds = Rounds()
    for _ in range(30):
        rounds.go(5000.0)
    stuck = rounds.bbr.window
    assert WINDOW_TRUSTED <= stuck <= WINDOW_TRUSTED * WINDOW_STEP
    for step in range(12):
        rounds.go(6000.0 * 1.2**step)
    assert rounds.bbr.window > 4 * WINDOW_TRUSTED
    lossy = Rounds()
    for step in range(30):
        lossy.go(5000.0 * 1.2 ** (step / 3), lost=int(lossy.bbr.window * 0.05))
    assert lossy.bbr.window == WINDOW_TRUSTED


def test_bbr_takes_back_a_cap_for_losses_that_were_none() -> None:
    rounds = Rounds()
    for _ in range(12):
        rounds.go(5000.0)
    before = rounds.bbr.window
    for _ in range(3):
        rounds.go(3000.0, lost=int(rounds.bbr.window * 0.6))
    assert rounds.bbr.window < before / 2
    rounds.bbr.on_spurious_loss(1000)
    for _ in range(4):
        rounds.go(5000.0)
    assert rounds.bbr.window >= before * 0.9


def test_cubic_backs_off_and_returns() -> None:
    cubic = Cubic(10, 512)
    sample = AckSample(now=0.0, acked=10, rtt_s=0.1, delivered=10, delivered_before=0)
    for step in range(6):
        sample.now = step * 0.1
        sample.acked = int(cubic.window)
        sample.delivered_before = sample.delivered
        sample.delivered += sample.acked
        cubic.on_ack(sample)
    top = cubic.window
    assert top >= 300
    sample.lost = 1
    sample.delivered_before = sample.delivered
    cubic.on_ack(sample)
    assert cubic.window == top * Cubic.BETA
    cubic.on_spurious_loss(1)
    assert cubic.window == top
    cubic.on_timeout(1.0)
    assert cubic.window == 4
