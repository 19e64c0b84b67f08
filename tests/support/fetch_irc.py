"""Fetch an IRC server and two IRC clients from Debian into the peers' cache; no root, no chroot.

``python -m tests.support.fetch_irc`` prepares ngircd, WeeChat (headless) and irssi once, with every
library they need, the way ``fetch_i2pd`` does it: each runs with its own dynamic loader.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.fetch_i2pd import _KEYRING, _debian_mirror, _run, cache_dir

RELEASE = "trixie"
PACKAGES = ("ngircd", "weechat-headless", "weechat-plugins", "irssi", "ncurses-base")
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True)
class IrcPrograms:
    """The unpacked programs."""

    root: Path

    def command(self, program: str) -> list[str]:
        """What runs ``program`` (such as ``usr/sbin/ngircd``) with the libraries it came with."""
        folders = [str(self.root / folder) for folder in (_LIBRARIES, "usr/lib")]
        loader = self.root / "usr/lib64/ld-linux-x86-64.so.2"
        if not loader.exists():
            loader = self.root / _LIBRARIES / "ld-linux-x86-64.so.2"
        return [str(loader), "--library-path", ":".join(folders), str(self.root / program)]

    @property
    def weechat_libraries(self) -> Path:
        """For WEECHAT_EXTRA_LIBDIR."""
        return self.root / _LIBRARIES / "weechat"

    @property
    def terminfo(self) -> Path:
        """For TERMINFO."""
        folders = (self.root / "usr/share/terminfo", self.root / "lib/terminfo")
        return next(folder for folder in folders if folder.is_dir())


def installed() -> IrcPrograms:
    """The prepared programs; raises when ``make peers`` has not fetched them."""
    root = cache_dir() / "irc" / "root"
    if not (root / ".complete").exists():
        raise RuntimeError(f"the IRC programs are missing in {root}: run `make peers`")
    return IrcPrograms(root)


def fetch() -> IrcPrograms:
    """Download and unpack them unless the cache already holds them."""
    base = cache_dir() / "irc"
    root = base / "root"
    if (root / ".complete").exists():
        return IrcPrograms(root)
    shutil.rmtree(base, ignore_errors=True)
    for folder in (
        "etc/apt.conf.d",
        "etc/preferences.d",
        "state/lists/partial",
        "cache/archives/partial",
    ):
        (base / folder).mkdir(parents=True)
    source = f"deb [signed-by={_KEYRING}] {_debian_mirror()} {RELEASE} main\n"
    (base / "etc/sources.list").write_text(source)
    (base / "state/status").touch()
    options = {
        "Dir::Etc": base / "etc",
        "Dir::Etc::sourcelist": base / "etc/sources.list",
        "Dir::Etc::sourceparts": base / "etc/none.d",
        "Dir::State": base / "state",
        "Dir::State::status": base / "state/status",
        "Dir::Cache": base / "cache",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-q", "-y", *(f"-o{key}={value}" for key, value in options.items())]
    _run([*apt, "update"])
    _run([*apt, "--download-only", "install", *PACKAGES])
    for package in sorted((base / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(base / "cache")
    (root / ".complete").touch()
    print(f"ngircd, weechat and irssi from {RELEASE} in {root}")
    return IrcPrograms(root)


def main() -> int:
    fetch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
