"""Reseeding of the program as a process: killed in the middle, on a terminal, by command."""

from __future__ import annotations

import json
import os
import pty
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main
from tests.support.appliance import Appliance, run_command
from tests.support.bundles import Signer, zip_of
from tests.support.deterministic import SeededEntropy
from tests.support.i2pd_net import wait_until
from tests.support.netdb_network import build_router_info
from tests.support.reseed_server import ReseedServer, response, write_certificates

SIGNER = Signer()
KEYS = [PrivateKeys.generate_router(SeededEntropy(f"program {n}")) for n in range(3)]


def bundle() -> bytes:
    stamp = int(time.time() * 1000) - 3600_000
    return SIGNER.bundle(build_router_info(keys, stamp) for keys in KEYS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReseedServer]:
    with ReseedServer(tmp_path, response(bundle())) as made:
        yield made


@pytest.fixture
def program(tmp_path: Path, server: ReseedServer) -> Iterator[Appliance]:
    certificates = write_certificates(tmp_path / "certificates", SIGNER)
    reseed = {"urls": [server.url], "certificates": str(certificates)}
    # The other process of the tests may run one of these at the same time.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    made = Appliance(tmp_path / "program", f"127.91.{worker}.1", 20991, reseed=reseed)
    yield made
    made.stop(kill=True)


def status_of(program: Appliance) -> dict[str, Any]:
    status = program.status()
    assert status is not None
    return status


@pytest.mark.long
def test_killed_in_the_middle(program: Appliance, server: ReseedServer) -> None:
    """What was begun leaves a data directory that starts; the server is not asked again."""
    body = bundle()

    def half(connection: ssl.SSLSocket) -> None:
        connection.sendall(response(body)[:700])
        server.ending.wait(60)

    server.answer = half
    program.start()
    assert server.asked.wait(30)
    wait_until("the control socket", (program.data_dir / "control.sock").exists, 20)
    status = status_of(program)
    assert status["state"] == "reseeding" and status["reseed"]["state"] == "fetching"
    program.stop(kill=True)

    server.answer = response(body)
    program.start()
    wait_until("the second start", lambda: program.log.count("is up") == 2, 30)
    status = status_of(program)
    assert status["reseed"]["servers"] == {server.name: "asked"}
    assert 3500 < status["reseed"]["next_in_s"] <= 3600
    # Nobody is told to wait without being told how long.
    wait_until("that it rests", lambda: status_of(program)["reseed"]["state"] == "resting", 20)
    status = status_of(program)
    assert status["state"] == "degraded" and "asked again in 1 h." in status["reason"]
    assert "netdb import FILE" in status["remedy"]
    shown = run_command("status", "-c", str(program.config_file)).stdout
    assert "reseed   the servers were asked lately; again in 59m" in shown
    found = run_command("doctor", "-c", str(program.config_file)).stdout
    assert "0; the reseed servers were asked lately, and are asked again in 59m" in found
    assert len(server.requests) == 1
    program.stop()
    assert "Traceback" not in program.log

    # files bring in what the server may not be asked for
    folder = program.root / "i2pseeds.su3"
    folder.write_bytes(body)
    program.config["router"]["reseed"] |= {"files": [str(folder)], "enabled": False}
    program.start()
    wait_until("the third start", lambda: program.log.count("is up") == 3, 30)
    assert "3 routers imported from reseed.files" in program.log
    status = status_of(program)
    assert status["router"]["routers"] == 3 and status["reseed"]["state"] == "off"


def test_a_failure_is_told_everywhere(program: Appliance, server: ReseedServer) -> None:
    server.answer = response(b"no", "403 Forbidden")
    program.start()
    wait_until("the failure", lambda: "reseeding failed" in program.log, 30)
    (line,) = (line for line in program.log.splitlines() if "reseeding failed" in line)
    assert f"({server.name}: refuses (403))" in line and "netdb import i2pseeds.su3" in line
    status = status_of(program)
    assert status["state"] == "degraded" and "no reseed server has brought any" in status["reason"]
    assert "router.reseed.proxy" in status["remedy"] and status["remedy"] in line
    assert "refuses (403)" in status["reseed"]["last_error"]
    shown = run_command("status", "-c", str(program.config_file)).stdout
    assert f"reseed   none of 1 reseed server has brought routers ({server.name}: " in shown
    asked = run_command("netdb", "reseed", "-c", str(program.config_file))
    assert asked.returncode == 1 and "asked lately" in asked.stderr
    # Nobody is sent for a file while the servers are being asked.
    assert "no way into the network" not in program.log


def test_the_command_alone(
    program: Appliance, server: ReseedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a running program, what comes is kept for the next start."""
    program.write_config()
    words = ["netdb", "reseed", "-c", str(program.config_file)]
    assert main(words) == 0
    assert capsys.readouterr().out == "3 routers from 1 server\n"
    assert len([*(program.data_dir / "imported").iterdir()]) == 3
    assert main(words) == 1
    assert "all reseed servers were asked lately" in capsys.readouterr().err
    (program.data_dir / "reseed.json").unlink()
    server.answer = response(Signer("other@mail.i2p").bundle([]))
    assert main(words) == 1
    told = capsys.readouterr().err
    assert "its signer other@mail.i2p is not known" in told and "Install a newer" in told


def test_archives_by_command(
    program: Appliance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.write_config()
    stamp = int(time.time() * 1000)
    infos = [build_router_info(keys, stamp) for keys in KEYS]
    files = {
        "good.su3": SIGNER.bundle(infos),
        "good.zip": zip_of(infos),
        "bad.su3": SIGNER.bundle(infos)[:-1] + b"x",
        "other.su3": Signer("other@mail.i2p").bundle(infos),
        "bad.zip": b"junk",
    }
    told = {}
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        status = main(["netdb", "import", str(path), "-c", str(program.config_file)])
        out, err = capsys.readouterr()
        told[name] = (status, out or err)
    kept = "3 routers kept for the next start\n"
    assert told["good.su3"] == told["good.zip"] == (0, kept)
    assert [told[name][0] for name in ("bad.su3", "other.su3", "bad.zip")] == [1, 1, 1]
    assert "cannot be used: its signature is not by" in told["bad.su3"][1]
    assert "its signer other@mail.i2p is not known" in told["other.su3"][1]
    assert "cannot be used: zip:" in told["bad.zip"][1]


def test_a_line_on_a_terminal(program: Appliance, server: ReseedServer) -> None:
    """It changes while servers are asked, goes away at the end, and log lines stay whole."""
    go_on = threading.Event()
    body = response(bundle())

    def in_parts(connection: ssl.SSLSocket) -> None:
        connection.sendall(body[:1500])
        go_on.wait(30)
        connection.sendall(body[1500:])
        connection.unwrap()

    server.answer = in_parts
    program.write_config()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "i2ptunnel", "run", "-c", str(program.config_file)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    try:
        with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            while b"routers taken" not in seen:
                seen += terminal.read(4096)
                if server.name.encode() + b" 1 KiB" in seen:
                    go_on.set()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    text = seen.decode()
    assert f"reseeding: 0 of 1 bundles, asking {server.name}" in text
    assert f"\r\x1b[K{time.strftime('%Y')}" in text
    assert json.dumps(text).count("3 routers taken from 1 reseed server") == 1
