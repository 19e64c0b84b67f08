"""Whatever umask the program is started with: what it writes is its owner's alone, and usable."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.api import make_directory
from i2ptunnel.control import ask
from i2ptunnel.demo import free_port
from tests.support.i2pd_net import wait_until

PLACE = "127.78.7.22"
CONFIGURATION = """\
router: {{data_dir: {root}/above/data, network_id: 78, host: {place}, bind: {place}, port: {port},
  allow_private_addresses: true, reseed: {{enabled: false}}, time: {{ntp: false}}}}
control:
  console: {{listen: "127.0.0.1:{console}", tls: true, password_file: {root}/password}}
  ssh: {{listen: "127.0.0.1:{ssh}", authorized_keys: {root}/authorized_keys}}
tunnels:
  site: {{type: server, target: "127.0.0.1:9"}}
  hidden: {{type: server, target: "127.0.0.1:9", encrypted: {{enabled: true}}}}
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


OFTEN, SELDOM = (0o000, 0o777), (0o022, 0o077, 0o277)


@pytest.mark.parametrize(
    "umask", [*OFTEN, *(pytest.param(one, marks=pytest.mark.long) for one in SELDOM)], ids=oct
)
def test_what_is_written_is_private(tmp_path: Path, umask: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name, text in (("password", "correct horse"), ("authorized_keys", "")):
        (root / name).write_text(text)
        (root / name).chmod(0o600)
    (config := root / "my.yaml").write_text(
        CONFIGURATION.format(
            root=root,
            place=PLACE,
            port=free_port(PLACE, 0),
            console=free_port("127.0.0.1", 0),
            ssh=free_port("127.0.0.1", 0),
        )
    )
    given = {config, root / "authorized_keys"}
    program = [sys.executable, "-m", "i2ptunnel"]
    trace, data = root / "trace", root / "above" / "data"
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [*program, "run", "-c", config, "--trace", trace], stdout=log, stderr=log, umask=umask
    )

    def run(*words: str | Path) -> None:
        done = subprocess.run([*program, *words], capture_output=True, umask=umask, check=False)
        assert done.returncode == 0, (words, done.stderr)

    try:
        wait_until("the control socket", (data / "control.sock").exists, 20)
        wait_until(
            "keys",
            lambda: all(one["b32"] for one in ask(data / "control.sock", "tunnels")),
            20,
        )
        run("address", "add", "-c", config, "a.i2p", "a" * 52 + ".b32.i2p")
        run("console", "--no-browser", "-c", config)
        run("keys", "generate", root / "made.dat")
        run("keys", "transient", root / "made.dat", root / "short.dat")
        run("keys", "client", root / "client.key")
        run("backup", "-c", config, "--passphrase-file", root / "password", root / "all.backup")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()
    target = root / "new" / "data"
    restored = ["-c", root / "restored.yaml", "--data-dir", target]
    run("restore", root / "all.backup", *restored, "--passphrase-file", root / "password")
    made = [path for path in root.rglob("*") if path not in given and not path.is_symlink()]
    names = {path.name for path in made}
    assert {"router.keys", "site.dat", "hidden.dat", "all.backup", "trace", "made.dat"} <= names
    assert (target / "site.dat").read_bytes() == (data / "site.dat").read_bytes()
    wrong = {str(path): oct(mode_of(path)) for path in made if mode_of(path) & 0o077}
    assert wrong == {}
    unusable = {
        str(path): oct(mode_of(path))
        for path in made
        if mode_of(path) & 0o700 != (0o700 if path.is_dir() else 0o600)
    }
    assert unusable == {}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_directories_above_are_private_too(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_directory(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / one) for one in ("a", "a/b", "a/b/c")] == [0o700] * 3
