"""What the machine has of the networks, in namespaces with interfaces of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.io.interfaces import complete, find_mtu, global_addresses, has_global_ipv6
from core.router.config import RouterConfig
from core.transport.ssu2.path_mtu import LocalMtu
from tests.support.namespace import separate_network


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@pytest.fixture
def machine() -> Iterator[None]:
    """Two interfaces: ``outside`` has the way to the internet, ``inside`` an address."""
    with separate_network():
        for name, mtu in (("outside", 1420), ("inside", 1300)):
            ip(f"link add {name} mtu {mtu} type veth peer name {name}-end")
            for end in (name, f"{name}-end"):
                ip(f"link set {end} up")
        ip("address add 198.18.0.2/24 dev outside")
        ip("address add 10.9.0.2/24 dev inside")
        ip("address add 10.9.0.3/24 dev inside")
        ip("address add fd09::2/64 dev inside nodad")
        yield


def test_loopback_alone(tmp_path: Path) -> None:
    with separate_network():
        assert not has_global_ipv6()
        assert find_mtu("0.0.0.0") is None
        found = complete(RouterConfig(tmp_path))
        assert found.ipv6 is None and list(found.binds.values()) == ["0.0.0.0"]
        assert found.mtu == LocalMtu(1500, 1500)
        assert global_addresses() == []


def test_the_mtu_is_that_of_the_way_out_or_of_the_interface(machine: None, tmp_path: Path) -> None:
    assert find_mtu("10.9.0.2") == 1300
    assert find_mtu("10.9.0.3") == 1300
    assert find_mtu("fd09::2") == 1300
    assert find_mtu("10.9.0.4") is None
    ip("route add default dev outside")
    assert find_mtu("0.0.0.0") == 1420
    assert complete(RouterConfig(tmp_path)).mtu == LocalMtu(1420, 1500)


def test_too_small_packets_are_told(
    machine: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ip("link set inside-end mtu 1200")
    ip("link set inside mtu 1200")
    assert complete(RouterConfig(tmp_path, bind="10.9.0.2")).mtu.ipv4 == 1280
    assert "1200 bytes" in caplog.text


@pytest.mark.parametrize(
    ("address", "is_global"), [("2a01:db9::2", True), ("fd77::2", False), ("201:abcd::2", False)]
)
def test_ipv6_is_used_when_there_is_a_global_address(
    machine: None, tmp_path: Path, address: str, is_global: bool
) -> None:
    ip(f"address add {address}/64 dev outside nodad")
    ip("-6 route add default dev outside")
    assert has_global_ipv6() == is_global
    found = complete(RouterConfig(tmp_path))
    assert found.reachability.ipv6 == is_global
    assert found.mtu.ipv6 == (1420 if is_global else 1500)
    assert global_addresses() == ([address] if is_global else [])
    # Who says where, or whether, means it.
    assert not complete(RouterConfig(tmp_path, bind="10.9.0.2")).reachability.ipv6
    assert not complete(RouterConfig(tmp_path, ipv6=False)).reachability.ipv6
    proxied = RouterConfig(tmp_path, ntcp2_proxy="socks5://127.0.0.1:9")
    assert not complete(proxied).reachability.ipv6
    assert complete(RouterConfig(tmp_path, ipv6=True)).reachability.ipv6
