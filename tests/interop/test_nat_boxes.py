"""Routers behind real address translators (nftables) of the four kinds, and real i2pd among them.

Tunnels without hops have routers call each other directly: the client's router is Alice, the
server's Charlie, and the introducers of that are Bob.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.data.router_info import RouterInfo
from tests.interop.conftest import site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.curl import Fetched
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.home_network import is_possible
from tests.support.i2pd_net import I2pdRouter, wait_until
from tests.support.nat_box import MACHINE, NatBox, PublicNetwork, probe, public_network
from tests.support.nat_net import (
    NO_HOPS,
    I2pdHome,
    NatNet,
    OurHome,
    nat_net,
    traversal_steps,
    tunnels,
)
from tests.support.origin import Origin, digest_of
from tests.support.world.nat import NatKind

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not is_possible(), reason="network namespaces need root"),
]

TWO_HOPS: dict[str, Any] = {
    "inbound": {"length": 2, "quantity": 2},
    "outbound": {"length": 2, "quantity": 2},
}
SIZE = 200_000
LEARNT_S = 120


def i2pd_site(origin_port: int, hops: int) -> str:
    """The same eepsite at an i2pd."""
    return (
        f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin_port}\nkeys = site.dat\n"
        f"inbound.length = {hops}\noutbound.length = {hops}\n"
    )


def fetch(at: OurHome | I2pdHome, site: str, size: int = SIZE, within_s: float = 60) -> Fetched:
    """With curl on the machine, through its router's proxy."""
    with at.box.machine.entered():
        host = MACHINE if isinstance(at, I2pdHome) else "127.0.0.1"
        url, proxy = f"http://{site}/bytes/{size}", f"http://{host}:4444"
        return curl.fetch_with_retry(url, proxy=proxy, within_s=within_s)


def reachability(home: OurHome) -> str:
    """Of SSU2 over IPv4, as ``status`` says it."""
    status = home.router.status()
    return str(status["router"]["reachability"]["transports"]["ssu2/ipv4"]) if status else ""


def introducers(home: OurHome | I2pdHome) -> int:
    """How many are in its RouterInfo."""
    raw = home.router.router_info
    return sum(len(one.introducers) for one in RouterInfo.parse(raw).ssu2_addresses())


def received(home: OurHome) -> int:
    """Bytes from the network so far."""
    status = home.router.status()
    return int(status["router"]["bytes_received"]) if status else 0


def transport(router: Appliance) -> dict[str, Any]:
    """Its counters of that room."""
    status = router.status()
    assert status is not None
    counters: dict[str, Any] = status["router"]["counters"]["transport"]
    return counters


def linked(home: OurHome) -> int:
    """How many sessions it began so far."""
    return int(transport(home.router)["handshakes"]["outbound"])


@pytest.fixture
def public() -> Iterator[PublicNetwork]:
    with public_network() as network:
        yield network


@pytest.mark.parametrize("kind", NatKind)
def test_a_box_is_of_its_kind(public: PublicNetwork, kind: NatKind) -> None:
    friend, stranger = map(public.add_address, ("11.1.0.1", "11.2.0.1"))
    box = NatBox(public, kind, "11.101.0.1")
    try:
        assert probe(public, box, friend, stranger) is kind
        box.move(address="11.102.0.1", outside_port=31040)
        assert probe(public, box, friend, stranger) is kind
        box.unplug()
        with pytest.raises(OSError, match="assign"):
            probe(public, box, friend, stranger)
        box.plug_in()
        assert probe(public, box, friend, stranger) is kind
    finally:
        box.close()


@dataclass
class Introduced:
    """Three homes behind port-restricted boxes, whose routers call each other."""

    net: NatNet
    one: OurHome
    other: OurHome
    i2pd: I2pdHome
    sites: dict[str, str]


