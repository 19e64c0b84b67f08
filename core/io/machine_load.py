"""How busy this machine is: 1.0 means that it must not take on more work for others.

Two measures, the worse one counts:

* **lag**: how long what arrives waits, on average, until the event loop looks at it. It grows when
  the processor is slow, busy or taken by other programs. (Java refuses tunnels above 500 ms.)
* **memory**: what is left to the program, of the machine or of its control group (systemd's
  ``MemoryMax``).
"""

from __future__ import annotations

from pathlib import Path

from core.io.turns import TurnMeter

LAG_FULL_S = 0.1
LAG_WINDOW_S = 15.0
MEMORY_FULL_BYTES = 32 * 1024 * 1024
"""No more than this left: refuse all."""
MEMORY_SHORT_BYTES = 128 * 1024 * 1024
"""So much left: begin to refuse."""
_SHORT_LOAD = 0.7
_MEMINFO = "proc/meminfo"
_CGROUP = "proc/self/cgroup"
_CGROUP_ROOT = "sys/fs/cgroup"


class MachineLoad:
    """See the module. ``meter``: of the loop, None if it is not measured.

    ``root``: where the system's files are, for tests.
    """

    def __init__(self, meter: TurnMeter | None, root: Path = Path("/")) -> None:
        self._meter = meter
        self._root = root
        self._group = _control_group(root)
        self._lag_s = 0.0

    def read(self) -> float:
        """The load over about :data:`LAG_WINDOW_S`; read it every few seconds."""
        if self._meter is not None:
            lag_s, elapsed_s = self._meter.take_lag()
            self._lag_s += min(1.0, elapsed_s / LAG_WINDOW_S) * (lag_s - self._lag_s)
        return max(self._lag_s / LAG_FULL_S, self._memory_load())

    def _memory_load(self) -> float:
        left = min(_available(self._root), _left_in(self._group))
        short = (MEMORY_SHORT_BYTES - left) / (MEMORY_SHORT_BYTES - MEMORY_FULL_BYTES)
        return _SHORT_LOAD + short * (1 - _SHORT_LOAD) if short >= 0 else 0.0


def _available(root: Path) -> float:
    """Bytes that the machine has left; infinite if it does not tell."""
    for line in _lines(root / _MEMINFO):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return float(rest.split()[0]) * 1024
    return float("inf")


def _control_group(root: Path) -> Path | None:
    """The directory of our control group (version 2), None if there is none."""
    for line in _lines(root / _CGROUP):
        if line.startswith("0::"):
            return root / _CGROUP_ROOT / line[3:].strip().lstrip("/")
    return None


def _left_in(group: Path | None) -> float:
    """Bytes left under the limit of a control group; pages that only cache files do not count."""
    if group is None:
        return float("inf")
    limit = _number(_lines(group / "memory.max"))
    used = _number(_lines(group / "memory.current"))
    if limit is None or used is None:
        return float("inf")
    cached = 0
    for line in _lines(group / "memory.stat"):
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            cached = int(value)
    return limit - used + cached


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(lines: list[str]) -> int | None:
    return int(lines[0]) if lines and lines[0].isdigit() else None
