"""I2CP with i2pd: our tunnels over its router, and our program as a client of our own interface."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from i2ptunnel.demo import free_port
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support.appliance import FAST, Appliance
from tests.support.curl import fetch
from tests.support.every_tunnel import (
    CHECKS,
    Pair,
    Services,
    pairs_of,
    stream_seen,
    udp_answer,
)
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, wait_until
from tests.support.origin import PAGE, body_of
from tests.support.over_i2cp import I2PD_SHAPE, fetched, names_of, over_i2cp, proxy_at
from tests.support.sam_client import SamClient
from tests.support.twin_client import TwinClient

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

BULK_BYTES = 20_000_000
OURS = "127.71.0.1"
PROXY = f"http://{OURS}:4444"
HOST = "127.78.0.1"
HOST_PROXY = f"http://{HOST}:4444"
GUEST = "127.79.0.1"
GUEST_PROXY = f"http://{GUEST}:4444"
SAM_PORT = 7656
SAM_HOPS = "inbound.length=1 outbound.length=1 inbound.quantity=1 outbound.quantity=1"
#: of each of the two programs: seven servers, two clients of datagrams, one for all other clients
SESSIONS = 10
#: over whose router the server is, of those tunnels that are tried for each type
WAYS = ("i2pd's", "ours")


@dataclass
class I2cpNetwork:
    """``net.routers[0]`` takes I2CP from ``ours``, ``host`` from ``guest``.

    ``net.routers[4]`` has a site and a proxy.
    """

    net: I2pdNet
    ours: Appliance
    host: Appliance
    guest: Appliance
    twins: TwinClient
    i2pd_site: str
    sites: dict[str, str]
    guest_sites: dict[str, str]
    pairs: dict[str, Pair]

    @property
    def i2pd_proxy(self) -> str:
        return f"http://{self.net.routers[4].address}:4444"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[I2cpNetwork]:
    root = tmp_path_factory.mktemp("i2cp")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old, new, old, new], first_octet=72)
    net.routers[0].options = {
        "i2cp.enabled": "true",
        "i2cp.address": net.routers[0].address,
        "i2cp.port": "7654",
    }
    with ExitStack() as stack:
        services = stack.enter_context(Services(root / "services", free_port("127.0.0.1", 16667)))
        origin = services.origin
        net.routers[4].http_proxy = True
        net.routers[4].tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            f"{I2PD_SHAPE}"
        )
        ours = over_i2cp(root / "ours", OURS, f"{net.routers[0].address}:7654", origin.port)
        ours.config["interfaces"] = {"sam": {"listen": f"{OURS}:{SAM_PORT}", "udp": None}}
        guest = over_i2cp(root / "guest", GUEST, f"{HOST}:7654", origin.port)
        pairs = dict(zip(WAYS, pairs_of(stack, services, ours, guest), strict=True))
        host = Appliance(root / "host", HOST, 20078, {"web": proxy_at(HOST)}, **FAST)
        host.config["interfaces"] = {"i2cp": {"listen": f"{HOST}:7654"}}
        twins = TwinClient(HOST, 7654, PAGE)
        try:
            net.prepare([host.write_router_info_once()])
            host.import_router_infos(net.router_infos())
            net.start()
            for appliance in (host, ours, guest):
                appliance.start()
            for appliance in (ours, guest):
                appliance.wait_ready(*appliance.config["tunnels"], timeout_s=90)
            i2pd_site = net.routers[4].local_b32("site")
            sites = names_of(ours), names_of(guest)
            twins.start()
            yield I2cpNetwork(net, ours, host, guest, twins, i2pd_site, *sites, pairs)
        finally:
            twins.stop()
            for appliance in (ours, guest, host):
                appliance.stop(kill=True)
            net.stop()


def test_status_says_which_router_is_used(network: I2cpNetwork) -> None:
    status = network.ours.status()
    assert status is not None
    assert status["state"] == "ready"
    i2cp = status["router"]["i2cp"]
    assert i2cp["address"] == f"{network.net.routers[0].address}:7654"
    assert (i2cp["sessions"], i2cp["connected"], i2cp["ready"]) == (SESSIONS,) * 3
    assert i2cp["last_error"] is None
    assert i2cp["version"].startswith("0.9.")


def test_pages_both_ways(network: I2cpNetwork) -> None:
    assert fetched(PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert fetched(network.i2pd_proxy, f"http://{network.sites['site']}/") == PAGE


def test_our_own_interface_is_as_good(network: I2cpNetwork) -> None:
    assert fetched(GUEST_PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert fetched(network.i2pd_proxy, f"http://{network.guest_sites['site']}/") == PAGE
    status = network.host.status()
    assert status is not None
    i2cp = status["interfaces"]["i2cp"]
    assert (i2cp["listen"], i2cp["last_error"]) == (f"{HOST}:7654", None)


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("way", WAYS)
def test_tunnels_of_each_type(network: I2cpNetwork, way: str, kind: str) -> None:
    """The server over one router, the client over the other one."""
    CHECKS[kind](network.pairs[way])


def test_no_type_is_left_out() -> None:
    assert CHECKS.keys() == TUNNEL_CLASSES.keys()


def test_encrypted_lease_sets_are_published_over_both(network: I2cpNetwork) -> None:
    """And reached by a router of ours; over our own interface by a client, too."""
    for sites in (network.sites, network.guest_sites):
        assert len(sites["secret-site"].partition(".")[0]) == 56
        assert fetched(HOST_PROXY, f"http://{sites['secret-site']}/") == PAGE
    assert fetched(GUEST_PROXY, f"http://{network.sites['secret-site']}/") == PAGE


def test_i2pd_finds_no_encrypted_address_for_clients_and_the_page_says_so(
    network: I2cpNetwork,
) -> None:
    answer = fetch(f"http://{network.guest_sites['secret-site']}/", proxy=PROXY, timeout_s=60)
    assert answer.status == 504
    assert b"I2CP" in answer.body


def test_two_destinations_of_a_client_share_its_tunnels(network: I2cpNetwork) -> None:
    """One visitor of ours reaches both.

    i2pd sends whatever is sealed for a key to the destination that it met first with it, so it
    reaches one of the two: here the second one, that has no tunnels itself.
    """
    twins = network.twins
    wait_until("both sites are published", lambda: twins.is_ready, 60)
    assert fetched(network.i2pd_proxy, f"http://{twins.names[1]}/", 15) == PAGE
    for _ in range(2):
        for name in twins.names:
            assert fetched(HOST_PROXY, f"http://{name}/") == PAGE
    status = network.host.status()
    assert status is not None
    assert status["interfaces"]["i2cp"]["sessions"] == SESSIONS + 2


@pytest.mark.slow
def test_20_mb_each_way(network: I2cpNetwork, tmp_path: Path) -> None:
    path = f"bytes/{BULK_BYTES}"
    assert fetched(PROXY, f"http://{network.i2pd_site}/{path}") == body_of(BULK_BYTES)
    site = network.sites["site"]
    assert fetched(network.i2pd_proxy, f"http://{site}/{path}") == body_of(BULK_BYTES)


# The router goes away, and returns


@pytest.mark.slow
def test_everything_comes_back_with_the_router(network: I2cpNetwork) -> None:
    """Datagrams and SAM too; last, for it takes a router away."""
    asyncio.run(_lose_the_router(network))


async def _lose_the_router(network: I2cpNetwork) -> None:
    ours, router = network.ours, network.net.routers[0]
    control = await SamClient.greeted(SAM_PORT, host=OURS)
    reply = await control.ask(
        f"SESSION CREATE STYLE=STREAM ID=one DESTINATION=TRANSIENT {SAM_HOPS}"
    )
    assert reply[1]["RESULT"] == "OK", reply
    site = network.guest_sites["site"]
    assert await sam_connect(site) == "OK"

    await asyncio.to_thread(router.stop, kill=True)
    await asyncio.to_thread(wait_until, "the loss is told", lambda: is_told(ours), 30)
    status = ours.status()
    assert status is not None
    assert status["state"] != "ready"
    i2cp = status["router"]["i2cp"]
    assert (i2cp["sessions"], i2cp["connected"], i2cp["ready"]) == (SESSIONS + 1, 0, 0)
    assert [one["name"] for one in status["tunnels"] if one["ready"]] == []
    waiting = asyncio.create_task(sam_connect(site))

    router.start()
    await asyncio.to_thread(wait_until, "all are ready", lambda: are_ready(ours), 90, 0.5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        for way, pair in network.pairs.items():
            await asyncio.to_thread(udp_answer, pair, program, f"again, {way}")
            await asyncio.to_thread(stream_seen, pair, f"again, {way}")
    assert await waiting == "OK"
    assert (await control.ask("NAMING LOOKUP NAME=ME"))[1]["RESULT"] == "OK"
    await control.close()


async def sam_connect(name: str) -> str:
    """The RESULT of a stream of the session ``one``."""
    client = await SamClient.greeted(SAM_PORT, host=OURS)
    try:
        reply = await client.ask(f"STREAM CONNECT ID=one DESTINATION={name}", 90)
        return reply[1]["RESULT"]
    finally:
        await client.close()


def is_told(appliance: Appliance) -> bool:
    status = appliance.status()
    return status is not None and bool(status["router"]["i2cp"]["last_error"])


def are_ready(appliance: Appliance) -> bool:
    """Whether all sessions and tunnels are."""
    status = appliance.status()
    assert status is not None
    i2cp = status["router"]["i2cp"]
    return i2cp["ready"] == i2cp["sessions"] and all(one["ready"] for one in status["tunnels"])
