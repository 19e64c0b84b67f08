"""A site that a real i2pd serves keeps its address and its names when it moves to our program."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.appliance import Appliance, run_command
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdRouter, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.mark.parametrize("release", list(RELEASES))
def test_i2pds_site_has_the_same_address_here(release: str, tmp_path: Path) -> None:
    router = I2pdRouter(installed(release), tmp_path / "i2pd", "127.42.0.1", 20042)
    router.data_dir.mkdir()
    router.tunnels = (
        "[site]\ntype = http\nhost = 127.0.0.1\nport = 8080\nkeys = site.dat\n"
        "[shell]\ntype = server\nhost = 127.0.0.1\nport = 22\ninport = 22\nkeys = site.dat\n"
    )
    router.start()
    try:
        wait_until("console", router.is_listening, 20)
        wait_until("i2pd's key file", (router.data_dir / "site.dat").exists, 20)
        address = router.local_b32("site")
    finally:
        router.stop(kill=True)
    out = tmp_path / "out"
    done = run_command("import", str(router.data_dir), "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {one["name"]: one["address"] for one in report["tunnels"]}["site"] == address
    checked = run_command("check", "-c", str(out / "i2ptunnel.yaml"))
    assert checked.returncode == 0, checked.stderr
    ours = Appliance(tmp_path / "ours", "127.42.0.2", 20043)
    ours.config["tunnels"] = yaml.safe_load((out / "i2ptunnel.yaml").read_text())["tunnels"]
    for proxy in ("httpproxy", "socksproxy"):  # i2pd has them unless it is told otherwise
        ours.config["tunnels"].pop(proxy, None)
    shutil.copytree(out, ours.data_dir)
    ours.start()
    try:
        ours.wait_up()
        status = ours.status()
        assert status is not None
        (site,) = (one for one in status["tunnels"] if one["name"] == "site")
        assert site["b32"] == address
    finally:
        ours.stop(kill=True)


@pytest.mark.parametrize("release", list(RELEASES))
def test_what_debian_installs_becomes_a_valid_configuration(release: str, tmp_path: Path) -> None:
    """Its state directory links to its configuration: each file counts once."""
    root = installed(release).root
    out = tmp_path / "out"
    folders = (str(root / "etc/i2pd"), str(root / "var/lib/i2pd"))
    done = run_command("import", *folders, "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    read = [Path(path).resolve() for path in report["read"]]
    assert len(set(read)) == len(read) >= 2
    assert {"httpclient", "sockstunnel", "client"} <= {one["type"] for one in report["tunnels"]}
    checked = run_command("check", "-c", str(out / "i2ptunnel.yaml"))
    assert checked.returncode == 0, checked.stderr
    unknown = [one for one in report["not_carried"] if "no such option" in one["reason"]]
    assert not unknown
