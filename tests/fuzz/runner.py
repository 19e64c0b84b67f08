"""Runs one parser over many hostile inputs and says what it did wrong."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.base.errors import DecodeError, PeerError
from tests.fuzz.mutate import Mutator

#: of processor time, for one input
SECONDS_MAX = 0.05
GROWTH_MB_MAX = 64.0
_PAGE_MB = 4096 / 1e6
#: a slow input is tried again: the machine may have been busy with something else
_TRIES = 3


@dataclass(frozen=True)
class Target:
    """``parse`` takes one input; only ``allowed`` may come out of it. Machines allow nothing."""

    name: str
    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()
    allowed: tuple[type[Exception], ...] = (DecodeError, PeerError)
    seconds_max: float = SECONDS_MAX


@dataclass
class Report:
    """What became of the inputs; ``slowest_s`` is processor time."""

    inputs: int = 0
    accepted: int = 0
    slowest_s: float = 0.0
    growth_mb: float = 0.0
    faults: list[str] = field(default_factory=list)


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB


def _shown(index: int, data: bytes) -> str:
    return f"input {index}, {len(data)} bytes {data[:60].hex()}"


def run(target: Target, count: int) -> Report:
    """Feed ``count`` inputs; stops at the tenth fault."""
    mutator = Mutator(target.name, target.seeds)
    parse, allowed, clock = target.parse, target.allowed, time.thread_time
    report = Report()
    before = resident_mb()
    gc.disable()  # a collection is no fault of the input it falls on
    try:
        for index in range(count):
            data = target.seeds[index] if index < len(target.seeds) else mutator.next()
            took = 1e9
            for _ in range(_TRIES):
                began = clock()
                try:
                    parse(data)
                    report.accepted += 1
                except allowed:
                    pass
                except Exception as error:
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    report.faults.append(
                        f"{_shown(index, data)}: {error!r} at {where.filename}:{where.lineno}"
                    )
                took = min(took, clock() - began)
                if took <= target.seconds_max:
                    break
            else:
                report.faults.append(f"{_shown(index, data)}: took {took:.3f} s")
            report.slowest_s = max(report.slowest_s, took)
            report.inputs += 1
            if len(report.faults) >= 10:
                break
            if not index % 1000:
                gc.collect(1)
    finally:
        gc.enable()
    report.growth_mb = resident_mb() - before
    if report.growth_mb > GROWTH_MB_MAX:
        report.faults.append(f"memory grew by {report.growth_mb:.0f} MB")
    return report
