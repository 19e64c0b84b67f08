"""Hops that lose their power while a download goes through them: over UDP nobody tells."""

from __future__ import annotations

import pytest

from core.tunnel.shape import TunnelShape
from tests.support.world import LinkModel, Machine, World
from tests.support.world.pages import Fetch, Site, Visitor
from tests.support.world.world import telling_seed

#: what each way carries makes the download last
WAYS = LinkModel(delay_s=0.03, jitter_s=0.01, bytes_s=150_000)
SIZE = 2_000_000
#: until the data flow again, by how many hops are gone: who loses all needs a new tunnel first
RESUMED_S = {1: 6.0, 2: 8.0}
ONE_HOP = TunnelShape(1, 2)


class Download:
    """Twelve routers with SSU2 alone; one of them fetches a large page of another one."""

    def __init__(self, seed: str) -> None:
        world = self.world = World(seed, ways=WAYS)
        machines = [world.add(has_udp=True, ntcp2=False, floodfill=i < 4) for i in range(12)]
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

    def hops(self) -> list[Machine]:
        """All hops of the visitor's inbound tunnels."""
        live = self.visitor.session.pool.live_inbound(self.world.now)
        return [self.by_hash[hop] for hop in dict.fromkeys(h for t in live for h in t.hops)]

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
    download = Download(f"silent hops {count}")
    with telling_seed(download.world):
        download.begin()
        for hop in download.hops()[:count]:
            hop.crash(is_silent=True)
        gap_s = download.longest_gap_s()
        print(f"longest silence {gap_s:.1f} s")
        assert gap_s < RESUMED_S[count]
