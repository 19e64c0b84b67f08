"""What i2pd says of our address: its routers are Bob and Charlie of our peer tests."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core.api import Router, RouterConfig, new_event_loop
from core.data.router_info import RouterInfo
from core.tunnel.shape import TunnelShape
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import NETWORK_ID, I2pdNet
from tests.support.waiting import until

# i2pd tests nobody with whom Charlie has a link, and in so small a network few have none: it took
# from 32 s to more than two minutes.
pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

HERE, PORT = "127.63.0.1", 20063
KNOWN_WITHIN_S = 300.0


async def _until_ok(router: Router) -> float:
    """Seconds until the state of SSU2 is known to be good."""
    began = time.monotonic()
    await until(
        "the state of SSU2",
        lambda: router.status().reachability.transports["ssu2/ipv4"] == "ok",
        KNOWN_WITHIN_S,
        every_s=0.2,
        tell=lambda: (router.status().reachability, router.counters()["transport"]["peer_tests"]),
    )
    return time.monotonic() - began


def test_i2pd_tests_our_address_and_it_is_published(tmp_path: Path) -> None:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(tmp_path, [new, old, new, old, new], first_octet=101)
    net.prepare()
    net.start()
    shape = TunnelShape(1, 1)
    config = RouterConfig(
        data_dir=tmp_path / "ours",
        network_id=NETWORK_ID,
        bind=HERE,
        port=PORT,
        allow_private_addresses=True,
        exploratory_inbound=shape,
        exploratory_outbound=shape,
    )

    async def body() -> None:
        router = Router(config)
        await router.start()
        try:
            assert not router.status().published and "U" in router.router_info.caps
            router.import_routers(map(RouterInfo.parse, net.router_infos()))
            await _until_ok(router)
            status = router.status()
            assert status.published == (f"ssu2 {HERE}:{PORT}",)
            assert status.reachability.ipv4 == "ok" and status.introducers == 0
            assert router.counters()["transport"]["peer_tests"]["ok"] >= 2
            assert "R" in router.router_info.caps
            (address,) = router.router_info.ssu2_addresses()
            assert (address.host, address.port, address.caps) == (HERE, PORT, "BC")
        finally:
            await router.stop()

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(body())
    finally:
        net.stop()
