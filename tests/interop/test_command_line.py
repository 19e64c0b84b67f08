"""What commands say of a program that runs among real routers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop.conftest import Network
from tests.support.appliance import run_command

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


def test_why_a_site_can_be_reached_and_why_not(network: Network) -> None:
    data_dir = str(network.ours.data_dir)
    done = run_command("why", f"http://{network.i2pd_site}/", "--data-dir", data_dir, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [one["ok"] for one in found["stages"]] == [True] * 5
    assert "HTTP/1.1" in found["stages"][-1]["text"]
    # The times are those of the visit: a lease set and a stream take round trips.
    assert found["stages"][3]["seconds"] > 0
    done = run_command("why", "nobody.i2p", "--data-dir", data_dir)
    assert done.returncode == 1 and "✗ name" in done.stdout


def test_the_doctor_of_a_program_that_runs(network: Network) -> None:
    done = run_command("doctor", "-c", str(network.ours.config_file), "--json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["running"]
    found = {one["subject"]: one for one in report["findings"]}
    assert found["state"]["level"] == "ok", found["state"]
    assert found["configuration"]["level"] == "ok", found["configuration"]
    assert found["ports"]["level"] == "ok", found["ports"]
    assert {"reachability", "links", "known routers", "tunnel builds", "clock"} <= set(found)


def test_the_log_of_a_program_that_runs(network: Network) -> None:
    data_dir = str(network.ours.data_dir)
    done = run_command("logs", "-n", "500", "--data-dir", data_dir)
    assert done.returncode == 0 and "tunnel web ready" in done.stdout, done.stderr
    done = run_command("logs", "i2ptunnel", "--json", "-n", "3", "--data-dir", data_dir)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert 0 < len(lines) <= 3 and all(one["room"].startswith("i2ptunnel") for one in lines)


def test_a_backup_of_a_program_that_runs(network: Network, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("some words\n")
    phrase = ("--passphrase-file", str(tmp_path / "word"))
    file = tmp_path / "my.backup"
    # Without -c: the running program knows which file it was started with.
    done = run_command("backup", str(file), "--data-dir", str(network.ours.data_dir), *phrase)
    assert done.returncode == 0 and network.our_site in done.stdout, done.stderr
    target = tmp_path / "there"
    place = ("--data-dir", str(target), "-c", str(target / "i2ptunnel.yaml"))
    done = run_command("restore", str(file), *place, *phrase)
    assert done.returncode == 0 and network.our_site in done.stdout, done.stderr
    assert (target / "site.dat").read_bytes() == (network.ours.data_dir / "site.dat").read_bytes()
    assert (target / "i2ptunnel.yaml").read_bytes() == network.ours.config_file.read_bytes()
    done = run_command("address", "list", "--data-dir", str(target))
    assert done.returncode == 0, done.stderr
    # Where the program runs, nothing is restored.
    done = run_command("restore", str(file), *phrase)
    assert done.returncode == 1 and "stop it first" in done.stderr
