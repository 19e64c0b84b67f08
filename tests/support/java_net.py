"""Real Java I2P routers on loopback, with local destinations (``java/Peer.java``).

Java has no setting for the source address of NTCP2, and every router bans a peer that calls from
another address than the one it publishes: all Java routers share 127.0.0.1 and differ by port.
A Java router accepts no tunnels in its first 90 seconds, so each takes itself for older.
A Java floodfill answers no lookups in its first two minutes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.support import fetch_java
from tests.support.i2pd_net import NETWORK_ID, read_whole, wait_until

ADDRESS = "127.0.0.1"
_START_TIMEOUT_S = 60
_LOGGED = "logger.record.net.i2p.router.Banlist=INFO\nlogger.logFileSize=20m\n"


def hash_in_java(raw: bytes) -> str:
    """The hash of a RouterInfo as Java and i2pd print it."""
    return b64encode(RouterInfo.parse(raw).hash)


@dataclass
class JavaRouter:
    """One Java process. ``ipv6``: a second address. ``limits``: for each neighbour, as on the real
    network; local addresses switch them off otherwise.

    It starts alone, then learns of the others, then opens its destinations: a Java router bans for
    minutes whom it knows when it starts and cannot reach yet.
    """

    data_dir: Path
    port: int
    floodfill: bool = False
    ntcp2: bool = True
    ssu2: bool = False
    ipv6: str | None = None
    limits: bool = False
    options: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def _config(self) -> str:
        hosts = ADDRESS if self.ipv6 is None else f"{ADDRESS},{self.ipv6}"
        options = {
            "router.networkID": str(NETWORK_ID),
            "router.reseedDisable": "true",
            "router.updateDisabled": "true",
            "router.blocklist.enable": "false",
            "router.floodfillParticipant": str(self.floodfill).lower(),
            "router.rejectStartupTime": "90000",
            "router.sharePercentage": "90",
            "time.disabled": "true",
            "i2np.allowLocal": "true",
            "i2np.upnp.enable": "false",
            "i2np.udp.enable": str(self.ssu2).lower(),
            "i2np.udp.host": hosts,
            "i2np.udp.port": str(self.port),
            "i2np.udp.internalPort": str(self.port),
            "i2np.udp.fixedPort": "true",
            "i2np.udp.bindInterface": hosts,
            "i2np.udp.addressSources": "hidden",
            "i2np.udp.ipv6": "false" if self.ipv6 is None else "enable",
            # As if its peer tests, for which loopback has no strangers, had succeeded.
            "i2np.udp.status": "ok",
            "i2np.ntcp.enable": str(self.ntcp2).lower(),
            "i2np.ntcp.hostname": hosts,
            "i2np.ntcp.port": str(self.port),
            "i2np.ntcp.autoip": "false",
            "i2np.ntcp.autoport": "false",
            "i2np.ntcp.ipv6": "false" if self.ipv6 is None else "enable",
            "i2np.bandwidth.inboundKBytesPerSecond": "50000",
            "i2np.bandwidth.outboundKBytesPerSecond": "50000",
            "i2cp.disableInterface": "true",
            "peer.limits": str(self.limits).lower(),
            **self.options,
        }
        return "".join(f"{key}={value}\n" for key, value in options.items())

    @property
    def output_file(self) -> Path:
        return self.data_dir / "peer.log"

    @property
    def output(self) -> str:
        """What ``Peer`` has printed since the last start."""
        return self.output_file.read_text(errors="replace") if self.output_file.exists() else ""

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        config = self.data_dir / "router.config"
        if not config.exists():
            config.write_text(self._config())
            (self.data_dir / "logger.config").write_text(_LOGGED)
        # Left by a killed one; a new one waits to see whether another router touches it.
        (self.data_dir / "router.ping").unlink(missing_ok=True)
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [*fetch_java.command(ipv6=self.ipv6 is not None), str(self.data_dir)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.data_dir,
                env={key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"},
            )
        wait_until("Java router started", lambda: self._has_printed("started"), _START_TIMEOUT_S)
        wait_until("a Java router.info with an address", self._has_address, 30)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait(10)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def send_command(self, line: str) -> None:
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def _has_printed(self, line: str) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the Java router ended:\n{self.output[-3000:]}")
        return line in self.output.splitlines()

    @property
    def router_info(self) -> bytes:
        return read_whole(self.data_dir / "router.info")

    def _has_address(self) -> bool:
        try:
            return bool(RouterInfo.parse(self.router_info).addresses)
        except (OSError, DecodeError):
            return False

    def learn(self, infos: list[bytes]) -> None:
        """Tell it RouterInfos of others."""
        own = self.router_info
        for raw in infos:
            if raw != own:
                self._tell("learn", raw)

    def dial(self, other: JavaRouter) -> None:
        """Have a link with another one.

        Java: of two that dial each other at once, each may take the other one for unreachable, and
        bans it for minutes.
        """
        self.greet(other.router_info)
        name = hash_in_java(self.router_info)
        wait_until("a link", partial(other._has_printed, f"link in {name}"), 20)

    def greet(self, raw: bytes) -> None:
        """Send the router of this RouterInfo something, and so have a link with it soon."""
        self._tell("dial", raw)

    def _tell(self, command: str, raw: bytes) -> None:
        file = self.data_dir / f"{command}-{RouterInfo.parse(raw).hash.hex()[:16]}"
        file.write_bytes(raw)
        self.send_command(f"{command} {file}")
        done = f"learnt {file.name}"
        wait_until(done, partial(self._has_printed, done), 20)

    def open_destinations(self, *destinations: str) -> None:
        """Open them, as ``Peer`` writes them: ``proxy:web:4471``. ``b32_of`` waits for one."""
        self.send_command(f"open {' '.join(destinations)}")

    def b32_of(self, name: str, timeout_s: float = 180) -> str:
        """The b32 name of a destination, once its lease set is made."""
        start = f"ready {name} "

        def find() -> str | None:
            self._has_printed("")
            lines = (line for line in self.output.splitlines() if line.startswith(start))
            return next((line.removeprefix(start) for line in lines), None)

        return str(wait_until(f"Java's destination {name}", find, timeout_s, 0.5))

    @property
    def router_log(self) -> str:
        logs = sorted((self.data_dir / "logs").glob("log-*.txt"))
        return "".join(path.read_text(errors="replace") for path in logs)
