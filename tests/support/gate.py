"""``make test``: all parts, those that wait beside those that compute.

Routers in a network mostly wait for each other, and the unit tests never do: together they take
little longer than the longer of both. ``python -m tests.support.gate FOLDER`` runs the phases one
after the other. The tracks of a phase run side by side, each one part at a time. What a part says
is shown when it has ended. After a failed part no other is started.

The last lines tell how long each part took, and what passed only the second time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

Track = tuple[str, ...]
#: targets of the Makefile; the second track of a phase makes way for the first
PHASES: tuple[tuple[Track, ...], ...] = (
    (("lint",),),
    (("native",), ("peers", "unit")),
    (("interop", "interop-native"), ("world", "unit-native")),
    (("interop-alone",),),
)
_LESS_URGENT = ("nice", "-n", "10")


class Gate:
    """One run. ``command``: what a part is appended to."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self._folder = folder
        self._command = command
        self._began = time.monotonic()
        self._took: list[str] = []
        self._failed: list[str] = []
        self._printing = threading.Lock()

    def run(self, phases: Sequence[Sequence[Track]]) -> bool:
        """Whether all parts passed."""
        for phase in phases:
            tracks = [
                threading.Thread(target=self._run_track, args=(track, index > 0))
                for index, track in enumerate(phase)
            ]
            for thread in tracks:
                thread.start()
            for thread in tracks:
                thread.join()
            if self._failed:
                break
        return not self._failed

    def summary(self) -> str:
        """One line, and one more if something failed."""
        seconds = time.monotonic() - self._began
        failed = f"\nmake test: FAILED {' '.join(self._failed)}" if self._failed else ""
        return f"make test: {', '.join(self._took)}, {seconds:.0f} s in all{failed}"

    def _run_track(self, track: Track, makes_way: bool) -> None:
        for part in track:
            if self._failed:
                return
            self._run_part(part, _LESS_URGENT if makes_way else ())

    def _run_part(self, part: str, prefix: Sequence[str]) -> None:
        log = self._folder / f"{part}.log"
        with self._printing:
            print(f"---- {part} begins", flush=True)
        began = time.monotonic()
        with log.open("wb") as output:
            status = subprocess.run(
                [*prefix, *self._command, part],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        took = f"{part} {time.monotonic() - began:.0f} s"
        with self._printing:
            self._took.append(took)
            if status:
                self._failed.append(part)
            ended = f"failed with status {status}" if status else "passed"
            print(f"---- {took}, {ended}\n{log.read_text(errors='replace')}", end="", flush=True)


def main() -> int:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    gate = Gate(folder, ["make", "--no-print-directory"])
    try:
        return 0 if gate.run(PHASES) else 1
    finally:
        print(gate.summary())
        for summary in sorted(folder.glob("flaky/*/summary")):
            print(summary.read_text(), end="")


if __name__ == "__main__":
    sys.exit(main())