@pytest.fixture(scope="module", params=["ours", "i2pd"])
def introduced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Introduced]:
    """``param``: who introduces. i2pd's floodfills do not; nor do ours without transit."""
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    is_i2pd = request.param == "i2pd"
    with nat_net(tmp_path_factory.mktemp("nat")) as net, ExitStack() as stack:
        for number in range(10):
            # 2.56 introduces also while it is a floodfill.
            program = old if is_i2pd and number % 3 == 1 else new
            net.add_i2pd(program, floodfill=not is_i2pd or number < 3)
        for _ in range(2):
            net.add_ours(transit={"enabled": not is_i2pd})
        net.known = [*net.i2pd[:4], *net.ours]
        one, other = (net.add_our_home(NatKind.PORT_RESTRICTED) for _ in range(2))
        peer = net.add_i2pd_home(new, NatKind.PORT_RESTRICTED, http_proxy=True)
        for home in (one, other):
            with home.box.machine.entered():
                origin = stack.enter_context(Origin())
            home.router.config["tunnels"] = tunnels(origin.port, NO_HOPS)
        with peer.box.machine.entered():
            origin = stack.enter_context(Origin())
        peer.router.tunnels = i2pd_site(origin.port, 0)
        # Else it may find itself reachable: the Charlies of its tests need not be strangers.
        peer.router.options["ssu2.firewalled4"] = "true"
        for direction in ("inbound", "outbound"):
            peer.router.options[f"httpproxy.{direction}.length"] = "0"
        for router in (*net.ours, one.router, other.router):
            router.trace = router.root / "trace"
        net.start()
        for home in (one, other, peer):
            wait_until("introducers", lambda home=home: introducers(home) > 0, LEARNT_S)
        with peer.box.machine.entered():
            sites = {"i2pd": peer.router.local_b32("site")}
        sites |= {"one": site_name(one.router), "other": site_name(other.router)}
        yield Introduced(net, one, other, peer, sites)


@pytest.mark.slow
def test_routers_behind_port_restricted_boxes_are_introduced(introduced: Introduced) -> None:
    one, other, i2pd = introduced.one, introduced.other, introduced.i2pd
    assert reachability(one) == reachability(other) == "firewalled"
    visits: list[tuple[OurHome | I2pdHome, str]]
    visits = [(one, "i2pd"), (i2pd, "other"), (other, "one")]
    for at, site in visits:
        got = fetch(at, introduced.sites[site])
        assert got.status == 200 and got.digest == digest_of(SIZE), (site, got.error)
    # Each of ours was Alice once and Charlie once.
    asked = {("relay_request", "sent"), ("relay_response", "received"), ("session_request", "sent")}
    called = {("relay_intro", "received"), ("relay_response", "sent"), ("hole_punch", "sent")}
    for ours in (one, other):
        told = f"the trace of {ours.router.root}"
        wait_until(told, lambda ours=ours: asked | called <= set(traversal_steps(ours.router)), 20)
    introductions = {
        *(("relay_request", "received"), ("relay_intro", "sent")),
        *(("relay_response", "received"), ("relay_response", "sent")),
    }
    outside = introduced.net.traversal_steps_outside
    if introduced.net.i2pd[5].floodfill:
        wait_until("Bobs", lambda: min(outside()[step] for step in introductions) >= 3, 20)
    else:
        assert not introductions & set(outside())


@dataclass
class Homes:
    """One of ours behind a box of each kind, and eepsites and proxies outside."""

    net: NatNet
    at: dict[NatKind, OurHome]
    ours_outside: Appliance
    i2pd_outside: I2pdRouter
    sites: dict[str, str]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    with nat_net(tmp_path_factory.mktemp("kinds")) as net, ExitStack() as stack:
        for number in range(11):
            net.add_i2pd(old if number in (1, 4) else new, http_proxy=number == 10)
        i2pd = net.i2pd[10]
        with net.public.namespace.entered():
            origin = stack.enter_context(Origin())
        ours = [net.add_ours(**FAST) for _ in range(2)]
        ours[0].config["tunnels"] = tunnels(origin.port, TWO_HOPS)
        i2pd.tunnels = i2pd_site(origin.port, 2)
        net.known = [*net.i2pd[:4], *ours]
        at = {}
        for kind in NatKind:
            home = at[kind] = net.add_our_home(kind)
            with home.box.machine.entered():
                origin = stack.enter_context(Origin())
            home.router.config["tunnels"] = tunnels(origin.port, TWO_HOPS)
            home.router.trace = home.router.root / "trace"
        net.start()
        with net.public.namespace.entered():
            sites = {"i2pd": i2pd.local_b32("site"), "ours": site_name(ours[0])}
        yield Homes(net, at, ours[0], i2pd, sites)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (NatKind.FULL_CONE, "ok"),
        (NatKind.ADDRESS_RESTRICTED, "firewalled"),
        (NatKind.PORT_RESTRICTED, "firewalled"),
        (NatKind.SYMMETRIC, "symmetric nat"),
    ],
)
def test_a_router_learns_what_it_is_behind(homes: Homes, kind: NatKind, state: str) -> None:
    home = homes.at[kind]
    wait_until(f"{state} of {kind.name}", lambda: reachability(home) == state, LEARNT_S)
    if state != "ok":
        wait_until("introducers", lambda: introducers(home) > 0, 60)
    published = RouterInfo.parse(home.router.router_info).ssu2_addresses()
    hosts = {(one.host, one.port) for one in published if one.is_published}
    assert hosts == ({(home.box.address, home.box.outside_port)} if state == "ok" else set())


