"""Twelve minutes: every tunnel of a transfer is replaced at least once, and a hop dies."""

from __future__ import annotations

import time

import pytest

from core.data.encoding import b32encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import Network
from tests.support import curl
from tests.support.i2pd_net import wait_until
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(1500)]

RATE = 200_000
SECONDS = 730


@pytest.mark.parametrize("case", ["our client, our server", "our client, i2pd's server"])
def test_a_download_outlives_every_tunnel_it_used(network: Network, case: str) -> None:
    site = network.other_site if case.endswith("our server") else network.i2pd_site
    proxy = f"http://{network.ours.address}:4444"
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    size = RATE * SECONDS
    began = time.monotonic()
    running = curl.start(
        f"http://{site}/bytes/{size}",
        proxy=proxy,
        timeout_s=1300,
        extra=("--limit-rate", str(RATE)),
    )
    time.sleep(120)
    status = network.ours.status()
    assert status is not None
    at_first = {tuple(path["hops"]) for path in status["paths"]}
    used = {hop for hops in at_first for hop in hops}
    spared = (network.i2pd_server, network.i2pd_proxy, *network.i2pd.routers[:2])
    victim = next(
        router
        for router in network.i2pd.routers
        if router not in spared and b32encode(RouterInfo.parse(router.router_info).hash) in used
    )
    victim.stop(kill=True)
    time.sleep(30)
    victim.start()
    wait_until(f"console of {victim.address}", victim.is_listening, 20)
    got = curl.finish(running)
    took_s = time.monotonic() - began
    assert (got.exit_code, got.status, len(got.body)) == (0, 200, size), got.error
    assert got.digest == digest_of(size)
    assert took_s > 660, "over before the last of the first tunnels had to be replaced"
    print(f"{case}: {size} bytes in {took_s:.0f} s at a limit of {RATE} bytes/s")
