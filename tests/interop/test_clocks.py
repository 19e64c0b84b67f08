"""A wrong clock on a network of i2pd routers: it is told and corrected, and does no harm."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data.router_info import RouterInfo
from tests.interop.conftest import Network, own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.time_server import TimeServer
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


def until_corrected(appliance: Appliance, words: str, error_s: float, source: str) -> None:
    def clock() -> dict[str, Any]:
        found: dict[str, Any] = state_of(appliance).get("router", {}).get("clock", {})
        return found

    def is_corrected() -> bool:
        return abs(clock().get("correction_s", 0.0) + error_s) < 3

    wait_until(f"the clock is corrected by {-error_s} s", is_corrected, 60)
    assert words in clock()["warning"]
    assert "timedatectl" in clock()["warning"]
    assert clock()["source"] == source
    wait_until(f"the log says {words!r}", lambda: words in appliance.log, 10)
    place = ("-c", str(appliance.config_file))
    assert words in run_command("status", *place).stdout
    found = json.loads(run_command("doctor", "--json", *place).stdout)["findings"]
    (clock_found,) = (one for one in found if one["subject"] == "clock")
    assert clock_found["level"] == "warning" and words in clock_found["text"], clock_found


def page_within_s(url: str, address: str) -> float:
    began = time.monotonic()
    got = curl.fetch_with_retry(url, proxy=f"http://{address}:4444", within_s=2 * PAGE_S)
    assert got.status == 200, got
    return time.monotonic() - began


def until_joined(network: Network, newcomer: Appliance, error_s: float) -> None:
    """Pages both ways, while its system's clock is wrong."""
    page_within_s(f"http://{network.i2pd_site}/", newcomer.address)
    page_within_s(f"http://{site_name(newcomer)}/", network.ours.address)
    wait_until("ready", lambda: state_of(newcomer).get("state") == "ready", 60)
    age_s = time.time() - RouterInfo.parse(newcomer.router_info).published_ms / 1000
    assert -3 < age_s < 90, error_s
    assert "Traceback" not in newcomer.log


def test_other_routers_correct_a_wrong_clock(
    network: Network, newcomer: Appliance, clock: WrongClock
) -> None:
    clock.set(10_800.0)
    newcomer.start()
    until_corrected(newcomer, "3 h ahead", 10_800.0, "peers")
    until_joined(network, newcomer, 10_800.0)
    clock.set(-400 * DAY)
    until_corrected(newcomer, "400 d behind", -400 * DAY, "peers")
    until_joined(network, newcomer, -400 * DAY)
    clock.set(0.0)
    wait_until(
        "no correction",
        lambda: state_of(newcomer)["router"]["clock"]["correction_s"] == 0.0,
        10,
    )
    until_joined(network, newcomer, 0.0)
    # A short leap ahead may be a machine that stood still: told at once, and corrected when three
    # new handshakes say so.
    clock.set(90.0)

    def is_told() -> bool:
        status = state_of(newcomer)
        warning = status.get("router", {}).get("clock", {}).get("warning")
        return "1 min 30 s ahead" in f"{status.get('reason')} {warning}"

    wait_until("told", is_told, 30)
    assert newcomer.log.count("3 h ahead") == 1


@pytest.mark.parametrize(("error_s", "words"), [(-3 * DAY, "3 d behind"), (300.0, "5 min ahead")])
def test_time_servers_correct_a_wrong_clock(
    network: Network, newcomer: Appliance, clock: WrongClock, error_s: float, words: str
) -> None:
    with TimeServer() as first, TimeServer() as second, TimeServer(7200.0) as liar:
        servers = [f"127.0.0.1:{server.address[1]}" for server in (first, second, liar)]
        newcomer.config["router"]["time"] = {"ntp": True, "servers": servers}
        clock.set(error_s)
        newcomer.start()
        until_corrected(newcomer, words, error_s, "ntp")
        until_joined(network, newcomer, error_s)
