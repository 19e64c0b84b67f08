"""A real emissary router on loopback, with an eepsite and an HTTP proxy."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from tests.support.fetch_built import EMISSARY
from tests.support.i2pd_net import NETWORK_ID, install_router_info, wait_until

#: emissary has no setting for the address that it calls from
ADDRESS = "127.0.0.1"
_KEYS = "site.key"


@dataclass
class EmissaryRouter:
    """One process; its site answers with what listens at ``web_port``.

    ``ssu2``: it has SSU2 as well, at the same port. Both transports are hybrid, with ML-KEM-768.
    """

    data_dir: Path
    port: int
    proxy_port: int
    sam_port: int
    web_port: int
    ssu2: bool = False
    process: subprocess.Popen[bytes] | None = None

    def _config(self) -> str:
        two_hops = "inbound_len = 2\ninbound_count = 2\noutbound_len = 2\noutbound_count = 2\n"
        return (
            f"allow_local = true\ninsecure_tunnels = true\nnet_id = {NETWORK_ID}\n"
            f"[exploratory]\n{two_hops}[transit]\nmax_tunnels = 500\n"
            f'[ntcp2]\nport = {self.port}\nipv4_host = "{ADDRESS}"\n'
            "ipv4 = true\nipv6 = false\npublish = true\nml_kem = 4\n"
            + self._ssu2_section()
            + f'[http-proxy]\nhost = "{ADDRESS}"\nport = {self.proxy_port}\n{two_hops}'
            f"[sam]\ntcp_port = {self.sam_port}\nudp_port = {self.sam_port + 1}\n"
            f'[[server-tunnels]]\nname = "site"\nport = {self.web_port}\n'
            f'destination_path = "{_KEYS}"\n'
        )

    def _ssu2_section(self) -> str:
        if not self.ssu2:
            return ""
        return (
            f'[ssu2]\nport = {self.port}\nipv4_host = "{ADDRESS}"\n'
            'ipv4 = true\nipv6 = false\npublish = true\nml_kem = "4"\n'
        )

    @property
    def proxy(self) -> str:
        return f"http://{ADDRESS}:{self.proxy_port}"

    @property
    def router_info(self) -> bytes:
        return (self.data_dir / "router.info").read_bytes()

    def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "router.toml").write_text(self._config())
        with (self.data_dir / "emissary.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(EMISSARY.path), "--base-path", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def write_router_info_once(self) -> bytes:
        """Start and stop so that identity and RouterInfo exist; returns the RouterInfo."""
        self.start()
        try:
            wait_until("emissary's router.info", self._has_router_info, 30)
        finally:
            self.stop()
        return self.router_info

    def _has_router_info(self) -> bool:
        try:
            return bool(RouterInfo.parse(self.router_info).addresses)
        except (OSError, DecodeError):
            return False

    def know(self, infos: list[bytes]) -> None:
        """Put RouterInfos into its netDb; only while it does not run."""
        for raw in infos:
            install_router_info(self.data_dir / "netDb", raw)

    def site(self, timeout_s: float = 60) -> str:
        """The b32 name of its eepsite; it makes the key file after the start."""
        path = self.data_dir / _KEYS
        wait_until("emissary's key file", lambda: path.exists() and path.stat().st_size, timeout_s)
        return PrivateKeys.from_base64(path.read_text().strip()).destination.b32
