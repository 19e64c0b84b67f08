"""Starting, stopping, dying: what a user's router goes through, on the real network."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from core.data.encoding import b32encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.router.identity import RouterKeys
from tests.interop.conftest import TWO_HOPS, Network, own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import I2pdRouter, wait_until
from tests.support.machine import slowdown
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.fixture
def newcomer(network: Network, tmp_path: Path) -> Iterator[Appliance]:
    """A router that was never started; it knows the network from imported files only.

    Without transit: i2pd would go on building through those that died, and the tests to come would
    have no tunnels.
    """
    appliance = Appliance(
        tmp_path,
        "127.31.0.1",
        20031,
        own_tunnels("127.31.0.1", network.origin.port),
        transit={"enabled": False},
    )
    appliance.import_router_infos(network.i2pd.router_infos())
    yield appliance
    appliance.stop(kill=True)


def test_cold_start_to_first_page(network: Network, newcomer: Appliance) -> None:
    began = time.monotonic()
    newcomer.start()
    proxy = f"http://{newcomer.address}:4444"
    got = curl.fetch_with_retry(f"http://{network.i2pd_site}/", proxy=proxy, within_s=30)
    took_s = time.monotonic() - began
    assert got.status == 200, got
    assert took_s < 15 * slowdown(), f"first page after {took_s:.1f} s"


def test_sigterm_ends_quickly_and_restart_keeps_everything(
    network: Network, newcomer: Appliance
) -> None:
    newcomer.start()
    newcomer.wait_ready("web", "site")
    router_hash = RouterInfo.parse(newcomer.router_info).hash
    site = site_name(newcomer)
    known = run_command("netdb", "list", "-c", str(newcomer.config_file)).stdout
    assert newcomer.stop() < 3.0 * slowdown()
    newcomer.start()
    newcomer.wait_ready("web", "site", timeout_s=20)
    assert RouterInfo.parse(newcomer.router_info).hash == router_hash
    assert site_name(newcomer) == site
    again = run_command("netdb", "list", "-c", str(newcomer.config_file)).stdout
    assert len(again.splitlines()) >= min(6, len(known.splitlines()))
    got = curl.fetch_with_retry(f"http://{site}/", proxy=f"http://{network.ours.address}:4444")
    assert got.status == 200, got


def test_kill_9_at_random_moments_loses_nothing(newcomer: Appliance) -> None:
    moments = Random(2026)
    router_key: bytes | None = None
    site_key: bytes | None = None
    latest_s = 1.5
    for _ in range(20):
        newcomer.start()
        time.sleep(moments.uniform(0.1, latest_s))
        newcomer.stop(kill=True)
        for name in ("router.keys", "site.dat"):
            path = newcomer.data_dir / name
            if not path.exists():
                continue
            data = path.read_bytes()
            if name == "router.keys":
                RouterKeys.parse(data)
                assert router_key in (None, data)
                router_key = data
            else:
                PrivateKeys.parse(data)
                assert site_key in (None, data)
                site_key = data
        assert "Traceback" not in newcomer.log
        if site_key is None:
            latest_s *= 1.2  # a busy machine takes longer until the keys are made
    assert router_key is not None
    assert site_key is not None
    newcomer.start()
    newcomer.wait_ready("web", "site", timeout_s=30)
    assert not list(newcomer.data_dir.glob("*.damaged*"))
    assert RouterInfo.parse(newcomer.router_info).hash == RouterKeys.parse(router_key).hash


#: messages of 1 kB: more than the warm page and the tests of tunnels bring
CARRIES = 200


def name_of(router: I2pdRouter) -> str:
    return b32encode(RouterInfo.parse(router.router_info).hash)


def carried(*appliances: Appliance) -> Counter[str]:
    """How many messages each router has carried in their tunnels."""
    messages: Counter[str] = Counter()
    for appliance in appliances:
        status = appliance.status()
        assert status is not None
        for path in status["paths"]:
            for hop in path["hops"]:
                messages[hop] += path["messages"]
    return messages


def test_a_download_outlives_the_death_of_a_hop(network: Network) -> None:
    """kill -9 for an i2pd that carries the transfer, in the middle of it."""
    proxy = f"http://{network.ours.address}:4444"
    size = 20_000_000
    warm = curl.fetch_with_retry(f"http://{network.other_site}/", proxy=proxy)
    assert warm.status == 200, warm
    # Others have tunnels through the former two, and lease sets are at the floodfills.
    spared = (network.i2pd_server, network.i2pd_proxy)
    candidates = [router for router in network.i2pd.routers if router not in spared]
    before = carried(network.ours, network.other)
    running = curl.start(f"http://{network.other_site}/bytes/{size}", proxy=proxy, timeout_s=120)

    def find_victim() -> I2pdRouter | None:
        since = carried(network.ours, network.other) - before
        found = [router for router in candidates if since[name_of(router)] >= CARRIES]
        return min(found, key=lambda router: router.floodfill, default=None)

    victim = wait_until("a hop carries the transfer", find_victim, 20)
    assert isinstance(victim, I2pdRouter)
    assert running.poll() is None, "the transfer was over before the hop died"
    victim.stop(kill=True)
    try:
        got = curl.finish(running)
        assert (got.exit_code, got.status, len(got.body)) == (0, 200, size), got.error
        assert got.digest == digest_of(size)
    finally:
        victim.start()
        wait_until(f"console of {victim.address}", victim.is_listening, 20)


def test_one_tunnel_that_cannot_start_leaves_the_others(
    network: Network, newcomer: Appliance
) -> None:
    newcomer.config["tunnels"]["taken"] = {
        "type": "client",
        "listen": f"{network.ours.address}:4444",
        "allow": ["127.0.0.0/8"],
        "destination": network.our_site,
        **TWO_HOPS,
    }
    newcomer.start()
    newcomer.wait_ready("web", "site")
    status = newcomer.status()
    assert status is not None
    states = {tunnel["name"]: tunnel for tunnel in status["tunnels"]}
    assert not states["taken"]["ready"]
    assert states["taken"]["last_error"]
    assert states["web"]["ready"]
