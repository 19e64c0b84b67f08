"""I2CP with i2pd: our tunnels over its router, and our program as a client of our own interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.appliance import FAST, Appliance
from tests.support.curl import fetch
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, wait_until
from tests.support.origin import PAGE, Origin, body_of
from tests.support.over_i2cp import I2PD_SHAPE, fetched, names_of, over_i2cp, proxy_at
from tests.support.twin_client import TwinClient

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

BULK_BYTES = 20_000_000
OURS = "127.71.0.1"
PROXY = f"http://{OURS}:4444"
HOST = "127.78.0.1"
HOST_PROXY = f"http://{HOST}:4444"
GUEST = "127.79.0.1"
GUEST_PROXY = f"http://{GUEST}:4444"


@dataclass
class I2cpNetwork:
    """``net.routers[0]`` takes I2CP from ``ours``, ``host`` from ``guest``.

    ``net.routers[4]`` has a site and a proxy.
    """

    net: I2pdNet
    ours: Appliance
    host: Appliance
    guest: Appliance
    twins: TwinClient
    i2pd_site: str
    sites: dict[str, str]
    guest_sites: dict[str, str]

    @property
    def i2pd_proxy(self) -> str:
        return f"http://{self.net.routers[4].address}:4444"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[I2cpNetwork]:
    root = tmp_path_factory.mktemp("i2cp")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old, new, old, new], first_octet=72)
    net.routers[0].options = {
        "i2cp.enabled": "true",
        "i2cp.address": net.routers[0].address,
        "i2cp.port": "7654",
    }
    with Origin() as origin:
        net.routers[4].http_proxy = True
        net.routers[4].tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            f"{I2PD_SHAPE}"
        )
        ours = over_i2cp(root / "ours", OURS, f"{net.routers[0].address}:7654", origin.port)
        guest = over_i2cp(root / "guest", GUEST, f"{HOST}:7654", origin.port)
        host = Appliance(root / "host", HOST, 20078, {"web": proxy_at(HOST)}, **FAST)
        host.config["interfaces"] = {"i2cp": {"listen": f"{HOST}:7654"}}
        twins = TwinClient(HOST, 7654, PAGE)
        try:
            net.prepare([host.write_router_info_once()])
            host.import_router_infos(net.router_infos())
            net.start()
            for appliance in (host, ours, guest):
                appliance.start()
            for appliance in (ours, guest):
                appliance.wait_ready("web", "site", "secret-site", timeout_s=90)
            i2pd_site = net.routers[4].local_b32("site")
            sites = names_of(ours), names_of(guest)
            twins.start()
            yield I2cpNetwork(net, ours, host, guest, twins, i2pd_site, *sites)
        finally:
            twins.stop()
            for appliance in (ours, guest, host):
                appliance.stop(kill=True)
            net.stop()


def test_status_says_which_router_is_used(network: I2cpNetwork) -> None:
    status = network.ours.status()
    assert status is not None
    assert status["state"] == "ready"
    i2cp = status["router"]["i2cp"]
    assert i2cp["address"] == f"{network.net.routers[0].address}:7654"
    assert (i2cp["sessions"], i2cp["connected"], i2cp["ready"]) == (3, 3, 3)
    assert i2cp["last_error"] is None
    assert i2cp["version"].startswith("0.9.")


def test_pages_both_ways(network: I2cpNetwork) -> None:
    assert fetched(PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert fetched(network.i2pd_proxy, f"http://{network.sites['site']}/") == PAGE


def test_our_own_interface_is_as_good(network: I2cpNetwork) -> None:
    assert fetched(GUEST_PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert fetched(network.i2pd_proxy, f"http://{network.guest_sites['site']}/") == PAGE
    status = network.host.status()
    assert status is not None
    i2cp = status["interfaces"]["i2cp"]
    assert (i2cp["listen"], i2cp["last_error"]) == (f"{HOST}:7654", None)


def test_encrypted_lease_sets_are_published_over_both(network: I2cpNetwork) -> None:
    """And reached by a router of ours; over our own interface by a client, too."""
    for sites in (network.sites, network.guest_sites):
        assert len(sites["secret-site"].partition(".")[0]) == 56
        assert fetched(HOST_PROXY, f"http://{sites['secret-site']}/") == PAGE
    assert fetched(GUEST_PROXY, f"http://{network.sites['secret-site']}/") == PAGE


def test_i2pd_finds_no_encrypted_address_for_clients_and_the_page_says_so(
    network: I2cpNetwork,
) -> None:
    answer = fetch(f"http://{network.guest_sites['secret-site']}/", proxy=PROXY, timeout_s=60)
    assert answer.status == 504
    assert b"I2CP" in answer.body


def test_two_destinations_of_a_client_share_its_tunnels(network: I2cpNetwork) -> None:
    """One visitor of ours reaches both.

    i2pd sends whatever is sealed for a key to the destination that it met first with it, so it
    reaches one of the two: here the second one, that has no tunnels itself.
    """
    twins = network.twins
    wait_until("both sites are published", lambda: twins.is_ready, 60)
    assert fetched(network.i2pd_proxy, f"http://{twins.names[1]}/", 15) == PAGE
    for _ in range(2):
        for name in twins.names:
            assert fetched(HOST_PROXY, f"http://{name}/") == PAGE
    status = network.host.status()
    assert status is not None
    assert status["interfaces"]["i2cp"]["sessions"] == 5


@pytest.mark.slow
def test_20_mb_each_way(network: I2cpNetwork, tmp_path: Path) -> None:
    path = f"bytes/{BULK_BYTES}"
    assert fetched(PROXY, f"http://{network.i2pd_site}/{path}") == body_of(BULK_BYTES)
    site = network.sites["site"]
    assert fetched(network.i2pd_proxy, f"http://{site}/{path}") == body_of(BULK_BYTES)
