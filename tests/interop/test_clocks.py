"""A wrong clock on a network of i2pd routers: it is told, and set right it does no more harm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data.router_info import RouterInfo
from tests.interop.conftest import Network, own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance
from tests.support.i2pd_net import wait_until
from tests.support.wrong_clock import WrongClock

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

DAY = 86_400.0
#: what users are promised
PAGE_S = 30.0


@pytest.fixture
def clock(tmp_path: Path) -> WrongClock:
    return WrongClock(tmp_path / "clock")


@pytest.fixture
def newcomer(network: Network, tmp_path: Path, clock: WrongClock) -> Iterator[Appliance]:
    """A router with a clock of its own; without transit, as i2pd would build through it."""
    appliance = Appliance(
        tmp_path / "ours",
        "127.32.0.1",
        20032,
        own_tunnels("127.32.0.1", network.origin.port),
        transit={"enabled": False},
    )
    appliance.command = clock.command
    appliance.import_router_infos(network.i2pd.router_infos())
    yield appliance
    appliance.stop(kill=True)


def state_of(appliance: Appliance) -> dict[str, Any]:
    status = appliance.status()
    return {} if status is None else status


def until_told(appliance: Appliance, words: str, error_s: float) -> None:
    def is_told() -> bool:
        status = state_of(appliance)
        return words in (status.get("reason") or "")

    wait_until(f"status says {words!r}", is_told, 30)
    status = state_of(appliance)
    assert (status["state"], status["ready"]) == ("degraded", False)
    assert abs(status["router"]["clock_skew_s"] + error_s) < 3
    assert "timedatectl" in status["remedy"]
    page = curl.fetch("http://proxy.i2p/", proxy=f"http://{appliance.address}:4444")
    assert words in page.body.decode()
    wait_until(f"the log says {words!r}", lambda: words in appliance.log, 10)


def page_within_s(url: str, address: str) -> float:
    began = time.monotonic()
    got = curl.fetch_with_retry(url, proxy=f"http://{address}:4444", within_s=2 * PAGE_S)
    assert got.status == 200, got
    return time.monotonic() - began


def test_a_wrong_clock_is_told_and_set_right_it_does_no_more_harm(
    network: Network, newcomer: Appliance, clock: WrongClock
) -> None:
    clock.set(10_800.0)
    newcomer.start()
    until_told(newcomer, "3 h ahead", 10_800.0)
    clock.set(-400 * DAY)
    until_told(newcomer, "400 d behind", -400 * DAY)
    clock.set(0.0)
    assert page_within_s(f"http://{network.i2pd_site}/", newcomer.address) < PAGE_S
    # Our own site too, from an i2pd router and from one of ours.
    site = site_name(newcomer)
    assert page_within_s(f"http://{site}/", network.ours.address) < PAGE_S
    wait_until("ready again", lambda: state_of(newcomer).get("state") == "ready", 30)
    age_s = time.time() - RouterInfo.parse(newcomer.router_info).published_ms / 1000
    assert -2 < age_s < 60

    clock.set(90.0)
    until_told(newcomer, "1 min 30 s ahead", 90.0)
    clock.set(0.0)
    assert page_within_s(f"http://{network.i2pd_site}/", newcomer.address) < PAGE_S
    assert newcomer.log.count("3 h ahead") == 1
    assert "Traceback" not in newcomer.log
