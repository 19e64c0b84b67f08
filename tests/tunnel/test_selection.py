"""Hop choice: hard rules, diversity, preference for good and connected routers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from core.data.connectivity import Connectivity
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.tunnel import candidates
from core.tunnel.candidates import digest
from core.tunnel.paths import PathOrder
from core.tunnel.selection import BuildBudget, HopSelector
from core.tunnel.usage import HopUsage
from tests.support.deterministic import SeededEntropy
from tests.tunnel.mesh import Directory, Opinions, is_published, make_info

KEYS = [PrivateKeys.generate_router(SeededEntropy(f"selection {i}")) for i in range(40)]


def info(i: int, host: str | None = None, caps: str = "OR", **options: str) -> RouterInfo:
    return make_info(KEYS[i], host or f"{20 + i}.1.1.1", caps, **options)


def selector(
    infos: list[RouterInfo], opinions: Opinions | None = None, **flags: Any
) -> HopSelector:
    return HopSelector(
        b"\0" * 32,
        Directory(infos),
        opinions or Opinions(),
        SeededEntropy(5),
        is_published,
        **flags,
    )


def path(chooser: HopSelector, length: int, now: float = 0.0, **flags: object) -> list[bytes]:
    fields: dict[str, object] = {"is_inbound": False, "is_client": True, **flags}
    hops = chooser.select(length, now, **fields)  # type: ignore[arg-type]
    assert hops is not None
    return [hop.router_hash for hop in hops]


@pytest.mark.parametrize(
    ("caps", "version"),
    [("OG", "0.9.66"), ("ORG", "0.9.66"), ("OU", "0.9.66"), ("OH", "0.9.66"), ("OR", "0.9.57")],
)
def test_routers_that_are_never_hops(caps: str, version: str) -> None:
    assert digest(info(0, caps=caps, **{"router.version": version}), is_published) is None
    assert digest(info(0), is_published) is not None


@pytest.mark.parametrize(
    ("version", "is_hop"), [("0.9.61", False), ("0.9.62", True), ("0.9.100", True), ("2.0.0", True)]
)
def test_the_oldest_release_that_is_a_hop(version: str, is_hop: bool) -> None:
    found = digest(info(0, **{"router.version": version}), is_published)
    assert (found is not None) is is_hop


def test_only_public_addresses_count_outside_of_private_networks() -> None:
    for host in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "fd00::1", "201:1::1"):
        assert digest(info(0, host), is_published) is None
    assert digest(info(0, "127.0.0.1"), is_published, allow_private=True) is not None


def test_nobody_is_in_a_path_twice() -> None:
    chooser = selector([info(i) for i in range(8)])
    for _ in range(50):
        hops = path(chooser, 7)
        assert len(set(hops)) == 7
    assert chooser.select(9, 0, is_inbound=False, is_client=True) is None
    assert len(path(chooser, 9, may_shorten=True)) == 8


def test_we_are_not_a_hop() -> None:
    infos = [info(i) for i in range(3)]
    chooser = HopSelector(
        infos[0].hash, Directory(infos), Opinions(), SeededEntropy(1), is_published
    )
    assert all(infos[0].hash not in path(chooser, 2) for _ in range(20))
    assert chooser.candidate_count(0) == 2


def test_no_two_hops_share_a_subnet_or_a_family() -> None:
    infos = [info(0, "5.5.1.1"), info(1, "5.5.2.2"), info(2, "5.6.1.1"), info(3, "5.6.7.8")]
    chooser = selector(infos)
    for _ in range(30):
        hosts = set(path(chooser, 2))
        assert len(hosts & {infos[0].hash, infos[1].hash}) == 1
    assert chooser.select(3, 0, is_inbound=False, is_client=True) is None
    family = [info(0, family="us"), info(1, family="us"), info(2)]
    assert selector(family).select(3, 0, is_inbound=False, is_client=True) is None
    ours = selector([info(0, family="us"), info(1), info(2)], own_family="us")
    assert {hop for _ in range(20) for hop in path(ours, 2)} == {info(1).hash, info(2).hash}
    private = selector([info(i, f"127.0.0.{i + 1}") for i in range(3)], allow_private=True)
    assert len(path(private, 3)) == 3


@pytest.mark.parametrize("inbound", [False, True])
def test_our_neighbour_is_connected_if_possible(inbound: bool) -> None:
    infos = [info(i) for i in range(20)]
    opinions = Opinions()
    opinions.connected = {i.hash for i in infos[:5]}
    chooser = selector(infos, opinions)
    near = [path(chooser, 3, is_inbound=inbound)[-1 if inbound else 0] for _ in range(100)]
    assert sum(h in opinions.connected for h in near) > 50


def test_strangers_that_call_us_by_the_dozen_do_not_take_all_hops() -> None:
    infos = [info(i) for i in range(40)]
    opinions = Opinions()
    opinions.connected = {i.hash for i in infos}
    opinions.proven = [i.hash for i in infos[:2]]
    chooser = selector(infos, opinions)
    near = [path(chooser, 1)[0] for _ in range(200)]
    assert sum(one in opinions.proven for one in near) > 35, "a quarter"


def test_unusable_and_second_choice_routers_only_in_need() -> None:
    infos = [info(i, caps="KR" if i < 3 else "OR") for i in range(8)]
    opinions = Opinions()
    opinions.unusable = {infos[7].hash}
    chooser = selector(infos, opinions)
    avoided = {i.hash for i in infos[:3]} | opinions.unusable
    assert all(not set(path(chooser, 3)) & avoided for _ in range(40))
    assert len(set(path(chooser, 7)) & avoided) == 3
    assert len(path(chooser, 8)) == 8


def test_weights_and_classes_matter_for_clients() -> None:
    infos = [info(i, caps="XR" if i == 0 else "LR") for i in range(6)]
    opinions = Opinions()
    opinions.weights = {infos[1].hash: 0.02}
    chooser = selector(infos, opinions)
    count = Counter(h for _ in range(300) for h in path(chooser, 1))
    assert count[infos[0].hash] > 2 * count[infos[2].hash] > 0
    assert count[infos[1].hash] < 20


def test_builds_spread_over_routers() -> None:
    infos = [info(i) for i in range(10)]
    opinions = Opinions()
    opinions.connected = {infos[0].hash}
    chooser = selector(infos, opinions)
    for i in range(100):
        chooser.budget.note(path(chooser, 1, now=i * 0.1), i * 0.1)
    assert chooser.budget.count(infos[0].hash) < 40
    assert sum(chooser.budget.count(i.hash) for i in infos) == 100


def test_the_budget_forgets() -> None:
    budget = BuildBudget()
    budget.note([b"a", b"b"], 0)
    budget.note([b"a"], 100)
    assert budget.count(b"a") == 2
    budget.expire(221)
    assert (budget.count(b"a"), budget.count(b"b")) == (1, 0)


def test_inner_hops_keep_their_order_within_a_pool() -> None:
    infos = [info(i) for i in range(6)]
    chooser = selector(infos)
    orders = {}
    for key in (b"pool one", b"pool two"):
        pairs = set()
        for _ in range(80):
            inner = path(chooser, 5, order_key=key)[1:]
            pairs |= {(a, b) for i, a in enumerate(inner) for b in inner[i + 1 :]}
        assert not any((b, a) in pairs for a, b in pairs)
        orders[key] = pairs
    assert orders[b"pool one"] != orders[b"pool two"]


@pytest.mark.parametrize("inbound", [False, True])
def test_named_routers_and_no_others(inbound: bool) -> None:
    infos = [info(i) for i in range(20)]
    chooser = selector(infos)
    named = [i.hash for i in infos[3:7]]
    seen = {h for _ in range(60) for h in path(chooser, 3, is_inbound=inbound, only=named)}
    assert seen == set(named)
    assert chooser.select(5, 0, is_inbound=inbound, is_client=True, only=named) is None
    assert len(path(chooser, 4, is_inbound=inbound, only=named * 2)) == 4


def test_named_routers_may_belong_together() -> None:
    infos = [info(0, "5.5.1.1", family="us"), info(1, "5.5.2.2", family="us"), info(2)]
    chooser = selector(infos)
    assert chooser.select(3, 0, is_inbound=False, is_client=True) is None
    assert len(path(chooser, 3, only=[i.hash for i in infos])) == 3


def test_named_routers_that_cannot_be_hops() -> None:
    infos = [info(0), info(1, caps="OU"), info(2)]
    unknown = info(3).hash
    chooser = HopSelector(
        infos[2].hash, Directory(infos), Opinions(), SeededEntropy(1), is_published
    )
    named = [*(i.hash for i in infos), unknown]
    assert path(chooser, 1, only=named) == [infos[0].hash]
    assert chooser.select(2, 0, is_inbound=False, is_client=True, only=named) is None
    assert chooser.unknown(named) == [unknown]


def test_named_routers_are_used_even_if_they_failed_lately() -> None:
    infos = [info(i) for i in range(5)]
    opinions = Opinions()
    opinions.unusable = {infos[0].hash}
    chooser = selector(infos, opinions)
    assert set(path(chooser, 2, only=[i.hash for i in infos[:2]])) == {i.hash for i in infos[:2]}


def test_new_router_infos_are_seen() -> None:
    infos = [info(i) for i in range(2)]
    directory = Directory(infos)
    chooser = HopSelector(b"\0" * 32, directory, Opinions(), SeededEntropy(1), is_published)
    assert chooser.candidate_count(0) == 2
    new = info(2)
    directory.infos[new.hash] = new
    assert chooser.candidate_count(0.5) == 2
    assert chooser.candidate_count(1.5) == 3
    del directory.infos[new.hash]
    assert chooser.candidate_count(3) == 2


def test_a_large_network_costs_a_sample() -> None:
    class Many(Opinions):
        asked = 0

        def is_usable(self, router_hash: bytes, now: float) -> bool:
            self.asked += 1
            return True

    opinions = Many()
    chooser = selector([info(0)], opinions)
    assert chooser.candidate_count(0) == 1
    template = chooser._candidates.all[0]
    chooser._candidates.all = [
        replace(template, router_hash=i.to_bytes(32, "big"), groups=(i.to_bytes(2, "big"),))
        for i in range(5000)
    ]
    assert len(path(chooser, 3, now=0.5)) == 3
    assert opinions.asked < 250


def test_thousands_of_new_routers_are_digested_in_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "DIGESTS_AT_ONCE", 10)
    chooser = selector([info(i) for i in range(25)])
    assert [chooser.candidate_count(now) for now in (0, 0.1, 0.3, 0.6, 2)] == [10, 10, 20, 25, 25]


def test_a_large_database_is_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "LOOKS_AT_ONCE", 10)
    infos = [info(i) for i in range(25)]
    directory = Directory(infos)
    chooser = HopSelector(b"\0" * 32, directory, Opinions(), SeededEntropy(1), is_published)
    assert [chooser.candidate_count(now) for now in (0, 0.1, 0.3, 0.6)] == [10, 10, 20, 25]
    newer = info(3, caps="OU")
    directory.infos[newer.hash] = RouterInfo.build(
        KEYS[3], newer.published_ms + 1, list(newer.addresses), newer.options
    )
    del directory.infos[infos[7].hash]
    # What is there counts until the pass is over.
    assert [chooser.candidate_count(now) for now in (2, 2.3, 2.6)] == [25, 25, 23]


def test_neighbours_are_found_where_only_a_sample_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.tunnel.selection._SAMPLE", 4)
    infos = [info(i) for i in range(40)]
    opinions = Opinions()
    opinions.connected = {infos[39].hash}
    chooser = selector(infos, opinions)
    near = [path(chooser, 1)[0] for _ in range(40)]
    # One of five or so that come into question, and six times as welcome.
    assert near.count(infos[39].hash) > 12


def crowd(proven: int, strangers: int) -> tuple[list[RouterInfo], Opinions]:
    """Strangers say of themselves that they are the fastest."""
    template = make_info(KEYS[0], "20.1.1.1", "XR")
    infos = []
    for number in range(proven + strangers):
        raw = bytearray(template.identity.raw)
        raw[32:36] = number.to_bytes(4, "big")
        host = f"{20 + number % 100}.{number // 100}.1.1"
        caps = "OR" if number < proven else "XR"
        body = make_info(KEYS[0], host, caps).raw[len(raw) :]
        infos.append(RouterInfo.parse(bytes(raw) + body))
    opinions = Opinions()
    opinions.proven = [one.hash for one in infos[:proven]]
    return infos, opinions


def stranger_share(chooser: HopSelector, proven: list[bytes], **flags: object) -> float:
    hops = [hop for now in range(100) for hop in path(chooser, 3, float(now), **flags)]
    return sum(hop not in proven for hop in hops) / len(hops)


def test_invented_routers_do_not_become_hops_of_clients() -> None:
    infos, opinions = crowd(60, 800)
    opinions.connected = set(opinions.proven[:40])
    chooser = selector(infos, opinions)
    for now in range(20):
        chooser.candidate_count(float(now))
    assert chooser.candidate_count(20.0) == 860
    assert stranger_share(chooser, opinions.proven) == 0.0
    assert stranger_share(chooser, opinions.proven, is_inbound=True) == 0.0
    assert 0.05 < stranger_share(chooser, opinions.proven, is_client=False) < 0.4


def test_a_young_router_takes_strangers_the_fewer_it_knows_the_more() -> None:
    infos, opinions = crowd(20, 200)
    chooser = selector(infos, opinions)
    for now in range(10):
        chooser.candidate_count(float(now))
    assert 0.2 < stranger_share(chooser, opinions.proven) < 0.8
    opinions.proven = opinions.proven[:10]
    assert stranger_share(chooser, opinions.proven) > 0.6


@pytest.mark.parametrize("is_client", [False, True])
def test_strangers_wait_for_the_first_tunnel_however_few_are_known(is_client: bool) -> None:
    infos, opinions = crowd(6, 800)
    chooser = selector(infos, opinions)
    for now in range(20):
        chooser.candidate_count(float(now))
    flags = {"is_client": is_client, "usage": HopUsage(tunnels=1)}
    assert stranger_share(chooser, opinions.proven, **flags) > 0.5
    assert stranger_share(chooser, opinions.proven, is_first=True, **flags) == 0.0
    opinions.served = opinions.proven[2:]
    assert stranger_share(chooser, opinions.served, is_first=True, **flags) == 0.0
    opinions.served = []
    opinions.unusable = set(opinions.proven[:4])
    share = stranger_share(chooser, opinions.proven, is_first=True, **flags)
    assert share == pytest.approx(1 / 3), "two are left, for three hops"
    opinions.unusable = set(opinions.proven)
    assert stranger_share(chooser, opinions.proven, is_first=True, **flags) == 1.0


def test_strangers_that_fail_take_ever_fewer_hops() -> None:
    infos, opinions = crowd(5, 300)
    opinions.connected = {one.hash for one in infos[5:]}
    chooser = selector(infos, opinions)
    for now in range(10):
        chooser.candidate_count(float(now))
    assert stranger_share(chooser, opinions.proven, may_shorten=True) > 0.5
    opinions.strangers_rate = 0.1
    near = [path(chooser, 1, float(now))[0] for now in range(100)]
    assert sum(hop not in opinions.proven for hop in near) < 25


def test_proven_routers_that_restart_are_not_left_for_strangers() -> None:
    """A crowd of hostile routers waits for the moment in which all neighbours restart."""
    infos, opinions = crowd(3, 300)
    opinions.connected = {one.hash for one in infos[3:]}
    opinions.unusable = set(opinions.proven)
    opinions.strangers_rate = 0.1
    chooser = selector(infos, opinions)
    for now in range(10):
        chooser.candidate_count(float(now))
    assert stranger_share(chooser, opinions.proven) == 1.0
    opinions.restarting = set(opinions.proven)
    near = [path(chooser, 1, float(now))[0] for now in range(100)]
    assert sum(hop in opinions.proven for hop in near) > 75


# Links between hops


def with_ways(i: int, *ways: str) -> RouterInfo:
    """``ntcp2-4``: it publishes NTCP2 in IPv4; ``(ssu2-46)``: it only dials with SSU2."""
    addresses = []
    hosts = {"4": f"{20 + i}.1.1.1", "6": f"2a0{i:x}::1", "y": f"20{i:x}::1"}
    for way in ways:
        style, families = way.strip("()").split("-")
        options = {"s": b64encode(bytes(31) + b"\1"), "v": "2"}
        if style == "ssu2" or way[0] != "(":
            options["i"] = b64encode(bytes(16 if style == "ntcp2" else 32))
        if way[0] == "(":
            options["caps"] = families
        else:
            options |= {"host": hosts[families], "port": "4567"}
        addresses.append(RouterAddress(3, 0, style.upper(), options))
    options = {"caps": "OR", "netId": "2", "router.version": "0.9.66"}
    return RouterInfo.build(KEYS[i], 1_700_000_000_000, addresses, options)


@pytest.mark.parametrize(
    ("one", "other", "is_joined"),
    [
        (["ntcp2-4"], ["ntcp2-4"], True),
        (["ntcp2-4"], ["ssu2-4"], False),
        (["ntcp2-4"], ["ssu2-4", "(ntcp2-4)"], False),
        (["ntcp2-4", "(ssu2-4)"], ["ssu2-4"], True),
        (["ntcp2-4", "(ssu2-6)"], ["ssu2-4"], False),
        (["ntcp2-4", "(ssu2-46)"], ["ssu2-6", "ntcp2-6"], True),
        (["ntcp2-4"], ["ntcp2-6"], False),
        (["ntcp2-4"], ["ntcp2-6", "ntcp2-4"], True),
        (["ntcp2-4", "ntcp2-y"], ["ntcp2-6", "ntcp2-y"], True),
    ],
)
def test_the_first_can_dial_the_next(one: list[str], other: list[str], is_joined: bool) -> None:
    first, second = with_ways(0, *one), with_ways(1, *other)
    dials = Connectivity.of(first).dials
    assert bool(dials & Connectivity.of(second).listens) == is_joined
    near, far = digest(first, is_published), digest(second, is_published)
    assert near is not None and far is not None
    assert PathOrder(b"", is_inbound=False).fits([near], far) == is_joined
    assert PathOrder(b"", is_inbound=True).fits([far], near) == is_joined


@pytest.mark.parametrize("is_inbound", [False, True])
def test_routers_of_one_transport_are_never_beside_those_of_the_other(is_inbound: bool) -> None:
    kinds = [["ntcp2-4"], ["ssu2-4"], ["ntcp2-4", "ssu2-4"]]
    infos = [with_ways(i, *kinds[i % 3]) for i in range(12)]
    styles = {one.hash: {address.style for address in one.addresses} for one in infos}
    chooser = selector(infos)
    for number in range(200):
        key = number.to_bytes(2, "big")
        hops = path(chooser, 4, is_inbound=is_inbound, order_key=key)
        assert all(styles[one] & styles[other] for one, other in pairwise(hops))


@pytest.mark.parametrize("is_inbound", [False, True])
def test_the_far_end_has_ipv4_if_anybody_has(is_inbound: bool) -> None:
    infos = [with_ways(i, *(["ntcp2-6"] if i < 6 else ["ntcp2-4", "ntcp2-6"])) for i in range(8)]
    ends: Counter[bool] = Counter()
    chooser = selector(infos)
    for _ in range(100):
        hops = path(chooser, 2, is_inbound=is_inbound)
        ends[hops[0 if is_inbound else -1] in {one.hash for one in infos[6:]}] += 1
    assert ends[True] > 60
    # A network of IPv6 alone has tunnels all the same.
    assert len(path(selector(infos[:6]), 3, is_inbound=is_inbound)) == 3


def test_the_end_can_have_a_link_with_the_router_that_it_meets() -> None:
    infos = [with_ways(i, "ntcp2-4" if i % 2 else "ssu2-4") for i in range(8)]
    hashes = [one.hash for one in infos]
    chooser = HopSelector(bytes(32), Directory(infos), Opinions(), SeededEntropy(1), lambda _: True)
    for is_inbound in (False, True):
        for meets in (0, 1):
            options = {"is_inbound": is_inbound, "meets": hashes[meets]}
            ends = [path(chooser, 1, **options)[0] for _ in range(50)]
            assert sum(hashes.index(end) % 2 == meets for end in ends) > 45
    # We are met where there is no other tunnel yet: then we dial, too.
    chooser = HopSelector(
        hashes[0], Directory(infos), Opinions(), SeededEntropy(1), lambda one: one == infos[1]
    )
    ends = [path(chooser, 1, meets=hashes[0])[0] for _ in range(50)]
    assert set(ends) == {hashes[1]}


def test_under_a_flood_hops_are_those_that_served_before() -> None:
    """Hostile routers are proven, too: they answer handshakes. They never serve."""
    infos, opinions = crowd(16, 800)
    served = [one.hash for one in infos[:16]]
    opinions.proven = [one.hash for one in infos[:400]]
    opinions.connected = set(opinions.proven)
    opinions.served = served
    chooser = selector(infos, opinions)
    for now in range(20):
        chooser.candidate_count(float(now))
    assert stranger_share(chooser, served) > 0.3, "all is well: others may serve, too"
    opinions.untried_rate = 0.3
    assert stranger_share(chooser, served) == 0.0
    assert stranger_share(chooser, served, is_client=False) < 0.05


def test_exploration_tries_strangers_the_less_the_worse_they_do_but_always() -> None:
    infos, opinions = crowd(60, 800)
    opinions.served = opinions.proven
    chooser = selector(infos, opinions)
    for now in range(20):
        chooser.candidate_count(float(now))
    shares = []
    for opinions.untried_rate in (1.0, 0.6, 0.2):
        hops = [hop for n in range(500) for hop in path(chooser, 2, float(n), is_client=False)]
        shares.append(sum(hop not in opinions.served for hop in hops) / len(hops))
    print(shares)
    assert 0.08 < shares[0] < 0.16
    assert shares[1] < shares[0] / 2
    assert 0.01 < shares[2] < 0.04
