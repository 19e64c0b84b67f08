"""The whole program in one file, for a plain Python: ``make onefile``.

The file is a zip archive made by shiv, with the dependencies inside. It holds compiled libraries,
so it is for one version of Python, one C library and one kind of machine: those it was made with,
which its name tells. At its first start it unpacks itself below ``~/.shiv``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from release.wheels import DIST, ROOT, run

_SHIV = "shiv>=1.0.8"
#: runs before the program: another Python would fail in the first compiled library
_PREAMBLE = """\
import sys

if sys.version_info[:2] != ({0.major}, {0.minor}):
    found = "%d.%d" % sys.version_info[:2]
    sys.exit("i2ptunnel: this file is for Python {0.major}.{0.minor}, not " + found)
"""


def name() -> str:
    """Of the file: it tells which Python and machine it is for."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"i2ptunnel-{version}-{sysconfig.get_platform().replace('-', '_')}.pyz"


def build() -> Path:
    """Build it into dist/."""
    DIST.mkdir(exist_ok=True)
    target = DIST / name()
    with tempfile.TemporaryDirectory(prefix="i2ptunnel-shiv-") as directory:
        environment = Path(directory)
        run(sys.executable, "-m", "venv", environment)
        run(environment / "bin/pip", "install", "--quiet", _SHIV)
        preamble = environment / "preamble.py"
        preamble.write_text(_PREAMBLE.format(sys.version_info))
        run(
            environment / "bin/shiv",
            *("--console-script", "i2ptunnel"),
            *("--python", "/usr/bin/env python3"),
            *("--output-file", target),
            *("--preamble", preamble),
            *("--reproducible", "--compressed", "--quiet"),
            ROOT,
        )
    return target


def try_out(file: Path) -> str:
    """Run it with a Python that has no packages, in an empty home; what the demo printed."""
    with tempfile.TemporaryDirectory(prefix="i2ptunnel-onefile-") as home:
        # No user packages, and nothing of the environment that this program runs in.
        environment = {"HOME": home, "PATH": os.defpath, "LC_ALL": "C.UTF-8"}
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
        done = ""
        for command in (("--version",), ("check", "--profile", "mail"), ("demo", "--once")):
            done = subprocess.run(
                [python, "-s", file, *command],
                env=environment,
                cwd=home,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        return done


def main() -> None:
    """Build it and try it."""
    file = build()
    print(try_out(file))
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
