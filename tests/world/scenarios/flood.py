"""39 hostile routers for each honest one join within an hour, as in February 2026.

They are there when they are called, publish themselves as fast floodfills, acknowledge stores and
forget them, decline builds or never answer, and mostly answer no lookup.
"""

from __future__ import annotations

from tests.support.world.hostile import FLOOD, Hostile
from tests.support.world.report import Table, curves
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

HOSTILE_PER_HONEST = 39
SETTLE_S = 1200.0
"""Two generations of tunnels: routers know some of the others by experience."""
BEFORE_MINUTES = 3


def run(wish: Wish) -> Outcome:
    """The flood rises over the wished minutes, and stays for a quarter as long."""
    network = Network(f"flood {wish.seed}", wish.routers)
    table = Table(f"flood: {wish.routers} honest routers, {HOSTILE_PER_HONEST} hostile for each")
    flood(network, table, wish.minutes, wish.minutes + max(5, wish.minutes // 4))
    minutes = [float(value) for value in table.column("minute")]

    def line(name: str) -> list[tuple[float, float]]:
        return list(zip(minutes, map(float, table.column(name)), strict=True))

    curve = curves(
        "Own builds and lookups under a flood of hostile routers",
        "minutes",
        {"builds that succeed, %": line("built %"), "lookups that find, %": line("found %")},
    )
    return Outcome([table], {"flood": curve}, network.world.trace_hash)


def flood(network: Network, table: Table, rises_minutes: int, minutes: int) -> None:
    """All of it; rows for each minute, from some minutes before it begins."""
    world = network.world
    network.join()
    network.run(SETTLE_S)
    network.probe()
    network.watch.take()
    network.minutes(table, BEFORE_MINUTES)
    honest = list(network.machines)
    count = HOSTILE_PER_HONEST * len(honest)
    hostile = [
        world.add(kind=Hostile, floodfill=True, lies=FLOOD[i % len(FLOOD)]) for i in range(count)
    ]
    for number, machine in enumerate(hostile):

        def join(machine: Hostile = machine) -> None:
            known = [honest[world.dice.randbelow(len(honest))].info for _ in range(network.known)]
            machine.engine.netdb.import_routers(known)
            machine.start()

        world.schedule.after(rises_minutes * 60 * number / count, join)
    network.minutes(table, minutes)
