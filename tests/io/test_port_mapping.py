"""The driver of port mapping on loopback: gateways that come, change and vanish."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from core.api import Router, RouterConfig, new_event_loop
from core.io import port_mapping
from core.io.gateways import Gateway
from core.io.port_mapping import PortMappings
from core.nat.mapper import ASKED
from core.nat.mapping import PortMapping
from tests.support import gateway as fake
from tests.support.deterministic import SeededEntropy
from tests.support.fake_igd import DESCRIPTION, FakeIgd
from tests.support.waiting import until

HERE = IPv4Address("127.0.0.1")
OWN_PORT = 23456


class GatewayOnLoopback:
    """Answers at port 5351 of an address of loopback."""

    def __init__(self, address: str, external: str = "8.8.4.1") -> None:
        ip = ip_address(address)
        self.route = Gateway(ip, "lo", HERE if ip.version == 4 else ip)
        self.gateway = fake.Gateway(external=external, booted_at=time.monotonic())
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, fake.PORT))
        self.socket.setblocking(False)

    def serve(self) -> None:
        data, source = self.socket.recvfrom(2000)
        answer = self.gateway.answer(data, time.monotonic())
        if answer is not None:
            self.socket.sendto(answer, source)


@pytest.fixture
def gateways() -> Iterator[tuple[GatewayOnLoopback, GatewayOnLoopback]]:
    first, second = GatewayOnLoopback("127.78.30.1"), GatewayOnLoopback("127.78.30.2")
    yield first, second
    first.socket.close()
    second.socket.close()


def mappings(changes: list[PortMapping], bind: str | None = None) -> PortMappings:
    loop, entropy = asyncio.get_running_loop(), SeededEntropy("port mapping")
    methods = ("pcp", "nat-pmp")
    return PortMappings(methods, OWN_PORT, {4: bind}, b"s", entropy, loop, changes.append)


async def until_last(changes: list[PortMapping], count: int) -> None:
    await until(f"{count} ways", lambda: changes and len(changes[-1].external) == count, 30)


def test_the_gateway_changes_and_vanishes(
    monkeypatch: pytest.MonkeyPatch, gateways: tuple[GatewayOnLoopback, GatewayOnLoopback]
) -> None:
    first, second = gateways
    route: list[Gateway | None] = [first.route]
    monkeypatch.setattr(port_mapping, "find_gateway", lambda *_: route[0])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for one in gateways:
            loop.add_reader(one.socket, one.serve)
        changes: list[PortMapping] = []
        mapper = mappings(changes)
        mapper.start()
        await until_last(changes, 2)
        assert first.gateway.mapped == {"tcp": OWN_PORT, "udp": OWN_PORT}
        route[0] = second.route
        mapper.recheck()
        await until(
            "the second gateway", lambda: second.gateway.mapped and not first.gateway.mapped, 30
        )
        await until_last(changes, 2)
        # What other routers see decides.
        mapper.note_seen(["8.8.4.9"])
        assert mapper.mapping.external == {}
        assert "other routers see another address" in mapper.mapping.reason
        mapper.note_seen(["8.8.4.1"])
        assert len(mapper.mapping.external) == 2
        route[0] = None
        mapper.recheck()
        await until_last(changes, 0)
        assert "no home router" in changes[-1].reason
        route[0] = first.route
        mapper.recheck()
        await until_last(changes, 2)
        await mapper.stop()
        await until("the goodbye", lambda: not first.gateway.mapped, 30)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize(
    ("bind", "client", "reason"),
    [
        ("127.0.0.1", "127.0.0.1", "the router is bound to 127.0.0.1"),
        (None, "8.8.4.4", "this machine has a public address of its own"),
        (None, None, "there is no home router (no default gateway)"),
    ],
)
def test_nobody_is_asked_where_there_is_nothing_to_map(
    monkeypatch: pytest.MonkeyPatch, bind: str | None, client: str | None, reason: str
) -> None:
    route = client and Gateway(IPv4Address("127.78.30.1"), "lo", IPv4Address(client))
    monkeypatch.setattr(port_mapping, "find_gateway", lambda *_: route)

    async def main() -> None:
        changes: list[PortMapping] = []
        mapper = mappings(changes, bind)
        mapper.start()
        assert mapper.mapping == PortMapping({}, reason)
        assert changes == [mapper.mapping]
        await mapper.stop()

    asyncio.run(main())


@pytest.fixture
def home() -> Iterator[dict[int, GatewayOnLoopback]]:
    """A home router with an address of each IP version."""
    found = {4: GatewayOnLoopback("127.78.30.1"), 6: GatewayOnLoopback("::1", "::1")}
    yield found
    for one in found.values():
        one.socket.close()


def in_both(methods: tuple[str, ...], changes: list[PortMapping]) -> PortMappings:
    loop, entropy = asyncio.get_running_loop(), SeededEntropy("port mapping")
    sources = {4: None, 6: None}
    return PortMappings(
        methods, OWN_PORT, sources, b"s", entropy, loop, changes.append, private=True
    )


async def run_at(home: dict[int, GatewayOnLoopback], count: int) -> PortMapping:
    """What is believed once so many ways are mapped."""
    loop = asyncio.get_running_loop()
    for one in home.values():
        loop.add_reader(one.socket, one.serve)
    changes: list[PortMapping] = []
    mapper = in_both(("pcp", "nat-pmp"), changes)
    mapper.start()
    await until_last(changes, count)
    # IPv6 has been asked before, or is not to be asked.
    await until("IPv6 is asked", lambda: home[6].gateway.asked, 30)
    found = mapper.mapping
    await mapper.stop()
    await until("the goodbyes", lambda: not any(one.gateway.mapped for one in home.values()), 30)
    return found


def test_the_gateway_of_ipv6_lets_through_to_our_own_address(
    monkeypatch: pytest.MonkeyPatch, home: dict[int, GatewayOnLoopback]
) -> None:
    monkeypatch.setattr(port_mapping, "find_gateway", lambda version, _: home[version].route)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(run_at(home, 4))
    ways = {way: (one.address, one.port) for way, one in found.external.items()}
    assert ways == {
        ("tcp", 4): ("8.8.4.1", OWN_PORT),
        ("udp", 4): ("8.8.4.1", OWN_PORT),
        ("tcp", 6): ("::1", OWN_PORT),
        ("udp", 6): ("::1", OWN_PORT),
    }
    assert found.reason == ""


@pytest.mark.parametrize(
    ("speaks", "result", "reason"),
    [
        (("pcp",), {"tcp": 2, "udp": 2}, "IPv6: PCP: it does not allow that"),
        (("nat-pmp",), {}, ""),
        ((), {}, ""),
    ],
)
def test_only_a_gateway_that_knows_pinholes_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    home: dict[int, GatewayOnLoopback],
    speaks: tuple[str, ...],
    result: dict[str, int],
    reason: str,
) -> None:
    caplog.set_level("DEBUG", "core.io.nat")
    home[6].gateway.speaks, home[6].gateway.result = speaks, result
    monkeypatch.setattr(port_mapping, "find_gateway", lambda version, _: home[version].route)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(run_at(home, 2))
    assert found.reason == reason
    lines = [one.message for one in caplog.records if "no pinhole" in one.message]
    knows = ["no pinhole for IPv6: PCP: the gateway does not know it"]
    assert lines == (knows if speaks == ("nat-pmp",) else [])


def test_without_pcp_nobody_looks_for_a_gateway_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(port_mapping, "find_gateway", lambda version, _: looked.append(version))

    async def main() -> None:
        for methods in (("upnp",), ()):
            mapper = in_both(methods, [])
            mapper.start()
            await mapper.stop()

    asyncio.run(main())
    assert looked == [4]


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (None, "there is no home router (no default gateway)"),
        ("fd09::2", "this machine has no global address"),
        ("201:abcd::2", "this machine has no global address"),
        # A VPN's: it is on another interface.
        ("2a01:db9::2", "this machine's address is not in the home router's network"),
    ],
)
def test_no_pinhole_is_asked_for_an_address_that_is_not_the_home_routers(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    client: str | None,
    reason: str,
) -> None:
    caplog.set_level("DEBUG", "core.io.nat")
    route = client and Gateway(IPv6Address("fe80::1"), "lan", IPv6Address(client), 1)
    monkeypatch.setattr(
        port_mapping, "find_gateway", lambda version, _: route if version == 6 else None
    )
    monkeypatch.setattr(port_mapping, "interface_of", lambda _: "vpn")

    async def main() -> None:
        loop, entropy = asyncio.get_running_loop(), SeededEntropy("port mapping")
        mapper = PortMappings(
            ("pcp",), OWN_PORT, {4: None, 6: None}, b"s", entropy, loop, lambda _: None
        )
        mapper.start()
        mapper.recheck()
        assert mapper.mapping.reason == "IPv4: there is no home router (no default gateway)"
        await mapper.stop()

    asyncio.run(main())
    lines = [one.message for one in caplog.records]
    assert lines == [f"no pinhole for IPv6: {reason}"]


def test_an_address_that_is_gone_is_not_told_to_the_next_network(
    monkeypatch: pytest.MonkeyPatch, home: dict[int, GatewayOnLoopback]
) -> None:
    routes: dict[int, Gateway | None] = {version: home[version].route for version in home}
    monkeypatch.setattr(port_mapping, "find_gateway", lambda version, _: routes[version])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for one in home.values():
            loop.add_reader(one.socket, one.serve)
        changes: list[PortMapping] = []
        mapper = in_both(("pcp",), changes)
        mapper.start()
        await until_last(changes, 4)
        asked = len(home[6].gateway.asked)
        monkeypatch.setattr(port_mapping, "interface_of", lambda one: None if ":" in one else "lo")
        routes[4] = routes[6] = None
        mapper.recheck()
        # The goodbye to the gateway of IPv4 is sent first, and answered.
        await until("the goodbye", lambda: not home[4].gateway.mapped, 30)
        with pytest.raises(BlockingIOError):
            home[6].socket.recv(2000)
        assert len(home[6].gateway.asked) == asked
        await mapper.stop()

    asyncio.run(main())


@pytest.mark.parametrize("methods", [("pcp", "nat-pmp", "upnp"), ("upnp",)], ids=["silent", "slow"])
def test_a_gateway_that_takes_its_time_does_not_hold_up_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...]
) -> None:
    """One is silent at PCP's port, one drips its UPnP description: the router is up meanwhile."""
    was_asked, is_over = threading.Event(), threading.Event()

    def drip() -> Iterator[bytes]:
        was_asked.set()
        for byte in itertools.cycle(DESCRIPTION.encode()):
            if is_over.wait(0.05):
                return
            yield bytes([byte])

    async def main(igd: FakeIgd, silent: GatewayOnLoopback) -> None:
        monkeypatch.setattr(port_mapping, "find_gateway", lambda *_: silent.route)
        slow = partial(port_mapping.carry_out, location=igd.location)
        monkeypatch.setattr(port_mapping, "carry_out", slow)
        loop = asyncio.get_running_loop()
        router = Router(RouterConfig(data_dir=tmp_path, network_id=77, port_mapping=methods))
        began = loop.time()
        async with asyncio.timeout(60):
            await router.start()
            started = loop.time()
            _, writer = await asyncio.open_connection("127.0.0.1", router.port)
            writer.close()
            if methods == ("upnp",):
                await asyncio.to_thread(was_asked.wait)
            else:
                await loop.sock_recv(silent.socket, 2000)
            assert router.status().port_mapping.reason == ASKED
            asked = loop.time()
            await router.stop()
            stopped = loop.time()
        # The child gives up after 15 s, PCP and NAT-PMP after minutes.
        assert started - began < 5 and stopped - asked < 5

    with FakeIgd(drip) as igd, asyncio.Runner(loop_factory=new_event_loop) as runner:
        silent = GatewayOnLoopback("127.78.30.1")
        try:
            runner.run(main(igd, silent))
        finally:
            is_over.set()
            silent.socket.close()
