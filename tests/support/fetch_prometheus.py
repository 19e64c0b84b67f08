"""promtool, Prometheus' checker: ``python -m tests.support.fetch_prometheus`` prepares it."""

from __future__ import annotations

import shutil
import sys

from tests.support.debian import Bundle

_BUNDLE = Bundle("prometheus", "trixie", ("prometheus",))
#: the server, and pages of its console
_NOT_NEEDED = ("usr/bin/prometheus", "usr/share")


def promtool() -> list[str]:
    """What runs it; raises when ``make peers`` has not fetched it."""
    _BUNDLE.require()
    return _BUNDLE.command("usr/bin/promtool")


def fetch() -> list[str]:
    """Download and unpack it unless the cache already holds it."""
    _BUNDLE.fetch()
    for name in _NOT_NEEDED:
        path = _BUNDLE.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return promtool()


def main() -> int:
    fetch()
    print(f"promtool from Debian {_BUNDLE.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
