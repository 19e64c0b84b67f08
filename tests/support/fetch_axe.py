"""axe-core, which judges how usable a page is: ``python -m tests.support.fetch_axe`` fetches it.

It comes from npm, as one file that runs in the page.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support.debian import cache_dir, exclusive_cache

VERSION = "4.14.1"
_TIMEOUT_S = 300


def _place() -> Path:
    return cache_dir() / f"axe-{VERSION}.js"


def script() -> str:
    """The library's source; RuntimeError when it was not fetched."""
    if not _place().exists():
        raise RuntimeError(f"axe-core is missing in {_place()}: run `make slow`")
    return _place().read_text()


def fetch() -> None:
    """Fetch it unless the cache already holds it."""
    with exclusive_cache("axe"):
        if _place().exists():
            return
        done = subprocess.run(
            ["npm", "pack", "--silent", f"axe-core@{VERSION}"],
            capture_output=True,
            check=True,
            text=True,
            cwd=cache_dir(),
            timeout=_TIMEOUT_S,
        )
        archive = cache_dir() / done.stdout.split()[-1]
        with tarfile.open(archive) as opened:
            file = opened.extractfile("package/axe.min.js")
            assert file is not None
            _place().write_bytes(file.read())
        archive.unlink()


def main() -> int:
    fetch()
    print(f"axe-core {VERSION}, {len(script())} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
