"""How much of what we do routers see: who is next to us, how many tunnels one router is in."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from functools import cache
from random import Random

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.tunnel.selection import HopSelector
from core.tunnel.shape import TunnelShape
from core.tunnel.usage import ROUTERS_MIN, HopUsage
from tests.support.deterministic import SeededEntropy
from tests.tunnel.mesh import Directory, Mesh, Opinions, is_published, make_info

DAY_S = 24 * 3600
LIFETIME_S = 600.0
KEYS = [PrivateKeys.generate_router(SeededEntropy(f"exposure {i}")) for i in range(6)]


def selector_of(count: int) -> tuple[HopSelector, Opinions, list[bytes]]:
    """A selector that knows so many routers, all proven and each in a network of its own."""
    opinions = Opinions()
    chooser = HopSelector(
        bytes(32),
        Directory([make_info(KEYS[0], "20.1.1.1")]),
        opinions,
        SeededEntropy(3),
        is_published,
    )
    assert chooser.candidate_count(0) == 1
    (one,) = chooser._candidates.all
    many = [
        replace(one, router_hash=Random(i).randbytes(32), groups=(i.to_bytes(2, "big"),))
        for i in range(count)
    ]
    chooser._candidates.all = many
    chooser._candidates._known = {c.router_hash: c for c in many}
    chooser._candidates._refresh_at = float("inf")
    opinions.proven = [c.router_hash for c in many]
    return chooser, opinions, opinions.proven


class Day:
    """The outbound tunnels of one pool, four at a time and each for ten minutes.

    There are links to eighty routers: the last neighbours, and others that come and go.
    """

    def __init__(self, routers: int, key: bytes, tunnels: int = 4) -> None:
        chooser, opinions, hashes = selector_of(routers)
        dice = Random(7)
        links = deque(dice.sample(hashes, min(80, routers)), min(80, routers))
        live: deque[tuple[bytes, ...]] = deque(maxlen=tunnels)
        self.near: Counter[bytes] = Counter()
        self.far: Counter[bytes] = Counter()
        self.most = 0
        now = 0.0
        while now < DAY_S:
            opinions.connected = set(links)
            hops = self._hops(chooser, key, live, now)
            chooser.budget.note(hops, now)
            self.near[hops[0]] += 1
            self.far[hops[-1]] += 1
            live.append(hops)
            if len(live) == tunnels:
                self.most = max(self.most, max(Counter(h for p in live for h in p).values()))
            if hops[0] in links:
                links.remove(hops[0])
            links.append(hops[0])
            if dice.random() < 0.3 and (caller := dice.choice(hashes)) not in links:
                links.append(caller)
            now += LIFETIME_S / tunnels

    @staticmethod
    def _hops(
        chooser: HopSelector, key: bytes, live: deque[tuple[bytes, ...]], now: float
    ) -> tuple[bytes, ...]:
        hops = chooser.select(
            3,
            now,
            is_inbound=False,
            is_client=True,
            order_key=key,
            discouraged=frozenset(path[0] for path in live),
            usage=HopUsage(live, live.maxlen or 0),
        )
        assert hops is not None and len(hops) == 3
        return tuple(hop.router_hash for hop in hops)


@cache
def day(key: bytes) -> Day:
    return Day(200, key)


def test_a_pool_meets_few_neighbours_in_a_day() -> None:
    """Who waits for being next to us needs to be one of few, and which is drawn by the pool's key.

    Measured: 152 neighbours in a day without the order, 41 with it.
    """
    before, now = day(b""), day(b"one key")
    print(len(before.near), "neighbours without the order,", len(now.near), "with it")
    assert len(before.near) > 130
    assert len(now.near) <= 60
    other = Day(200, b"another key")
    assert len(set(now.near) & set(other.near)) < 30, "each pool has its own"


def test_who_is_next_to_us_is_at_no_far_end_of_the_pool() -> None:
    """One router that is both would see who speaks with whom."""
    before, now = day(b""), day(b"one key")
    assert len(set(before.near) & set(before.far)) > 100
    assert not set(now.near) & set(now.far)


def test_nobody_is_in_more_than_a_third_of_our_tunnels() -> None:
    assert Day(ROUTERS_MIN, b"one key", tunnels=12).most <= 4
    assert Day(ROUTERS_MIN, b"one key", tunnels=4).most == 1
    assert Day(ROUTERS_MIN - 1, b"one key", tunnels=12).most > 4, "too few to spare any"


def test_nobody_is_spared_while_builds_get_lost() -> None:
    """Many may have vanished; who is there has to do."""
    chooser, opinions, hashes = selector_of(40)
    opinions.connected = {hashes[0]}
    opinions.weights = {hashes[0]: 1000.0}
    live = [(hashes[0], hashes[n]) for n in range(1, 5)]
    for is_hard in (False, True):
        opinions.are_builds_lost = is_hard
        usage = HopUsage(live, 6)
        hops = chooser.select(1, 0, is_inbound=False, is_client=True, usage=usage)
        assert hops is not None
        assert (hops[0].router_hash == hashes[0]) == is_hard


def test_those_that_served_are_not_spared_for_strangers() -> None:
    """A flood makes the network large on paper; those few that build are all there is."""
    chooser, opinions, hashes = selector_of(320)
    served = set(hashes[:10])
    opinions.served = hashes[:10]
    opinions.untried_rate = 0.4
    for spared in (10, 6):
        usage = HopUsage([(one,) for one in hashes[:spared]], 4)
        for now in range(100):
            hops = chooser.select(2, now, is_inbound=False, is_client=True, usage=usage)
            assert hops is not None
            used = {hop.router_hash for hop in hops}
            assert used <= (served if spared == 10 else served - set(hashes[:spared]))


def test_a_neighbour_in_the_network_of_another_is_better_than_a_stranger() -> None:
    chooser, opinions, hashes = selector_of(320)
    opinions.served = hashes[:10]
    opinions.untried_rate = 0.4
    many = chooser._candidates.all
    many[:10] = [replace(one, groups=many[10].groups) for one in many[:10]]
    chooser._candidates._known = {c.router_hash: c for c in many}
    near = frozenset({hashes[10]})
    for now in range(100):
        hops = chooser.select(1, now, is_inbound=False, is_client=True, discouraged=near)
        assert hops is not None and hops[0].router_hash in opinions.served


def test_all_pools_count_together() -> None:
    mesh = Mesh(40)
    router = mesh.routers[0]
    two = TunnelShape(2, 3)
    router.manager.add_pool("exploratory", two, two, 0.0, is_exploratory=True)
    for number in range(4):
        router.manager.add_pool(f"client {number}", two, two, 0.0)
    favourite = mesh.routers[1].hash
    router.opinions.weights[favourite] = 1000.0
    mesh.run(1500)
    pools = [router.manager.pool(f"client {number}") for number in range(4)]
    pools.append(router.manager.exploratory)
    paths = [
        tunnel.hops
        for pool in pools
        if pool is not None
        for tunnel in (*pool.inbound.tunnels, *pool.outbound.tunnels)
    ]
    assert len(paths) >= 30
    assert 6 < sum(favourite in path for path in paths) <= 10, "a third of the thirty to keep"


def some_infos(*hosts: str) -> list[RouterInfo]:
    return [make_info(KEYS[i], host) for i, host in enumerate(hosts)]


def selector(infos: list[RouterInfo], asns: dict[str, int] | None = None) -> HopSelector:
    return HopSelector(
        bytes(32),
        Directory(infos),
        Opinions(),
        SeededEntropy(5),
        is_published,
        asn_of=(asns or {}).get,
    )


def test_neighbours_of_a_pool_are_in_different_networks() -> None:
    infos = some_infos("5.5.1.1", "5.5.2.2", "5.6.1.1")
    chooser = selector(infos)
    near = frozenset({infos[0].hash})
    firsts: Counter[bytes] = Counter()
    for _ in range(60):
        hops = chooser.select(1, 0, is_inbound=False, is_client=True, discouraged=near)
        assert hops is not None
        firsts[hops[0].router_hash] += 1
    assert not firsts[infos[1].hash], "in the /16 of another neighbour"
    assert firsts[infos[2].hash] and firsts[infos[0].hash]
    only = selector(infos[:2])
    assert only.select(1, 0, is_inbound=False, is_client=True, discouraged=near)


def test_no_two_hops_are_in_one_autonomous_system() -> None:
    infos = some_infos("5.1.1.1", "6.1.1.1", "7.1.1.1", "8.1.1.1")
    asns = {"5.1.1.1": 64500, "6.1.1.1": 64500, "7.1.1.1": 64501}
    chooser = selector(infos, asns)
    same = {infos[0].hash, infos[1].hash}
    for _ in range(60):
        hops = chooser.select(2, 0, is_inbound=False, is_client=True)
        assert hops is not None
        assert not same <= {hop.router_hash for hop in hops}
    assert chooser.select(4, 0, is_inbound=False, is_client=True) is None
    assert selector(infos).select(4, 0, is_inbound=False, is_client=True)


def test_no_two_hops_are_in_one_ipv6_network() -> None:
    """A /48 is one customer; a /32, which holds it, is a provider, as an IPv4 /16 nearly is."""
    infos = some_infos("2a01:4f8:1:2::1", "2a01:4f8:1:3::1", "2a01:4f8:9::1", "2a02::1")
    chooser = selector(infos)
    for _ in range(30):
        hops = chooser.select(2, 0, is_inbound=False, is_client=True)
        assert hops is not None
        assert infos[3].hash in {hop.router_hash for hop in hops}


def test_the_proven_are_not_left_out_for_the_many_others() -> None:
    """Hundreds of strangers hold links to us, and three routers alone are known to build."""
    chooser, opinions, hashes = selector_of(320)
    opinions.connected = set(hashes)
    opinions.proven = hashes[:3]
    check_firsts(chooser, hashes[:3])


def test_those_that_served_are_not_left_out_for_many_that_answer_handshakes() -> None:
    chooser, opinions, hashes = selector_of(320)
    opinions.served = hashes[:3]
    check_firsts(chooser, opinions.served)


def check_firsts(chooser: HopSelector, expected: list[bytes]) -> None:
    """All of them are next to us at times in every pool."""
    for number in range(12):
        key = bytes([number]) * 32
        firsts = set()
        for _ in range(200):
            hops = chooser.select(1, 0, is_inbound=False, is_client=True, order_key=key)
            assert hops is not None
            firsts.add(hops[0].router_hash)
        assert firsts.issuperset(expected), "whatever the key of the pool"
