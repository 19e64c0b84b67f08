"""The network goes down and comes back: all that stalled is dialled, built and published again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.machine import slowdown
from tests.support.namespace import separate_network, set_up
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.timeout(280)]

ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}


@pytest.fixture(scope="module")
def routers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Appliance]]:
    root: Path = tmp_path_factory.mktemp("outages")
    with separate_network(), Origin() as origin:
        made = []
        for index in range(5):
            address = f"127.{131 + index}.0.1"
            tunnels = own_tunnels(address, origin.port) if index > 2 else {}
            for tunnel in tunnels.values():
                tunnel |= ONE_HOP
            if index == 4:
                for number in range(3):
                    site = {**tunnels["site"], "keys": f"new{number}.dat", "enabled": False}
                    tunnels[f"new{number}"] = site
            made.append(
                Appliance(
                    root / f"r{index}",
                    address,
                    20131 + index,
                    tunnels,
                    floodfill=index < 3,
                    transit={"enabled": index < 3},
                    exploratory=ONE_HOP,
                )
            )
        try:
            infos = [router.write_router_info_once() for router in made]
            for router in made:
                router.import_router_infos(infos)
                router.start()
            for router in made[3:]:
                router.wait_ready("web", "socks", "site")
            yield made
        finally:
            for router in made:
                router.stop(kill=True)


#: longest time until the last link is given up
LINKS_LOST_S = 20
NO_NETWORK = [
    ("status", "check that this machine is online"),
    ("doctor", "this machine has no network"),
]


@pytest.mark.parametrize(("number", "down_s"), [(0, 5), (1, 14), (2, 30)])
def test_a_new_site_is_reachable_soon_after_an_outage(
    routers: list[Appliance], number: int, down_s: float
) -> None:
    visitor, server = routers[3], routers[4]
    proxy = f"http://{visitor.address}:4444"
    known = curl.fetch_with_retry(f"http://{site_name(server)}/", proxy=proxy)
    assert known.status == 200, known
    set_up("lo", False)
    try:
        ending = time.monotonic() + down_s
        if down_s > LINKS_LOST_S:
            place = ("-c", str(visitor.config_file))
            for command, told in NO_NETWORK:
                tells = partial(_tells, told, command, *place)
                wait_until(f"{command} tells", tells, down_s)
        time.sleep(max(0.0, ending - time.monotonic()))
    finally:
        set_up("lo", True)
    began = time.monotonic()
    done = run_command(
        "tunnels", "start", f"new{number}", "-c", str(server.config_file), timeout_s=30
    )
    assert done.returncode == 0, done
    page = f"http://{site_name(server, f'new{number}.dat')}/"
    got = curl.fetch_with_retry(page, proxy=proxy, within_s=30)
    took_s = time.monotonic() - began
    print(f"down for {down_s} s: a new site after {took_s:.1f} s")
    assert got.status == 200, got
    assert took_s < 15 * slowdown()
    for router in routers:
        assert "Traceback" not in router.log, router.log[-2000:]


def _tells(told: str, *command: str) -> bool:
    return told in run_command(*command).stdout
