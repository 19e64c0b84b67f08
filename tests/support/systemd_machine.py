"""A machine with a real systemd: a Debian root booted in namespaces of its own. Needs root.

Everything is there but a kernel and a way out: its own processes, mounts, cgroups and a loopback
network. What a unit asks of systemd (sandbox, watchdog, credentials, sockets) is done for real.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from release.roots import Root
from tests.support.i2pd_net import wait_until

_BOOT = """
set -e
root=$0
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs tmp "$root/tmp"
mount -t tmpfs -o mode=755 dev "$root/dev"
# Nodes of its own: systemd changes owners and modes, and must not change those outside.
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "console 1 3"; do
    set -- $node
    mknod -m 666 "$root/dev/$1" c "$2" "$3"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
cd "$root"
pivot_root . mnt
umount -l /mnt
# As on a machine: credentials are mounted by one process for another.
mount --make-rshared /
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target
"""
#: packages of a system that boots, and nothing of ours
SYSTEM = ("systemd", "systemd-sysv", "dbus", "iproute2", "python3")
#: a command that prints the status of the proxy's own page
OWN_PAGE = """python3 - <<'END'
import urllib.request
proxy = urllib.request.ProxyHandler({"http": "http://127.0.0.1:4444"})
print(urllib.request.build_opener(proxy).open("http://proxy.i2p/", timeout=60).status)
END"""
#: two machines must not share a slice: each boots in a cgroup of its own
_IN_CGROUP = 'echo $$ > "$0/cgroup.procs"; exec "$@"'
_NAMESPACES = ("mount", "pid", "uts", "ipc", "net", "cgroup")


class SystemdMachine:
    """Boots ``root``, which has systemd; :meth:`stop` ends all of it."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self._boot: subprocess.Popen[bytes] | None = None
        self._init = 0
        self._cgroup = _cgroup2() / f"i2ptunnel-test-{os.getpid()}-{root.path.name}"

    def start(self) -> None:
        """Boot; returns when systemd has started what it should."""
        flags = [f"--{name}" for name in _NAMESPACES]
        self._cgroup.mkdir()
        isolated = ["sh", "-c", _IN_CGROUP, str(self._cgroup), "unshare", *flags, "--fork"]
        self._boot = subprocess.Popen(
            [*isolated, "sh", "-c", _BOOT, str(self.root.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        wait_until("init", lambda: children.read_text().split(), 10)
        self._init = int(children.read_text().split()[0])

        def is_up() -> bool:
            state = self.attempt("systemctl is-system-running").stdout.strip()
            return state in ("running", "degraded")

        wait_until("systemd", is_up, 60)
        self.run("ip link set lo up")

    def stop(self) -> None:
        """End its first process, and with it every other."""
        if self._boot is not None:
            if self._init:
                os.kill(self._init, signal.SIGKILL)
            self._boot.wait(30)
            self._boot = None
            # Its processes are gone, or will be in a moment; then empty cgroups can go, too.
            wait_until("no cgroups", lambda: _is_removed(self._cgroup), 30)

    def attempt(self, command: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root."""
        inside = ["nsenter", "--target", str(self._init), *(f"--{one}" for one in _NAMESPACES)]
        return subprocess.run(
            [*inside, "--root", "--wd", "sh", "-c", command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(self, command: str, timeout_s: float = 120) -> str:
        """As :meth:`attempt`; what it printed. AssertionError if it fails."""
        done = self.attempt(command, timeout_s)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}"
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the root; folders are made."""
        file = self.root.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show -p {name} --value {unit}").strip()

    def wait_active(self, unit: str, *, other_than: str = "", timeout_s: float = 60) -> str:
        """The main process of a unit that is active, once it is not ``other_than``."""
        began = time.monotonic()
        found = "0"

        def is_active() -> bool:
            nonlocal found
            found = self.property(unit, "MainPID")
            is_new = found not in ("0", "", other_than)
            return is_new and self.property(unit, "ActiveState") == "active"

        try:
            wait_until(f"{unit} active", is_active, timeout_s)
        except TimeoutError as error:
            log = self.attempt(f"journalctl -u {unit} -o cat | tail -40").stdout
            raise TimeoutError(f"{error} ({time.monotonic() - began:.0f} s)\n{log}") from None
        return found


def _cgroup2() -> Path:
    """Where this machine has the unified hierarchy."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2":
            return Path(words[1])
    raise RuntimeError("this machine has no cgroup2")


def _is_removed(cgroup: Path) -> bool:
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True
