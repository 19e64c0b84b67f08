"""A watched network: honest routers with sites and visitors, lookups all the time, and figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.support.world import LinkModel, Machine
from tests.support.world.pages import Site, Visitor
from tests.support.world.report import Table
from tests.support.world.schedule import START_S
from tests.support.world.watch import Tally, Watch
from tests.world.scenario import INTERNET, Town

KNOWN = 100
"""Routers in the bundle with which each begins; reseed servers give 61 to 100."""
JOIN_S = 30.0
"""All start within this time, so that those who begin find somebody."""
READY_S = 240.0
PROBE_S = 1.0


class Network(Town):
    """See the module. ``known``: routers in the bundle of each; None: all of them."""

    def __init__(
        self,
        seed: object,
        routers: int,
        *,
        sites: int | None = None,
        visitors: int | None = None,
        floodfills: int | None = None,
        known: int | None = KNOWN,
        ways: LinkModel = INTERNET,
    ) -> None:
        some = min(20, routers // 5)
        super().__init__(
            seed,
            routers,
            sites=some if sites is None else sites,
            visitors=some if visitors is None else visitors,
            floodfills=floodfills,
            ways=ways,
        )
        self.known = known
        self.watch = Watch()
        self.watch.follow(self.machines)
        self.cpu_s = 0.0
        """Processor time of all simulated time so far."""

    @property
    def up(self) -> list[Machine]:
        """Honest routers that run."""
        return [one for one in self.watch.machines if one.is_up]

    # Letting time pass

    def run(self, seconds: float) -> None:
        """Let time pass, and measure what that costs."""
        began = time.process_time()
        self.world.run(seconds)
        self.cpu_s += time.process_time() - began

    def join(self) -> None:
        """All start, floodfills first; then wait until every site and visitor is ready."""
        began = time.process_time()
        world, machines = self.world, list(self.machines)
        first = len(self.floodfills)
        world.introduce(machines[:first], self.known)
        for number, machine in enumerate(machines[first:]):
            world.schedule.after(
                JOIN_S * number / len(machines),
                lambda machine=machine: world.introduce([machine], self.known),
            )
        world.run(JOIN_S)
        world.run_until(self.is_ready, READY_S)
        self.cpu_s += time.process_time() - began

    def newcomer(self, **more: Any) -> Machine:
        """One more honest router, which starts with a bundle of its own."""
        machine = self.world.add(**more)
        self.watch.follow([machine])
        self.world.introduce([machine], self.known)
        return machine

    # Lookups

    def probe(self, every_s: float = PROBE_S) -> None:
        """From now on a random visitor looks up a random site every ``every_s``, for good."""
        world = self.world

        def again() -> None:
            self.look_up(
                self.visitors[world.dice.randbelow(len(self.visitors))],
                self.sites[world.dice.randbelow(len(self.sites))],
            )
            world.schedule.after(every_s, again)

        world.schedule.after(every_s, again)

    def look_up(self, visitor: Visitor, site: Site) -> bool:
        """A lookup by somebody who has forgotten the lease set; False if it is not possible now.

        Nobody is expected to find a site that is not there.
        """
        if not (visitor.is_ready and site.is_ready):
            return False
        machine = visitor.machine
        netdb: Any = machine.engine.netdb
        owner = visitor.session.owner
        netdb._lease_sets.forget_owner(owner)
        netdb.lookup_lease_set(site.opening.keys.hash, owner, machine.now)
        machine.touch()
        return True

    # Figures

    def minutes(self, table: Table, count: int, each_s: float = 60.0) -> Tally:
        """So many minutes, one row for each; the sums."""
        total = Tally()
        for _ in range(count):
            self.run(each_s)
            tally = self.watch.take()
            table.add(**self.row(tally))
            total.add(tally)
        return total

    def row(self, tally: Tally) -> dict[str, float | int | str]:
        """What the routers that run achieve and hold just now."""
        up = self.up
        return {
            "minute": round((self.world.now - START_S) / 60, 1),
            "up": len(up),
            "builds": tally.builds,
            "built %": 100 * tally.build_rate,
            "declined %": 100 * tally.declined / max(1, tally.builds),
            "lookups": tally.lookups,
            "found %": 100 * tally.lookup_rate,
            "asked": tally.asked_mean,
            "known": _mean([one.engine.netdb.router_count for one in up]),
            "floodfills": _mean([one.engine.netdb.floodfill_count for one in up]),
            "links": _mean([one.engine.links.connected_count for one in up]),
            "transit": _mean([len(one.engine.transit) for one in up]),
        }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
