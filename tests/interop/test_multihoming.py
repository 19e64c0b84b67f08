"""One site on two of our routers, which share nothing but the key file; one is killed."""

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

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

CARRIERS = 4
HOMES = (4, 5)
VISITOR = 6
#: a home publishes every 80 s at the latest; the rest is for a loaded machine
FOUND_WITHIN_S = 180


@dataclass
class Site:
    routers: list[Appliance]
    name: str

    @property
    def proxy(self) -> str:
        return f"http://{self.routers[VISITOR].address}:4444"

    def visit(self, within_s: float = FOUND_WITHIN_S) -> int:
        """Fetch a page, by patience if need be; which home served it."""
        got = curl.fetch_with_retry(f"http://{self.name}/", proxy=self.proxy, within_s=within_s)
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
    keys = tmp_path / "site.dat"
    assert run_command("keys", "generate", str(keys)).returncode == 0
    try:
        for index in HOMES:
            routers[index].data_dir.mkdir(mode=0o700)
            shutil.copy(keys, routers[index].data_dir / "site.dat")
        infos = [router.write_router_info_once() for router in routers]
        for router in routers:
            router.import_router_infos(infos)
            router.start()
        for index in HOMES:
            routers[index].wait_ready("site")
        routers[VISITOR].wait_ready("web")
        yield Site(routers, site_name(routers[HOMES[0]]))
    finally:
        for router in routers:
            router.stop(kill=True)


def test_a_site_outlives_the_router_that_served_it(site: Site) -> None:
    homes = [site.routers[index] for index in HOMES]
    assert site_name(homes[0]) == site_name(homes[1])
    served = site.visit()
    homes[served].stop(kill=True)
    assert site.visit() == 1 - served
    for router in site.routers:
        assert "Traceback" not in router.log, router.log[-2000:]
