"""qBittorrent without a window: ``python -m tests.support.fetch_qbittorrent``."""

from __future__ import annotations

import sys

from tests.support.debian import Bundle

BUNDLE = Bundle("qbittorrent", "trixie", ("qbittorrent-nox",))


def program() -> list[str]:
    """What runs it; RuntimeError when ``make slow`` has not fetched it."""
    BUNDLE.require()
    loader, option, libraries, *rest = BUNDLE.command("usr/bin/qbittorrent-nox")
    # libproxy has a library in a folder of its own.
    return [loader, option, f"{libraries}:{BUNDLE.libraries}/libproxy", *rest]


def main() -> int:
    BUNDLE.fetch()
    print(f"qbittorrent-nox from Debian {BUNDLE.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
