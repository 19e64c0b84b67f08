"""A town in which routers come and go while pages are fetched."""

from __future__ import annotations

from tests.support.world import Machine
from tests.support.world.pages import Fetch
from tests.world.scenario import Town

MINUTES = 10
FIRST_FETCH_S = 60.0
"""Until then everybody gets to know the network."""
LAST_FETCH_S = 60.0
"""Before the end."""
AWAY_S = 45.0
SETTLE_S = 60.0
"""So long after its start a site may still be unknown."""
PAGE_S = 60.0
"""Nobody waits longer for a page of a site that is there."""


class Churn:
    """``part`` of the routers go once in ten minutes, and most of them come back.

    Of those that have a site all come back; visitors stay.
    """

    def __init__(self, town: Town, part: float = 0.1) -> None:
        self.town = town
        self.gone: list[tuple[Machine, str, float]] = []
        """Who, how, and when."""
        dice, world = town.world.dice, town.world
        candidates = [one for one in town.machines if one not in town.hosts_of_visitors]
        for number in range(round(part * len(town.machines))):
            machine = candidates.pop(dice.randbelow(len(candidates)))
            ways = ["stop", "crash", "power", "leave"]
            how = ways[number % (3 if machine in town.hosts_of_sites else 4)]
            at = 30 + dice.fraction() * (MINUTES * 60 - 150)
            world.schedule.after(at, lambda machine=machine, how=how: self._go(machine, how))

    def _go(self, machine: Machine, how: str) -> None:
        world = self.town.world
        self.gone.append((machine, how, world.now))
        world.note(how, machine.number)
        if how == "leave":
            machine.leave()
            return
        if how == "stop":
            machine.stop()
        else:
            machine.crash(is_silent=how == "power")
        world.schedule.after(AWAY_S, machine.start)

    def is_expected(self, fetch: Fetch) -> bool:
        """Whether a user would expect the page: the site was there all the time."""
        began, host = fetch.began, fetch.site.machine
        return not any(
            machine is host and -PAGE_S < began - at < AWAY_S + SETTLE_S
            for machine, _, at in self.gone
        )


def run_town(town: Town, fetches: int) -> Churn:
    """Ten minutes with so many fetches."""
    world = town.world
    began = world.now
    churn = Churn(town)
    town.begin()
    world.run(began + FIRST_FETCH_S - world.now)
    town.fetch_some(fetches, (MINUTES * 60 - FIRST_FETCH_S - LAST_FETCH_S) / fetches)
    world.run(began + MINUTES * 60 - world.now)
    return churn