@pytest.mark.slow
@pytest.mark.parametrize("kind", NatKind)
def test_a_router_behind_a_box_browses_and_is_visited(homes: Homes, kind: NatKind) -> None:
    home = homes.at[kind]
    for site in homes.sites.values():
        got = fetch(home, site, within_s=120)
        assert got.status == 200 and got.digest == digest_of(SIZE), got.error
    site = site_name(home.router)
    with homes.net.public.namespace.entered():
        for proxy in ("127.0.0.1", homes.i2pd_outside.address):
            url = f"http://{site}/bytes/{SIZE}"
            got = curl.fetch_with_retry(url, proxy=f"http://{proxy}:4444", within_s=120)
            assert got.status == 200 and got.digest == digest_of(SIZE), (proxy, got.error)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["address", "port"])
@pytest.mark.parametrize("server", ["ours", "i2pd"])
def test_a_transfer_survives_another_outside_address(
    tmp_path: Path, server: str, what: str
) -> None:
    new, _ = (installed(release) for release in reversed(list(RELEASES)))
    size = 30_000_000
    udp_alone: dict[str, Any] = {"ntcp2": {"enabled": False}}
    with nat_net(tmp_path) as net, ExitStack() as stack:
        for _ in range(4):
            net.add_i2pd(new)
        ours = net.add_ours(**FAST)
        with net.public.namespace.entered():
            origin = stack.enter_context(Origin())
        net.i2pd[3].tunnels = i2pd_site(origin.port, 0)
        ours.config["tunnels"] = tunnels(origin.port, NO_HOPS)
        home = net.add_our_home(NatKind.PORT_RESTRICTED, **FAST, **udp_alone)
        home.router.config["tunnels"] = tunnels(1, NO_HOPS)
        net.start()
        with net.public.namespace.entered():
            site = net.i2pd[3].local_b32("site") if server == "i2pd" else site_name(ours)
        assert fetch(home, site).status == 200
        before = linked(home)
        with home.box.machine.entered():
            url = f"http://{site}/bytes/{size}"
            running = curl.start(url, proxy="http://127.0.0.1:4444", timeout_s=200)
        wait_until("begun", lambda: received(home) > 3_000_000, 60)
        if what == "address":
            home.box.move(address="11.150.0.1")
        else:
            home.box.move(outside_port=31_999)
        assert running.poll() is None, "over before the move"
        got = curl.finish(running)
        assert got.status == 200 and got.digest == digest_of(size), got.error
        assert linked(home) == before, "a new session"
        if server == "ours":
            assert transport(ours)["paths_changed"] >= 1


@pytest.mark.slow
def test_a_router_that_is_started_before_the_network_comes_up(tmp_path: Path) -> None:
    new, _ = (installed(release) for release in reversed(list(RELEASES)))
    with nat_net(tmp_path) as net, ExitStack() as stack:
        for _ in range(6):
            net.add_i2pd(new)
        with net.public.namespace.entered():
            origin = stack.enter_context(Origin())
        net.i2pd[5].tunnels = i2pd_site(origin.port, 2)
        home = net.add_our_home(NatKind.PORT_RESTRICTED, is_plugged_in=False)
        home.router.config["tunnels"] = tunnels(1, TWO_HOPS)
        net.start()
        with net.public.namespace.entered():
            site = net.i2pd[5].local_b32("site")
        # It has tried everybody once, and nobody is to be blamed for it.
        wait_until("told", lambda: "online" in home.router.log, 60)
        wait_until("dials", lambda: transport(home.router)["dials_failed"] >= 6, 60)
        home.box.plug_in()
        began = time.monotonic()
        got = fetch(home, site, within_s=120)
        assert got.status == 200 and got.digest == digest_of(SIZE), got.error
        assert time.monotonic() - began < 90
