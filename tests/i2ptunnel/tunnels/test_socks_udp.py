"""UDP ASSOCIATE as RFC 1928 has it, from a program's socket to a destination and back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from i2ptunnel.config.client_models import SocksSection
from i2ptunnel.protocols.socks_udp import UdpPacket, parse_packet, write_packet
from tests.support.loopback_datagrams import DatagramLoopbackSession, DatagramNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.waiting import eventually

ANY = b"\x01\0\0\0\0\0\0"
GREETING = b"\x05\x01\x00"


class Program:
    """A local program with a UDP socket and the TCP connection of its association."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        self.udp.bind(("127.0.0.1", 0))
        self.relay = ("", 0)

    @classmethod
    async def associate(cls, proxy: Any, address: bytes = ANY) -> Program:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
        program = cls(reader, writer)
        writer.write(GREETING + b"\x05\x03\x00" + address)
        reply = await reader.readexactly(12)
        assert reply[:6] == b"\x05\x00\x05\x00\x00\x01"
        program.relay = (socket.inet_ntoa(reply[6:10]), int.from_bytes(reply[10:], "big"))
        return program

    def send(self, packet: bytes) -> None:
        self.udp.sendto(packet, self.relay)

    async def receive(self) -> UdpPacket:
        async with asyncio.timeout(5):
            return parse_packet(await asyncio.get_running_loop().sock_recv(self.udp, 65536))

    def close(self) -> None:
        self.udp.close()
        self.writer.close()


class Bench:
    def __init__(self, network: DatagramNetwork, proxy: Any, sites: dict[str, Any]) -> None:
        self.network, self.proxy, self.sites = network, proxy, sites

    async def got(self, name: str) -> Any:
        async with asyncio.timeout(5):
            return await self.sites[name].receive_datagram()


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> None:
    async def main() -> None:
        network = DatagramNetwork()
        sites = {name: network.session(name) for name in ("one", "two")}
        hosts = {f"{name}.i2p": site.destination.hash for name, site in sites.items()}
        model = SocksSection(listen=ANY_PORT, **options)
        async with running("socks", model, network, TableResolver(hosts)) as proxy:
            await case(Bench(network, proxy, sites))

    asyncio.run(main())


def test_packets_go_out_and_answers_come_back() -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        program.send(write_packet(UdpPacket("one.i2p", 53, b"question")))
        first = await bench.got("one")
        assert (first.payload, first.to_port, first.version) == (b"question", 53, 1)
        for version, word in ((1, b"answer"), (0, b"raw answer")):
            bench.sites["one"].send_datagram(
                first.source_hash,
                word,
                version=version,
                from_port=53,
                to_port=first.from_port,
            )
            assert await program.receive() == UdpPacket("one.i2p", 53, word)
        program.close()

    run(case)


@pytest.mark.parametrize(
    "address",
    [
        b"\x01" + bytes(4) + bytes(2),
        b"\x04" + bytes(16) + bytes(2),
        b"\x03\x09localhost" + bytes(2),
    ],
    ids=["IPv4", "IPv6", "name"],
)
def test_programs_that_do_not_know_their_port_yet_are_served(address: bytes) -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy, address)
        program.send(write_packet(UdpPacket("one.i2p", 53, b"question")))
        assert (await bench.got("one")).payload == b"question"
        program.close()

    run(case)


def test_answers_of_two_hosts_are_told_apart() -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        asked = {}
        for name in ("one", "two"):
            program.send(write_packet(UdpPacket(f"{name}.i2p", 7, b"hello")))
            asked[name] = await bench.got(name)
        assert asked["one"].from_port != asked["two"].from_port
        for name, first in asked.items():
            bench.sites[name].send_datagram(
                first.source_hash, b"", version=0, from_port=7, to_port=first.from_port
            )
            bench.sites[name].send_datagram(
                first.source_hash, b"me", version=0, from_port=7, to_port=first.from_port
            )
            for payload in (b"", b"me"):
                assert await program.receive() == UdpPacket(f"{name}.i2p", 7, payload)
        program.close()

    run(case)


def test_a_host_of_repliable_datagrams_gets_no_raw_ones() -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        for number in range(4):
            program.send(write_packet(UdpPacket("one.i2p", 53, b"%d" % number)))
            asked = await bench.got("one")
            assert (asked.payload, asked.version) == (b"%d" % number, 1)
            bench.sites["one"].send_datagram(
                asked.source_hash, b"ok", version=1, from_port=53, to_port=asked.from_port
            )
            assert (await program.receive()).payload == b"ok"
        program.send(write_packet(UdpPacket("one.i2p", 53, b"")))
        assert (await bench.got("one")).payload == b""
        program.close()

    run(case)


