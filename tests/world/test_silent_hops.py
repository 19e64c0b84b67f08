"""Hops that end while a download goes through them: over UDP nobody tells."""

from __future__ import annotations

import pytest

from core.tunnel.shape import TunnelShape
from tests.support.world import LinkModel, Machine, World
from tests.support.world.pages import Fetch, Party, Site, Visitor
from tests.support.world.world import telling_seed

#: what each way carries makes the download last
WAYS = LinkModel(delay_s=0.03, jitter_s=0.01, bytes_s=150_000)
SIZE = 2_000_000
#: until the data flow again, in the middle of three worlds, by how many hops are gone: who loses
#: all needs a new tunnel first; the worst of twenty worlds needs 13 s
RESUMED_S = {1: 6.0, 2: 9.0}
#: new tunnels of both ends at once, in the middle of eight worlds; 5 s longer if only tests tell
REBUILT_S = 2.0
#: until they have found each other anew; the worst of a dozen worlds needs 13 s
FOUND_S = 20.0
#: the same where both ends have new tunnels; the worst of eighteen worlds needs 7 s
BOTH_FOUND_S = 8.5
ONE_HOP = TunnelShape(1, 2)


class Download:
    """Twelve routers with one transport; one of them fetches a large page of another one."""

    def __init__(self, seed: str, *, has_udp: bool = True) -> None:
        world = self.world = World(seed, ways=WAYS)
        machines = [
            world.add(has_udp=has_udp, ntcp2=not has_udp, floodfill=i < 4) for i in range(12)
        ]
        self.site = Site(machines[-1], "site", shape=ONE_HOP)
        self.visitor = Visitor(machines[-2], "visitor", shape=ONE_HOP)
        self.by_hash = {one.hash: one for one in machines[:-2]}
        self.fetch: Fetch

    def begin(self) -> None:
        world = self.world
        world.introduce()
        world.run_until(lambda: self.site.is_ready and self.visitor.is_ready, 60)
        world.run(10)
        self.fetch = self.visitor.fetch(self.site, SIZE)
        world.run_until(lambda: self.received > 300_000, 60)

    @property
    def received(self) -> int:
        return len(self.fetch._answer)

    def hops(self, *parties: Party) -> list[Machine]:
        """All hops of their inbound tunnels, but not these two themselves."""
        pools = [party.session.pool for party in parties]
        live = [tunnel for pool in pools for tunnel in pool.live_inbound(self.world.now)]
        hops = dict.fromkeys(h for t in live for h in t.hops)
        return [self.by_hash[hop] for hop in hops if hop in self.by_hash]

    def can_hear(self, party: Party) -> bool:
        """Whether one of its inbound tunnels has hops that run."""
        dead = {one.hash for one in self.by_hash.values() if not one.is_up}
        live = party.session.pool.live_inbound(self.world.now)
        return any(dead.isdisjoint(tunnel.hops) for tunnel in live)

    def until_rebuilt_s(self) -> float:
        """Until both have inbound tunnels that can work."""
        parties = self.site, self.visitor
        return self.world.run_until(lambda: all(map(self.can_hear, parties)), 30)

    def longest_gap_s(self) -> float:
        """From now on, until the page is there."""
        world = self.world
        gap_s, last, before = 0.0, world.now, self.received
        while not self.fetch.is_done and world.now < last + 60:
            world.run(0.1)
            if self.received != before:
                before, last = self.received, world.now
            gap_s = max(gap_s, world.now - last)
        assert self.fetch.is_done and self.fetch.attempts == 1, self.fetch
        return gap_s


@pytest.mark.world
@pytest.mark.parametrize("count", [1, 2], ids=["one", "all"])
def test_a_download_goes_on_soon_after_hops_lost_their_power(count: int) -> None:
    gaps = []
    for seed in ("a", "b", "c"):
        download = Download(f"silent hops {count} {seed}")
        with telling_seed(download.world):
            download.begin()
            for hop in download.hops(download.visitor)[:count]:
                hop.crash(is_silent=True)
            gaps.append(download.longest_gap_s())
    print(f"longest silences {gaps} s")
    assert sorted(gaps)[1] < RESUMED_S[count], gaps
    assert max(gaps) < FOUND_S, gaps


@pytest.mark.world
def test_both_ends_build_and_find_each_other_soon_after_they_lost_their_inbound_tunnels() -> None:
    """Over TCP the end of a process is told; who cannot be dialled then is waited for no more."""
    rebuilt, gaps = [], []
    for seed in "abcdefgh":
        download = Download(f"both ends {seed}", has_udp=False)
        with telling_seed(download.world):
            download.begin()
            for hop in download.hops(download.site, download.visitor):
                hop.crash()
            rebuilt.append(download.until_rebuilt_s())
            gaps.append(download.longest_gap_s())
    print(f"tunnels after {rebuilt} s, longest silences {gaps} s")
    assert sorted(rebuilt)[4] < REBUILT_S, rebuilt
    assert max(gaps) < BOTH_FOUND_S, gaps
