"""curl: this machine's own, or one from Debian (``python -m tests.support.fetch_curl``)."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.support.debian import Bundle

_BUNDLE = Bundle("curl", "trixie", ("curl",))


def command() -> list[str]:
    """What runs curl; raises when there is none and ``make peers`` has not fetched it."""
    own = shutil.which("curl")
    if own:
        return [own]
    _BUNDLE.require()
    return _BUNDLE.command("usr/bin/curl")


def main() -> int:
    if shutil.which("curl") is None:
        _BUNDLE.fetch()
    done = subprocess.run([*command(), "--version"], capture_output=True, text=True, check=True)
    print(done.stdout.split(" (")[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
