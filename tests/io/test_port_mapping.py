"""The driver of port mapping on loopback: gateways that come, change and vanish."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from core.api import new_event_loop
from core.io import port_mapping
from core.io.gateways import Gateway
from core.io.port_mapping import PortMappings
from core.nat.mapping import PortMapping
from tests.support import gateway as fake
from tests.support.deterministic import SeededEntropy

HERE = IPv4Address("127.0.0.1")
OWN_PORT = 23456


class GatewayOnLoopback:
    """Answers at port 5351 of an address of loopback."""

    def __init__(self, address: str) -> None:
        self.route = Gateway(IPv4Address(address), "lo", HERE)
        self.gateway = fake.Gateway(external="8.8.4.1", booted_at=time.monotonic())
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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
    return PortMappings(methods, OWN_PORT, (4,), bind, b"s", entropy, loop, changes.append)


async def until_last(changes: list[PortMapping], count: int) -> None:
    async with asyncio.timeout(30):
        while not changes or len(changes[-1].external) != count:
            await asyncio.sleep(0.01)


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
        async with asyncio.timeout(30):
            while first.gateway.mapped or not second.gateway.mapped:
                await asyncio.sleep(0.01)
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
        async with asyncio.timeout(30):
            while first.gateway.mapped:
                await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize(
    ("bind", "client", "reason"),
    [
        ("127.0.0.1", "127.0.0.1", "the router is bound to 127.0.0.1"),
        ("::1", "127.0.0.1", "the router is bound to ::1"),
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
