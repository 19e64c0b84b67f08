"""One site on two of our routers, which share nothing but the key file; one is killed.

Visitors are one of ours, and an i2pd, which knows nothing of several homes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import TWO_HOPS, site_name
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, I2pdRouter

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(1000)]

CARRIERS = 4
HOMES = (4, 5)
VISITOR = 6
#: a home publishes every 80 s at the latest; the rest is for a loaded machine
FOUND_WITHIN_S = 180
#: i2pd: keeps a lease set as long as its leases last, ten minutes
FOUND_BY_I2PD_WITHIN_S = 700


@dataclass
class Site:
    routers: list[Appliance]
    name: str
    i2pd: I2pdRouter

    def visit(self, *, by_i2pd: bool = False) -> int:
        """Fetch a page, by patience if need be; which home served it."""
        address = self.i2pd.address if by_i2pd else self.routers[VISITOR].address
        within_s = FOUND_BY_I2PD_WITHIN_S if by_i2pd else FOUND_WITHIN_S
        proxy = f"http://{address}:4444"
        got = curl.fetch_with_retry(f"http://{self.name}/", proxy=proxy, within_s=within_s)
        assert (got.exit_code, got.status) == (0, 200), got
        return int(got.body)


def tunnels_of(index: int, root: Path) -> dict[str, Any]:
    if index in HOMES:
        pages = root / "pages"
        pages.mkdir(parents=True)
        (pages / "index.html").write_text(str(HOMES.index(index)))
        site = {"type": "httpserver", "docroot": str(pages), "keys": "site.dat"}
        return {"site": {**site, "multihomed": True, **TWO_HOPS}}
    if index == VISITOR:
        listen = {"listen": f"127.{151 + index}.0.1:4444", "allow": ["127.0.0.0/8"]}
        return {"web": {"type": "httpclient", **listen, **TWO_HOPS}}
    return {}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    routers = [
        Appliance(
            tmp_path / f"r{index}",
            f"127.{151 + index}.0.1",
            20151 + index,
            tunnels_of(index, tmp_path / f"r{index}"),
            floodfill=index < 3,
            transit={"enabled": index < CARRIERS},
        )
        for index in range(VISITOR + 1)
    ]
    net = I2pdNet(tmp_path, [installed(next(iter(RELEASES)))], first_octet=171)
    net.routers[0].floodfill = False
    net.routers[0].http_proxy = True
    keys = tmp_path / "site.dat"
    assert run_command("keys", "generate", str(keys)).returncode == 0
    try:
        for index in HOMES:
            routers[index].data_dir.mkdir(mode=0o700)
            shutil.copy(keys, routers[index].data_dir / "site.dat")
        infos = [router.write_router_info_once() for router in routers]
        net.prepare(foreign=infos)
        for router in routers:
            router.import_router_infos([*infos, *net.router_infos()])
            router.start()
        net.start()
        for index in HOMES:
            routers[index].wait_ready("site")
        routers[VISITOR].wait_ready("web")
        yield Site(routers, site_name(routers[HOMES[0]]), net.routers[0])
    finally:
        net.stop()
        for router in routers:
            router.stop(kill=True)


def test_a_site_outlives_the_router_that_served_it(site: Site) -> None:
    homes = [site.routers[index] for index in HOMES]
    assert site_name(homes[0]) == site_name(homes[1])
    served = site.visit(by_i2pd=True)
    site.visit()
    homes[served].stop(kill=True)
    assert site.visit() == 1 - served
    assert site.visit(by_i2pd=True) == 1 - served
    for router in site.routers:
        assert "Traceback" not in router.log, router.log[-2000:]
