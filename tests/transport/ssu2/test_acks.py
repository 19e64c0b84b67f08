"""Received packet numbers, the ACK block and when it leaves."""

from __future__ import annotations

import random

import pytest

from core.transport.ssu2.acks import (
    DELAY_MAX_S,
    DELAY_MIN_S,
    DELAY_UNKNOWN_S,
    DEPTH_PACKETS,
    PACKETS_PER_ACK,
    RANGES_MAX,
    WINDOW_PACKETS,
    ReceivedPackets,
)
from core.transport.ssu2.data_blocks import Ack

NOW = 1000.0


def received(*numbers: int) -> ReceivedPackets:
    packets = ReceivedPackets()
    for number in numbers:
        assert not packets.is_duplicate(number)
        packets.record(number, True, False, NOW)
    return packets


def numbers_of(block: bytes) -> set[int]:
    assert block[0] == 12
    assert int.from_bytes(block[1:3], "big") == len(block) - 3
    return {n for first, last in Ack.parse(block[3:]).intervals() for n in range(first, last + 1)}


@pytest.mark.parametrize(
    ("numbers", "block"),
    [
        # The examples of the specification.
        ([10], "0c0005 0000000a 00"),
        ([8, 9, 10], "0c0005 0000000a 02"),
        ([10, 9, 8, 6, 5, 2, 1, 0], "0c0009 0000000a 02 0102 0203"),
        ([0], "0c0005 00000000 00"),
        (list(range(400)), "0c0007 0000018f ff 0090"),
        ([0, 300], "0c0009 0000012c 00 ff00 2c01"),
    ],
)
def test_block_is_as_the_specification_says(numbers: list[int], block: str) -> None:
    assert received(*numbers).block(1200) == bytes.fromhex(block)
    assert numbers_of(bytes.fromhex(block)) == set(numbers)


def test_nothing_received_is_no_block() -> None:
    assert ReceivedPackets().block(1200) == b""


def test_random_arrivals_are_told_exactly_within_the_depth() -> None:
    rand = random.Random(1)
    for _ in range(200):
        packets = ReceivedPackets()
        loss = rand.choice((0.01, 0.1, 0.5))
        start = rand.choice((0, 5000, 2**32 - 1300))
        arrived = {n for n in range(start, start + rand.randrange(1, 1200)) if rand.random() > loss}
        arrived.add(start)
        for number in sorted(arrived, key=lambda n: n + 5 * rand.random()):
            packets.record(number, True, False, NOW)
        told = numbers_of(packets.block(1200))
        assert told <= arrived
        assert max(told) == max(arrived)
        lowest = min(told)
        assert told == {n for n in arrived if n >= lowest}
        assert len(packets.block(1200)) <= 8 + 2 * RANGES_MAX
        assert max(told) - lowest < DEPTH_PACKETS


def test_a_block_that_has_little_room_leaves_out_the_oldest() -> None:
    packets = received(0, 2, 4, 6, 8)
    assert numbers_of(packets.block(13)) == {8, 6, 4}
    assert numbers_of(packets.block(12)) == {8, 6, 4}
    assert numbers_of(packets.block(9)) == {8}
    assert packets.block(7) == b""


def test_duplicates_are_found_also_far_back_and_after_a_leap() -> None:
    packets = received(0, 1, 5)
    assert packets.is_duplicate(5)
    assert packets.is_duplicate(0)
    assert not packets.is_duplicate(3)
    assert not packets.is_duplicate(6)
    packets.record(5 + WINDOW_PACKETS, True, False, NOW)
    assert packets.is_duplicate(5)
    assert not packets.is_duplicate(6)
    packets.record(2**32 - 1, True, False, NOW)
    assert packets.is_duplicate(6)
    assert numbers_of(packets.block(1200)) == {2**32 - 1}


def test_an_ack_waits_a_part_of_the_round_trip() -> None:
    packets = received(0, 1, 2)
    packets.told()
    packets.record(3, True, False, NOW)
    assert packets.due_at == NOW + DELAY_UNKNOWN_S
    packets.told()
    packets.set_round_trip(0.120)
    packets.record(4, True, False, NOW)
    assert packets.due_at == pytest.approx(NOW + 0.020)
    packets.record(5, True, False, NOW + 0.010)
    assert packets.due_at == pytest.approx(NOW + 0.020)
    for round_trip_s, delay_s in ((0.001, DELAY_MIN_S), (5.0, DELAY_MAX_S)):
        packets.set_round_trip(round_trip_s)
        assert packets.delay_s == delay_s


def test_an_ack_leaves_at_once_when_order_is_broken_or_it_is_asked_for() -> None:
    packets = received(*range(8))
    packets.told()
    packets.record(8, True, True, NOW)
    assert packets.due_at == NOW
    packets.told()
    for number in (10, 11, 12, 13):
        packets.record(number, True, False, NOW)
        assert packets.due_at == (NOW if number < 13 else NOW + packets.delay_s), number
        packets.told()
    packets.record(9, True, False, NOW)
    assert packets.due_at == NOW


def test_an_ack_leaves_with_some_packets() -> None:
    packets = received(0, 1, 2)
    packets.told()
    for number in range(3, 2 + PACKETS_PER_ACK):
        packets.record(number, True, False, NOW)
    assert packets.due_at > NOW
    packets.record(2 + PACKETS_PER_ACK, True, False, NOW)
    assert packets.due_at == NOW


def test_acks_alone_are_not_answered() -> None:
    packets = ReceivedPackets()
    for number in (0, 5, 3):
        packets.record(number, False, False, NOW)
    assert packets.due_at == 0.0
    assert numbers_of(packets.block(100)) == {0, 3, 5}


def test_what_the_peer_knows_is_not_told_again() -> None:
    packets = received(0, 2, 4)
    first = packets.told()
    packets.record(6, True, False, NOW)
    packets.peer_knows(first)
    assert numbers_of(packets.block(100)) == {6}
    packets.record(7, True, False, NOW)
    assert numbers_of(packets.block(100)) == {6, 7}


def test_what_came_late_is_told_until_the_peer_knows_it() -> None:
    packets = received(0, 2, 4)
    before = packets.told()
    packets.record(3, True, False, NOW)
    after = packets.told()
    packets.peer_knows(before)
    assert numbers_of(packets.block(100)) == {3, 4}
    packets.peer_knows(after)
    assert numbers_of(packets.block(100)) == {4}
