"""What transit at the limit of bandwidth does to the latency of our own traffic, on real sockets.

One router has a limit, and all that two visitors download of a site leads through it. Its own user
fetches small pages over another relay meanwhile.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.i2pd_net import wait_until
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(280)]

RATE = 256_000
FETCHES = 100
#: of the limit, four fifths of which are for transit: less is no test, and yields more than it must
TRANSIT_MIN = 0.5
FACTOR_MAX = 2.0
#: what one turn of a busy machine takes
SLACK_S = 0.02


@dataclass
class Scene:
    """``limited`` carries what the visitors download; ``relay`` what its own user does."""

    limited: Appliance
    relay: Appliance
    site: Appliance
    visitors: list[Appliance]

    def figures(self) -> dict[str, Any]:
        status = self.limited.status()
        assert status is not None
        found: dict[str, Any] = status["router"]
        return found

    def transit_bytes(self) -> int:
        return int(self.figures()["counters"]["tunnel"]["transit_bytes"])

    def latencies(self) -> list[float]:
        """Of small pages that the limited router's own user fetches."""
        page = f"http://{site_name(self.site)}/bytes/1"
        proxy = f"http://{self.limited.address}:4444"
        found = []
        for _ in range(FETCHES):
            got = curl.fetch(page, proxy=proxy, timeout_s=20)
            assert got.status == 200, got
            found.append(got.seconds)
        return sorted(found)


def through(*relays: Appliance, quantity: int = 2) -> dict[str, Any]:
    names = [b64encode(RouterInfo.parse(one.router_info).hash) for one in relays]
    shape = {"length": 1, "quantity": quantity, "explicit_peers": names}
    return {"inbound": shape, "outbound": shape}


@pytest.fixture(scope="module", params=[pytest.param("ntcp2", marks=pytest.mark.slow), "ssu2"])
def scene(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root: Path = tmp_path_factory.mktemp("latency")
    network = {"ntcp2": 171, "ssu2": 181}[request.param]
    transports = {one: {"enabled": one == request.param} for one in ("ntcp2", "ssu2")}
    with Origin() as origin:
        routers = []
        for index in range(5):
            address = f"127.{network + index}.0.1"
            options = {**FAST, **transports, "floodfill": index < 2}
            options["transit"] = {"enabled": index < 2}
            options["exploratory"] = {
                "inbound": {"length": 1, "quantity": 1},
                "outbound": {"length": 1, "quantity": 1},
            }
            routers.append(
                Appliance(root / f"r{index}", address, 20000 + network + index, **options)
            )
        limited, relay, site, *visitors = routers
        limited.config["router"]["bandwidth"] = {
            "inbound": f"{RATE}B/s",
            "outbound": f"{RATE}B/s",
        }
        try:
            infos = [router.write_router_info_once() for router in routers]
            for router, hops in (
                (limited, [relay]),
                (site, [limited, relay]),
                *((one, [limited]) for one in visitors),
            ):
                made = own_tunnels(router.address, origin.port)
                kept = {"site": made["site"]} if router is site else {"web": made["web"]}
                for tunnel in kept.values():
                    tunnel |= through(*hops, quantity=4 if router is site else 2)
                router.config["tunnels"] = kept
            for router in routers:
                router.import_router_infos(infos)
                router.start()
            site.wait_ready("site")
            for router in (limited, *visitors):
                router.wait_ready("web")
            scene = Scene(limited, relay, site, visitors)
            for router in (limited, *visitors):
                page = f"http://{site_name(site)}/bytes/1000"
                proxy = f"http://{router.address}:4444"
                assert curl.fetch_with_retry(page, proxy=proxy).status == 200
            yield scene
        finally:
            for router in routers:
                router.stop(kill=True)


def test_own_pages_are_quick_while_transit_uses_the_limit_up(scene: Scene) -> None:
    idle = scene.latencies()
    page = f"http://{site_name(scene.site)}/bytes/60000000"
    running = [
        curl.start(page, proxy=f"http://{one.address}:4444", timeout_s=200)
        for one in scene.visitors
        for _ in range(2)
    ]
    try:
        before = scene.transit_bytes()
        wait_until(
            "transit is under way", lambda: scene.transit_bytes() > before + 5 * RATE // 2, 60
        )
        before, began = scene.transit_bytes(), time.monotonic()
        busy = scene.latencies()
        rate = (scene.transit_bytes() - before) / (time.monotonic() - began)
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()
            one.out.close()
            one.err.close()
    told = [
        f"{name}: median {statistics.median(one):.3f} s, worst {one[-1]:.3f} s"
        for name, one in (("idle", idle), ("full transit", busy))
    ]
    print(*told, f"transit {rate / 1000:.0f} kB/s of {RATE / 1000:.0f}", sep="; ")
    assert rate >= TRANSIT_MIN * RATE
    assert statistics.median(busy) <= FACTOR_MAX * statistics.median(idle) + SLACK_S, told
