"""A hidden router among i2pd's: it browses, its site is visited, and nobody learns where it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.encoding import b32encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import Network, own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance, run_command

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

ADDRESS = "127.32.0.1"


@pytest.fixture
def hidden(network: Network, tmp_path: Path) -> Iterator[Appliance]:
    appliance = Appliance(
        tmp_path,
        ADDRESS,
        20032,
        own_tunnels(ADDRESS, network.origin.port),
        host=None,
        hidden="auto",
        country="IR",
        ssu2={"enabled": True},
    )
    appliance.import_router_infos(network.i2pd.router_infos())
    yield appliance
    appliance.stop(kill=True)


def test_a_hidden_router_browses_and_hosts_a_site(network: Network, hidden: Appliance) -> None:
    hidden.start()
    hidden.wait_ready("web", "site")
    own_proxy, i2pds = f"http://{ADDRESS}:4444", f"http://{network.i2pd_proxy.address}:4444"
    for site, proxy in ((network.i2pd_site, own_proxy), (site_name(hidden), i2pds)):
        got = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=60)
        assert got.status == 200, got
    info = RouterInfo.parse(hidden.router_info)
    assert info.caps == "LHU"
    assert ADDRESS.encode() not in info.raw and b"20032" not in info.raw
    status = hidden.status()
    assert status is not None
    router = status["router"]
    assert router["hidden"]["hidden"] is True and "IR" in router["hidden"]["why"]
    assert router["published"] == [] and router["reachability"]["ipv4"] == "hidden"
    assert (router["links"]["inbound"], router["transit_tunnels"]) == (0, 0)
    listing = run_command("netdb", "list", "-c", str(network.other.config_file)).stdout
    assert b32encode(info.hash) not in listing, "somebody told of it"
    assert "Traceback" not in hidden.log
