"""The network of the interop tests: six real i2pd routers (2.59 and 2.56) and three of ours.

i2pd's first three are floodfills. One i2pd serves an eepsite, another is an HTTP proxy. Ours:
``ours`` has the proxies and an eepsite, ``other`` has both too (for our end to our end), and
``relay`` only carries other people's tunnels. ``ours`` and ``other`` refuse transit, so that their
traffic crosses i2pd hops and ``relay`` alone.
"""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from i2ptunnel.keyfiles import read_keys
from tests.support.appliance import FAST, Appliance
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, I2pdRouter, wait_until
from tests.support.namespace import enter_private_network
from tests.support.origin import Origin
from tests.support.tracker import Tracker

IS_PRIVATE = enter_private_network()

_LOG_CHARACTERS = 4000
SAM_PORT, SAM_UDP_PORT = 7656, 7655
I2CP_PORT = 7654
#: networks that are up at the same time in ``make interop``, each in a process of its own
_NETWORKS_AT_ONCE = 2


def pytest_xdist_auto_num_workers() -> int:
    """How many processes ``--numprocesses auto`` makes: two cannot share one loopback."""
    return _NETWORKS_AT_ONCE if IS_PRIVATE else 1


class _ByNetwork(LoadScopeScheduling):
    """What shares a network runs in one process: a file, or all that use this file's network.

    pytest-xdist's own groups are lost with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return __name__ if _imports_network(self.config.rootpath / file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByNetwork:
    return _ByNetwork(config, log)


@cache
def _imports_network(path: Path) -> bool:
    return any(
        isinstance(line, ast.ImportFrom)
        and line.module == __name__
        and any(name.name == Network.__name__ for name in line.names)
        for line in ast.parse(path.read_text()).body
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        found = getattr(item, "_fixtureinfo", None)
        fixtures = () if found is None else found.name2fixturedefs.get("network", ())
        is_shared = bool(fixtures) and fixtures[-1].func.__module__ == __name__
        if is_shared and not _imports_network(item.path):
            raise pytest.UsageError(f"{item.path}: import Network from {__name__}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure comes with what our programs said."""
    report = yield
    network = getattr(item, "funcargs", {}).get("network")
    if report.failed and isinstance(network, Network):
        for appliance in (network.ours, network.other, network.relay):
            report.sections.append(
                (f"log of {appliance.address}", appliance.log[-_LOG_CHARACTERS:])
            )
    return report


TWO_HOPS: dict[str, Any] = {
    "inbound": {"length": 2, "quantity": 3},
    "outbound": {"length": 2, "quantity": 3},
}


def own_tunnels(address: str, origin_port: int) -> dict[str, Any]:
    """The YAML tunnels of one of our routers: HTTP proxy, SOCKS proxy and an eepsite."""
    return {
        "web": {
            "type": "httpclient",
            "listen": f"{address}:4444",
            "allow": ["127.0.0.0/8"],
            **TWO_HOPS,
        },
        "socks": {
            "type": "sockstunnel",
            "listen": f"{address}:4447",
            "allow": ["127.0.0.0/8"],
            **TWO_HOPS,
        },
        "site": {
            "type": "httpserver",
            "target": f"127.0.0.1:{origin_port}",
            "keys": "site.dat",
            **TWO_HOPS,
        },
    }


@dataclass
class Network:
    """Everything that runs, and the names of the eepsites in it."""

    i2pd: I2pdNet
    ours: Appliance
    other: Appliance
    relay: Appliance
    i2pd_server: I2pdRouter
    i2pd_proxy: I2pdRouter
    i2pd_site: str
    relayed_site: str
    our_site: str
    other_site: str
    origin: Origin
    tracker: Tracker
    tracker_site: str


def router_name(raw: bytes) -> str:
    """The hash of a RouterInfo as i2pd's configuration writes it."""
    return b64encode(RouterInfo.parse(raw).hash)


