"""The four tiers: what we measured of a router decides, fades, and outlives a restart."""

from __future__ import annotations

from hashlib import sha256

import pytest

from core.peers.book import TIER_FACTOR, PeerBook
from core.peers.record import RECORD_BYTES, RECORD_BYTES_BEFORE
from core.peers.tiers import FAST_MAX, HIGH_CAPACITY_MAX, INTERVAL_S, Tier

WALL_S = 1_700_000_000.0
FAST, SLOW, BUSY, LOSING, SILENT, NEW = (bytes((n,)) * 32 for n in range(6))


def experienced() -> PeerBook:
    book = PeerBook()
    for n in range(8):
        now = n * 30.0
        book.note_build([FAST], [0], now)
        book.note_test([FAST], 0.1, now)
        book.note_build([SLOW], [0], now)
        book.note_test([SLOW], 2.0, now)
        book.note_build([BUSY], [30 if n % 2 else 0], now)
        book.note_build([LOSING], None, now)
        book.note_build([SILENT], [0], now)
    book.note_silent(SILENT, 210)
    return book


def tiers(book: PeerBook, now: float) -> list[Tier]:
    return [book.tier(one, now) for one in (FAST, SLOW, BUSY, LOSING, SILENT, NEW)]


def test_by_builds_tests_and_silence() -> None:
    assert tiers(experienced(), 211) == [
        Tier.FAST,
        Tier.HIGH_CAPACITY,
        Tier.NOT_FAILING,
        Tier.FAILING,
        Tier.FAILING,
        Tier.NOT_FAILING,
    ]


def test_what_a_router_has_carried_makes_it_fast() -> None:
    book = experienced()
    book.note_carried([SLOW], 300_000.0, 211)
    assert tiers(book, 211)[:2] == [Tier.HIGH_CAPACITY, Tier.FAST]
    book.note_carried([FAST], 200_000.0, 211)
    assert tiers(book, 211 + INTERVAL_S)[:2] == [Tier.FAST, Tier.HIGH_CAPACITY]


def test_tiers_fade() -> None:
    book = experienced()
    assert book.tier(FAST, 211) is Tier.FAST
    assert book.tier(FAST, 211 + 3600) is Tier.FAST
    assert book.tier(FAST, 211 + 4 * 3600) is Tier.NOT_FAILING, "nothing is known of today"
    record = book.record(FAST)
    assert record is not None
    record.note_carried(80_000.0, 20_000)
    record.fade(20_000 + 12 * 3600)
    assert 19_000 < record.carried_bytes_s < 21_000, "two half-lives"


def test_tiers_outlive_a_restart() -> None:
    book = experienced()
    book.note_carried([SLOW], 300_000.0, 211)
    restored = PeerBook()
    restored.load(book.dump(212, WALL_S), 5, WALL_S + 60)
    assert [restored.tier(one, 5) for one in (FAST, SLOW, BUSY)] == tiers(book, 212)[:3]


@pytest.mark.parametrize(("version", "kept"), [(1, RECORD_BYTES_BEFORE), (2, RECORD_BYTES)])
def test_records_of_earlier_versions_are_read(version: int, kept: int) -> None:
    data = experienced().dump(212, WALL_S)[:-32]
    header = len(b"I2P peer records 3\n") + 8
    step = 32 + 1 + RECORD_BYTES
    records = [data[at : at + step] for at in range(header, len(data), step)]
    before = b"I2P peer records %d\n" % version + data[header - 8 : header]
    before += b"".join(one[:32] + one[33 : 33 + kept] for one in records)
    restored = PeerBook()
    assert restored.load(before + sha256(before).digest(), 5, WALL_S) == len(records) == 5
    assert restored.tier(FAST, 5) is Tier.FAST
    assert not restored.served


def test_the_upper_tiers_are_bounded() -> None:
    book = PeerBook()
    routers = [n.to_bytes(32, "big") for n in range(400)]
    for router in routers:
        book.note_build([router], [0], 1)
        book.note_test([router], 0.2, 1)
    found = [book.tier(router, 2) for router in routers]
    assert found.count(Tier.FAST) == FAST_MAX
    assert found.count(Tier.HIGH_CAPACITY) == HIGH_CAPACITY_MAX - FAST_MAX
    counts = book.tier_counts(2)
    assert counts == {"fast": 75, "high_capacity": 75, "not_failing": 250, "failing": 0}


def test_who_is_in_a_better_tier_is_chosen_more_often() -> None:
    book = experienced()
    fast, slow, busy, losing = (book.weight(one, 211) for one in (FAST, SLOW, BUSY, LOSING))
    assert fast > 5 * max(slow, busy)
    assert min(slow, busy) > 10 * losing
    factors = [TIER_FACTOR[tier] for tier in Tier]
    assert factors == sorted(factors)
