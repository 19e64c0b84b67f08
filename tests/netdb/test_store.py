"""Admission, limits and expiry of RouterInfos."""

from __future__ import annotations

from collections import Counter

import pytest

from core.crypto.signing import SigningKey, SigningType
from core.data.family import RouterFamily
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.netdb.ports import NetDbConfig
from core.netdb.store import RouterStore, Verdict
from tests.support.deterministic import SeededEntropy
from tests.support.netdb_network import NETWORK_ID, WALL_START, build_router_info

NOW_MS = int(WALL_START * 1000)
ENTROPY = SeededEntropy("store")
KEYS = [PrivateKeys.generate_router(ENTROPY) for _ in range(12)]


def make_store(**options: int | bool) -> RouterStore:
    config = NetDbConfig(network_id=NETWORK_ID, **options)  # type: ignore[arg-type]
    return RouterStore(b"o" * 32, config, SeededEntropy(1))


def fake(info: RouterInfo, number: int, published_ms: int) -> RouterInfo:
    """Another router, without the cost of a signature."""
    raw = bytearray(info.identity.raw)
    raw[32:36] = number.to_bytes(4, "big")
    body = bytes(raw) + published_ms.to_bytes(8, "big") + info.raw[len(raw) + 8 :]
    return RouterInfo.parse(body)


def test_new_newer_known() -> None:
    store = make_store()
    first = build_router_info(KEYS[0], NOW_MS - 5000)
    second = build_router_info(KEYS[0], NOW_MS - 4000)
    assert store.add(first, WALL_START) is Verdict.NEW
    assert store.add(first, WALL_START) is Verdict.KNOWN
    assert store.add(second, WALL_START) is Verdict.NEWER
    assert store.add(first, WALL_START) is Verdict.KNOWN
    assert store.get(first.hash) == second
    assert len(store) == 1
    assert store.take_changes().stored == [second]
    assert store.take_changes().stored == []
    store.remove(first.hash)
    assert store.take_changes().removed == [first.hash]


@pytest.mark.parametrize(
    ("published_ms", "network_id", "verdict"),
    [
        (NOW_MS + 121_000, NETWORK_ID, Verdict.FROM_FUTURE),
        (NOW_MS + 119_000, NETWORK_ID, Verdict.NEW),
        (NOW_MS - 27 * 3600_000 - 1, NETWORK_ID, Verdict.TOO_OLD),
        (NOW_MS - 26 * 3600_000, NETWORK_ID, Verdict.NEW),
        (NOW_MS, 2, Verdict.FOREIGN_NETWORK),
    ],
)
def test_age_and_network(published_ms: int, network_id: int, verdict: Verdict) -> None:
    store = make_store()
    info = build_router_info(KEYS[0], published_ms, network_id=network_id)
    assert store.add(info, WALL_START) is verdict
    assert (info.hash in store) == verdict.is_stored


def test_signature_is_checked() -> None:
    store = make_store()
    info = build_router_info(KEYS[0], NOW_MS)
    forged = RouterInfo.parse(info.raw[:-1] + bytes([info.raw[-1] ^ 1]))
    assert store.add(forged, WALL_START) is Verdict.BAD_SIGNATURE
    assert len(store) == 0
    assert store.counts[Verdict.BAD_SIGNATURE] == 1


def test_who_claims_a_family_that_has_not_signed_for_it_is_not_kept() -> None:
    store = make_store()
    key = SigningKey.generate(SeededEntropy("family"), SigningType.ED25519)
    options = {"caps": "XR", "netId": str(NETWORK_ID), "router.version": "0.9.67"}
    for keys, of, verdict in (
        (KEYS[0], KEYS[1], Verdict.BAD_FAMILY),
        (KEYS[1], KEYS[1], Verdict.NEW),
    ):
        claimed = options | RouterFamily("example", key).options(of.hash)
        assert store.add(RouterInfo.build(keys, NOW_MS, [], claimed), WALL_START) is verdict
    assert len(store) == 1


def test_own_router_info_is_not_kept() -> None:
    info = build_router_info(KEYS[0], NOW_MS)
    store = RouterStore(info.hash, NetDbConfig(network_id=NETWORK_ID), SeededEntropy(1))
    assert store.add(info, WALL_START) is Verdict.OWN


@pytest.mark.parametrize(
    ("options", "usable"),
    [
        ({"floodfill": True}, True),
        ({"floodfill": False}, False),
        ({"caps": "XfU"}, False),
        ({"caps": "XfH"}, False),
        ({"floodfill": True, "version": "0.9.61"}, False),
        ({"floodfill": True, "version": "0.9.62"}, True),
        ({"floodfill": True, "version": "0.9.100"}, True),
    ],
)
def test_who_counts_as_floodfill(options: dict[str, object], usable: bool) -> None:
    store = make_store()
    info = build_router_info(KEYS[0], NOW_MS, **options)  # type: ignore[arg-type]
    store.add(info, WALL_START)
    assert store.floodfill_count == usable
    assert bool(store.closest_floodfills(b"k" * 32, 3, (), WALL_START)) == usable


def test_a_router_that_stops_being_floodfill_leaves_the_table() -> None:
    store = make_store()
    store.add(build_router_info(KEYS[0], NOW_MS, floodfill=True), WALL_START)
    store.add(build_router_info(KEYS[0], NOW_MS + 1), WALL_START)
    assert store.floodfill_count == 0


def test_invented_floodfills_need_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.netdb.store.FLOODFILLS_PROVEN_MIN", 2)
    store = make_store()
    infos = [build_router_info(keys, NOW_MS, floodfill=True) for keys in KEYS[:4]]
    for info in infos:
        store.add(info, WALL_START)
    assert store.floodfill_count == 2
    store.prove(infos[3].hash)
    store.prove(b"unknown")
    assert store.floodfill_count == 3
    assert infos[3] in store.closest_floodfills(b"k" * 32, 9, (), WALL_START)


