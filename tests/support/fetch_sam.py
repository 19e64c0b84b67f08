"""Programs that speak SAM: ``python -m tests.support.fetch_sam`` installs them.

libtorrent, i2psam, txi2p (Twisted), leaflet and i2plib come from PyPI into a virtual environment of
their own; @diva.exchange/i2p-sam comes from npm, where there is one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.debian import cache_dir, exclusive_cache

_PACKAGES = (
    "libtorrent==2.1.1",
    "i2psam==1.0.0",
    "txi2p-tahoe==0.3.7",
    "leaflet==0.0.3",
    "i2plib==0.0.14",
)
_NODE_PACKAGE = "@diva.exchange/i2p-sam@5.5.2"
_TIMEOUT_S = 600


def _environment() -> Path:
    """One for each set of packages and version of Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(" ".join((version, *_PACKAGES)).encode()).hexdigest()
    return cache_dir() / f"sam-{digest[:12]}"


def python() -> str:
    """The interpreter that has them; RuntimeError when ``make peers`` has not fetched them."""
    program = _environment() / "bin/python"
    if not (_environment() / ".complete").exists():
        raise RuntimeError(f"SAM programs are missing in {_environment()}: run `make peers`")
    return str(program)


def libraries() -> str:
    """The folder of the libraries for Python, for another interpreter."""
    (folder,) = Path(python()).parents[1].glob("lib/python3*/site-packages")
    return str(folder)


def node_folder() -> Path | None:
    """Where the library for Node.js is; None if this machine has no npm."""
    folder = cache_dir() / f"sam-node-{hashlib.sha256(_NODE_PACKAGE.encode()).hexdigest()[:12]}"
    return folder if (folder / ".complete").exists() or shutil.which("npm") else None


def fetch() -> None:
    """Install them unless the cache already holds them."""
    place = _environment()
    with exclusive_cache("sam"):
        _fetch_for_node()
        if (place / ".complete").exists():
            return
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)])
        pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "install"]
        _run([*pip, "--quiet", "--disable-pip-version-check", *_PACKAGES])
        (place / ".complete").touch()


def _fetch_for_node() -> None:
    place = node_folder()
    if place is None or (place / ".complete").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place)]
    _run([*words, _NODE_PACKAGE])
    (place / ".complete").touch()


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    if done.returncode:
        words = " ".join(command[1:4])
        raise RuntimeError(f"{words} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> int:
    fetch()
    print(", ".join(_PACKAGES), "from PyPI")
    if node_folder() is not None:
        print(_NODE_PACKAGE, "from npm")
    return 0


if __name__ == "__main__":
    sys.exit(main())
