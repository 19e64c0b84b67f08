"""Proposal 168: what we ask, and what is understood of what others ask."""

from __future__ import annotations

from collections import Counter

import pytest

from core.tunnel.bandwidth_options import BYTES_PER_KB, BandwidthRequest, request_options
from core.tunnel.build import BuildHop, TunnelBuild
from core.tunnel.records import SHORT, HopIdentity, parse_records
from tests.support.deterministic import SeededEntropy
from tests.tunnel.network import Network


def test_a_tunnel_that_carries_little_asks_for_nothing() -> None:
    assert request_options(7.9 * BYTES_PER_KB, SeededEntropy(1)) == {}


@pytest.mark.parametrize(
    ("carried", "drawn"),
    [(8, {16, 32}), (17, {32, 64}), (100, {128, 256}), (1e6, {512, 1024})],
)
def test_what_is_asked_is_one_of_two_powers_of_two(carried: float, drawn: set[int]) -> None:
    entropy = SeededEntropy(carried)
    found: Counter[int] = Counter()
    for _ in range(200):
        options = request_options(carried * BYTES_PER_KB, entropy)
        assert list(options) == ["m", "r"]
        assert int(options["m"]) * 8 == int(options["r"])
        found[int(options["r"])] += 1
    assert set(found) == drawn
    assert min(found.values()) > 70


def test_contradictions_and_junk_are_read_as_the_least() -> None:
    parse = BandwidthRequest.parse
    kb = BYTES_PER_KB
    assert parse({"m": "3", "r": "2", "l": "1"}) == BandwidthRequest(3 * kb, 3 * kb, 3 * kb)
    assert parse({"m": "-1", "r": "\u0663", "l": "99999999"}) == BandwidthRequest()
    assert parse({"l": "5"}) == BandwidthRequest(0, 0, 5 * kb)


def test_only_hops_that_know_of_it_are_asked_each_with_a_draw_of_its_own() -> None:
    network = Network(4)
    new, old, other = network.nodes[1:]
    asked: list[dict[str, str]] = []
    for _ in range(40):
        build = TunnelBuild(
            [
                BuildHop(new.hash, new.key.public, reads_bandwidth=True),
                BuildHop(old.hash, old.key.public),
                BuildHop(other.hash, other.key.public, reads_bandwidth=True),
            ],
            is_inbound=False,
            end_hash=network.nodes[0].hash,
            end_tunnel_id=3,
            fmt=SHORT,
            reply_message_id=9,
            wall_now_s=network.wall.now(),
            entropy=network.nodes[0].entropy,
            own_hash=network.nodes[0].hash,
            bytes_s=20.0 * BYTES_PER_KB,
        )
        records = parse_records(build.body, SHORT)
        for number, hop in enumerate((new, old, other)):
            for earlier in build.hops[:number]:
                place = build.hops[number].record_index
                records[place] = SHORT.mask(earlier.keys, place, records[place])
            identity = HopIdentity(hop.hash, hop.key)
            request, _ = SHORT.open_request(identity, records[build.hops[number].record_index])
            asked.append(request.options)
    assert all(options == {} for options in asked[1::3])
    pairs = {(a["r"], b["r"]) for a, b in zip(asked[::3], asked[2::3], strict=True)}
    assert pairs == {("32", "32"), ("32", "64"), ("64", "32"), ("64", "64")}
