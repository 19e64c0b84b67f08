"""Clean roots of Debian suites below build/roots, and commands inside them. Needs root and Linux.

The mirror is the one that this machine's apt uses; debootstrap is taken from there, too, if it is
not installed. A root with more packages is a copy of the smallest one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ROOT / "build" / "roots"
SUITES = ("bookworm", "trixie")
#: in the smallest root, beside what every Debian has
_ALWAYS = "ca-certificates"
#: of commands inside a root
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_SCRIPT = """
set -e
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --bind /dev "$0/dev"
exec chroot "$0" "$@"
"""


class RootFault(Exception):
    """A command in or around a root failed; the text is for people."""


def debian_mirror() -> str:
    """Address of the Debian archive this machine's apt uses."""
    listing = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"])
    for uri in listing.splitlines():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise RootFault("this machine's apt knows no Debian archive (apt-get update?)")


def run(command: Sequence[str], **more: object) -> str:
    """What a command prints; RootFault with the end of it if it fails."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    if done.returncode:
        raise RootFault(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return str(done.stdout)


@dataclass(frozen=True)
class Root:
    """A directory with a Debian system in it."""

    path: Path
    suite: str

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Run a command inside, as root; what it printed. RootFault if it fails."""
        done = self.attempt(*command, environment=environment)
        if done.returncode:
            text = f"{' '.join(command)} ended with {done.returncode} in {self.path}"
            raise RootFault(f"{text}:\n{done.stdout[-3000:]}")
        return done.stdout

    def attempt(
        self, *command: str, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """As :meth:`run`, with whatever status; processes that are left behind are ended."""
        return subprocess.run(
            [*_ISOLATED, "sh", "-c", _SCRIPT, str(self.path), *command],
            env=_ENVIRONMENT | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A command that goes on inside; it ends with :meth:`subprocess.Popen.kill`."""
        return subprocess.Popen(
            [*_ISOLATED, "sh", "-c", _SCRIPT, str(self.path), *command],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def install(self, *packages: str) -> str:
        """``apt-get install``: names of packages, or paths of .deb files inside the root."""
        # The resolver of this machine, as it is now; some are links to what only runs outside.
        resolver = self.path / "etc" / "resolv.conf"
        resolver.unlink(missing_ok=True)
        resolver.write_text(Path("/etc/resolv.conf").read_text())
        self.run("apt-get", "-q", "update")
        return self.run("apt-get", "-qy", "--no-install-recommends", "install", *packages)

    def copy(self, path: Path) -> Root:
        """Another one like it."""
        remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "--archive", "--reflink=auto", str(self.path), str(path)])
        return Root(path, self.suite)


def remove(path: Path) -> None:
    """Remove a root, unless something is mounted there."""
    mounts = Path("/proc/self/mounts").read_text().split()
    if any(mount.startswith(str(path)) for mount in mounts):
        raise RootFault(f"something is mounted below {path}")
    shutil.rmtree(path, ignore_errors=True)


def clean_root(suite: str) -> Root:
    """The smallest system of a suite; made at the first call."""
    return _made(suite, suite, lambda path: _bootstrap(suite, path))


def root_with(suite: str, name: str, packages: Sequence[str]) -> Root:
    """The clean one with more packages; ``name`` stands for them."""

    def make(path: Path) -> None:
        clean_root(suite).copy(path).install(*packages)

    return _made(suite, f"{suite}-{name}", make)


def _made(suite: str, name: str, make: Callable[[Path], object]) -> Root:
    if os.geteuid() != 0:
        raise RootFault("only root can make the root of a Debian system; use sudo")
    path = ROOTS / name
    done = ROOTS / f"{name}.done"
    ROOTS.mkdir(parents=True, exist_ok=True)
    with (ROOTS / f"{name}.lock").open("w") as lock:  # two may want it at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            remove(path)
            path.mkdir()
            make(path)
            done.touch()
    return Root(path, suite)


def _bootstrap(suite: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="i2ptunnel-debootstrap-") as name:
        program, environment = "debootstrap", dict(os.environ)
        if shutil.which(program) is None:
            quiet = ["apt-get", "-qq", "-oAPT::Sandbox::User=root", "download", "debootstrap"]
            run(quiet, cwd=name)
            (package,) = Path(name).glob("debootstrap_*.deb")
            run(["dpkg-deb", "-x", str(package), name])
            program = f"{name}/usr/sbin/debootstrap"
            environment["DEBOOTSTRAP_DIR"] = f"{name}/usr/share/debootstrap"
        options = ["--variant=minbase", f"--include={_ALWAYS}"]
        run([program, *options, suite, str(path), debian_mirror()], env=environment)
