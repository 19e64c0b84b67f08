"""I2CP with real programs: our tunnels over i2pd, and Java's client library over our router."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.appliance import FAST, Appliance
from tests.support.curl import fetch
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, I2pdRouter, wait_until
from tests.support.java_i2cp import JavaClient
from tests.support.origin import PAGE, Origin, body_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

BULK_BYTES = 20_000_000
OURS = "127.71.0.1"
PROXY = f"http://{OURS}:4444"
HOST = "127.78.0.1"
JAVA_PROXY_PORT = 4473
JAVA_PROXY = f"http://127.0.0.1:{JAVA_PROXY_PORT}"
_SHAPE: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
_I2PD_SHAPE = "inbound.length = 1\noutbound.length = 1\n"


def over_i2cp(root: Path, address: str, router: I2pdRouter, origin_port: int) -> Appliance:
    """Ours with a proxy and a site, which has no router of its own."""
    target = f"127.0.0.1:{origin_port}"
    appliance = Appliance(root, address, 0)
    appliance.config["router"] = {
        "data_dir": str(appliance.data_dir),
        "i2cp": f"{router.address}:7654",
    }
    appliance.config["tunnels"] = {
        "web": {
            "type": "httpclient",
            "listen": f"{address}:4444",
            "allow": ["127.0.0.0/8"],
            **_SHAPE,
        },
        "site": {"type": "httpserver", "target": target, "keys": "site.dat", **_SHAPE},
    }
    return appliance


@dataclass
class I2cpNetwork:
    """``net.routers[0]`` takes I2CP, ``[4]`` has a site and a proxy.

    ``ours`` has no router, ``host`` takes I2CP from ``java``.
    """

    net: I2pdNet
    ours: Appliance
    i2pd_site: str
    our_site: str
    host: Appliance
    java: JavaClient
    java_site: str

    @property
    def i2pd_proxy(self) -> str:
        return f"http://{self.net.routers[4].address}:4444"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[I2cpNetwork]:
    root = tmp_path_factory.mktemp("i2cp")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old, new, old, new], first_octet=72)
    for router in net.routers[:2]:
        router.options = {
            "i2cp.enabled": "true",
            "i2cp.address": router.address,
            "i2cp.port": "7654",
        }
    with Origin() as origin:
        net.routers[4].http_proxy = True
        net.routers[4].tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            f"{_I2PD_SHAPE}"
        )
        ours = over_i2cp(root / "ours", OURS, net.routers[0], origin.port)
        host = Appliance(root / "host", HOST, 20078, **FAST)
        host.config["interfaces"] = {"i2cp": {"listen": f"{HOST}:7654"}}
        java = JavaClient(
            root / "java",
            f"{HOST}:7654",
            [f"server:site:{origin.port}", f"proxy:web:{JAVA_PROXY_PORT}"],
        )
        try:
            net.prepare([host.write_router_info_once()])
            host.import_router_infos(net.router_infos())
            net.start()
            host.start()
            ours.start()
            java.start()
            ours.wait_ready("web", "site", timeout_s=90)
            status = ours.status()
            assert status is not None
            site = next(tunnel["b32"] for tunnel in status["tunnels"] if tunnel["name"] == "site")
            i2pd_site = net.routers[4].local_b32("site")
            yield I2cpNetwork(net, ours, i2pd_site, site, host, java, java.b32_of("site"))
        finally:
            java.stop()
            ours.stop(kill=True)
            host.stop(kill=True)
            net.stop()


def test_status_says_which_router_is_used(network: I2cpNetwork) -> None:
    status = network.ours.status()
    assert status is not None
    assert status["state"] == "ready"
    i2cp = status["router"]["i2cp"]
    assert i2cp["address"] == f"{network.net.routers[0].address}:7654"
    assert (i2cp["sessions"], i2cp["connected"], i2cp["ready"]) == (2, 2, 2)
    assert i2cp["last_error"] is None
    assert i2cp["version"].startswith("0.9.")


def _fetched(proxy: str, url: str, timeout_s: float = 60, **more: Any) -> bytes:
    """What curl brings, once the site is found."""
    found: list[bytes] = []

    def is_there() -> bool:
        answer = fetch(url, proxy=proxy, timeout_s=timeout_s, **more)
        if answer.status == 200:
            found.append(answer.body)
        return bool(found)

    wait_until(url, is_there, 60, 0.5)
    return found[0]


def test_pages_both_ways(network: I2cpNetwork) -> None:
    assert _fetched(PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert _fetched(network.i2pd_proxy, f"http://{network.our_site}/") == PAGE


@pytest.mark.slow
def test_20_mb_each_way(network: I2cpNetwork, tmp_path: Path) -> None:
    path = f"bytes/{BULK_BYTES}"
    assert _fetched(PROXY, f"http://{network.i2pd_site}/{path}") == body_of(BULK_BYTES)
    assert _fetched(network.i2pd_proxy, f"http://{network.our_site}/{path}") == body_of(BULK_BYTES)


def test_java_clients_over_our_router(network: I2cpNetwork) -> None:
    assert _fetched(JAVA_PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert _fetched(network.i2pd_proxy, f"http://{network.java_site}/") == PAGE
    status = network.host.status()
    assert status is not None
    i2cp = status["interfaces"]["i2cp"]
    assert (i2cp["listen"], i2cp["sessions"], i2cp["last_error"]) == (f"{HOST}:7654", 2, None)


@pytest.mark.slow
def test_java_moves_20_mb_each_way(network: I2cpNetwork) -> None:
    path = f"bytes/{BULK_BYTES}"
    assert _fetched(JAVA_PROXY, f"http://{network.i2pd_site}/{path}") == body_of(BULK_BYTES)
    assert _fetched(network.i2pd_proxy, f"http://{network.java_site}/{path}") == body_of(BULK_BYTES)