def test_full_store_drops_old_ones_first() -> None:
    store = make_store(routers_max=50)
    template = build_router_info(KEYS[0], NOW_MS)
    ages = [max(0, n - 44) * 3600_000 for n in range(50)]
    store.load([fake(template, n, NOW_MS - age) for n, age in enumerate(ages)], WALL_START)
    assert len(store) == 50
    for keys in KEYS[1:6]:
        assert store.add(build_router_info(keys, NOW_MS), WALL_START) is Verdict.NEW
    assert len(store) == 50
    assert store.evicted == 5
    # All but two were in the sample, so nearly all that are older than an hour went.
    assert sum(info.published_ms < NOW_MS for info in store.routers()) <= 1
    assert len(store.take_changes().removed) == 5


def flooded(store: RouterStore, count: int) -> None:
    """Routers that somebody invents, each newer than the one before."""
    template = build_router_info(KEYS[0], NOW_MS)
    for number in range(count):
        store._put(fake(template, 1_000_000 + number, NOW_MS + number))


def test_invented_routers_make_no_proven_one_leave() -> None:
    store = make_store(routers_max=300)
    template = build_router_info(KEYS[0], NOW_MS)
    known = [fake(template, n, NOW_MS - n * 60_000) for n in range(200)]
    proven = {info.hash for info in known[:100]}
    store.load(known, WALL_START, proven)
    flooded(store, 1000)
    assert len(store) == 300
    assert all(router_hash in store for router_hash in proven)
    assert not store.take_changes().proven
    # What is proven later is told to the disk; who is removed is proven no more.
    last = next(info for info in store.routers() if info.hash not in proven)
    store.prove(last.hash)
    assert store.take_changes().proven == [last.hash]
    store.remove(last.hash)
    assert not store.is_proven(last.hash)


def test_a_stranger_finds_no_room_among_proven_ones() -> None:
    store = make_store(routers_max=40)
    template = build_router_info(KEYS[0], NOW_MS)
    known = [fake(template, n, NOW_MS) for n in range(40)]
    store.load(known, WALL_START, {info.hash for info in known})
    assert store.add(build_router_info(KEYS[1], NOW_MS), WALL_START) is Verdict.NO_ROOM
    newer = fake(template, 3, NOW_MS + 1)
    assert store._put(newer)
    assert store.get(newer.hash) == newer


def test_those_invented_now_do_not_drive_out_all_that_are_older() -> None:
    store = make_store(routers_max=200)
    template = build_router_info(KEYS[0], NOW_MS)
    known = [fake(template, n, NOW_MS - n * 1000) for n in range(200)]
    store.load(known, WALL_START)
    flooded(store, 200)
    assert sum(info.hash in store for info in known) > 50


def test_expiry_is_patient_and_keeps_a_minimum() -> None:
    store = make_store()
    template = build_router_info(KEYS[0], NOW_MS)
    hour = 3600_000
    store.load([fake(template, n, NOW_MS - 26 * hour) for n in range(100)], WALL_START)
    assert store.expire(WALL_START, 60.0, lambda _: False) == 0
    assert store.expire(WALL_START, 700.0, lambda _: True) == 0
    assert store.expire(WALL_START, 700.0, lambda _: False) == 10
    assert len(store) == 90
    assert store.expire(WALL_START + 86_400, 90_000.0, lambda _: False) == 0


def test_floodfill_forgets_after_an_hour() -> None:
    store = make_store(is_floodfill=True)
    template = build_router_info(KEYS[0], NOW_MS)
    store.load([fake(template, n, NOW_MS - 2 * 3600_000) for n in range(200)], WALL_START)
    assert store.expire(WALL_START, 3000.0, lambda _: False) == 0
    assert store.expire(WALL_START, 4000.0, lambda _: False) == 110


def test_load_trusts_the_disk_but_not_blindly() -> None:
    store = make_store()
    good = build_router_info(KEYS[0], NOW_MS - 86_400_000 * 5)
    ancient = build_router_info(KEYS[1], NOW_MS - 86_400_000 * 31)
    foreign = build_router_info(KEYS[2], NOW_MS, network_id=2)
    assert store.load([good, ancient, foreign, good], WALL_START) == 1
    assert store.take_changes().stored == []


def test_random_choice_is_uniform_and_without_repeats() -> None:
    store = make_store()
    template = build_router_info(KEYS[0], NOW_MS)
    infos = [fake(template, n, NOW_MS) for n in range(20)]
    store.load(infos, WALL_START)
    seen: Counter[bytes] = Counter()
    for _ in range(400):
        chosen = store.random_routers(3)
        assert len({info.hash for info in chosen}) == 3
        seen.update(info.hash for info in chosen)
    assert len(seen) == 20
    assert min(seen.values()) > 30
    even = {info.hash for index, info in enumerate(infos) if index % 2}
    assert {i.hash for i in store.random_routers(15, lambda r: r.hash in even)} == even
    assert store.random_routers(0) == []
    for info in infos[:19]:
        store.remove(info.hash)
    assert store.random_routers(5) == [infos[19]]
    store.remove(infos[19].hash)
    assert store.random_routers(5) == []


def test_exploration_answers_name_no_floodfills() -> None:
    store = make_store()
    infos = [build_router_info(keys, NOW_MS, floodfill=not n % 3) for n, keys in enumerate(KEYS)]
    for info in infos:
        store.add(info, WALL_START)
    plain = {info.hash for info in infos if not info.is_floodfill}
    skipped = next(iter(plain))
    answer = store.closest_others(b"k" * 32, 16, [skipped], WALL_START)
    assert set(answer) == plain - {skipped}
