"""Ours beside i2pd over delay and loss: ``python -m tests.bench.delay [--quick] [--out DIR]``.

Every router is a machine of its own in :mod:`tests.support.lossy_relay`; links between routers are
real TCP, or SSU2 with ``--transport ssu2``, through IP packets that are delayed and lost, and with
``--bad`` also late or there twice. Each path has a network of its own that has never known another
one: sessions, tunnels and what routers remember of round trips are as old as the path. What this
shows: how streams and links live with long and lossy paths. What it does not: bandwidth limits and
queues (there are none), and loss that the router itself sees as lost tunnel messages, because links
repair it; that needs the simulations of ``tests/support/stream_path.py``. Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import load
from tests.bench.fabric import PLAIN_ROUTES, SAME_ROUTES, TRANSPORTS, Fabric, Place, Route, running
from tests.bench.network import Results
from tests.bench.origin import OriginProcess
from tests.bench.report import as_text
from tests.support.fetch_i2pd import I2pdProgram, installed
from tests.support.lossy_relay import Internet, why_not

_ROUTERS = 12
#: long enough that the slowest transfer counts, and not as a failure
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class PathCase:
    """One-way delay of each link between two routers, least and most; share of packets lost."""

    delay_ms: tuple[int, int]
    loss: float
    #: shares of packets that others overtake, and that come twice
    late: float = 0.0
    twice: float = 0.0

    @property
    def name(self) -> str:
        least, most = self.delay_ms
        bad = ", bad" if self.late else ""
        return f"links {least}-{most} ms, loss {self.loss * 100:g} %{bad}"


PATHS = (
    PathCase((0, 0), 0.0),
    PathCase((10, 30), 0.0),
    PathCase((10, 30), 0.01),
    PathCase((10, 30), 0.03),
    PathCase((50, 150), 0.0),
    PathCase((50, 150), 0.01),
    PathCase((50, 150), 0.03),
)
#: what a session over datagrams has to repair itself
BAD_PATHS = (
    PathCase((10, 30), 0.01, late=0.05, twice=0.02),
    PathCase((10, 30), 0.05, late=0.05, twice=0.02),
    PathCase((100, 100), 0.05, late=0.05, twice=0.02),
)


class PathBench:
    """Rounds on one path, all routes taking turns."""

    def __init__(self, fabric: Fabric, path: PathCase, size: int, results: Results) -> None:
        self._fabric, self._path, self._size = fabric, path, size
        self._results = results

    def run(self, rounds: int) -> None:
        routes = [route for route in self._fabric.routes if self._gives_a_page(route)]
        for _ in range(rounds):
            for route in routes:
                self._measure(route)

    @contextlib.contextmanager
    def _at_client(self, route: Route) -> Iterator[None]:
        with self._fabric.clients[route.client].place.enter():
            yield

    def _gives_a_page(self, route: Route) -> bool:
        try:
            with self._at_client(route):
                load.wait_for_page(self._fabric.address_of(route))
        except load.LoadFailed as error:
            self._failed(route, error)
            return False
        return True

    def _failed(self, route: Route, error: load.LoadFailed) -> None:
        self._results.failures.append(f"{self._path.name}, {route.name}: {error}")
        print(f"  FAILED {self._results.failures[-1]}", flush=True)

    def _measure(self, route: Route) -> None:
        results, path = self._results, self._path
        address = self._fabric.address_of(route)
        with self._at_client(route):
            times = load.first_bytes(address, 3)
            try:
                size, seconds = load.transfer(address, f"/bytes/{self._size}", timeout_s=_TIMEOUT_S)
            except load.LoadFailed as error:
                self._failed(route, error)
                return
        rate = size / seconds / 1e6
        results.add(path.name, "MB/s", route.name, rate)
        if times:
            middle = statistics.median(times) * 1e3
            results.add(path.name, "first byte, ms", route.name, middle)
        print(f"  {path.name:32} {route.name:18} {rate:6.2f} MB/s", flush=True)


def _routes(transport: str) -> list[Route]:
    return SAME_ROUTES if transport == "ssu2" else PLAIN_ROUTES


@contextlib.contextmanager
def _network_on(
    path: PathCase, internet: Internet, program: I2pdProgram, transport: str
) -> Iterator[Fabric]:
    """All routers, started on that path."""
    least, most = path.delay_ms
    internet.set_path((least / 1000, most / 1000), path.loss, late=path.late, twice=path.twice)
    with (
        tempfile.TemporaryDirectory(prefix="i2ptunnel-bench-") as folder,
        contextlib.ExitStack() as stack,
    ):
        places = (Place(machine.address, machine.enter) for machine in internet.machines)
        routes = _routes(transport)
        fabric = Fabric(Path(folder), program, routes=routes, places=places, transport=transport)
        origins: dict[str, int] = {}
        for kind, server in fabric.servers.items():
            with server.place.enter():
                origins[kind] = stack.enter_context(OriginProcess()).port
        with running(fabric, origins):
            yield fabric


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.delay", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--quick", action="store_true", help="one round, fewer paths")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transport", choices=TRANSPORTS, default="ntcp2")
    parser.add_argument("--bad", action="store_true", help="packets come late and twice, too")
    parser.add_argument("--bytes", type=int, default=3_000_000)
    arguments = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"cannot run here: {reason}", file=sys.stderr)
        return 1
    program = installed("sid")
    rounds = 1 if arguments.quick else arguments.rounds
    paths = BAD_PATHS if arguments.bad else PATHS[:4] if arguments.quick else PATHS
    results = Results()
    with Internet(_ROUTERS) as internet:
        for path in paths:
            with _network_on(path, internet, program, arguments.transport) as fabric:
                PathBench(fabric, path, arguments.bytes, results).run(rounds)
    about = {"i2pd": program.version(), "bytes": arguments.bytes, "rounds": rounds}
    about["transport"] = arguments.transport
    text = as_text(results, [route.name for route in _routes(arguments.transport)], about)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "delay.txt").write_text(text)
    document = {"about": about, **results.as_json()}
    (arguments.out / "delay.json").write_text(json.dumps(document, indent=1))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
