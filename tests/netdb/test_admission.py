"""New routers that nobody asked for: how many come in, in all and from one place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.netdb.admission import (
    BURST,
    NETWORK_MAX,
    PER_SECOND,
    PERIOD_S,
    SYSTEM_MAX,
    UNKNOWN_MAX,
    Admission,
)
from core.netdb.store import Verdict
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.netdb_network import NETWORK_ID, Network, build_router_info

NOW = 1_700_000_000.0
KEYS = PrivateKeys.generate_router(SeededEntropy("admission"))
KNOWN = 1000


def at(host: str) -> RouterInfo:
    return build_router_info(KEYS, int(NOW * 1000), host=host)


def everywhere() -> Iterator[RouterInfo]:
    """Each from a network of its own."""
    for first in range(11, 100):
        for second in range(256):
            yield at(f"{first}.{second}.1.1")


def admitted(admission: Admission, infos: Iterator[RouterInfo], count: int, known: int) -> int:
    return sum(admission.admits(next(infos), known, NOW) for _ in range(count))


def test_in_a_time_so_many_come_in() -> None:
    admission, infos = Admission(), everywhere()
    assert admitted(admission, infos, int(BURST) + 50, KNOWN) == BURST
    assert not admission.admits(next(infos), KNOWN, NOW)
    assert sum(admission.admits(next(infos), KNOWN, NOW + 100) for _ in range(500)) == (
        100 * PER_SECOND
    )


@pytest.mark.parametrize(
    ("inside", "outside"),
    [("45.7.{}.{}", "45.8.1.1"), ("2a01:4f8:7:{}::{}", "2a01:4f8:8::1")],
    ids=["/16", "/48"],
)
def test_one_network_brings_a_part_of_what_is_known(inside: str, outside: str) -> None:
    infos = (at(inside.format(number // 250, number % 250 + 1)) for number in range(10_000))
    admission = Admission()
    assert admitted(admission, infos, 300, KNOWN) == NETWORK_MAX[0]
    assert admitted(admission, infos, 300, 9600) == 150 - NETWORK_MAX[0]
    assert admission.admits(at(outside), KNOWN, NOW)
    assert admission.admits(next(infos), KNOWN, NOW + 7300)


def test_who_tells_no_address_is_bounded_too() -> None:
    admission = Admission()
    infos = iter(at("") for _ in range(5000))
    assert admitted(admission, infos, 1500, KNOWN) == UNKNOWN_MAX[0]
    assert admission.admits(at("45.7.1.1"), KNOWN, NOW)


def test_with_a_table_so_many_come_from_one_system() -> None:
    def asn_of(host: str) -> int | None:
        return {"11": 64500, "12": 64500, "13": 64501}.get(host.split(".")[0])

    admission, infos = Admission(asn_of), everywhere()
    assert admitted(admission, infos, 512, KNOWN) == SYSTEM_MAX[0], "two /8 of one provider"
    assert admitted(admission, infos, 256, KNOWN) == 256, "another provider"
    assert admitted(admission, infos, 256, KNOWN) == 256, "not in the table"


def test_only_what_was_not_asked_for_is_counted() -> None:
    network = Network()
    node = network.add(floodfill=True)
    entropy = SeededEntropy("stored")
    now_ms = int(network.wall.now() * 1000)
    infos = [
        build_router_info(PrivateKeys.generate_router(entropy), now_ms, host=f"45.7.0.{number}")
        for number in range(1, 101)
    ]
    relayed, direct = infos[:80], infos[80:]
    for info in relayed:
        node.netdb.receive_store(DatabaseStore.of_router_info(info), b"x" * 32, network.now)
    assert node.netdb.router_count == NETWORK_MAX[0]
    assert node.netdb._store.counts[Verdict.TOO_MANY] == 80 - NETWORK_MAX[0]
    for info in direct:
        node.netdb.receive_store(DatabaseStore.of_router_info(info), info.hash, network.now)
    assert node.netdb.router_count == NETWORK_MAX[0] + 20, "they have a link with us"
    left_out = relayed[-1]
    assert node.netdb.receive_router_info(left_out, b"x" * 32, network.now) is Verdict.TOO_MANY
    assert node.netdb.import_routers([left_out]) == 1, "from a file of the operator's"
    newer = RouterInfo.build(
        PrivateKeys.generate_router(SeededEntropy("stored")),
        now_ms + 1000,
        relayed[0].addresses,
        relayed[0].options,
    )
    assert node.netdb.receive_router_info(newer, b"x" * 32, network.now) is Verdict.NEWER


def test_a_wall_clock_that_is_set_back_keeps_nobody_out() -> None:
    network = Network()
    node = network.add(floodfill=True)
    entropy = SeededEntropy("set back")

    def offer(now: float) -> Verdict:
        keys = PrivateKeys.generate_router(entropy)
        info = build_router_info(keys, int(network.wall.now() * 1000), host="45.7.1.1")
        return node.netdb.receive_router_info(info, b"x" * 32, now)

    verdicts = [offer(network.now) for _ in range(NETWORK_MAX[0] + 1)]
    assert verdicts.count(Verdict.NEW) == NETWORK_MAX[0]
    assert verdicts[-1] is Verdict.TOO_MANY
    network.wall.advance(-86400.0)
    assert offer(network.now + 2 * PERIOD_S) is Verdict.NEW


def test_the_operators_table_is_that_of_the_configuration(tmp_path: Path) -> None:
    asked: list[str] = []

    def asn_of(host: str) -> int | None:
        asked.append(host)
        return None

    entropy = SeededEntropy("engine")
    config = RouterConfig(tmp_path, network_id=NETWORK_ID, asn_of=asn_of)
    engine = RouterEngine(config, RouterKeys.generate(entropy), 0, FakeWallClock(NOW), entropy, 1.0)
    keys = PrivateKeys.generate_router(entropy)
    engine.netdb.receive_router_info(
        build_router_info(keys, int(NOW * 1000), host="45.7.1.1"), b"x" * 32, 1.0
    )
    assert asked == ["45.7.1.1"]
