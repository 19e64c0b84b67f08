"""A day in a small network: what routers hold must not grow with the time they run."""

from __future__ import annotations

import gc
from collections import Counter

from tests.support.world.report import Table, curves
from tests.support.world.watch import container_entries, resident_bytes
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

PROBE_S = 20.0


def run(wish: Wish) -> Outcome:
    """A row for each hour; then what grew most in the second half."""
    network = Network(f"day {wish.seed}", wish.routers, sites=3, visitors=3)
    network.join()
    network.probe(PROBE_S)
    table = Table(f"day: {wish.routers} routers")
    began, halfway = resident_bytes(), Counter[str]()
    hours = max(2, wish.minutes // 60)
    for hour in range(1, hours + 1):
        network.run(3600.0)
        gc.collect()
        held = entries(network)
        if hour == (hours + 1) // 2:
            halfway = held
        tally = network.watch.take()
        table.add(
            hour=hour,
            entries=round(held.total() / wish.routers),
            MB=round(resident_bytes() / 2**20, 1),
            grown_MB=round((resident_bytes() - began) / 2**20, 1),
            lookups=tally.lookups,
            **{"found %": 100 * tally.lookup_rate, "built %": 100 * tally.build_rate},
        )
    grown = Table("grown most in the second half: entries of a router")
    final = entries(network)
    for name, count in (final - halfway).most_common(10):
        grown.add(container=name, before=halfway[name], after=final[name], more=count)
    line = [(float(row["hour"]), float(row["entries"])) for row in table.rows]
    curve = curves("What a router holds", "hours", {"entries of all containers": line})
    return Outcome([table, grown], {"day": curve}, network.world.trace_hash)


def entries(network: Network) -> Counter[str]:
    """Of all containers of the honest routers that run."""
    total: Counter[str] = Counter()
    for machine in network.up:
        total += container_entries(machine.engine)
    return total
