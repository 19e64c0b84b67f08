"""Loss detection, timeouts and what the controller is told."""

from __future__ import annotations

import pytest

from core.base.rtt import RttEstimator
from core.transport.ssu2.congestion import WINDOW_INITIAL, cubic
from core.transport.ssu2.path_mtu import FALLBACK_S, LOSSES_MAX, PROBE_AGAIN_S, PROBES_MAX, PathMtu
from core.transport.ssu2.recovery import (
    LOST_MAX,
    PROBES,
    SILENCE_MAX_S,
    TIMEOUT_INITIAL_S,
    TIMEOUT_MAX_S,
    TIMEOUT_MIN_S,
    Recovery,
    SentPacket,
)

START = 1000.0


class Sender:
    """A recovery with packets of numbers from 0 on."""

    def __init__(self, rtt_s: float = 0.1) -> None:
        self.recovery = Recovery(cubic(rtt_s), RttEstimator(rtt_s), PathMtu(1500, False, START))
        self.number = 0

    def send(self, count: int, now: float, size: int = 1000) -> None:
        burst = self.recovery.begin_burst(now)
        for _ in range(count):
            content = b"%d" % self.number
            self.recovery.in_flight[self.number] = SentPacket(burst, content, size, None)
            self.number += 1

    def resent(self) -> list[int]:
        return [int(packet.content) for packet in self.recovery.resend]


def test_three_packets_behind_is_lost_and_two_is_not() -> None:
    sender = Sender()
    sender.send(5, START)
    assert sender.recovery.on_ack([(2, 2)], START + 0.1) == 1
    assert sender.resent() == []
    assert sender.recovery.on_ack([(3, 3)], START + 0.1) == 1
    assert sender.resent() == [0]
    assert list(sender.recovery.in_flight) == [1, 4]


def test_a_packet_is_lost_an_eighth_of_a_round_trip_later() -> None:
    sender = Sender()
    sender.send(2, START)
    sender.recovery.on_ack([(1, 1)], START + 0.1)
    assert sender.recovery.deadline == pytest.approx(START + 0.1125)
    sender.recovery.on_timer(START + 0.11)
    assert sender.resent() == []
    sender.recovery.on_timer(START + 0.1125)
    assert sender.resent() == [0]
    assert sender.recovery.congestion.window < WINDOW_INITIAL


def test_what_arrives_late_is_not_sent_again_and_teaches_patience() -> None:
    sender = Sender()
    sender.send(20, START)
    sender.recovery.on_ack([(10, 10)], START + 0.1)
    assert len(sender.resent()) == 8
    window = sender.recovery.congestion.window
    assert sender.recovery.on_ack([(0, 10)], START + 0.101) == 10
    assert [packet.content for packet in sender.recovery.resend] == [b""] * 8
    assert sender.recovery.spurious_total == 8
    assert sender.recovery.congestion.window > window
    sender.send(20, START + 0.2)
    sender.recovery.on_ack([(30, 30)], START + 0.3)
    assert sender.recovery.lost_total == 8 + 9  # 11 to 19 were overdue for long


def test_acks_of_several_runs_take_what_they_name() -> None:
    sender = Sender()
    sender.send(10, START)
    assert sender.recovery.on_ack([(8, 9), (5, 6), (0, 1)], START + 0.1) == 6
    assert sorted([*sender.recovery.in_flight, *sender.recovery.lost]) == [2, 3, 4, 7]
    assert sender.recovery.on_ack([(8, 9), (5, 6), (0, 1)], START + 0.2) == 0


def test_only_a_new_highest_number_gives_a_round_trip() -> None:
    sender = Sender(rtt_s=0.0)
    assert sender.recovery.timeout_s == TIMEOUT_INITIAL_S
    sender.send(3, START)
    sender.recovery.on_ack([(2, 2)], START + 0.2)
    assert sender.recovery.round_trip.latest == pytest.approx(0.2)
    sender.recovery.on_ack([(0, 2)], START + 0.9)
    assert sender.recovery.round_trip.latest == pytest.approx(0.2)


