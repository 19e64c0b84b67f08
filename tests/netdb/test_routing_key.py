"""The daily routing key and distances."""

from __future__ import annotations

import hashlib
from itertools import islice

from core.netdb.routing_key import (
    Keyspace,
    closest,
    day_number,
    day_text,
    distance,
    is_next_day_near,
    routing_key,
    seconds_to_midnight,
)
from tests.support.deterministic import SeededEntropy

MIDNIGHT = 1_700_006_400  # 2023-11-15 00:00:00 UTC


def test_day_changes_at_utc_midnight() -> None:
    assert day_text(day_number(MIDNIGHT - 0.5)) == b"20231114"
    assert day_text(day_number(MIDNIGHT)) == b"20231115"
    assert day_text(day_number(0)) == b"19700101"


def test_routing_key_is_the_hash_of_key_and_date() -> None:
    key = bytes(range(32))
    expected = hashlib.sha256(key + b"20231115").digest()
    assert routing_key(key, day_number(MIDNIGHT + 3600)) == expected
    assert routing_key(key, day_number(MIDNIGHT - 1)) != expected


def test_closest_is_sorted_by_xor() -> None:
    target = b"\0" * 32
    hashes = [bytes([n]) + bytes(31) for n in (9, 3, 200, 1)]
    assert closest(target, hashes, 3) == [bytes([n]) + bytes(31) for n in (1, 3, 9)]
    assert closest(target, hashes, 0) == []
    assert closest(target, [], 3) == []
    assert distance(b"\1" + bytes(31), b"\3" + bytes(31)) == 2 << 248


def test_next_day_is_near_earlier_for_routers() -> None:
    assert seconds_to_midnight(MIDNIGHT - 60) == 60
    assert seconds_to_midnight(MIDNIGHT) == 86_400
    assert is_next_day_near(MIDNIGHT - 44 * 60, is_lease_set=False)
    assert not is_next_day_near(MIDNIGHT - 44 * 60, is_lease_set=True)
    assert is_next_day_near(MIDNIGHT - 9 * 60, is_lease_set=True)
    assert not is_next_day_near(MIDNIGHT, is_lease_set=False)


def test_a_keyspace_finds_the_nearest_in_order() -> None:
    entropy = SeededEntropy("keyspace")
    hashes = [entropy.random_bytes(32) for _ in range(100)]
    # Some that agree in many bits.
    hashes += [hashes[0][:31] + bytes((number,)) for number in range(0, 256, 25)]
    space = Keyspace()
    assert list(space.nearest(hashes[0])) == []
    for value in (*hashes, *hashes[:5]):
        space.add(value)
    assert len(space) == len(set(hashes)) == len(list(space))
    for target in (hashes[0], hashes[50], bytes(32), entropy.random_bytes(32)):
        assert list(space.nearest(target)) == closest(target, set(hashes), len(space))
        assert list(islice(space.nearest(target), 3)) == closest(target, set(hashes), 3)
    space.discard(hashes[3])
    space.discard(b"unknown".ljust(32))
    assert hashes[3] not in space
    assert hashes[4] in space
