"""i2pd that has nothing but an address of Yggdrasil: links each way."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.ip_family import Family, family_of
from core.data.router_info import RouterInfo
from core.io.router import Router
from core.router.config import RouterConfig
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import NETWORK_ID, I2pdRouter
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

OURS, THEIRS = "201:77:1::1", "201:77:2::1"
PORT = 20083


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@pytest.fixture(scope="module", autouse=True)
def yggdrasil() -> Iterator[None]:
    """An interface with addresses as Yggdrasil gives them."""
    subprocess.run(
        ["ip", "link", "add", "ygg", "type", "veth", "peer", "name", "ygg-end"], check=True
    )
    for name in ("ygg", "ygg-end"):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    for address in (OURS, THEIRS):
        subprocess.run(["ip", "address", "add", f"{address}/64", "dev", "ygg", "nodad"], check=True)
    yield
    subprocess.run(["ip", "link", "delete", "ygg"], check=True)


@pytest.fixture(params=list(RELEASES))
def i2pd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[I2pdRouter]:
    router = I2pdRouter(
        installed(request.param), tmp_path / "i2pd", "127.83.0.1", 20082, yggdrasil=THEIRS
    )
    router.options = {"ssu2.enabled": "false", "ssu2.published": "false"}
    try:
        yield router
    finally:
        router.stop(kill=True)


def config(data_dir: Path) -> RouterConfig:
    """Nothing but Yggdrasil for us, too."""
    return RouterConfig(
        data_dir,
        network_id=NETWORK_ID,
        host=OURS,
        bind=OURS,
        port=PORT,
        allow_private_addresses=True,
    )


def test_links_each_way(i2pd: I2pdRouter, tmp_path: Path) -> None:
    theirs = RouterInfo.parse(i2pd.write_router_info_once())
    hosts = [address.host for address in theirs.ntcp2_addresses() if address.is_published]
    assert hosts == [THEIRS] and family_of(THEIRS) is Family.YGGDRASIL
    i2pd.start()

    async def they_are_called() -> None:
        router = Router(config(tmp_path / "calls"))
        await router.start()
        try:
            router.import_routers([theirs])
            await asyncio.to_thread(i2pd.wait_listening)
            # Nobody builds tunnels in Yggdrasil alone.
            router._engine.links.send(theirs.hash, (), router.now())
            router._drivers.schedule()
            await until("a link to i2pd", lambda: router.status().links.outbound == 1)
            assert router.status().links.ntcp2 == 1
        finally:
            await router.stop()

    async def they_call() -> None:
        router = Router(config(tmp_path / "is called"))
        await router.start()
        try:
            await asyncio.to_thread(i2pd.stop, kill=True)
            i2pd.know([router.router_info.raw])
            await asyncio.to_thread(i2pd.start)
            await until(
                "a link from i2pd", lambda: router.status().links.inbound == 1, timeout_s=60
            )
        finally:
            await router.stop()

    asyncio.run(they_are_called())
    asyncio.run(they_call())
