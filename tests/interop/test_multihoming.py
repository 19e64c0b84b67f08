"""One site on two of our routers, which share nothing but the key file; one is killed.

Visitors are one of ours, and an i2pd or a Java router, which know nothing of several homes.
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
from tests.support.i2pd_net import I2pdNet
from tests.support.java_net import JavaRouter, hash_in_java
from tests.support.namespace import add_outside_address

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(1200)]

CARRIERS = 4
HOMES = (4, 5)
VISITOR = 6
#: a home publishes every 80 s at the latest; the rest is for a loaded machine
FOUND_WITHIN_S = 180
#: i2pd and Java: keep a lease set as long as its leases last, ten minutes
FOUND_BY_OTHERS_WITHIN_S = 800
JAVA_PROXY_PORT = 4471


@dataclass
class Site:
    routers: list[Appliance]
    name: str
    other_proxy: str
    """Of the visitor that is not ours."""

    def visit(self, *, by_other: bool = False) -> int:
        """Fetch a page, by patience if need be; which home served it."""
        proxy = self.other_proxy if by_other else f"http://{self.routers[VISITOR].address}:4444"
        within_s = FOUND_BY_OTHERS_WITHIN_S if by_other else FOUND_WITHIN_S
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


@pytest.fixture(params=["i2pd", "java"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """``param``: the visitor that is not ours."""
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
    java = JavaRouter(tmp_path / "java", 20159) if request.param == "java" else None
    keys = tmp_path / "site.dat"
    assert run_command("keys", "generate", str(keys)).returncode == 0
    try:
        for index in HOMES:
            routers[index].data_dir.mkdir(mode=0o700)
            shutil.copy(keys, routers[index].data_dir / "site.dat")
        infos = [router.write_router_info_once() for router in routers]
        if java is not None:
            add_outside_address()
            java.start()
            infos.append(java.router_info)
        net.prepare(foreign=infos)
        for router in routers:
            router.import_router_infos([*infos, *net.router_infos()])
            router.start()
        net.start()
        for index in HOMES:
            routers[index].wait_ready("site")
        routers[VISITOR].wait_ready("web")
        proxy = f"http://{net.routers[0].address}:4444"
        if java is not None:
            java.learn([*infos, *net.router_infos()])
            hops = ",".join(hash_in_java(one.router_info) for one in routers[:CARRIERS])
            java.open_destinations(f"proxy:web:{JAVA_PROXY_PORT}:{hops}")
            java.b32_of("web")
            proxy = f"http://127.0.0.1:{JAVA_PROXY_PORT}"
        yield Site(routers, site_name(routers[HOMES[0]]), proxy)
    finally:
        if java is not None:
            java.stop()
        net.stop()
        for router in routers:
            router.stop(kill=True)


def test_a_site_outlives_the_router_that_served_it(site: Site) -> None:
    homes = [site.routers[index] for index in HOMES]
    assert site_name(homes[0]) == site_name(homes[1])
    served = site.visit(by_other=True)
    site.visit()
    homes[served].stop(kill=True)
    assert site.visit() == 1 - served
    assert site.visit(by_other=True) == 1 - served
    for router in site.routers:
        assert "Traceback" not in router.log, router.log[-2000:]
