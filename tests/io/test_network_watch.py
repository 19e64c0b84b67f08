"""Whether this machine is in another network: told once, and not while there is none."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from core.io import network_watch
from core.io.gateways import Gateway
from core.io.network_watch import LOOK_S, NetworkWatch

HOME = Gateway(IPv4Address("192.168.1.1"), "eth0", IPv4Address("192.168.1.7"))
CAFE = Gateway(IPv4Address("10.0.0.1"), "eth0", IPv4Address("10.0.0.99"))


def test_another_gateway_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    routes: dict[int, Gateway | None] = {4: None, 6: None}
    addresses: list[str] = []
    monkeypatch.setattr(network_watch, "find_gateway", lambda version, _: routes[version])
    monkeypatch.setattr(network_watch, "global_addresses", lambda: addresses)
    watch, now = NetworkWatch({}), 100.0

    def looked() -> list[int]:
        nonlocal now
        now += LOOK_S
        return watch.look(now)

    assert looked() == []
    routes[4] = HOME  # the network has come up
    addresses.append("8.8.4.1")
    assert looked() == [] and watch.addresses == {"8.8.4.1"}
    assert looked() == []
    routes[4] = None  # the cable is out, and in again
    assert looked() == []
    routes[4] = HOME
    assert looked() == []
    routes[4] = CAFE
    assert watch.look(now + LOOK_S / 2) == []
    assert looked() == [4]
    assert looked() == []


def test_the_system_is_asked_for_the_address_to_leave_from(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str | None]] = []
    monkeypatch.setattr(network_watch, "find_gateway", lambda *what: asked.append(what))
    NetworkWatch({4: "192.168.1.7"}).look(100.0)
    assert asked == [(4, "192.168.1.7"), (6, None)]
