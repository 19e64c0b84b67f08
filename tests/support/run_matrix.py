"""``make matrix``: every cell of :mod:`tests.support.matrix`, and a dated table of what passed.

``python -m tests.support.run_matrix FOLDER [--minutes N] [--days N] [--only i2pd]``. What passed is
remembered in ``FOLDER`` and not run again within so many days, so a run that is broken off, or that
the minutes end, goes on where it was. The exit status is 0 when every cell has passed, 3 when there
are some left, and 1 when some failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.matrix import CELLS, FAMILIES, PEERS, TRANSPORTS, Cell

CELL_TIMEOUT_S = 600
_DAY_S = 86_400.0
_PASSED, _FAILED, _LEFT = 0, 1, 3


@dataclass
class Record:
    """How a cell ended: when (unix seconds), after how long, at which commit."""

    passed: bool
    at: float
    seconds: float
    commit: str

    @classmethod
    def load(cls, path: Path) -> Record | None:
        """None if there is none, or it is damaged."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def __str__(self) -> str:
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.at))
        word = f"{self.seconds:.0f} s" if self.passed else "FAILED"
        return f"{word}, {day}"


class Matrix:
    """``folder``: what is remembered. ``days``: for so long."""

    def __init__(self, folder: Path, days: float) -> None:
        self.folder = folder
        self._days = days
        folder.mkdir(parents=True, exist_ok=True)

    def record(self, cell: Cell) -> Record | None:
        """The last run of a cell."""
        return Record.load(self.folder / f"{cell}.json")

    def has_passed(self, cell: Cell) -> bool:
        """Whether it need not run again."""
        record = self.record(cell)
        return (
            record is not None and record.passed and time.time() - record.at < self._days * _DAY_S
        )

    def run(self, cell: Cell) -> Record:
        """One process of pytest; its output stays beside the record."""
        log = self.folder / f"{cell}.log"
        began = time.time()
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "-m", "interop"]
        test = f"tests/interop/test_matrix.py::test_links_and_pages_each_way[{cell}]"
        with log.open("wb") as output:
            done = subprocess.run(
                [*command, "--timeout", str(CELL_TIMEOUT_S), test],
                stdout=output,
                stderr=output,
                check=False,
            )
        record = Record(not done.returncode, began, time.time() - began, _commit())
        (self.folder / f"{cell}.json").write_text(json.dumps(vars(record)) + "\n")
        return record

    def table(self) -> str:
        """Rows: transport and network; columns: peers."""
        rows = [["", *PEERS]]
        for transport in TRANSPORTS:
            for family in FAMILIES:
                records = [self.record(Cell(transport, family, peer)) for peer in PEERS]
                told = ["-" if record is None else str(record) for record in records]
                rows.append([f"{transport} {family}", *told])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([f"matrix of {_now()}, at {_commit()}", *lines])


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=50.0, help="begin no cell after these")
    parser.add_argument("--days", type=float, default=30.0, help="so long counts what has passed")
    parser.add_argument("--only", default="", help="cells that have this in their name")
    options = parser.parse_args()
    matrix = Matrix(options.folder, options.days)
    ends = time.monotonic() + options.minutes * 60
    is_any_failed = False
    for cell in CELLS:
        if options.only not in str(cell) or matrix.has_passed(cell) or time.monotonic() > ends:
            continue
        record = matrix.run(cell)
        is_any_failed |= not record.passed
        print(f"{cell}: {record}", flush=True)
    print(matrix.table())
    if is_any_failed:
        return _FAILED
    return _PASSED if all(map(matrix.has_passed, CELLS)) else _LEFT


if __name__ == "__main__":
    sys.exit(main())
