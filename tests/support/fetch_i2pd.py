"""Fetch i2pd and every library it needs from Debian into a cache folder; no root, no chroot.

``python -m tests.support.fetch_i2pd`` prepares each release of :data:`RELEASES` once. An apt of its
own (own lists, own empty status file) resolves the complete dependency closure for the release, so
the program later runs with its own dynamic loader, whatever the system underneath. The mirror is
the one this machine's apt already uses.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RELEASES = {"trixie": "2.56.0", "sid": "2.59.0"}
"""Debian release -> the i2pd version the tests are meant for (a newer one is taken as it comes)."""

_NEEDED = ("i2pd",)
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def cache_dir() -> Path:
    """Where the peers are kept, outside the repository (``I2PD_CACHE`` overrides)."""
    override = os.environ.get("I2PD_CACHE")
    if override:
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "i2ptunnel-test-peers"


@dataclass(frozen=True)
class I2pdProgram:
    """An unpacked i2pd: call it through its own loader."""

    release: str
    root: Path

    @property
    def command(self) -> list[str]:
        libraries = [
            str(path)
            for path in (
                self.root / "usr/lib/x86_64-linux-gnu",
                self.root / "lib/x86_64-linux-gnu",
                self.root / "usr/lib",
            )
            if path.is_dir()
        ]
        loader = next(
            path
            for path in (
                self.root / "usr/lib64/ld-linux-x86-64.so.2",
                self.root / "lib64/ld-linux-x86-64.so.2",
                self.root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            )
            if path.exists()
        )
        program = next(
            p for p in (self.root / "usr/bin/i2pd", self.root / "usr/sbin/i2pd") if p.exists()
        )
        return [str(loader), "--library-path", ":".join(libraries), str(program)]

    def version(self) -> str:
        """The version the program itself prints, such as ``2.59.0``."""
        out = subprocess.run(
            [*self.command, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        found = re.search(r"version (\d+\.\d+\.\d+)", out)
        if found is None:
            raise RuntimeError(f"i2pd printed no version: {out[:200]!r}")
        return found.group(1)


def installed(release: str) -> I2pdProgram:
    """The prepared i2pd of ``release``; raises when ``make test`` has not fetched it."""
    root = cache_dir() / release / "root"
    if not (root / ".complete").exists():
        raise RuntimeError(f"i2pd from Debian {release} is missing in {root}: run `make peers`")
    return I2pdProgram(release, root)


def _debian_mirror() -> str:
    """Address of the Debian archive this machine's apt uses."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for uri in listing.splitlines():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise RuntimeError("no Debian archive in this machine's apt sources: cannot fetch i2pd")


def fetch(release: str) -> I2pdProgram:
    """Download and unpack i2pd of ``release`` unless the cache already holds it."""
    base = cache_dir() / release
    root = base / "root"
    program = I2pdProgram(release, root)
    if (root / ".complete").exists():
        return program
    shutil.rmtree(base, ignore_errors=True)
    for sub in (
        "etc/apt.conf.d",
        "etc/preferences.d",
        "state/lists/partial",
        "cache/archives/partial",
    ):
        (base / sub).mkdir(parents=True)
    (base / "etc/sources.list").write_text(
        f"deb [signed-by={_KEYRING}] {_debian_mirror()} {release} main\n"
    )
    (base / "state/status").touch()
    options = [
        f"Dir::Etc={base}/etc",
        f"Dir::Etc::sourcelist={base}/etc/sources.list",
        f"Dir::Etc::sourceparts={base}/etc/none.d",
        f"Dir::State={base}/state",
        f"Dir::State::status={base}/state/status",
        f"Dir::Cache={base}/cache",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=",
        "Debug::NoLocking=true",
        "Acquire::Languages=none",
        "Acquire::Retries=3",
    ]
    apt = ["apt-get", "-q", "-y", *(f"-o{option}" for option in options)]
    _run([*apt, "update"])
    _run([*apt, "--download-only", "install", *_NEEDED])
    for package in sorted((base / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(root)])
    print(f"i2pd {program.version()} from {release} in {root}")
    shutil.rmtree(base / "cache")
    (root / ".complete").touch()
    return program


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:2])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def main() -> int:
    for release in RELEASES:
        fetch(release)
    return 0


if __name__ == "__main__":
    sys.exit(main())
