"""A router that knows as many others as the network has: its memory, and its way to a page."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from core.io.database import Database
from core.io.router import DATABASE_FILE
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.control import ask
from tests.io.test_large_netdb import copies, signed_infos
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.i2pd_net import NETWORK_ID, wait_until
from tests.support.machine import slowdown
from tests.support.own_network import TWO_HOPS, b32_of, own_network

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(300)]

KNOWN = 50_000
HOSTS = 500
MEMORY_MAX_MB = 250
PAGE_MAX_S = 2.0
RESTARTS = 5
SHAPE = {"length": 2, "quantity": 2}


def know(appliance: Appliance, **invention: range) -> None:
    """Add invented routers of the usual size to its netDb on the disk."""
    now_ms = int(time.time() * 1000)
    database = Database(appliance.data_dir / DATABASE_FILE)
    for number, info in enumerate(signed_infos(HOSTS, now_ms, 7, NETWORK_ID, **invention)):
        database.save_routers(copies(info, KNOWN // HOSTS, now_ms, number))
    assert database.flush(60)
    database.close()


def known(appliance: Appliance) -> int:
    status = ask(appliance.data_dir / "control.sock", "status")
    return int(status["router"]["routers"])


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Appliance]:
    appliance = Appliance(tmp_path / "r", "127.153.0.1", 20153)
    appliance.write_router_info_once()
    know(appliance)
    try:
        appliance.start()
        yield appliance
    finally:
        appliance.stop(kill=True)


def test_fifty_thousand_routers_cost_little_memory(router: Appliance) -> None:
    router.wait_up()
    wait_until("all of them", lambda: known(router) >= KNOWN, 60)
    memory_mb = router.memory_mb()
    print(f"{known(router)} routers, {memory_mb:.0f} MB")
    assert memory_mb <= MEMORY_MAX_MB
    assert "Traceback" not in router.log


@contextlib.contextmanager
def silent_hosts() -> Iterator[None]:
    """Where the invented routers are, links are taken and never answered."""
    with socket.create_server(("0.0.0.0", 4567), backlog=4096):
        yield


def page_s(ours: Appliance, url: str) -> float:
    """From the start of the program to a page."""
    proxy = f"http://{ours.address}:4444"
    began = time.monotonic()
    ours.start()
    got = wait_until(
        "the page", lambda: curl.fetch(url, proxy=proxy).status == 200, 60, every_s=0.02
    )
    assert got
    return time.monotonic() - began


async def restarts_s(root: Path) -> tuple[list[float], list[float]]:
    """How long the first page takes before and after 50,000 invented routers are known."""
    docroot = root / "site"
    docroot.mkdir()
    (docroot / "index.html").write_text("hello")
    web = {"type": "httpclient", "listen": "127.153.0.1:4444", "allow": ["127.0.0.0/8"]}
    web |= {"inbound": SHAPE, "outbound": SHAPE}
    ours = Appliance(root / "ours", "127.153.0.1", 20153, {"web": web}, **FAST)
    async with own_network(root / "routers", ends=1) as network:
        manager = await network.run(
            network.routers[-1], {"site": HttpServerSection(docroot=docroot, **TWO_HOPS)}
        )
        await network.until_ready(manager)
        url = f"http://{b32_of(manager, 'site')}/"
        ours.import_router_infos([one.router_info.raw for one in network.routers])

        def run() -> tuple[list[float], list[float]]:
            figures: list[list[float]] = [[], []]
            page_s(ours, url)
            for number in range(2 * RESTARTS):
                time.sleep(2)
                ours.stop()
                if number == RESTARTS:
                    know(ours, first_octets=range(127, 128))
                figures[number >= RESTARTS].append(page_s(ours, url))
            wait_until("all of them", lambda: known(ours) >= KNOWN, 60)
            assert "Traceback" not in ours.log
            return figures[0], figures[1]

        try:
            with silent_hosts():
                return await asyncio.to_thread(run)
        finally:
            ours.stop(kill=True)


def test_the_first_page_after_a_restart_does_not_wait_for_strangers(tmp_path: Path) -> None:
    """Six routers are proven; the others do not exist."""
    alone, crowded = asyncio.run(restarts_s(tmp_path))
    for name, seconds in (("few", alone), ("fifty thousand", crowded)):
        print(f"{name} known: {', '.join(f'{one:.2f}' for one in seconds)} s")
    assert median(crowded) <= PAGE_MAX_S * slowdown()
