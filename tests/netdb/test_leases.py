"""Which lease sets are believed, and that the two worlds stay apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.data.lease_set import LeaseSet2
from core.data.lease_set_variants import AnyLeaseSet
from core.data.private_keys import PrivateKeys
from core.netdb.leases import RENEWED_MIN_MS, LeaseSets, LeaseSetTable, LeaseVerdict, judge
from tests.support.deterministic import SeededEntropy
from tests.support.netdb_network import WALL_START, build_lease_set

ENTROPY = SeededEntropy("leases")
KEYS = [PrivateKeys.generate_destination(ENTROPY) for _ in range(4)]
NOW_MS = int(WALL_START * 1000)


@pytest.mark.parametrize(
    ("start_s", "life_s", "verdict"),
    [
        (0, 600, LeaseVerdict.NEW),
        (-601, 600, LeaseVerdict.EXPIRED),
        (-300, 310, LeaseVerdict.NEW),
        (100, 600, LeaseVerdict.NEW),
        (130, 600, LeaseVerdict.FROM_FUTURE),
        (0, 17 * 60, LeaseVerdict.FROM_FUTURE),
    ],
)
def test_windows(start_s: float, life_s: float, verdict: LeaseVerdict) -> None:
    lease_set = build_lease_set(KEYS[0], WALL_START + start_s, life_s=life_s)
    assert judge(lease_set, None, NOW_MS) is verdict


def test_signature_and_novelty() -> None:
    old = build_lease_set(KEYS[0], WALL_START)
    new = build_lease_set(KEYS[0], WALL_START + 1)
    assert judge(new, old, NOW_MS) is LeaseVerdict.NEWER
    assert judge(old, new, NOW_MS) is LeaseVerdict.KNOWN
    assert judge(old, old, NOW_MS) is LeaseVerdict.KNOWN
    forged = LeaseSet2.parse(old.raw[:-1] + bytes([old.raw[-1] ^ 1]))
    assert judge(forged, None, NOW_MS) is LeaseVerdict.BAD_SIGNATURE


def test_a_lease_that_outlives_its_set_does_not_count() -> None:
    lease_set = build_lease_set(KEYS[0], WALL_START)
    far = replace(lease_set.leases[0], end_ms=NOW_MS + 3_600_000)
    assert judge(replace(lease_set, leases=(far,)), None, NOW_MS) is LeaseVerdict.FROM_FUTURE


def test_unpublished_is_not_served_and_takes_the_old_one_down() -> None:
    sets = LeaseSets(10, 10)
    assert sets.add_served(build_lease_set(KEYS[0], WALL_START), NOW_MS) is LeaseVerdict.NEW
    hidden = build_lease_set(KEYS[0], WALL_START + 1, unpublished=True)
    assert sets.add_served(hidden, NOW_MS) is LeaseVerdict.UNPUBLISHED
    assert len(sets.served) == 0
    assert sets.add_client(hidden, "me", NOW_MS) is LeaseVerdict.NEW


def test_worlds_are_separate() -> None:
    sets = LeaseSets(10, 10)
    lease_set = build_lease_set(KEYS[0], WALL_START)
    sets.add_client(lease_set, "a", NOW_MS)
    assert sets.get_client(lease_set.hash, "b", NOW_MS) is None
    assert sets.served.get(lease_set.hash) is None
    sets.add_served(build_lease_set(KEYS[1], WALL_START), NOW_MS)
    assert sets.get_client(KEYS[1].hash, "a", NOW_MS) is None
    sets.forget(lease_set.hash, "a")
    assert sets.get_client(lease_set.hash, "a", NOW_MS) is None
    sets.forget(lease_set.hash, "nobody")
    sets.forget_owner("nobody")


def test_what_ends_is_forgotten() -> None:
    sets = LeaseSets(10, 10)
    lease_set = build_lease_set(KEYS[0], WALL_START, life_s=60)
    sets.add_served(lease_set, NOW_MS)
    sets.add_client(lease_set, "a", NOW_MS)
    assert sets.get_client(lease_set.hash, "a", NOW_MS + 55_000) is None
    sets.expire(NOW_MS + 60_001)
    assert len(sets.served) == 0


def test_full_table_drops_what_ends_first() -> None:
    table = LeaseSetTable(2)
    long, short, third = (
        build_lease_set(keys, WALL_START, life_s=life_s)
        for keys, life_s in zip(KEYS, (600, 100, 300), strict=False)
    )
    for lease_set in (long, short, third):
        table.put(lease_set)
    assert table.get(short.hash) is None
    assert table.get(long.hash) == long
    assert len(table) == 2


def invented(number: int, published_s: float = WALL_START) -> AnyLeaseSet:
    """Another destination's, without the cost of a signature."""
    lease_set = build_lease_set(KEYS[0], published_s)
    raw = bytearray(lease_set.raw)
    raw[32:36] = number.to_bytes(4, "big")
    return LeaseSet2.parse(bytes(raw))


def remaining(table: LeaseSetTable, count: int) -> int:
    return sum(table.get(invented(number).hash) is not None for number in range(count))


def test_what_its_owner_publishes_again_outlives_a_flood() -> None:
    table = LeaseSetTable(200)
    for number in range(20):
        table.put(invented(number), b"link", wall_ms=NOW_MS)
    for number in range(20):
        renewed = invented(number, WALL_START + 60)
        table.put(renewed, b"another link", wall_ms=NOW_MS + RENEWED_MIN_MS)
    for number in range(1000):
        table.put(invented(1000 + number), b"flood", wall_ms=NOW_MS)
    assert len(table) == 200
    assert remaining(table, 20) == 20


def test_what_somebody_asked_for_outlives_a_flood() -> None:
    sets = LeaseSets(10, 100)
    for number in range(10):
        table = sets._clients.setdefault("me", LeaseSetTable(100))
        table.put(invented(number))
        assert sets.get_client(invented(number).hash, "me", NOW_MS) is not None
    for number in range(500):
        table.put(invented(1000 + number))
    assert remaining(table, 10) == 10
    # And so does, for itself, what was looked up.
    looked_up = build_lease_set(KEYS[1], WALL_START)
    sets.add_client(looked_up, "me", NOW_MS, is_wanted=True)
    for number in range(500):
        table.put(invented(2000 + number))
    assert table.get(looked_up.hash) == looked_up


def test_a_source_that_stores_much_gives_way_first() -> None:
    table = LeaseSetTable(200)
    for number in range(20):
        table.put(invented(number), number % 5, wall_ms=NOW_MS)
    for number in range(1000):
        table.put(invented(1000 + number), b"flood", wall_ms=NOW_MS)
    assert remaining(table, 20) == 20


def test_of_one_source_the_farthest_give_way() -> None:
    def far(key: bytes) -> int:
        return int.from_bytes(key, "big")

    table = LeaseSetTable(100, far)
    for number in range(1000):
        table.put(invented(number), b"flood")
    kept = [far(key) for key in table._table]
    lost = [far(invented(n).hash) for n in range(1000) if invented(n).hash not in table._table]
    assert sum(kept) / len(kept) < 0.3 * sum(lost) / len(lost)
