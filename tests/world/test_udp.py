"""Datagram ways: what is lost, late, twice or in another order, and what is in the way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.world import LinkModel, World
from tests.support.world.udp import REORDERED_LATER_S, UdpSocket

COUNT = 2000
ALICE, BOB = "11.0.0.1", "12.0.0.1"


def pair(seed: object = 1, **model: Any) -> tuple[World, UdpSocket, UdpSocket]:
    """A world with two public hosts, and a socket on each."""
    world = World(seed, ways=LinkModel(**model))
    return world, world.udp.host(ALICE).bind(1), world.udp.host(BOB).bind(2)


def sent(world: World, alice: UdpSocket, bob: UdpSocket, gap_s: float = 0.002) -> list[int]:
    """What arrives of COUNT numbered datagrams, in that order."""
    for number in range(COUNT):
        alice.send(number.to_bytes(4, "big"), bob.address)
        world.run(gap_s)
    world.run(1)
    assert all(source == alice.address for _, source in bob.received)
    return [int.from_bytes(data, "big") for data, _ in bob.received]


def test_a_good_way_is_only_late() -> None:
    world, alice, bob = pair(delay_s=0.05)
    alice.send(b"hello", bob.address)
    world.run(0.049)
    assert not bob.received
    world.run(0.002)
    assert list(bob.received) == [(b"hello", alice.address)]
    assert sent(*pair(delay_s=0.05)) == list(range(COUNT))


def test_loss_takes_that_part() -> None:
    world, alice, bob = pair(loss=0.1)
    arrived = sent(world, alice, bob)
    assert len(arrived) == pytest.approx(0.9 * COUNT, rel=0.05)
    assert arrived == sorted(set(arrived))
    assert world.udp.dropped["lost"] == COUNT - len(arrived)


def test_some_arrive_twice() -> None:
    arrived = sent(*pair(duplicate=0.1))
    assert set(arrived) == set(range(COUNT))
    assert len(arrived) == pytest.approx(1.1 * COUNT, rel=0.05)


def test_some_are_overtaken() -> None:
    arrived = sent(*pair(reorder=0.1))
    assert sorted(arrived) == list(range(COUNT))
    late = sum(number < newest for number, newest in zip(arrived, _maxima(arrived), strict=True))
    assert late == pytest.approx(0.1 * COUNT, rel=0.3)
    assert REORDERED_LATER_S > 0.002


def _maxima(numbers: list[int]) -> list[int]:
    return [max(numbers[: index + 1]) for index in range(len(numbers))]


def test_jitter_alone_overtakes_too() -> None:
    arrived = sent(*pair(jitter_s=0.02))
    assert sorted(arrived) == list(range(COUNT))
    assert arrived != sorted(arrived)


def test_a_narrow_way_queues_and_then_drops() -> None:
    world, alice, bob = pair(bytes_s=10_000, queue_s=0.5, delay_s=0.0)
    for _ in range(20):
        alice.send(bytes(972), bob.address)  # 1000 bytes with headers: a tenth of a second each
    world.run(0.305)
    assert len(bob.received) == 3
    world.run(10)
    assert len(bob.received) == 6
    assert world.udp.dropped["queue full"] == 14


def test_what_is_too_large_does_not_pass() -> None:
    world, alice, bob = pair(mtu=1280)
    alice.send(bytes(1252), bob.address)
    alice.send(bytes(1253), bob.address)
    world.run(1)
    assert [len(data) for data, _ in bob.received] == [1252]
    assert world.udp.dropped["too large"] == 1


def test_nothing_passes_a_cut_until_it_heals() -> None:
    world, alice, bob = pair()
    world.ways.cut([ALICE])
    alice.send(b"1", bob.address)
    bob.send(b"2", alice.address)
    world.run(1)
    world.ways.heal()
    alice.send(b"3", bob.address)
    world.run(1)
    assert [data for data, _ in bob.received] == [b"3"]
    assert not alice.received


def test_one_direction_may_be_worse() -> None:
    world, alice, bob = pair()
    world.ways.set_pair(ALICE, BOB, LinkModel(loss=1.0))
    alice.send(b"1", bob.address)
    bob.send(b"2", alice.address)
    world.run(1)
    assert not bob.received and len(alice.received) == 1


def test_nobody_there() -> None:
    world, alice, _ = pair()
    alice.send(b"1", (BOB, 3))
    alice.send(b"1", ("13.0.0.1", 3))
    world.run(1)
    assert (world.udp.dropped["no socket"], world.udp.dropped["no host"]) == (1, 1)


def test_the_seed_decides() -> None:
    model: dict[str, Any] = {"loss": 0.2, "jitter_s": 0.01, "duplicate": 0.1, "reorder": 0.1}
    assert sent(*pair(7, **model)) == sent(*pair(7, **model)) != sent(*pair(8, **model))