def test_timeouts_ask_with_the_oldest_and_wait_ever_longer() -> None:
    sender = Sender()
    sender.send(4, START)
    recovery = sender.recovery
    waits, now = [], START
    for _ in range(7):
        waits.append(recovery.deadline - now)
        now = recovery.deadline
        recovery.on_timer(now)
        assert recovery.probes == PROBES
        assert sender.resent()
        recovery.resend.clear()
        sender.send(2, now)
    assert waits[0] >= TIMEOUT_MIN_S
    assert waits[1] == pytest.approx(2 * waits[0])
    assert waits[-1] == TIMEOUT_MAX_S
    assert recovery.congestion.window == WINDOW_INITIAL, "a timeout alone is no sign of congestion"


def test_a_silence_of_many_timeouts_is_the_end() -> None:
    sender = Sender()
    sender.send(1, START)
    recovery = sender.recovery
    now = START
    while not recovery.is_given_up(now):
        now = recovery.deadline
        recovery.on_timer(now)
        sender.send(1, now)
        assert now < START + 100
    assert recovery.timeouts >= 6
    assert now - START >= SILENCE_MAX_S


def test_a_silence_in_which_all_was_lost_is_persistent_congestion() -> None:
    sender = Sender()
    sender.send(10, START)
    recovery = sender.recovery
    for _ in range(2):
        now = recovery.deadline
        recovery.on_timer(now)
        sender.send(2, now)
    recovery.on_ack([(13, 13)], now + 0.1)
    assert recovery.congestion.window <= 4 + 1
    assert recovery.timeouts == 0


def test_a_silence_after_which_the_first_packets_prove_to_have_arrived_is_none() -> None:
    sender = Sender()
    sender.send(10, START)
    recovery = sender.recovery
    for _ in range(2):
        now = recovery.deadline
        recovery.on_timer(now)
        sender.send(2, now)
    recovery.on_ack([(0, 13)], now + 0.1)
    assert recovery.congestion.window >= WINDOW_INITIAL


def test_lost_packets_are_remembered_up_to_a_bound() -> None:
    sender = Sender()
    sender.send(LOST_MAX + 100, START)
    sender.recovery.on_ack([(LOST_MAX + 99, LOST_MAX + 99)], START + 0.1)
    assert len(sender.recovery.lost) == LOST_MAX
    assert len(sender.recovery.resend) == LOST_MAX + 97


def test_a_mark_of_congestion_counts_like_a_loss() -> None:
    sender = Sender()
    sender.send(5, START)
    sender.recovery.on_congestion_mark(START + 0.05)
    assert sender.recovery.congestion.window == pytest.approx(7)
    assert sender.resent() == []


# Path MTU


def test_a_larger_packet_is_tried_once_at_a_time_and_used_when_it_arrives() -> None:
    mtu = PathMtu(1500, False, START)
    assert (mtu.payload_max, mtu.probe_size(START)) == (1220, 1440)
    assert mtu.probe_size(START) == 0
    assert mtu.on_lost(1440, START)
    assert mtu.probe_size(START) == 1440
    mtu.on_acked(1440)
    assert (mtu.payload_max, mtu.is_searching) == (1440, False)


def test_probes_that_are_lost_are_not_repeated_for_long() -> None:
    mtu = PathMtu(1500, True, START)
    for _ in range(PROBES_MAX):
        assert mtu.probe_size(START) == 1420
        assert mtu.on_lost(1420, START)
    assert mtu.probe_size(START + PROBE_AGAIN_S - 1) == 0
    assert mtu.probe_size(START + PROBE_AGAIN_S) == 1420


def test_losses_of_large_packets_alone_are_a_black_hole() -> None:
    mtu = PathMtu(1500, False, START)
    mtu.probe_size(START)
    mtu.on_acked(1440)
    for _ in range(LOSSES_MAX - 1):
        assert not mtu.on_lost(1440, START)
    mtu.on_acked(1300)
    for _ in range(LOSSES_MAX - 1):
        mtu.on_lost(1440, START)
        mtu.on_lost(100, START)
    assert mtu.payload_max == 1440
    mtu.on_lost(1440, START)
    assert (mtu.payload_max, mtu.black_holes) == (1220, 1)
    assert mtu.probe_size(START + 1) == 0


def test_timeouts_with_large_packets_fall_back_and_try_again_later() -> None:
    mtu = PathMtu(1500, False, START)
    mtu.probe_size(START)
    mtu.on_acked(1440)
    mtu.on_timeout(1, START)
    assert mtu.payload_max == 1440
    mtu.on_timeout(2, START)
    assert mtu.payload_max == 1220
    assert mtu.probe_size(START + FALLBACK_S - 1) == 0
    assert mtu.probe_size(START + FALLBACK_S) == 1440
