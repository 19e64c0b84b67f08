"""A real IRC server and two IRC clients: ``python -m tests.support.fetch_irc`` prepares them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import Bundle

_BUNDLE = Bundle(
    "irc",
    "trixie",
    ("ngircd", "weechat-headless", "weechat-plugins", "irssi", "ncurses-base"),
)


@dataclass(frozen=True)
class IrcPrograms:
    """ngircd, WeeChat (headless) and irssi, unpacked."""

    root: Path

    def command(self, program: str) -> list[str]:
        """What runs ``program`` (such as ``usr/sbin/ngircd``) with the libraries it came with."""
        return _BUNDLE.command(program)

    @property
    def weechat_libraries(self) -> Path:
        """For WEECHAT_EXTRA_LIBDIR."""
        return _BUNDLE.libraries / "weechat"

    @property
    def terminfo(self) -> Path:
        """For TERMINFO."""
        folders = (self.root / "usr/share/terminfo", self.root / "usr/lib/terminfo")
        return next(folder for folder in folders if folder.is_dir())


def installed() -> IrcPrograms:
    """The prepared programs; raises when ``make peers`` has not fetched them."""
    _BUNDLE.require()
    return IrcPrograms(_BUNDLE.root)


def fetch() -> IrcPrograms:
    """Download and unpack them unless the cache already holds them."""
    _BUNDLE.fetch()
    return installed()


def main() -> int:
    fetch()
    print(f"ngircd, WeeChat and irssi from Debian {_BUNDLE.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
