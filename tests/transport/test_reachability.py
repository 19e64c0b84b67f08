"""Which addresses can be dialled from here."""

from __future__ import annotations

import pytest

from core.data.transport_address import routable_ip
from core.transport.reachability import Reachability
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node


@pytest.mark.parametrize(
    ("host", "options", "is_dialable"),
    [
        ("8.8.8.8", {}, True),
        ("8.8.8.8", {"ipv4": False}, False),
        ("192.168.1.1", {}, False),
        ("192.168.1.1", {"private": True}, True),
        ("2600::1", {}, False),
        ("2600::1", {"ipv6": True}, True),
        ("::1", {"ipv6": True}, False),
        ("201:abcd::1", {"ipv6": True}, False),
        ("3ff::1", {"ipv6": True, "private": True}, False),
        ("201:abcd::1", {"yggdrasil": True}, True),
        ("2600::1", {"yggdrasil": True}, False),
        ("4000::1", {"ipv6": True}, False),
        ("example.org", {"private": True}, False),
    ],
)
def test_addresses_that_are_dialled(host: str, options: dict[str, bool], is_dialable: bool) -> None:
    reachability = Reachability(**options)
    assert reachability.can_dial(host) == is_dialable
    wall = FakeWallClock()
    node = Node("caller", "127.0.0.2", wall, reachability=reachability)
    assert node.links.can_dial(Node("called", host, wall).router_info, 0.0) == is_dialable


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("8.8.8.8", True),
        ("::1", False),
        ("fe80::1", False),
        ("2a00:1450::1", True),
        ("224.0.0.1", False),
        ("example.org", False),
    ],
)
def test_hosts_that_routers_of_the_network_can_reach(host: str, is_public: bool) -> None:
    assert (routable_ip(host) is not None) == is_public
    assert (routable_ip(host, private=True) is not None) == (host != "example.org")


def test_a_router_of_another_network_is_not_dialled() -> None:
    wall = FakeWallClock()
    foreign = Node("called", "127.0.0.3", wall, published_network_id=2)
    assert not Node("caller", "127.0.0.2", wall).links.can_dial(foreign.router_info, 0.0)
