"""A private I2P network of real i2pd routers on loopback.

Every router has an address of its own (127.N.0.1): i2pd checks that a peer's source address is the
one it publishes, and accepts one pending handshake for each source address. Each router is started
once so that it writes its RouterInfo, then all know each other from their ``netDb`` folders.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.support.fetch_i2pd import I2pdProgram
from tests.support.machine import slowdown

NETWORK_ID = 77
_CONSOLE_PORT = 7070


def wait_until(what: str, check: object, timeout_s: float, every_s: float = 0.1) -> object:
    """Poll ``check()`` until it is true; raise TimeoutError that names ``what`` otherwise.

    ``timeout_s``: on a machine that does nothing else; a busy one gets more.
    """
    assert callable(check)
    began = time.monotonic()
    while True:
        result = check()
        if result:
            return result
        waited_s = time.monotonic() - began
        if waited_s > timeout_s and waited_s > timeout_s * slowdown():
            raise TimeoutError(f"{what}: not within {waited_s:.1f} s")
        time.sleep(every_s)


def install_router_info(net_db: Path, raw: bytes) -> None:
    """Put a RouterInfo where i2pd looks for it."""
    name = b64encode(RouterInfo.parse(raw).hash)
    folder = net_db / f"r{name[0]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"routerInfo-{name}.dat").write_bytes(raw)


def read_whole(path: Path) -> bytes:
    """A RouterInfo from its file, which i2pd and Java empty for a moment when they write it."""
    whole: list[bytes] = []

    def is_whole() -> bool:
        raw = path.read_bytes()
        with contextlib.suppress(DecodeError):
            RouterInfo.parse(raw)
            whole.append(raw)
        return bool(whole)

    wait_until(f"{path} whole", is_whole, 10, 0.01)
    return whole[0]


@dataclass
class I2pdRouter:
    """One i2pd process; ``tunnels`` is the text of its tunnels.conf.

    ``ipv6``: a second address towards other routers. i2pd alone in IPv6 finds no end of a tunnel:
    that must have IPv4. ``yggdrasil``: the only address towards other routers.
    """

    program: I2pdProgram
    data_dir: Path
    address: str
    port: int
    floodfill: bool = False
    tunnels: str = ""
    http_proxy: bool = False
    options: dict[str, str] = field(default_factory=dict)
    """``section.key``, or ``key`` for what stands above all sections; an empty one is removed."""
    transit: bool = True
    ipv6: str | None = None
    yggdrasil: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def _config(self) -> str:
        top = {
            "ipv4": str(self.yggdrasil is None).lower(),
            "ipv6": str(self.ipv6 is not None).lower(),
            "nat": "false",
            "address4": self.address,
            "address6": self.ipv6 or "",
            "host": self.address,
            "port": str(self.port),
            "reservedrange": "false",
            "netid": str(NETWORK_ID),
            "bandwidth": "X",
            "log": "file",
            "loglevel": "info",
            "floodfill": str(self.floodfill).lower(),
            "notransit": str(not self.transit).lower(),
        }
        sections = {
            "ntcp2": {"enabled": "true", "published": "true"},
            "ssu2": {"enabled": "true", "published": "true"},
            "reseed": {"threshold": "0", "urls": "", "yggurls": ""},
            "nettime": {"enabled": "false"},
            "upnp": {"enabled": "false"},
            "addressbook": {"defaulturl": "", "subscriptions": ""},
            "http": {"enabled": "true", "address": self.address, "port": str(_CONSOLE_PORT)},
            "httpproxy": {
                "enabled": str(self.http_proxy).lower(),
                "address": self.address,
                "port": "4444",
                "inbound.length": "2",
                "outbound.length": "2",
                "inbound.quantity": "3",
                "outbound.quantity": "3",
            },
            "socksproxy": {"enabled": "false"},
            "sam": {"enabled": "false"},
            "i2cp": {"enabled": "false"},
            "persist": {"profiles": "false"},
        }
        if self.yggdrasil is not None:
            sections["meshnets"] = {"yggdrasil": "true", "yggaddress": self.yggdrasil}
        for dotted, value in self.options.items():
            section, dot, key = dotted.partition(".")
            if dot:
                sections.setdefault(section, {})[key] = value
            else:
                top[section] = value
        lines = [f"{key} = {value}" for key, value in top.items() if value]
        for name, options in sections.items():
            lines += [f"[{name}]", *(f"{key} = {value}" for key, value in options.items())]
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "i2pd.conf").write_text(self._config())
        (self.data_dir / "tunnels.conf").write_text(self.tunnels)
        (self.data_dir / "tunnels.d").mkdir(exist_ok=True)
        certificates = self.program.root / "usr/share/i2pd/certificates"
        self.process = subprocess.Popen(
            [
                *self.program.command,
                f"--datadir={self.data_dir}",
                f"--conf={self.data_dir}/i2pd.conf",
                f"--tunconf={self.data_dir}/tunnels.conf",
                f"--tunnelsdir={self.data_dir}/tunnels.d",
                f"--certsdir={certificates}",
                f"--pidfile={self.data_dir}/i2pd.pid",
                f"--logfile={self.data_dir}/i2pd.log",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self, *, kill: bool = False) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        (process.kill if kill else process.terminate)()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    @property
    def router_info(self) -> bytes:
        return read_whole(self.data_dir / "router.info")

    def write_router_info_once(self) -> bytes:
        """Start and stop so that identity and RouterInfo exist; returns the RouterInfo."""
        self.start()
        path = self.data_dir / "router.info"
        wait_until(f"router.info of {self.address}", path.exists, 20)
        self.wait_listening()
        self.stop(kill=True)
        return self.router_info

    def know(self, infos: Iterable[bytes]) -> None:
        """Put RouterInfos into its netDb; only while it does not run."""
        for raw in infos:
            install_router_info(self.data_dir / "netDb", raw)

    def is_listening(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.address, _CONSOLE_PORT)) == 0

    def wait_listening(self) -> None:
        """Until its console answers, which comes up behind its transports."""
        wait_until(f"console of {self.address}", self.is_listening, 20)

    def page(self, query: str = "") -> str:
        """A page of the web console, tags removed."""
        url = f"http://{self.address}:{_CONSOLE_PORT}/{query}"
        with urllib.request.urlopen(url, timeout=5) as response:
            return re.sub(r"<[^>]+>", " ", response.read().decode("utf-8", "replace"))

    def tunnel_success_percent(self) -> int:
        """As the console says; 0 while it does not answer."""
        try:
            page = self.page()
        except OSError:
            return 0
        found = re.search(r"Tunnel creation success rate:\s*(\d+)%", page)
        return int(found.group(1)) if found else 0

    def local_b32(self, tunnel_name: str) -> str:
        """The b32 name of a server tunnel, from the console, where it appears after a while."""
        name = re.compile(rf"\b{re.escape(tunnel_name)}\s+&#8658;\s+(\S+\.b32\.i2p)")

        def find() -> re.Match[str] | None:
            try:
                return name.search(self.page("?page=i2p_tunnels"))
            except OSError:
                return None

        found = wait_until(f"tunnel {tunnel_name} on the console", find, 30)
        assert isinstance(found, re.Match)
        return str(found.group(1))

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        assert self.process is not None
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / 100.0


class I2pdNet:
    """Several i2pd routers that know each other and any number of foreign RouterInfos."""

    def __init__(self, root: Path, programs: list[I2pdProgram], first_octet: int = 1) -> None:
        """``programs``: one for each router; the first three become floodfills."""
        self.routers = [
            I2pdRouter(
                program,
                root / f"i2pd{index}",
                address=f"127.{first_octet + index}.0.1",
                port=20000 + first_octet + index,
                floodfill=index < 3,
            )
            for index, program in enumerate(programs)
        ]

    def router_infos(self) -> list[bytes]:
        return [router.router_info for router in self.routers]

    def prepare(self, foreign: Iterable[bytes] = ()) -> None:
        """Create identities and spread all RouterInfos; ``foreign`` are those of other routers."""
        with ThreadPoolExecutor(len(self.routers)) as pool:
            infos = list(pool.map(lambda router: router.write_router_info_once(), self.routers))
        for router in self.routers:
            own = router.router_info
            router.know(raw for raw in [*infos, *foreign] if raw != own)

    def start(self) -> None:
        for router in self.routers:
            router.start()
        for router in self.routers:
            router.wait_listening()

    def stop(self) -> None:
        for router in self.routers:
            router.stop(kill=True)
