"""The program as a process: start, control, reload, stop; and the demo network."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from i2ptunnel.cli.main import main
from i2ptunnel.demo import _PAGE
from i2ptunnel.keyfiles import read_keys
from tests.support.i2pd_net import wait_until

COMMAND = [sys.executable, "-m", "i2ptunnel"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Program:
    """``i2ptunnel run`` in a directory."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "i.yaml"
        self.data = directory / "data"
        self.log = directory / "log"
        self.router = (
            f"router: {{data_dir: data, network_id: 78, host: 127.78.2.1, bind: 127.78.2.1, "
            f"port: {free_port()}, allow_private_addresses: true}}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, tunnels: str) -> None:
        self.config.write_text(self.router + tunnels)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "run", "-c", str(self.config)], stdout=log, stderr=log
            )
        wait_until(
            "up, or over",
            lambda: "is up" in self.log.read_text() or self.process.poll() is not None,
            20,
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in this process: no interpreter to start."""
        words = [*arguments, "-c", str(self.config)]
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = main(words)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)


def test_life_of_the_program(program: Program) -> None:
    port, taken = free_port(), socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    metrics = free_port()
    with taken:
        program.write(
            f"control:\n  metrics: {{listen: '127.0.0.1:{metrics}'}}\n"
            f"  console: {{listen: '127.0.0.1:{free_port()}'}}\n"
            f"tunnels:\n  web: {{type: httpclient, listen: '127.0.0.1:{port}'}}\n"
            f"  bad: {{type: sockstunnel, listen: '127.0.0.1:{taken.getsockname()[1]}'}}\n"
        )
        program.start()
        status = json.loads(program.command("status", "--json").stdout)
        states = {tunnel["name"]: tunnel["state"] for tunnel in status["tunnels"]}
        assert states["bad"] == "failed" and states["web"] != "failed"
        assert "in use" in next(t["last_error"] for t in status["tunnels"] if t["name"] == "bad")
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as response:
            figures = response.read().decode().splitlines()
        assert 'i2ptunnel_tunnel_ready{tunnel="bad",type="sockstunnel"} 0.0' in figures
        assert 'i2ptunnel_router_links{transport="ssu2"} 0.0' in figures
        assert program.command("status", "--check", "live").returncode == 0
        assert program.command("status", "--check", "ready").returncode == 5
        shown = program.command("status").stdout
        assert "web" in shown and f"data     {program.data}" in shown
        opened = run("console", "--no-browser", "--data-dir", str(program.data))
        assert opened.returncode == 0 and f"{program.data}/console.html" in opened.stdout
        log = program.log.read_text()
        for part in (
            f"i2ptunnel {status['version']} with {program.config}; data directory {program.data}",
            "the router listens at 127.78.2.1:",
            f"set 127.0.0.1:{port} as HTTP proxy in the browser and open http://proxy.i2p/",
            f"the console is opened by: i2ptunnel console --data-dir {program.data}\n",
        ):
            assert log.count(part) == 1, part

        # an image of it would hold keys, so there is none
        limits = Path(f"/proc/{status['pid']}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M)

        # a second one in the same data directory is refused
        second = run("run", "-c", str(program.config))
        assert second.returncode == 1 and "in use" in second.stderr

        # a broken file changes nothing, a good one only what it says
        good = program.config.read_text()
        program.write("tunnels: {web: {type: httpclent}}\n")
        refused = program.command("reload")
        assert refused.returncode == 3 and "did you mean" in refused.stderr
        assert program.process is not None
        program.process.send_signal(signal.SIGHUP)
        wait_until("a refusal", lambda: "reload refused" in program.log.read_text(), 20)
        program.config.write_text(good.replace("  bad:", "  new:"))
        refused = program.command("reload")
        assert refused.returncode == 1 and "tunnels.new: cannot listen" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert "bad\t" in program.command("tunnels").stdout
        taken.close()
        assert program.command("plan").stdout.split() == [
            *("+", "add", "new", "=", "keep", "web", "-", "remove", "bad")
        ]
        assert program.command("reload").returncode == 0
        names = [line.split("\t")[0] for line in program.command("tunnels").stdout.splitlines()]
        assert names == ["web", "new"]
        assert program.command("tunnels", "stop", "web").returncode == 0
        assert "web\thttpclient\tstopped" in program.command("tunnels").stdout
        assert program.command("tunnels", "stop", "nope").returncode == 1

        unknown = program.command("ping", "unknown.i2p")
        assert unknown.returncode == 1 and "address book" in unknown.stderr
        assert program.command("ping", "unknown.i2p:x").returncode == 1

        began = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - began < 3
    assert program.command("status").returncode == 4
    modes = {path.name: path.stat().st_mode & 0o777 for path in program.data.iterdir()}
    assert modes["router.keys"] == 0o600
    assert "control.sock" not in modes
    assert "Traceback" not in program.log.read_text()


def test_netdb_import_while_down_and_up(program: Program, tmp_path: Path) -> None:
    other = Program(tmp_path / "other")
    other.config.parent.mkdir()
    other.router = other.router.replace("127.78.2.1", "127.78.3.1")
    other.write("")
    other.start()
    try:
        raw = (other.data / "router.info").read_bytes()
    finally:
        other.stop()
    name = RouterInfo.parse(raw).hash
    folder = tmp_path / "infos"
    folder.mkdir()
    (folder / "routerInfo-a.dat").write_bytes(raw)
    program.write("")
    done = program.command("netdb", "import", str(folder))
    assert done.returncode == 0 and "kept for the next start" in done.stdout
    program.start()
    listed = json.loads(program.command("netdb", "list", "--json").stdout)
    assert len(listed) == 1
    assert not (program.data / "imported").exists()
    done = program.command("netdb", "import", str(folder / "routerInfo-a.dat"))
    assert done.returncode == 0, done.stderr
    assert program.command("netdb", "export", str(tmp_path / "out")).returncode == 0
    exported = [RouterInfo.parse(path.read_bytes()) for path in (tmp_path / "out").iterdir()]
    own = RouterInfo.parse((program.data / "router.info").read_bytes())
    assert {info.hash for info in exported} == {name, own.hash}
    assert program.stop() == 0


def test_a_taken_port_is_named(program: Program) -> None:
    program.write("")
    with socket.socket() as taken:
        taken.bind(("127.78.2.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program.config.write_text(re.sub(r"port: \d+", f"port: {port}", program.router))
        done = run("run", "-c", str(program.config))
    assert done.returncode == 1
    assert f"cannot listen on 127.78.2.1:{port}: address already in use" in done.stderr


def test_start_faults_are_one_line(program: Program) -> None:
    program.data.mkdir()
    (program.data / "router.keys").write_bytes(b"x" * 100)
    program.write("")
    done = run("run", "-c", str(program.config))
    assert done.returncode == 1
    assert "router.keys" in done.stderr and "Traceback" not in done.stderr
    assert (program.data / "router.keys").read_bytes() == b"x" * 100


def test_a_router_that_knows_nobody_says_so_and_is_not_ready(program: Program) -> None:
    port = free_port()
    program.write(f"tunnels: {{web: {{type: httpclient, listen: '127.0.0.1:{port}'}}}}\n")
    program.start()
    status = json.loads(program.command("status", "--json").stdout)
    assert (status["state"], status["ready"]) == ("degraded", False)
    assert "No other router is known" in status["reason"]
    assert "netdb import" in status["remedy"]
    assert "netdb import" in program.command("status").stdout
    assert program.log.read_text().count("No other router is known") == 1
    proxy = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"})
    with urllib.request.build_opener(proxy).open("http://proxy.i2p/") as response:
        page = response.read().decode()
    assert "The I2P proxy is not ready" in page and "netdb import" in page
    assert "works" not in page and "building" not in page
    program.write("")  # a relay: without tunnels there is nothing that could wait for routers
    assert program.command("reload").returncode == 0
    assert program.command("status", "--check", "ready").returncode == 5


def test_a_control_socket_that_a_cleaner_removes_comes_back(program: Program) -> None:
    program.write("")
    program.start()
    assert program.process is not None
    (program.data / "control.sock").unlink()
    gone = program.command("status")
    assert gone.returncode == 1
    assert f"running (process {program.process.pid} holds" in gone.stderr
    assert f"kill -HUP {program.process.pid}" in gone.stderr
    assert program.command("status", "--check", "live").returncode == 0
    assert program.command("status", "--check", "ready").returncode == 1
    program.process.send_signal(signal.SIGHUP)
    wait_until("an answer", lambda: program.command("status").returncode == 0, 20)
    assert program.log.read_text().count("control socket was removed") == 1
    assert program.stop() == 0
    assert not (program.data / "control.sock").exists()


def test_plan_and_reload_tell_the_truth(program: Program, tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    site = "tunnels: {{site: {{type: server, target: '127.0.0.1:9', keys: {}}}}}\n"
    program.write(site.format("one.dat"))
    program.start()
    assert main(["keys", "generate", str(program.data / "two.dat")]) == 0
    two = read_keys(program.data / "two.dat")
    assert two is not None

    def address() -> str | None:
        """The site's, once its keys are made."""
        status = json.loads(program.command("status", "--json").stdout)
        return str(status["tunnels"][0]["b32"] or "")

    one = wait_until("an address", address, 20)

    # another file is not read, and that is said
    other = tmp_path / "other.yaml"
    other.write_text(program.router + site.format("one.dat"))
    refused = run("reload", "-c", str(other))
    assert refused.returncode == 1
    assert f"reads {program.config}" in refused.stderr

    program.write(
        site.format("two.dat") + f"control: {{metrics: {{listen: '127.0.0.1:{metrics}'}}}}\n"
    )
    text = program.config.read_text().replace("127.78.2.1, port", "127.78.2.2, port")
    program.config.write_text(text.replace("network_id: 78", "network_id: 79"))
    for command in ("plan", "reload", "plan"):
        done = program.command(command)
        assert done.returncode == 0, done.stderr
        assert "! restart  router.bind " in done.stdout
        assert "! restart  router.network_id " in done.stdout
        if command == "plan" and "= keep     site" in done.stdout:
            continue  # what waits for a restart is said as long as it waits
        assert (
            f"~ restart  site  address changes from {one} to {two.destination.b32}" in done.stdout
        )
        assert "* change   control.metrics" in done.stdout
    assert "router.network_id has changed: it takes effect" in program.log.read_text()

    # a tunnel that cannot start makes the reload fail, though the others run
    program.write(
        site.format("two.dat").rstrip("}\n")
        + "}, file: {type: client, destination: x.i2p, "
        + f"listen: '127.0.0.1:{port}', keys: bad.dat}}}}\n"
    )
    (program.data / "bad.dat").write_bytes(b"x" * 400)
    done = program.command("reload")
    assert done.returncode == 1 and "tunnel file failed" in done.stderr
    assert "bad.dat" in done.stderr


def test_limits_of_bandwidth_and_transit_change_while_it_runs(program: Program) -> None:
    def caps() -> str:
        return RouterInfo.parse((program.data / "router.info").read_bytes()).caps

    program.write("tunnels: {}\n")
    program.start()
    assert caps() == "XR"
    limits = "bandwidth: {inbound: 100kB/s, outbound: 100kB/s}, transit: {enabled: false}"
    program.config.write_text(
        program.router.replace("network_id: 78", f"network_id: 78, {limits}") + "tunnels: {}\n"
    )
    done = program.command("reload")
    assert done.returncode == 0, done.stderr
    assert "* change   router.bandwidth.inbound" in done.stdout
    assert "* change   router.transit.enabled" in done.stdout and "!" not in done.stdout
    wait_until("other caps", lambda: caps() == "NRG", 20)
    assert "takes effect" not in program.log.read_text()
    assert "change   router" not in program.command("plan").stdout


def test_demo() -> None:
    done = run("demo", "--once")
    assert done.returncode == 0, done.stderr
    assert "Hello from I2P" in done.stdout and "MB/s" in done.stdout


def test_the_demo_page_fits_a_small_screen() -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in _PAGE
