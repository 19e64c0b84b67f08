"""Programs from Debian for the tests, each with every library it needs; no root, no chroot.

A :class:`Bundle` is a few packages of one Debian release, unpacked into a cache folder outside the
repository. An apt of its own (own lists, own empty status file) resolves the complete dependency
closure, so the programs later run with their own dynamic loader, whatever the system underneath.
The mirror is the one this machine's apt already uses.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_COMMAND_TIMEOUT_S = 600


def cache_dir() -> Path:
    """Where the programs are kept (``I2PD_CACHE`` overrides)."""
    override = os.environ.get("I2PD_CACHE")
    if override:
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "i2ptunnel-test-peers"


@dataclass(frozen=True)
class Bundle:
    """``packages`` of ``release`` in the cache's folder ``name``."""

    name: str
    release: str
    packages: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The unpacked file system tree."""
        return cache_dir() / self.name / "root"

    @property
    def is_complete(self) -> bool:
        return (self.root / ".complete").exists()

    def require(self) -> None:
        """RuntimeError when ``make peers`` has not fetched it."""
        if not self.is_complete:
            raise RuntimeError(
                f"{self.packages[0]} from Debian {self.release} is missing in {self.root}: "
                "run `make peers`"
            )

    @property
    def libraries(self) -> Path:
        """The folder with the architecture's shared libraries."""
        return next(path for path in (self.root / "usr/lib").glob("*-linux-gnu*") if path.is_dir())

    def command(self, *programs: str) -> list[str]:
        """What runs the first of ``programs`` (``usr/bin/…``) that exists, with its libraries."""
        program = next(path for name in programs if (path := self.root / name).exists())
        folders = [self.libraries, self.root / "usr/lib"]
        loaders = (
            path
            for folder in (self.root / "usr/lib64", self.libraries, self.root / "usr/lib")
            for path in sorted(folder.glob("ld-linux*.so.*"))
        )
        libraries = ":".join(str(folder) for folder in folders if folder.is_dir())
        return [str(next(loaders)), "--library-path", libraries, str(program)]

    def fetch(self) -> None:
        """Download and unpack it unless the cache already holds it."""
        with exclusive_cache(self.name):
            if not self.is_complete:
                self._fetch()

    def _fetch(self) -> None:
        base = cache_dir() / self.name
        shutil.rmtree(base, ignore_errors=True)
        for folder in (
            "etc/apt.conf.d",
            "etc/preferences.d",
            "state/lists/partial",
            "cache/archives/partial",
        ):
            (base / folder).mkdir(parents=True)
        source = f"deb [signed-by={_KEYRING}] {_debian_mirror()} {self.release} main\n"
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
        _run([*apt, "--download-only", "install", *self.packages])
        for package in sorted((base / "cache/archives").glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(self.root)])
        shutil.rmtree(base / "cache")
        (self.root / ".complete").touch()


@contextmanager
def exclusive_cache(name: str) -> Iterator[None]:
    """Several test runs may share one cache."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _debian_mirror() -> str:
    """Address of the Debian archive this machine's apt uses."""
    listing = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"])
    for uri in listing.splitlines():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise RuntimeError("no Debian archive in this machine's apt sources: cannot fetch the peers")


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_COMMAND_TIMEOUT_S
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:2])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout
