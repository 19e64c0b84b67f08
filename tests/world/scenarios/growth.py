"""The same network in growing sizes: what a router costs, and how far lookups go.

Routers that have been there for a while know most floodfills and ask one or two. How the way grows
is seen with newcomers: they begin with a bundle of a hundred routers and look up sites at once.
"""

from __future__ import annotations

from statistics import median

from tests.support.world.pages import Visitor
from tests.support.world.report import Table, curves
from tests.support.world.watch import resident_bytes
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

SIZES = (50, 100, 200, 500, 1000, 2000, 5000)
SETTLE_S = 90.0
NEWCOMERS = 10
NEWCOMER_READY_S = 90.0
#: a lookup gives up after 15 s
LAST_LOOKUPS_S = 20.0


def run(wish: Wish) -> Outcome:
    """Sizes up to the wished one; each in a world of its own."""
    sizes = [size for size in SIZES if size < wish.routers] + [wish.routers]
    table = Table(f"growth, {wish.minutes} minutes each")
    for size in sizes:
        table.add(**measure(size, wish.minutes, wish.seed))
        print(table.text().splitlines()[-1], flush=True)
    return Outcome([table], plots(table))


def measure(routers: int, minutes: int, seed: str) -> dict[str, float | int | str]:
    """One size: a row of figures."""
    before = resident_bytes()
    network = Network(f"growth {seed} {routers}", routers)
    network.join()
    joined_s = network.cpu_s
    network.run(SETTLE_S)
    network.watch.take()
    network.probe()
    began, cpu_s = network.world.now, network.cpu_s
    network.run(60.0 * minutes)
    running_s = network.world.now - began
    cost_ms = 1000 * (network.cpu_s - cpu_s) / routers / running_s
    tally = network.watch.take()
    memory = (resident_bytes() - before) / routers
    known = network.row(tally)
    first = newcomers(network)
    return {
        "routers": routers,
        "ms/router/s": round(cost_ms, 3),
        "join ms": round(1000 * joined_s / routers, 1),
        "kB/router": round(memory / 1024),
        "known": round(float(known["known"])),
        "links": round(float(known["links"]), 1),
        "built %": round(100 * tally.build_rate, 1),
        "lookups": tally.lookups,
        "found %": round(100 * tally.lookup_rate, 2),
        "asked": round(tally.asked_mean, 2),
        **first,
        "trace": network.world.trace_hash[:8],
    }


def newcomers(network: Network) -> dict[str, float | int | str]:
    """Routers that begin now and look up every site as soon as they can."""
    world = network.world
    began = world.now
    visitors = [Visitor(network.newcomer(), f"newcomer-{i}") for i in range(NEWCOMERS)]
    waiting, ready_s = dict.fromkeys(visitors), []
    network.watch.take()
    while waiting and world.now - began < NEWCOMER_READY_S:
        network.run(0.2)
        for visitor in [one for one in waiting if one.is_ready]:
            del waiting[visitor]
            ready_s.append(world.now - began)
            for site in network.sites:
                network.look_up(visitor, site)
    network.run(LAST_LOOKUPS_S)
    tally = network.watch.take()
    return {
        "new: ready s": round(median(ready_s), 1) if ready_s else "-",
        "new: lookups": tally.lookups,
        "new: found %": round(100 * tally.lookup_rate, 2),
        "new: asked": round(tally.asked_mean, 2),
    }


def plots(table: Table) -> dict[str, str]:
    """Cost and lookups over the size."""
    sizes = [float(size) for size in table.column("routers")]

    def line(name: str) -> list[tuple[float, float]]:
        return list(zip(sizes, map(float, table.column(name)), strict=True))

    return {
        "growth-lookups": curves(
            "Floodfills asked for a lookup",
            "routers",
            {"settled": line("asked"), "newcomers": line("new: asked")},
            is_log=True,
        ),
        "growth-cost": curves(
            "Processor time of a router: ms in a second",
            "routers",
            {"a settled router": line("ms/router/s")},
            is_log=True,
        ),
        "growth-memory": curves(
            "Memory of a router: kB", "routers", {"a router": line("kB/router")}, is_log=True
        ),
    }
