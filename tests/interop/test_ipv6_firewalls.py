"""Routers with IPv6 behind a home router's firewall: peer tests and introductions over IPv6.

Nobody has another address there, so there is nothing to map; strangers just do not get through. The
routers outside are i2pd and ours, with IPv4 and IPv6; those at home have IPv6 alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from tests.interop.conftest import site_name
from tests.support import curl
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.firewall_box import FirewallBox, add_ipv6
from tests.support.home_network import is_possible
from tests.support.i2pd_net import wait_until
from tests.support.nat_net import (
    NO_HOPS,
    NatNet,
    OurHome,
    nat_net,
    traversal_steps,
    tunnels,
)
from tests.support.origin import Origin, digest_of

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not is_possible(), reason="network namespaces need root"),
]

SIZE = 200_000
LEARNT_S = 120


@dataclass
class Homes:
    """Two behind closed firewalls and one behind an open one, and ours outside."""

    net: NatNet
    one: OurHome
    other: OurHome
    open: OurHome


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    new = installed(list(RELEASES)[-1])
    with nat_net(tmp_path_factory.mktemp("ipv6")) as net, ExitStack() as stack:
        for number in range(12):
            net.add_i2pd(new, ipv6=add_ipv6(net.public, number + 1))
        for number in range(3):
            ours = net.add_ours()
            both = [ours.address, add_ipv6(net.public, number + 20)]
            ours.config["router"] |= {"host": both, "bind": both}
            ours.trace = ours.root / "trace"
        net.known = [*net.i2pd[:4], *net.ours]
        made = []
        for number in range(3):
            box = FirewallBox(net.public, 0x101 + number, is_open=number == 2)
            home = net.add_our_home(box)
            with box.machine.entered():
                origin = stack.enter_context(Origin())
            home.router.config["tunnels"] = tunnels(origin.port, NO_HOPS)
            home.router.trace = home.router.root / "trace"
            made.append(home)
        net.start()
        yield Homes(net, *made)


def reachability(home: OurHome) -> str:
    status = home.router.status()
    return str(status["router"]["reachability"]["transports"].get("ssu2/ipv6")) if status else ""


def published(home: OurHome) -> list[Ssu2Address]:
    return RouterInfo.parse(home.router.router_info).ssu2_addresses()


def hosts(home: OurHome) -> dict[str, str]:
    """Where it says that it can be dialled, for each transport."""
    addresses = RouterInfo.parse(home.router.router_info).addresses
    return {one.style: one.options["host"] for one in addresses if "host" in one.options}


def test_a_router_learns_what_its_firewall_does(homes: Homes) -> None:
    for home, state in ((homes.one, "firewalled"), (homes.other, "firewalled"), (homes.open, "ok")):
        wait_until(f"{state}: {home.box.address}", lambda h=home, s=state: reachability(h) == s,
                   LEARNT_S)  # fmt: skip
    for home in (homes.one, homes.other):
        wait_until("introducers", lambda h=home: any(one.introducers for one in published(h)), 60)
        wait_until("no address", lambda h=home: hosts(h) == {}, 20)
    address = homes.open.box.address
    everywhere = {"NTCP2": address, "SSU2": address}
    wait_until("published", lambda: hosts(homes.open) == everywhere, 30)
    # Alice at home; ours outside were Bob and Charlie of some of these tests.
    alice = {("peer_test_1", "sent"), ("peer_test_4", "received")}
    assert alice <= set(traversal_steps(homes.one.router))
    assert ("peer_test_5", "received") in traversal_steps(homes.open.router)
    bob = {("peer_test_1", "received"), ("peer_test_2", "sent"), ("peer_test_4", "sent")}
    charlie = {("peer_test_2", "received"), ("peer_test_3", "sent"), ("peer_test_5", "sent")}
    outside = homes.net.traversal_steps_outside
    wait_until("Bobs and Charlies of ours", lambda: bob | charlie <= set(outside()), 60)


def test_routers_behind_firewalls_are_introduced(homes: Homes) -> None:
    for home in (homes.one, homes.other):
        wait_until("introducers", lambda h=home: any(one.introducers for one in published(h)),
                   LEARNT_S)  # fmt: skip
    visits = [(homes.one, homes.other), (homes.other, homes.one), (homes.open, homes.one)]
    for at, to in visits:
        with at.box.machine.entered():
            url = f"http://{site_name(to.router)}/bytes/{SIZE}"
            got = curl.fetch_with_retry(url, proxy="http://127.0.0.1:4444", within_s=120)
        assert got.status == 200 and got.digest == digest_of(SIZE), got.error
    asked = {("relay_request", "sent"), ("relay_response", "received"), ("session_request", "sent")}
    called = {("relay_intro", "received"), ("relay_response", "sent"), ("hole_punch", "sent")}
    for home in (homes.one, homes.other):
        wait_until("introduced", lambda h=home: called <= set(traversal_steps(h.router)), 20)
    assert asked <= set(traversal_steps(homes.one.router)) | set(
        traversal_steps(homes.other.router)
    )
