"""A router that knows as many others as the network has: its memory, and how soon it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from core.io.database import Database
from core.io.router import DATABASE_FILE
from i2ptunnel.control import ask
from tests.interop.conftest import TWO_HOPS, site_name
from tests.io.test_large_netdb import copies, signed_infos
from tests.support import curl
from tests.support.appliance import Appliance
from tests.support.i2pd_net import NETWORK_ID, wait_until
from tests.support.machine import slowdown

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

CARRIERS = 5
KNOWN = 50_000
HOSTS = 500
MEMORY_MAX_MB = 250
PAGE_MAX_S = 2.0


@dataclass
class Scene:
    visitor: Appliance
    page: str

    def known(self) -> int:
        """How many routers the visitor's netDb has."""
        status = ask(self.visitor.data_dir / "control.sock", "status")
        return int(status["router"]["routers"])

    def first_page_s(self) -> float:
        """Start the visitor; seconds until it has fetched the page."""
        started = time.monotonic()
        self.visitor.start()
        proxy = f"http://{self.visitor.address}:4444"
        got = curl.fetch_with_retry(self.page, proxy=proxy, within_s=60)
        assert got.status == 200, got
        return time.monotonic() - started


def fill(data_dir: Path) -> None:
    """Put invented routers, which nobody has proven, into the netDb on the disk."""
    now_ms = int(time.time() * 1000)
    database = Database(data_dir / DATABASE_FILE)
    for number, info in enumerate(signed_infos(HOSTS, now_ms, 7, NETWORK_ID)):
        database.save_routers(copies(info, KNOWN // HOSTS, now_ms, number))
    assert database.flush(60)
    database.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("hello")
    listen = {"listen": "127.159.0.1:4444", "allow": ["127.0.0.0/8"]}
    site = {"type": "httpserver", "docroot": str(pages), "keys": "site.dat", **TWO_HOPS}
    tunnels = {
        CARRIERS: {"site": site},
        CARRIERS + 1: {"web": {"type": "httpclient", **listen, **TWO_HOPS}},
    }
    routers = [
        Appliance(
            tmp_path / f"r{index}",
            f"127.{153 + index}.0.1",
            20153 + index,
            tunnels.get(index, {}),
            floodfill=index < 3,
            transit={"enabled": index < CARRIERS},
        )
        for index in range(CARRIERS + 2)
    ]
    try:
        infos = [router.write_router_info_once() for router in routers]
        # Of a real network's routers more than enough are proven; here the few are named.
        hops = [b64encode(RouterInfo.parse(info).hash) for info in infos[:CARRIERS]]
        shape = {"length": 2, "quantity": 2, "explicit_peers": hops}
        visitor = routers[-1].config
        one_hop = {"length": 1, "quantity": 2}
        visitor["router"]["exploratory"] = {"inbound": one_hop, "outbound": one_hop}
        visitor["tunnels"]["web"] |= {"inbound": shape, "outbound": shape}
        routers[-1].write_config()
        for router in routers:
            router.import_router_infos(infos)
            router.start()
        routers[CARRIERS].wait_ready("site")
        routers[-1].wait_ready("web")
        yield Scene(routers[-1], f"http://{site_name(routers[CARRIERS])}/")
    finally:
        for router in routers:
            router.stop(kill=True)


def test_fifty_thousand_routers_cost_little_memory_and_no_time(scene: Scene) -> None:
    visitor = scene.visitor
    proxy = f"http://{visitor.address}:4444"
    assert curl.fetch_with_retry(scene.page, proxy=proxy, within_s=60).status == 200
    visitor.stop()
    alone_s = scene.first_page_s()
    small_mb = visitor.memory_mb()
    visitor.stop()
    fill(visitor.data_dir)
    page_s = scene.first_page_s()
    wait_until("all of them", lambda: scene.known() >= KNOWN, 60)
    memory_mb = visitor.memory_mb()
    print(
        f"first page after {page_s:.1f} s ({alone_s:.1f} s without them), "
        f"{memory_mb:.0f} MB ({small_mb:.0f} MB)"
    )
    assert memory_mb <= MEMORY_MAX_MB
    assert page_s - alone_s < PAGE_MAX_S * slowdown() / 2
    assert "Traceback" not in visitor.log
