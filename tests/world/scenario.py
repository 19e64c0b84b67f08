"""What the tests of whole worlds share; run as a program it prints a trace hash."""

from __future__ import annotations

import sys

from tests.support.world import LinkModel, Machine, World
from tests.support.world.pages import Fetch, Site, Visitor

#: rough but usual: far apart, uneven, and one packet in two hundred lost
INTERNET = LinkModel(delay_s=0.04, jitter_s=0.03, loss=0.005, bytes_s=2_000_000)


class Town:
    """Routers that know each other, and sites and visitors on the last of them."""

    def __init__(
        self,
        seed: object,
        routers: int,
        *,
        sites: int = 0,
        visitors: int = 0,
        floodfills: int | None = None,
        ways: LinkModel = INTERNET,
    ) -> None:
        self.world = World(seed, ways=ways)
        floodfills = max(3, routers // 10) if floodfills is None else floodfills
        machines = [self.world.add(floodfill=i < floodfills) for i in range(routers)]
        self.floodfills = machines[:floodfills]
        self.hosts_of_sites = machines[routers - sites :]
        self.hosts_of_visitors = machines[routers - sites - visitors : routers - sites]
        self.others = machines[floodfills : routers - sites - visitors]
        self.sites = [Site(m, f"site-{i}") for i, m in enumerate(self.hosts_of_sites)]
        self.visitors = [Visitor(m, f"visitor-{i}") for i, m in enumerate(self.hosts_of_visitors)]
        self.fetches: list[Fetch] = []

    @property
    def machines(self) -> list[Machine]:
        """All of them, also those that have left."""
        return self.world.machines

    def is_ready(self) -> bool:
        """Whether every site and every visitor can carry traffic."""
        return all(party.is_ready for party in (*self.sites, *self.visitors))

    def begin(self, limit_s: float = 60.0) -> float:
        """Start everything; seconds until all are ready."""
        self.world.introduce()
        return self.world.run_until(self.is_ready, limit_s)

    def fetch_some(self, count: int, gap_s: float = 0.5, size_max: int = 30_000) -> list[Fetch]:
        """Random visitors begin to fetch random pages, one after the other."""
        dice = self.world.dice
        begun: list[Fetch] = []
        for _ in range(count):
            visitor = self.visitors[dice.randbelow(len(self.visitors))]
            site = self.sites[dice.randbelow(len(self.sites))]
            begun.append(visitor.fetch(site, 1 + dice.randbelow(size_max)))
            self.world.run(gap_s)
        self.fetches += begun
        return begun


def has_tunnels(machine: Machine) -> bool:
    """Whether it has exploratory tunnels both ways, of which none failed its last test."""
    pool = machine.engine.tunnels.exploratory
    assert pool is not None
    now = machine.now
    both = pool.live_inbound(now), pool.live_outbound(now)
    return all(tunnels and not all(t.failures for t in tunnels) for tunnels in both)


def unheard_s(machine: Machine) -> float:
    """How long ago the exploratory tunnel that was longest unheard of was last heard to work."""
    pool = machine.engine.tunnels.exploratory
    assert pool is not None
    now = machine.now
    tunnels = [*pool.live_inbound(now), *pool.live_outbound(now)]
    return max((now - tunnel.last_good_at for tunnel in tunnels), default=float("inf"))


def is_published(machine: Machine, floodfills: list[Machine]) -> bool:
    """Whether some floodfill has what the machine publishes now, or has published lately."""
    for one in floodfills:
        known = one.engine.netdb.get_router(machine.hash)
        if one is not machine and known is not None:
            behind_s = (machine.info.published_ms - known.published_ms) / 1000
            if behind_s < 60:
                return True
    return False


def run_small(seed: object) -> str:
    """Fetches, a crash, a restart and a jump of a clock; the hash of all that happened."""
    town = Town(seed, 10, sites=2, visitors=2)
    town.begin()
    town.fetch_some(3)
    town.others[0].crash()
    town.fetch_some(3)
    town.others[0].start()
    town.machines[0].wall.error_s = 30.0
    town.others[1].stop()
    town.fetch_some(3)
    town.world.run(20)
    return town.world.trace_hash


if __name__ == "__main__":
    print(run_small(sys.argv[1]))
