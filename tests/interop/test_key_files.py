"""Destination key files go both ways between our program and i2pd."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from tests.support.appliance import run_command
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdRouter, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.mark.parametrize("release", list(RELEASES))
def test_i2pd_serves_under_our_keys_and_we_read_its_own(release: str, tmp_path: Path) -> None:
    router = I2pdRouter(installed(release), tmp_path / "i2pd", "127.41.0.1", 20041)
    router.data_dir.mkdir()
    ours = router.data_dir / "ours.dat"
    made = run_command("keys", "generate", str(ours))
    assert made.returncode == 0, made.stderr
    router.tunnels = "".join(
        f"[{name}]\ntype = server\nhost = 127.0.0.1\nport = {port}\nkeys = {name}.dat\n"
        for name, port in (("ours", 1), ("theirs", 2))
    )
    router.start()
    try:
        wait_until("console", router.is_listening, 20)
        theirs = router.data_dir / "theirs.dat"
        wait_until("i2pd's key file", theirs.exists, 20)
        assert router.local_b32("ours") in made.stdout
        shown = run_command("keys", "show", str(theirs))
        assert router.local_b32("theirs") in shown.stdout
        assert PrivateKeys.parse(theirs.read_bytes()).write() == theirs.read_bytes()
    finally:
        router.stop(kill=True)
