"""The commands of the README and of all pages, typed into a shell beside a running program.

What installs, removes or starts services is in tests/release.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from i2ptunnel.keyfiles import generate_keys, write_new_keys
from tests.interop.conftest import IS_PRIVATE
from tests.support import fetch_curl, fetch_ssh
from tests.support.appliance import Appliance
from tests.support.documentation import ROOT, commands
from tests.support.torrents import TRACKER, make_torrent

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

#: begins with one of these: in tests/release, or for a machine that this one is not
ELSEWHERE = (
    *("pipx", "pip", "python3", "~/.local/", "/opt/", "export", "make", "apt", "git"),
    *("systemctl", "sudoedit", "systemd-", "install", "ln", "rm", "nft", "ufw", "firewall-cmd"),
    *("bitcoind", 'echo "extends: browser" > /etc'),
)
#: in tests/i2ptunnel/cli/test_documented_commands.py
ALONE = tuple(f"i2ptunnel {word} " for word in ("keys", "check", "import", "completion"))
#: goes on until Ctrl-C
ENDLESS = ("logs -f", "watch status")
#: has nobody to ask here, and says so
FAILS = ("i2ptunnel why", "i2ptunnel doctor")
PASSPHRASE = "a long passphrase"
CONFIGURATION = """\
extends: [everything, eepsite]
router:
  network_id: 79
  bind: 127.78.12.1
  time: {ntp: false}
  reseed: {enabled: false}
control:
  ssh: {authorized_keys: authorized_keys}
interfaces:
  i2pcontrol: {password_file: i2pcontrol.password}
torrents: {}
"""


class Shell:
    """A user's shell: a home, a directory with the files that the pages speak of, programs."""

    def __init__(self, root: Path) -> None:
        self.home, self.directory, self._programs = root / "home", root / "work", root / "bin"
        for folder in (self.home, self.directory, self._programs):
            folder.mkdir()
        key = asyncssh.generate_private_key("ssh-ed25519")
        (root / "id").write_bytes(key.export_private_key())
        (root / "id").chmod(0o600)
        (self.directory / "authorized_keys").write_bytes(key.export_public_key())
        self._program("i2ptunnel", sys.executable, "-m", "i2ptunnel")
        self._program("curl", *fetch_curl.command())
        options = ("-F", "none", "-i", str(root / "id"), "-o", "StrictHostKeyChecking=no")
        self._program("ssh", *fetch_ssh.command(), *options, "-o", "UserKnownHostsFile=/dev/null")
        self._files(root)
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BROWSER": "true",
        }

    def _program(self, name: str, *words: str) -> None:
        quoted = " ".join(f"'{word}'" for word in words)
        path = self._programs / name
        path.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
        path.chmod(0o755)

    def _files(self, root: Path) -> None:
        work = self.directory
        (work / "i2ptunnel.yaml").write_text(CONFIGURATION)
        (work / "i2pcontrol.password").write_text(PASSPHRASE + "\n")
        (work / "hosts.txt").write_text(f"two.i2p={generate_keys().destination.b64}\n")
        keys = generate_keys()
        write_new_keys(work / "site.dat", keys)
        self._address = keys.destination.b32
        torrent = make_torrent(root / "seed", {"fox": b"content"}, [TRACKER])
        (work / "fox.torrent").write_bytes(torrent)
        other = Appliance(root / "other", "127.78.12.2", 20079)
        other.write_router_info_once()
        (work / "known").mkdir()
        shutil.copy(other.data_dir / "router.info", work / "known" / "routerInfo-x.dat")

    def line(self, command: str) -> str:
        """A command with something real in the place of what stands for it."""
        known = {
            "netdb import FILE": "netdb import known",
            "backup --verify FILE": "backup --verify i2ptunnel-*.backup",
            "restore FILE": "restore i2ptunnel-*.backup",
            "FILE.torrent": "fox.torrent",
            "TORRENT": "fox",
            "….b32.i2p": self._address,
            "…": PASSPHRASE,
            "/etc/i2ptunnel/i2ptunnel.yaml": "i2ptunnel.yaml",
            "moved/i2ptunnel.yaml": "i2ptunnel.yaml",
        }
        for placeholder, value in known.items():
            command = command.replace(placeholder, value)
        return command

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", f"exec {command}" if " && " not in command else command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def types(self, command: str, stdin: str) -> tuple[int, str]:
        with self.start(command) as process:
            try:
                told, _ = process.communicate(stdin, timeout=120)
            finally:
                process.kill()
        return process.returncode, told

    def begins(self, command: str) -> None:
        """What goes on until Ctrl-C: it says something, and ends well."""
        with self.start(command) as process:
            assert process.stdout is not None and process.stdin is not None
            assert process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
            process.stdin.close()
            process.stdout.read()
            process.wait(20)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("shell"))


def documented() -> list[tuple[str, str]]:
    """What is run here, each once: (page, command). What stands alone is tested by itself."""
    found: dict[str, str] = {}
    for page, command in commands():
        if not command.startswith((*ELSEWHERE, *ALONE)):
            found.setdefault(command, page)
    return [(page, command) for command, page in found.items()]


@pytest.fixture(scope="module")
def program(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """The README's ``i2ptunnel run -c i2ptunnel.yaml``."""
    with shell.start("i2ptunnel run -c i2ptunnel.yaml") as process:
        try:
            read_until(process, "i2ptunnel is up")
            yield process
        finally:
            process.kill()
            process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    said = ""
    while text not in said:
        line = process.stdout.readline()
        assert line, said
        said += line


def test_beside_a_running_program(shell: Shell, program: subprocess.Popen[str]) -> None:
    magnet = "magnet:?xt=urn:btih:" + 40 * "c"
    for page, command in documented():
        if "i2ptunnel run" in command or "restore" in command:
            continue
        line = shell.line(command)
        if "torrents remove" in line:
            # What it was about is there, whatever ran before.
            shell.types("i2ptunnel torrents add fox.torrent", "")
        if line.endswith(ENDLESS):
            shell.begins(line)
            continue
        given = magnet if line.endswith("add -") else f"{PASSPHRASE}\nstatus\nexit\n"
        status, told = shell.types(line, given)
        assert status == 0 or command.startswith(FAILS), (page, command, told)
        assert "Traceback" not in told, (page, command)
    assert program.poll() is None
    assert '"policies"' in (shell.directory / "policies.json").read_text()
    assert "FindProxyForURL" in (shell.directory / "proxy.pac").read_text()
    # What was backed up is for its owner.
    assert stat.S_IMODE((shell.directory / "router.backup").stat().st_mode) == 0o600


def test_what_starts_or_replaces_the_program(shell: Shell, program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait(20)
    data = shell.home / ".local/share/i2ptunnel"
    keys = (data / "eepsite.dat").read_bytes()
    for _, command in documented():
        line = shell.line(command)
        if "restore" in line:
            shutil.rmtree(data)
            configuration = shell.directory / "i2ptunnel.yaml"
            status, told = shell.types(line, f"{PASSPHRASE}\n")
            assert status == 0, (command, told)
            assert (data / "eepsite.dat").read_bytes() == keys and configuration.exists()
    if not IS_PRIVATE:
        return  # they would meet the public network
    for page, command in documented():
        if "i2ptunnel run" not in command:
            continue
        with shell.start(shell.line(command)) as process:
            read_until(process, "i2ptunnel is up")
            process.send_signal(signal.SIGTERM)
            process.communicate()
            assert process.returncode == 0, (page, command)
