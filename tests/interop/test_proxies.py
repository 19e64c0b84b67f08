"""Proxies over a network of our own routers: many fetches, isolation, outproxies, UDP."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest

from core.data.identity import b32_to_hash
from i2ptunnel.config.client_models import HttpClientSection, SocksSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.config.server_models import HttpServerSection, ServerTunnelSection, UdpServerSection
from i2ptunnel.protocols.socks_udp import UdpPacket, parse_packet, write_packet
from tests.support.origin import Origin, body_of
from tests.support.own_network import TWO_HOPS, b32_of, own_network

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

FETCHES = 50


async def fetch(port: int, url: str, language: str = "") -> tuple[int, bytes]:
    """Status and body of one GET through a proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        host = url.split("/")[2]
        raw = f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(raw.encode())
        async with asyncio.timeout(120):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                None,
            )
            body = await reader.read() if length is None else await reader.readexactly(length)
        return int(head.split()[1]), body
    finally:
        writer.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


class Echo(asyncio.DatagramProtocol):
    """A UDP service that answers in upper case."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.transport.sendto(data.upper(), address)


async def use_udp(port: int, host: str) -> bytes:
    """One packet through SOCKS UDP ASSOCIATE and its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x05\x01\x00" + b"\x05\x03\x00\x01" + bytes(6))
    reply = await reader.readexactly(12)
    relay = (socket.inet_ntoa(reply[6:10]), int.from_bytes(reply[10:], "big"))
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        for _ in range(20):
            udp.sendto(write_packet(UdpPacket(host, 53, b"over udp")), relay)
            try:
                async with asyncio.timeout(3):
                    packet = parse_packet(await loop.sock_recv(udp, 65536))
            except TimeoutError:
                continue
            writer.close()
            assert (packet.host, packet.port) == (host, 53)
            return packet.payload
    raise AssertionError("no answer")


def test_proxies_over_real_routers(tmp_path: Path) -> None:
    web, site_proxy, socks = free_ports(3)

    async def main(origin: Origin) -> None:
        loop = asyncio.get_running_loop()
        echo, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        echo_port = echo.get_extra_info("sockname")[1]
        async with own_network(tmp_path) as network:
            target = Endpoint("127.0.0.1", origin.port)
            serving = await network.run(
                network.routers[-2],
                {
                    "site": HttpServerSection(target=target, **TWO_HOPS),
                    "exit": ServerTunnelSection(target=target, keys="exit.dat", **TWO_HOPS),
                    "echo": UdpServerSection(
                        target=Endpoint("127.0.0.1", echo_port), keys="echo.dat", **TWO_HOPS
                    ),
                },
            )
            await network.until_ready(serving)
            site, exit_, udp = (b32_of(serving, name) for name in ("site", "exit", "echo"))
            outproxies = (read_outproxy(f"http://{exit_}"),)
            proxies = await network.run(
                network.routers[-1],
                {
                    "web": HttpClientSection(
                        listen=Endpoint("127.0.0.1", web), outproxies=outproxies, **TWO_HOPS
                    ),
                    "apart": HttpClientSection(
                        listen=Endpoint("127.0.0.1", site_proxy), isolate="site", **TWO_HOPS
                    ),
                    "socks": SocksSection(listen=Endpoint("127.0.0.1", socks), **TWO_HOPS),
                },
            )
            await network.until_ready(proxies)
            await _fetches(web, site)
            await _isolation(site_proxy, site)
            await _outside(web)
            assert await use_udp(socks, udp) == b"OVER UDP"
        echo.close()

    with Origin() as origin:
        asyncio.run(main(origin))


async def _fetches(port: int, site: str) -> None:
    status, _ = await fetch(port, f"http://{site}/")
    assert status == 200
    sizes = [1_000 + index * 199_000 // (FETCHES - 1) for index in range(FETCHES)]
    got = await asyncio.gather(*(fetch(port, f"http://{site}/bytes/{size}") for size in sizes))
    assert [(status, len(body)) for status, body in got] == [(200, size) for size in sizes]
    digests = [hashlib.sha256(body).digest() for _, body in got]
    assert digests == [hashlib.sha256(body_of(size)).digest() for size in sizes]


async def _isolation(port: int, site: str) -> None:
    assert b32_to_hash(site.removesuffix(".b32.i2p"))
    async with asyncio.timeout(120):
        while (await fetch(port, f"http://{site}/"))[0] != 200:
            await asyncio.sleep(1)  # the first identity builds its tunnels


async def _outside(port: int) -> None:
    status, body = await fetch(port, "http://example.com/bytes/5000")
    assert (status, len(body)) == (
        200,
        len(b"<html><body>It works: a page from an eepsite.</body></html>"),
    )
