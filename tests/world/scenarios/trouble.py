"""What goes wrong in any network: routers come and go, floodfills lie, ways and clocks fail."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.world import Machine
from tests.support.world.liars import deny_lookups, forget_stores
from tests.support.world.report import Table
from tests.support.world.watch import Tally
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

SETTLE_S = 120.0
BEFORE_MINUTES = 3
CHURN_PER_HOUR = 0.3
#: every third floodfill, from the second on
BAD_FLOODFILLS = slice(1, None, 3)
CLOCK_ERRORS_S = (3 * 3600.0, -2 * 3600.0, 26 * 3600.0)
WRONG_CLOCKS = 0.1
RIGHT_S = 60.0
PARTITION_MINUTES = 10


def settled(name: str, wish: Wish) -> tuple[Network, Table]:
    """A network that runs, with lookups every second, and some minutes in its table."""
    network = Network(f"{name} {wish.seed}", wish.routers)
    table = Table(f"{name}: {wish.routers} routers")
    network.join()
    network.run(SETTLE_S)
    network.probe()
    network.watch.take()
    network.minutes(table, BEFORE_MINUTES)
    return network, table


def churn(wish: Wish) -> Outcome:
    """Of all routers without sites and visitors 30 % of the network leave in an hour."""
    network, table = settled("churn", wish)
    come_and_go(network, wish.minutes)
    network.minutes(table, wish.minutes)
    return Outcome([table], {}, network.world.trace_hash)


def come_and_go(network: Network, minutes: int) -> None:
    """As many come as go; a third goes orderly, a third crashes, a third loses its power."""
    world = network.world
    kept = {*network.hosts_of_sites, *network.hosts_of_visitors}
    count = round(CHURN_PER_HOUR * len(network.machines) * minutes / 60)
    ways: list[Callable[[Machine], None]] = [
        Machine.leave,
        Machine.crash,
        lambda machine: machine.crash(is_silent=True),
    ]

    def swap(number: int) -> None:
        candidates = [one for one in network.up if one not in kept]
        gone = candidates[world.dice.randbelow(len(candidates))]
        is_floodfill = gone.config.floodfill
        ways[number % len(ways)](gone)
        gone.has_left = True
        network.newcomer(floodfill=is_floodfill)

    for number in range(count):
        at = minutes * 60 * (number + world.dice.fraction()) / count
        world.schedule.after(at, lambda number=number: swap(number))


def floodfills(wish: Wish) -> Outcome:
    """A third of the floodfills begins to lie; later a third of the others vanishes."""
    network, table = settled("floodfills", wish)
    bad = network.floodfills[BAD_FLOODFILLS]
    for machine in bad:
        deny_lookups(machine.engine, machine.entropy)
        forget_stores(machine.engine, machine.entropy)
    network.minutes(table, wish.minutes // 2)
    for machine in [one for one in network.floodfills if one not in bad][::3]:
        machine.crash(is_silent=True)
    network.minutes(table, wish.minutes - wish.minutes // 2)
    return Outcome([table], {}, network.world.trace_hash)


def partition(wish: Wish) -> Outcome:
    """Half of the network is cut off from the other half, for ten minutes."""
    network, table = settled("partition", wish)
    network.world.ways.cut([one.host for one in network.machines[::2]])
    network.minutes(table, PARTITION_MINUTES)
    network.world.ways.heal()
    network.minutes(table, wish.minutes)
    return Outcome([table], {}, network.world.trace_hash)


def clocks(wish: Wish) -> Outcome:
    """A tenth of the routers has its clock wrong by hours; nobody asks time servers."""
    network, table = settled("clocks", wish)
    wrong = network.machines[3 :: round(1 / WRONG_CLOCKS)]
    for number, machine in enumerate(wrong):
        machine.wall.error_s = CLOCK_ERRORS_S[number % len(CLOCK_ERRORS_S)]
    total = Tally()
    for _ in range(wish.minutes):
        network.run(60.0)
        tally = network.watch.take()
        right = sum(abs(clock_error_s(one)) < RIGHT_S for one in wrong)
        table.add(**network.row(tally), wrong=len(wrong) - right)
        total.add(tally)
    for row in table.rows[:BEFORE_MINUTES]:
        row["wrong"] = 0
    return Outcome([table], {}, network.world.trace_hash)


def clock_error_s(machine: Machine) -> float:
    """By how much a router's idea of the time is wrong."""
    return machine.wall.now() - machine.world.true_time
