"""``router.ntcp2.proxy``: every packet that leaves the router's machine goes to the proxy.

The program runs in a namespace whose only way out is a cable to ours, where the network, the reseed
server and the proxy are; what comes out of the cable is watched. Nothing is set but the proxy:
SSU2, time servers, port mapping and the public network's number are as they come.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.server_models import HttpServerSection
from tests.support import curl, leaks
from tests.support.bundles import Signer
from tests.support.forward_proxy import ForwardProxy
from tests.support.home_network import Namespace, is_possible
from tests.support.i2pd_net import wait_until
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.reseed_server import ReseedServer, response, write_certificates

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not is_possible(), reason="network namespaces need root"),
]

PUBLIC_NETWORK = 2
CABLE = "cable"
OURS = {"socks5": "10.79.0.1", "http": "fd79::1"}
MACHINE, WEB_PORT = "10.79.0.2", 4444
NAME_SERVER, ELSEWHERE = "198.51.100.53", "203.0.113.9"
SHAPE = {"length": 2, "quantity": 2}
_PROBE = f"""
import socket
for family, host in ((socket.AF_INET, {ELSEWHERE!r}), (socket.AF_INET6, "2001:db8::9")):
    socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", (host, 123))
try:
    socket.getaddrinfo("seen.example", 80)
except OSError:
    pass
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


class Machine:
    """Where the program runs: a namespace with a cable, and a name server that never answers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._namespace = Namespace()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._names = directory / "resolv.conf"
        self._names.write_text(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
        _ip("link", "add", "name", CABLE, "type", "veth", "peer", "name", "eth0")
        _ip("link", "set", "eth0", "netns", str(self._namespace.pid))
        for address in ("10.79.0.1/24", "fd79::1/64"):
            _ip("address", "add", address, "dev", CABLE, *_nodad(address))
        _ip("link", "set", CABLE, "up")
        for address in (f"{MACHINE}/24", "fd79::2/64"):
            self._ip("address", "add", address, "dev", "eth0", *_nodad(address))
        self._ip("link", "set", "eth0", "up")
        self._ip("route", "add", "default", "via", "10.79.0.1")
        self._ip("-6", "route", "add", "default", "via", "fd79::1")

    def _ip(self, *arguments: str) -> None:
        self._namespace.run("ip", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Python in it, with its own name server."""
        inside = f'mount --bind {self._names} /etc/resolv.conf && exec "$0" "$@"'
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                self._namespace.command(
                    *("unshare", "--mount", "sh", "-c", inside, sys.executable, *arguments)
                ),
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._namespace.close()


def _nodad(address: str) -> tuple[str, ...]:
    return ("nodad",) if ":" in address else ()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=20)


def sent(watch: leaks.Watch) -> set[tuple[str, int, int]]:
    """What left the machine, without what the kernel says for itself to find its neighbours."""
    return {
        (address, protocol, port)
        for address, protocol, port in watch.sent
        if protocol != socket.IPPROTO_ICMPV6
        or not any(ipaddress.ip_address(address) in one for one in _NEIGHBOURS)
    }


_NEIGHBOURS = [ipaddress.ip_network(one) for one in ("ff02::/16", "fe80::/10", "fd79::/64")]


def write_config(directory: Path, proxy: str, seed: ReseedServer, signer: Signer) -> Path:
    certificates = write_certificates(directory / "certificates", signer)
    config: dict[str, Any] = {
        "router": {
            "data_dir": str(directory / "data"),
            "allow_private_addresses": True,
            "ntcp2": {"proxy": proxy},
            "exploratory": {"inbound": SHAPE, "outbound": SHAPE},
            "reseed": {
                "urls": [f"https://seed.test:{seed.port}/"],
                "certificates": str(certificates),
            },
        },
        "tunnels": {
            "web": {
                "type": "httpclient",
                "listen": f"{MACHINE}:{WEB_PORT}",
                "allow": ["10.79.0.0/24"],
                "inbound": SHAPE,
                "outbound": SHAPE,
            }
        },
    }
    path = directory / "i2ptunnel.yaml"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_nothing_leaves_but_to_the_proxy(machine: Machine, tmp_path: Path, scheme: str) -> None:
    """From an empty data directory to a page; then the proxy is gone, and nothing goes past it."""

    async def main() -> None:
        docroot = tmp_path / "site"
        docroot.mkdir()
        (docroot / "index.html").write_text("hello")
        signer, proxy = (
            Signer(),
            ForwardProxy(
                scheme, "ann", "word", names={"seed.test": "127.0.0.1"}, host=OURS[scheme]
            ),
        )
        async with own_network(tmp_path / "net", network_id=PUBLIC_NETWORK) as network:
            site = HttpServerSection(docroot=docroot, **TWO_HOPS)
            manager = await network.run(network.routers[-1], {"site": site})
            await network.until_ready(manager)
            bundle = signer.bundle(router.router_info for router in network.routers)
            url = await proxy.start()
            port = int(url.rpartition(":")[2])
            allowed = {(OURS[scheme], 6, port)}
            with ReseedServer(tmp_path, response(bundle)) as seed, leaks.Watch(CABLE) as watch:
                await _probe(machine, watch)
                config = write_config(tmp_path, url, seed, signer)
                running = machine.start("-m", "i2ptunnel", "run", "-c", str(config))
                page = await asyncio.to_thread(
                    curl.fetch_with_retry,
                    f"http://{b32_of(manager, 'site')}/",
                    proxy=f"http://{MACHINE}:{WEB_PORT}",
                    within_s=90,
                )
                assert (page.status, page.body) == (200, b"hello"), machine.log
                assert proxy.targets[0] == f"seed.test:{seed.port}"
                assert {one.rpartition(":")[0] for one in proxy.targets[1:]} <= {
                    f"127.78.{number}.1" for number in range(1, 8)
                }
                assert len(proxy.targets) > 3
                assert sent(watch) == allowed and watch.lost == 0

                proxy.stop()
                running.terminate()
                await asyncio.to_thread(running.wait, 20)
                watch.forget()
                running = machine.start("-m", "i2ptunnel", "run", "-c", str(config))
                said = "the proxy for NTCP2 cannot be reached"
                await asyncio.to_thread(wait_until, said, lambda: said in machine.log, 30)
                running.terminate()
                await asyncio.to_thread(running.wait, 20)
                assert sent(watch) == allowed and watch.lost == 0
        assert "Traceback" not in machine.log

    asyncio.run(main())


async def _probe(machine: Machine, watch: leaks.Watch) -> None:
    """The watch has eyes."""
    await asyncio.to_thread(machine.start("-c", _PROBE).wait, 20)
    wanted = {(ELSEWHERE, 17, 123), ("2001:db8::9", 17, 123), (NAME_SERVER, 17, 53)}
    await asyncio.to_thread(wait_until, "probes", lambda: wanted <= sent(watch), 20)
    watch.forget()
