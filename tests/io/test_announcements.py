"""What a gateway announces to all hosts is heard, and nobody else's word."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from ipaddress import IPv6Address

from core.io.announcements import Announcements
from core.io.gateways import Gateway
from core.nat.pcp import ANNOUNCE_PORT, PORT
from tests.support.namespace import separate_network


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


def announce(interface: str, source: str, data: bytes) -> None:
    scope = socket.if_nametoindex(interface)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
        udp.bind((source, PORT, 0, scope))
        udp.sendto(data, ("ff02::1", ANNOUNCE_PORT, 0, scope))


def test_over_ipv6_from_its_link_local_address() -> None:
    with separate_network():
        ip("link add lan type veth peer name router")
        for name, addresses in (("lan", ("fe80::7",)), ("router", ("fe80::1", "fe80::2"))):
            ip(f"link set {name} up")
            for address in addresses:
                ip(f"address add {address}/64 dev {name} nodad")
        scope = socket.if_nametoindex("lan")
        route = Gateway(IPv6Address("fe80::1"), "lan", IPv6Address("2a01:db9::7"), scope)
        heard: list[tuple[bytes, tuple[str, int]]] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            found = asyncio.Event()

            def hear(data: bytes, source: tuple[str, int]) -> None:
                heard.append((data, source))
                found.set()

            announcements = Announcements(route, loop, hear)
            announce("router", "fe80::2", b"a neighbour")
            announce("router", "fe80::1", b"restarted")
            async with asyncio.timeout(10):
                await found.wait()
            announcements.close()

        asyncio.run(main())
        assert heard == [(b"restarted", ("fe80::1", PORT))]
