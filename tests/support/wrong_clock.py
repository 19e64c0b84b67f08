"""Our program with a clock that is wrong by as many seconds as a file says, also while it runs.

``python -m tests.support.wrong_clock FILE ARGUMENTS…``: FILE holds one number, 8 bytes.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path

_DOUBLE = struct.Struct("d")


class WrongClock:
    """The file, for the test that sets it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0.0)

    def set(self, error_s: float) -> None:
        """Be so far ahead of the true time from now on."""
        if not self.path.exists():
            self.path.write_bytes(_DOUBLE.pack(error_s))
        with self.path.open("r+b") as file:
            file.write(_DOUBLE.pack(error_s))

    @property
    def command(self) -> list[str]:
        """What runs the program with this clock."""
        return [sys.executable, "-m", "tests.support.wrong_clock", str(self.path)]


def main() -> int:
    path, arguments = sys.argv[1], sys.argv[2:]
    with open(path, "r+b") as file:
        shared = mmap.mmap(file.fileno(), _DOUBLE.size)
    true_time = time.time
    # Before anything of ours is imported, which may keep the function.
    time.time = lambda: true_time() + float(_DOUBLE.unpack(shared[:])[0])
    from i2ptunnel.cli.main import main as run_program

    return run_program(arguments)


if __name__ == "__main__":
    sys.exit(main())
