"""Simulated networks of hundreds and thousands of routers: ``python -m tests.world growth``.

One seed decides everything: the same command shows the same table, but for what it cost. Tables and
curves are left in ``build/world``.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.world.sharing import shared_router_infos
from tests.support.world.watch import resident_bytes
from tests.world.scenarios import attacks, builds, day, flood, growth, trouble
from tests.world.scenarios.outcome import Outcome, Wish

#: name -> what runs it, honest routers, minutes
SCENARIOS: dict[str, tuple[Callable[[Wish], Outcome], int, int]] = {
    "growth": (growth.run, 1000, 5),
    "churn": (trouble.churn, 100, 60),
    "floodfills": (trouble.floodfills, 100, 20),
    "partition": (trouble.partition, 100, 15),
    "clocks": (trouble.clocks, 100, 15),
    "flood": (flood.run, 50, 60),
    "eclipse": (attacks.eclipse, 100, 15),
    "sybil": (attacks.sybil, 100, 60),
    "builds": (builds.run, 40, 10),
    "day": (day.run, 24, 24 * 60),
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("--routers", type=int, help="honest ones")
    parser.add_argument("--minutes", type=int, help="simulated, after all have joined")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--out", type=Path, default=Path("build/world"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # Collections of garbage look at all routers: seldom is often enough.
    gc.set_threshold(50_000, 20, 100)
    names = list(SCENARIOS) if options.scenario == "all" else [options.scenario]
    for name in names:
        run, routers, minutes = SCENARIOS[name]
        wish = Wish(options.routers or routers, options.minutes or minutes, options.seed)
        began = time.process_time()
        with shared_router_infos():
            outcome = run(wish)
        _write(name, outcome, options.out)
        print(
            f"{name}: seed {wish.seed}, {time.process_time() - began:.0f} s of CPU, "
            f"{resident_bytes() / 2**20:.0f} MB, {outcome.trace_hash}",
            flush=True,
        )


def _write(name: str, outcome: Outcome, folder: Path) -> None:
    for number, table in enumerate(outcome.tables):
        print(table.text(), flush=True)
        table.write_csv(folder / f"{name}{f'-{number}' if number else ''}.csv")
    for file, svg in outcome.curves.items():
        (folder / f"{file}.svg").write_text(svg)


if __name__ == "__main__":
    main()
