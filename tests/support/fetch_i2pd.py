"""Real i2pd routers for the tests: ``python -m tests.support.fetch_i2pd`` prepares them once."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import Bundle

RELEASES = {"trixie": "2.56.0", "sid": "2.59.0"}
"""Debian release -> the i2pd version the tests are meant for (a newer one is taken as it comes)."""


@dataclass(frozen=True)
class I2pdProgram:
    """An unpacked i2pd: call it through its own loader."""

    release: str
    root: Path

    @property
    def command(self) -> list[str]:
        return _bundle(self.release).command("usr/bin/i2pd", "usr/sbin/i2pd")

    def version(self) -> str:
        """The version the program itself prints, such as ``2.59.0``."""
        out = subprocess.run(
            [*self.command, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        found = re.search(r"version (\d+\.\d+\.\d+)", out)
        if found is None:
            raise RuntimeError(f"i2pd printed no version: {out[:200]!r}")
        return found.group(1)


def _bundle(release: str) -> Bundle:
    return Bundle(release, release, ("i2pd",))


def installed(release: str) -> I2pdProgram:
    """The prepared i2pd of ``release``; raises when ``make peers`` has not fetched it."""
    bundle = _bundle(release)
    bundle.require()
    return I2pdProgram(release, bundle.root)


def fetch(release: str) -> I2pdProgram:
    """Download and unpack i2pd of ``release`` unless the cache already holds it."""
    _bundle(release).fetch()
    return installed(release)


def main() -> int:
    for release in RELEASES:
        program = fetch(release)
        print(f"i2pd {program.version()} from Debian {release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
