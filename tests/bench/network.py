"""The reference bench: ours and i2pd do the same work, in turn, on one loopback network.

Every figure is a list of samples, one for each round; in a round all routes take their turn, so
whatever else the machine does falls on all of them. CPU is user plus system time of whole
processes, by role, divided by the payload that was carried.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import load
from tests.bench.fabric import (
    KINDS,
    CpuMeter,
    Fabric,
    Node,
    Route,
    cpu_seconds,
    machine_cpu_seconds,
    memory_mb,
    pid_of,
    wake_ups,
)
from tests.support.i2pd_net import wait_until

PACED_BYTES_S = 1_000_000
SMALL_PER_SECOND = 200
_SETTLE_S = 0.3
_QUIET_S = 10.0


@dataclass(frozen=True)
class Effort:
    """How long each round is."""

    rounds: int = 5
    bytes_single: int = 20_000_000
    bytes_of_eight: int = 6_000_000
    paced_s: int = 6
    small_s: int = 5
    first_bytes: int = 10

    @classmethod
    def quick(cls) -> Effort:
        return cls(2, 8_000_000, 3_000_000, 4, 3, 5)


@dataclass
class Results:
    """``samples[(case, figure)][column]`` is a list; a column is a route name or a kind."""

    samples: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, case: str, figure: str, column: str, value: float) -> None:
        columns = self.samples.setdefault((case, figure), {})
        columns.setdefault(column, []).append(value)

    def median(self, case: str, figure: str, column: str) -> float | None:
        values = self.samples.get((case, figure), {}).get(column)
        return statistics.median(values) if values else None

    def as_json(self) -> dict[str, Any]:
        return {
            "samples": [
                {"case": case, "figure": figure, "columns": columns}
                for (case, figure), columns in self.samples.items()
            ],
            "failures": self.failures,
        }


class NetworkBench:
    """Runs the rounds on a started fabric. ``say`` gets a line for each measurement.

    ``case_prefix``: before the name of each case, where another bench has cases of those names.
    """

    def __init__(
        self,
        fabric: Fabric,
        effort: Effort,
        scratch: Path,
        say: Callable[[str], None],
        *,
        results: Results | None = None,
        case_prefix: str = "",
    ) -> None:
        self._fabric = fabric
        self._effort = effort
        self._say = say
        self._case_prefix = case_prefix
        self.results = Results() if results is None else results
        self._upload_single = _file(scratch / "upload-1", effort.bytes_single)
        self._upload_of_eight = _file(scratch / "upload-8", effort.bytes_of_eight)

    def run(self) -> Results:
        """Everything, in an order that leaves memory under load for the end."""
        self._wait_for_pages()
        self._idle()
        for number in range(self._effort.rounds):
            self._say(f"round {number + 1} of {self._effort.rounds}")
            self._round()
        self._memory("memory under load", "VmHWM")
        for _ in range(self._effort.rounds):
            self._starts()
        return self.results

    def run_transfers(self) -> Results:
        """Only transfers, of one stream and of eight, both ways."""
        self._wait_for_pages()
        for number in range(self._effort.rounds):
            self._say(f"{self._case_prefix}round {number + 1} of {self._effort.rounds}")
            self._transfers()
        return self.results

    def _wait_for_pages(self) -> None:
        for route in self._fabric.routes:
            seconds = load.wait_for_page(self._fabric.address_of(route))
            self._say(f"{route.name}: first page after {seconds:.2f} s")
        time.sleep(3.0)

    def _transfers(self) -> None:
        effort = self._effort
        one, eight = f"/bytes/{effort.bytes_single}", f"/bytes/{effort.bytes_of_eight}"
        for route in self._fabric.routes:
            self._transfer("download, 1 stream", route, one)
        for route in self._fabric.routes:
            self._transfer("upload, 1 stream", route, "/", upload=self._upload_single)
        for route in self._fabric.routes:
            self._transfer("download, 8 streams", route, eight, streams=8)
        for route in self._fabric.routes:
            self._transfer("upload, 8 streams", route, "/", streams=8, upload=self._upload_of_eight)

    def _round(self) -> None:
        self._transfers()
        effort = self._effort
        paced = f"/paced/{PACED_BYTES_S}/{effort.paced_s * PACED_BYTES_S}"
        for route in self._fabric.routes:
            self._transfer("download at 1 MB/s", route, paced)
        for route in self._fabric.routes:
            self._first_bytes(route)
        for route in self._fabric.routes:
            self._small_requests(route)

    def _transfer(
        self, case: str, route: Route, path: str, *, streams: int = 1, upload: Path | None = None
    ) -> None:
        case = self._case_prefix + case
        roles = self._fabric.roles(route, upload=upload is not None)
        meter = CpuMeter(roles.values())
        strangers = _Strangers(self._fabric)
        woken = sum(wake_ups(pid_of(node)) for node in roles.values())
        try:
            size, seconds = load.transfer(
                self._fabric.address_of(route), path, streams=streams, upload=upload
            )
        except load.LoadFailed as error:
            self._fail(f"{case}, {route.name}: {error}")
            return
        foreign = strangers.share()
        time.sleep(_SETTLE_S)
        spent = meter.read()
        woken = sum(wake_ups(pid_of(node)) for node in roles.values()) - woken
        rate = size / seconds / 1e6
        for role, cpu_s in zip(roles, spent, strict=True):
            self.results.add(case, f"CPU {role}, ms/MB", route.name, cpu_s * 1e9 / size)
        total = sum(spent) * 1e9 / size
        self.results.add(case, "CPU all six, ms/MB", route.name, total)
        self.results.add(case, "wake-ups of all six, per MB", route.name, woken * 1e6 / size)
        self.results.add(case, "machine used by strangers, %", route.name, foreign)
        self.results.add(case, "MB/s", route.name, rate)
        self._say(f"  {case:28} {route.name:18} {rate:6.2f} MB/s {total:6.1f} ms/MB")

    def _first_bytes(self, route: Route) -> None:
        times = load.first_bytes(self._fabric.address_of(route), self._effort.first_bytes)
        if len(times) < self._effort.first_bytes:
            self._fail(f"first byte, {route.name}: {self._effort.first_bytes - len(times)} failed")
        if times:
            middle = statistics.median(times) * 1e3
            self.results.add("new stream, warm", "first byte, ms", route.name, middle)
            self._say(f"  first byte             {route.name:18} {middle:6.1f} ms")

    def _small_requests(self, route: Route) -> None:
        case = f"{SMALL_PER_SECOND} small requests per second"
        roles = self._fabric.roles(route, upload=False)
        meter = CpuMeter(roles.values())
        count = self._effort.small_s * SMALL_PER_SECOND
        answers = load.small_requests(self._fabric.address_of(route), count, SMALL_PER_SECOND)
        time.sleep(_SETTLE_S)
        spent = meter.read()
        times = sorted(answers.first_byte_s)
        self.results.add(case, "failed, %", route.name, 100.0 * answers.failed / count)
        if not times:
            return
        middle, late = times[len(times) // 2] * 1e3, times[len(times) * 95 // 100] * 1e3
        self.results.add(case, "first byte, median ms", route.name, middle)
        self.results.add(case, "first byte, 95 % ms", route.name, late)
        self.results.add(case, "CPU all six, ms/request", route.name, sum(spent) * 1e3 / len(times))
        for role, cpu_s in zip(roles, spent, strict=True):
            if role in ("sender", "receiver"):
                end = "server" if role == "sender" else "client"
                figure = f"CPU {end} end, ms/request"
                self.results.add(case, figure, route.name, cpu_s * 1e3 / len(times))
        self._say(
            f"  small requests         {route.name:18} {len(times)} of {count},"
            f" {middle:.0f} ms, 95 % {late:.0f} ms"
        )

    # One process, by kind

    def _groups(self) -> Iterable[tuple[str, str, list[Node]]]:
        fabric = self._fabric
        for kind in KINDS:
            if kind in fabric.clients:
                yield kind, "client end", [fabric.clients[kind]]
            if kind in fabric.servers:
                yield kind, "server end", [fabric.servers[kind]]
            if kind in fabric.hops:
                yield kind, "hop", fabric.hops[kind]

    def _memory(self, case: str, field_name: str) -> None:
        for kind, group, nodes in self._groups():
            value = statistics.mean(memory_mb(pid_of(node), field_name) for node in nodes)
            self.results.add(case, f"{group}, MB", kind, value)

    def _idle(self) -> None:
        self._memory("memory idle", "VmRSS")
        groups = list(self._groups())
        before = {id(n): cpu_seconds(pid_of(n)) for _, _, nodes in groups for n in nodes}
        time.sleep(_QUIET_S)
        for kind, group, nodes in groups:
            spent = statistics.mean(cpu_seconds(pid_of(n)) - before[id(n)] for n in nodes)
            self.results.add("idle CPU", f"{group}, ms per s", kind, spent / _QUIET_S * 1e3)

    def _starts(self) -> None:
        """Start the client ends anew, one kind after the other, over hops of their own kind."""
        for kind in KINDS:
            routes = [
                r for r in self._fabric.routes if r.client == r.server == kind and r.hops == kind
            ]
            if not routes:
                continue
            node = self._fabric.clients[kind]
            address = self._fabric.address_of(routes[0])
            node.stop()
            began = time.perf_counter()
            node.start()
            names = [f"to-{routes[0].server}-{routes[0].hops}"]
            case = "start, with known routers"
            try:
                wait_until("ready", lambda n=node, w=names: n.are_tunnels_ready(w), 90, 0.02)
                ready_s = time.perf_counter() - began
                load.wait_for_page(address)
            except (TimeoutError, load.LoadFailed) as error:
                self._fail(f"start of {kind}: {error}")
                continue
            page_s = time.perf_counter() - began
            self.results.add(case, "to tunnels both ways, s", kind, ready_s)
            self.results.add(case, "to first page, s", kind, page_s)
            self._say(f"  start of {kind}: ready {ready_s:.2f} s, first page {page_s:.2f} s")

    def _fail(self, text: str) -> None:
        self.results.failures.append(text)
        self._say(f"  FAILED {text}")


class _Strangers:
    """How much of the machine others used meanwhile: what to think of a slow sample."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._began = time.perf_counter()
        self._before = self._read()

    def _read(self) -> float:
        own = sum(cpu_seconds(pid_of(node)) for node in self._fabric.nodes)
        used = resource.getrusage(resource.RUSAGE_SELF)
        tools = resource.getrusage(resource.RUSAGE_CHILDREN)
        own += used.ru_utime + used.ru_stime + tools.ru_utime + tools.ru_stime
        return machine_cpu_seconds() - own

    def share(self) -> float:
        """Percent of all cores; the origin server counts as a stranger, too."""
        cores = os.cpu_count() or 1
        seconds = (time.perf_counter() - self._began) * cores
        return max(0.0, 100.0 * (self._read() - self._before) / seconds)


def _file(path: Path, size: int) -> Path:
    """A file of bytes that do not compress."""
    with Path("/dev/urandom").open("rb") as source:
        block = source.read(1_000_000)
    with path.open("wb") as out:
        left = size
        while left > 0:
            left -= out.write(block[:left])
    return path