def test_strangers_do_not_get_through() -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        program.send(write_packet(UdpPacket("one.i2p", 7, b"hello")))
        first = await bench.got("one")
        carrier: DatagramLoopbackSession = bench.network.sessions[first.source_hash]  # type: ignore[assignment]
        # from I2P: another destination, another port
        bench.sites["two"].send_datagram(
            first.source_hash, b"forged", version=1, from_port=7, to_port=first.from_port
        )
        bench.sites["one"].send_datagram(
            first.source_hash, b"forged", version=1, from_port=8, to_port=first.from_port
        )
        # from this machine: another socket than the one that has sent
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.sendto(write_packet(UdpPacket("one.i2p", 7, b"forged")), program.relay)
        counts = bench.proxy.counts
        await eventually(lambda: counts["datagrams_dropped"] >= 2 and counts["datagrams_refused"])
        assert len(carrier.sent) == 1
        other.close()
        program.close()

    run(case)


REFUSED = {
    "clearnet name": write_packet(UdpPacket("example.com", 53, b"x")),
    "address": write_packet(UdpPacket("192.0.2.1", 53, b"x")),
    "this machine": write_packet(UdpPacket("127.0.0.1", 53, b"x")),
    "port zero": write_packet(UdpPacket("one.i2p", 0, b"x")),
    "a fragment": b"\0\0\x01" + write_packet(UdpPacket("one.i2p", 7, b"x"))[3:],
    "the last fragment": b"\0\0\x82" + write_packet(UdpPacket("one.i2p", 7, b"x"))[3:],
    "reserved bytes": b"\0\1\0" + write_packet(UdpPacket("one.i2p", 7, b"x"))[3:],
    "junk": b"junk",
    "nothing": b"",
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_packets_are_dropped_and_counted(name: str) -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        program.send(REFUSED[name])
        counts = bench.proxy.counts
        await eventually(lambda: counts["datagrams_dropped"] + counts["datagrams_refused"])
        program.send(write_packet(UdpPacket("one.i2p", 7, b"good")))
        assert (await bench.got("one")).payload == b"good"
        program.close()

    run(case)


def test_the_association_ends_with_its_connection() -> None:
    async def case(bench: Bench) -> None:
        program = await Program.associate(bench.proxy)
        program.send(write_packet(UdpPacket("one.i2p", 7, b"hello")))
        first = await bench.got("one")
        carrier = bench.network.sessions[first.source_hash]
        program.writer.close()
        await eventually(lambda: carrier.is_closed)
        await eventually(lambda: not bench.proxy.connections_open)
        program.udp.close()

    run(case)


def test_an_announced_port_is_the_only_one() -> None:
    async def case(bench: Bench) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            port = own.getsockname()[1]
            program = await Program.associate(
                bench.proxy, b"\x01\0\0\0\0" + port.to_bytes(2, "big")
            )
            program.send(write_packet(UdpPacket("one.i2p", 7, b"wrong")))
            await eventually(lambda: bench.proxy.counts["datagrams_refused"])
            own.sendto(write_packet(UdpPacket("one.i2p", 7, b"right")), program.relay)
            assert (await bench.got("one")).payload == b"right"
            program.close()

    run(case)


def test_isolated_users_send_from_different_destinations() -> None:
    async def case(bench: Bench) -> None:
        sources = []
        for host in ("one", "two", "one"):
            program = await Program.associate(bench.proxy)
            program.send(write_packet(UdpPacket(f"{host}.i2p", 7, b"hello")))
            sources.append((await bench.got(host)).source_hash)
            program.close()
            await eventually(lambda: not bench.proxy.connections_open)
        assert sources[0] == sources[2] != sources[1]

    run(case, isolate="site")


def test_it_can_be_switched_off() -> None:
    async def case(bench: Bench) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bench.proxy))
        writer.write(GREETING + b"\x05\x03\x00" + ANY)
        assert await reader.read() == b"\x05\x00\x05\x07\x00\x01" + bytes(6)
        writer.close()

    run(case, udp=False)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_junk_is_no_packet(junk: bytes) -> None:
    try:
        packet = parse_packet(junk)
    except DecodeError:
        return
    assert parse_packet(write_packet(packet)) == packet
