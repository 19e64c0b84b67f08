"""A router in Rust beside ours: a link and a page each way.

It is built from its package where that is possible, and else skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.data.encoding import b32encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.emissary_net import EmissaryRouter
from tests.support.fetch_built import EMISSARY
from tests.support.i2pd_net import wait_until
from tests.support.namespace import add_outside_address
from tests.support.origin import Origin, digest_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

SIZE = 1_000_000
#: emissary builds tunnels of three hops for a site, whatever is asked
HOPS = 5


@dataclass
class Network:
    routers: list[Appliance]
    emissary: EmissaryRouter
    site: str

    @property
    def ours(self) -> Appliance:
        """The one with a proxy and a site."""
        return self.routers[-1]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if (reason := EMISSARY.why_missing()) is not None:
        pytest.skip(reason)
    root: Path = tmp_path_factory.mktemp("rust")
    add_outside_address()
    with Origin() as origin:
        emissary = EmissaryRouter(root / "emissary", 20171, 20172, 20173, origin.port)
        routers = [
            Appliance(
                root / f"r{index}",
                f"127.{151 + index}.0.1",
                20161 + index,
                own_tunnels(f"127.{151 + index}.0.1", origin.port) if index == HOPS else {},
                floodfill=index < 2,
                **FAST,
            )
            for index in range(HOPS + 1)
        ]
        try:
            infos = [one.write_router_info_once() for one in (emissary, *routers)]
            emissary.know(infos[1:])
            for router in routers:
                router.import_router_infos(infos)
                router.start()
            emissary.start()
            routers[-1].wait_ready("web", "site")
            yield Network(routers, emissary, emissary.site())
        finally:
            emissary.stop()
            for router in routers:
                router.stop(kill=True)


def test_emissary_is_a_hop_of_ours(network: Network) -> None:
    name = b32encode(RouterInfo.parse(network.emissary.router_info).hash)

    def is_used() -> bool:
        for router in network.routers:
            status = router.status()
            assert status is not None
            if any(name in path["hops"] for path in status["paths"]):
                return True
        return False

    wait_until("a tunnel of ours through emissary", is_used, 120, 1)


@pytest.mark.parametrize("case", ["our client, emissary's server", "emissary's client, our server"])
def test_a_page_and_a_megabyte(network: Network, case: str) -> None:
    proxy, site = {
        "our client, emissary's server": (f"http://{network.ours.address}:4444", network.site),
        "emissary's client, our server": (network.emissary.proxy, site_name(network.ours)),
    }[case]
    page = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=150)
    assert page.status == 200, page
    print(f"{case}: {page.seconds:.1f} s")
    got = curl.fetch(f"http://{site}/bytes/{SIZE}", proxy=proxy, timeout_s=100)
    assert (got.exit_code, got.status, got.digest) == (0, 200, digest_of(SIZE)), got.error