def site_name(appliance: Appliance, keys: str = "site.dat") -> str:
    """The b32 name of one of our server tunnels."""
    found = read_keys(appliance.data_dir / keys)
    assert found is not None, f"no {keys} of {appliance.address}"
    return found.destination.b32


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    root: Path = tmp_path_factory.mktemp("net")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    with Origin() as origin, Tracker() as tracker:
        net = I2pdNet(root, [new, old, new, new, old, new])
        server, proxy = net.routers[4], net.routers[5]
        server.tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            "inbound.length = 2\noutbound.length = 2\ninbound.quantity = 3\noutbound.quantity = 3\n"
        )
        proxy.http_proxy = True
        for router in (server, proxy):
            router.options |= {
                "sam.enabled": "true",
                "sam.address": router.address,
                "sam.port": str(SAM_PORT),
                "sam.portudp": str(SAM_UDP_PORT),
                "i2cp.enabled": "true",
                "i2cp.address": router.address,
                "i2cp.port": str(I2CP_PORT),
            }
        no_transit = {"transit": {"enabled": False}}
        ours = Appliance(
            root / "ours", "127.21.0.1", 20021, own_tunnels("127.21.0.1", origin.port), **no_transit
        )
        other = Appliance(
            root / "other",
            "127.22.0.1",
            20022,
            own_tunnels("127.22.0.1", origin.port),
            **no_transit,
        )
        other.config["tunnels"]["tracker"] = {
            "type": "httpserver",
            "target": f"127.0.0.1:{tracker.port}",
            "keys": "tracker.dat",
            **TWO_HOPS,
        }
        for appliance in (ours, other):
            appliance.config["interfaces"] = {
                "sam": {
                    "listen": f"{appliance.address}:{SAM_PORT}",
                    "udp": f"{appliance.address}:{SAM_UDP_PORT}",
                },
                "i2cp": {"listen": f"{appliance.address}:{I2CP_PORT}"},
            }
        # i2pd gives up streams of which the first packets get lost, as they do in a relay at its
        # limit.
        relay = Appliance(root / "relay", "127.23.0.1", 20023, **FAST)
        appliances = [ours, other, relay]
        own_infos = [appliance.write_router_info_once() for appliance in appliances]
        net.prepare(foreign=own_infos)
        relay_hash = router_name(own_infos[2])
        hops = [router_name(raw) for raw in net.router_infos()]
        # Outbound and inbound paths that begin, pass and end at our relay.
        net.routers[3].tunnels = (
            f"[relayed]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\n"
            "keys = relayed.dat\ninbound.length = 2\noutbound.length = 2\n"
            f"explicitPeers = {relay_hash},{hops[0]}\n"
        )
        proxy.tunnels = (
            f"[relayed]\ntype = httpproxy\naddress = {proxy.address}\nport = 4445\n"
            "keys = transient-relayed\ninbound.length = 2\noutbound.length = 2\n"
            f"explicitPeers = {hops[1]},{relay_hash}\n"
        )
        for appliance in appliances:
            appliance.import_router_infos(net.router_infos() + own_infos)
        try:
            net.start()
            for appliance in appliances:
                appliance.start()
            wait_until(
                "i2pd's own tunnels",
                lambda: all(router.tunnel_success_percent() >= 50 for router in net.routers),
                90,
                0.5,
            )
            i2pd_site, relayed_site = (
                router.local_b32(name)
                for router, name in ((server, "site"), (net.routers[3], "relayed"))
            )
            wait_until(
                "i2pd's eepsites in the netDb",
                lambda: all(
                    any(site[:52] in router.page("?page=leasesets") for router in net.routers[:3])
                    for site in (i2pd_site, relayed_site)
                ),
                60,
                0.5,
            )
            ours.wait_ready("web", "socks", "site")
            other.wait_ready("web", "socks", "site")
            yield Network(
                net,
                ours,
                other,
                relay,
                server,
                proxy,
                i2pd_site,
                relayed_site,
                site_name(ours),
                site_name(other),
                origin,
                tracker,
                site_name(other, "tracker.dat"),
            )
        finally:
            for appliance in appliances:
                appliance.stop(kill=True)
            net.stop()
