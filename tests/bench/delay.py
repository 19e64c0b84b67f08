"""Ours beside i2pd over delay and loss: ``python -m tests.bench.delay [--quick] [--out DIR]``.

Every router is a machine of its own in :mod:`tests.support.lossy_relay`; links between routers are
real TCP through IP packets that are delayed and lost. What this shows: how streams and links live
with long and lossy paths. What it does not: bandwidth limits and queues (there are none), and loss
that the router itself sees as lost tunnel messages, because NTCP2 is TCP and repairs it; that
needs SSU2 or the simulations of ``tests/support/stream_path.py``. Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import load
from tests.bench.fabric import PLAIN_ROUTES, Fabric, Place, Route, running
from tests.bench.network import Results
from tests.bench.origin import OriginProcess
from tests.bench.report import as_text
from tests.support.fetch_i2pd import installed
from tests.support.lossy_relay import Internet, why_not

_ROUTERS = 12
_SETTLE_S = 3.0


@dataclass(frozen=True)
class PathCase:
    """One-way delay of each link between two routers, least and most; share of packets lost."""

    delay_ms: tuple[int, int]
    loss: float

    @property
    def name(self) -> str:
        least, most = self.delay_ms
        return f"links {least}-{most} ms, loss {self.loss * 100:g} %"


PATHS = (
    PathCase((0, 0), 0.0),
    PathCase((10, 30), 0.0),
    PathCase((10, 30), 0.01),
    PathCase((10, 30), 0.03),
    PathCase((50, 150), 0.0),
    PathCase((50, 150), 0.01),
)


class DelayBench:
    """Rounds over all paths, all routes taking turns on each."""

    def __init__(self, fabric: Fabric, internet: Internet, size: int) -> None:
        self._fabric, self._internet, self._size = fabric, internet, size
        self.results = Results()

    def warm_up(self) -> None:
        """A page over every route while the path is still short."""
        for route in self._fabric.routes:
            with self._at_client(route):
                load.wait_for_page(self._fabric.address_of(route))

    def round(self, paths: tuple[PathCase, ...]) -> None:
        for path in paths:
            least, most = path.delay_ms
            self._internet.set_path((least / 1000, most / 1000), path.loss)
            time.sleep(_SETTLE_S)
            for route in self._fabric.routes:
                self._measure(path, route)
        self._internet.set_path((0.0, 0.0), 0.0)

    @contextlib.contextmanager
    def _at_client(self, route: Route) -> Iterator[None]:
        with self._fabric.clients[route.client].place.enter():
            yield

    def _measure(self, path: PathCase, route: Route) -> None:
        address = self._fabric.address_of(route)
        with self._at_client(route):
            times = load.first_bytes(address, 3)
            try:
                size, seconds = load.transfer(address, f"/bytes/{self._size}", timeout_s=120)
            except load.LoadFailed as error:
                self.results.failures.append(f"{path.name}, {route.name}: {error}")
                print(f"  FAILED {self.results.failures[-1]}", flush=True)
                return
        rate = size / seconds / 1e6
        self.results.add(path.name, "MB/s", route.name, rate)
        if times:
            middle = statistics.median(times) * 1e3
            self.results.add(path.name, "first byte, ms", route.name, middle)
        print(f"  {path.name:32} {route.name:18} {rate:6.2f} MB/s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.delay", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--quick", action="store_true", help="one round, fewer paths")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=3_000_000)
    arguments = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"cannot run here: {reason}", file=sys.stderr)
        return 1
    program = installed("sid")
    rounds = 1 if arguments.quick else arguments.rounds
    paths = PATHS[:4] if arguments.quick else PATHS
    with (
        tempfile.TemporaryDirectory(prefix="i2ptunnel-bench-") as folder,
        Internet(_ROUTERS) as internet,
        contextlib.ExitStack() as stack,
    ):
        places = (Place(machine.address, machine.enter) for machine in internet.machines)
        fabric = Fabric(Path(folder), program, routes=PLAIN_ROUTES, places=places)
        origins: dict[str, int] = {}
        for kind, server in fabric.servers.items():
            with server.place.enter():
                origins[kind] = stack.enter_context(OriginProcess()).port
        with running(fabric, origins):
            bench = DelayBench(fabric, internet, arguments.bytes)
            bench.warm_up()
            for _ in range(rounds):
                bench.round(paths)
    about = {"i2pd": program.version(), "bytes": arguments.bytes, "rounds": rounds}
    text = as_text(bench.results, [route.name for route in fabric.routes], about)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "delay.txt").write_text(text)
    document = {"about": about, **bench.results.as_json()}
    (arguments.out / "delay.json").write_text(json.dumps(document, indent=1))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
