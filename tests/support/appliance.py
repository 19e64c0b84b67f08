"""Our own program as a process: configuration from a dictionary, status from its command line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from core.api import Router
from core.data.router_info import RouterInfo
from i2ptunnel.config.loader import load_text
from i2ptunnel.control import ControlFault, NotRunning, ask
from i2ptunnel.netdb_files import keep_for_next_start
from i2ptunnel.router_setup import router_config
from tests.support.i2pd_net import NETWORK_ID, wait_until

_COMMAND = [sys.executable, "-m", "i2ptunnel"]
#: options of a router that loopback limits and nothing else
FAST: dict[str, Any] = {"bandwidth": {"inbound": "100MB/s", "outbound": "100MB/s"}}


#: what systemd does between fork and exec
_HAND_OVER = """
import fcntl, os, sys
passed = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in sys.argv[1].split(",")]
for number, one in enumerate(passed, 3):
    os.dup2(one, number)
    os.close(one)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class _PlainDumper(yaml.SafeDumper):
    """Writes shared values out: the program reads no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def run_command(*arguments: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run one short ``i2ptunnel`` command."""
    return subprocess.run(
        [*_COMMAND, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


class Appliance:
    """One ``i2ptunnel run`` on a loopback address of its own."""

    def __init__(
        self,
        root: Path,
        address: str,
        port: int,
        tunnels: dict[str, Any] | None = None,
        **router: Any,
    ) -> None:
        self.root = root
        self.address = address
        self.data_dir = root / "data"
        self.config_file = root / "i2ptunnel.yaml"
        self.log_file = root / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.command = _COMMAND
        self._log_start = 0
        #: where the next start writes a trace
        self.trace: Path | None = None
        #: hard limit of descriptors for the next start, as ``ulimit -n`` sets it
        self.descriptors: int | None = None
        #: for the next start: what a service manager puts into the environment, and the sockets
        #: (name, descriptor) that it hands over
        self.environment: dict[str, str] = {}
        self.handed_over: list[tuple[str, int]] = []
        self.config: dict[str, Any] = {
            "router": {
                "data_dir": str(self.data_dir),
                "network_id": NETWORK_ID,
                "host": address,
                "port": port,
                "bind": address,
                "allow_private_addresses": True,
                "ssu2": {"enabled": False},
                "reseed": {"enabled": False},
                "time": {"ntp": False},
                "exploratory": {
                    "inbound": {"length": 2, "quantity": 2},
                    "outbound": {"length": 2, "quantity": 2},
                },
                **router,
            },
            "control": {"console": None},
            "tunnels": tunnels or {},
        }

    def write_config(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(yaml.dump(self.config, Dumper=_PlainDumper))

    def start(self) -> None:
        self.write_config()
        self._log_start = len(self.log)
        with self.log_file.open("ab") as log:
            command = [*self.command, "run", "-c", str(self.config_file), "--log-level", "info"]
            if self.trace is not None:
                command += ["--trace", str(self.trace)]
            if self.descriptors is not None:
                limit = f'ulimit -n {self.descriptors}; exec "$0" "$@"'
                command = ["sh", "-c", limit, *command]
            passed: tuple[int, ...] = ()
            environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.environment}
            if self.handed_over:
                names, passed = zip(*self.handed_over, strict=True)
                numbers = ",".join(map(str, passed))
                command = [sys.executable, "-c", _HAND_OVER, numbers, *command]
                environment |= {"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}
            self.process = subprocess.Popen(
                command,
                pass_fds=passed,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def stop(self, *, kill: bool = False, timeout_s: float = 10) -> float:
        """End the process by its own id; returns the seconds it took."""
        process, self.process = self.process, None
        if process is None:
            return 0.0
        began = time.monotonic()
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise
        return time.monotonic() - began

    @property
    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def new_log(self) -> str:
        """What was logged since the last start."""
        return self.log[self._log_start :]

    @property
    def router_info(self) -> bytes:
        return (self.data_dir / "router.info").read_bytes()

    def write_router_info_once(self) -> bytes:
        """Make identity and RouterInfo as the first start does; returns the RouterInfo.

        The router runs in this process: starting a program for it takes ten times as long.
        """
        section = load_text(yaml.dump(self.config, Dumper=_PlainDumper)).configuration.router

        async def start_and_stop() -> None:
            router = Router(router_config(section))
            await router.start()
            await router.stop()

        asyncio.run(start_and_stop())
        return self.router_info

    def import_router_infos(self, infos: list[bytes]) -> None:
        """Give it other routers' RouterInfos for the next start, as ``netdb import`` does."""
        keep_for_next_start(self.data_dir, [RouterInfo.parse(raw) for raw in infos])

    def status(self) -> dict[str, Any] | None:
        """As ``status --json`` prints it; None while it does not answer."""
        try:
            status: dict[str, Any] = ask(self.data_dir / "control.sock", "status")
        except (NotRunning, ControlFault):
            return None
        return status

    def wait_up(self) -> None:
        """Wait until it listens, for routers and for orders."""
        wait_until(f"{self.address} up", lambda: self.status() is not None, 20)

    def wait_ready(self, *names: str, timeout_s: float = 60) -> float:
        """Wait for the log's ``ready`` line of each tunnel; returns the seconds waited."""
        began = time.monotonic()

        def all_ready() -> bool:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"i2ptunnel ended:\n{self.log[-3000:]}")
            text = self.new_log
            return all(f"tunnel {name} ready" in text for name in names)

        try:
            wait_until(f"tunnels {names} of {self.address} ready", all_ready, timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log[-3000:]}") from None
        return time.monotonic() - began

    def memory_mb(self) -> float:
        """Resident memory of the process."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        raise RuntimeError("no VmRSS")

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        assert self.process is not None
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / 100.0
