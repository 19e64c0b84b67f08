"""Options of datagram tunnels: who may come in, how much, and encrypted destinations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import Unavailable
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.io.datagrams import DatagramInbox
from i2ptunnel.config.client_models import UdpClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import StreamrServerSection, UdpServerSection
from i2ptunnel.config.tunnel_parts import (
    AccessSection,
    RateLimitSection,
    TunnelBandwidthSection,
)
from i2ptunnel.protocols.streamr import SUBSCRIBE
from i2ptunnel.relay.udp import UdpSocket
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.loopback_datagrams import DatagramLoopbackSession, DatagramNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, running
from tests.support.waiting import eventually


class Service:
    """A local UDP service that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.socket: UdpSocket | None = None

    async def open(self) -> Endpoint:
        self.socket = await UdpSocket.bind(
            Endpoint("127.0.0.1", 0), lambda data, _: self.got.append(data)
        )
        return Endpoint("127.0.0.1", self.socket.port)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()


def ask(session: DatagramLoopbackSession, tunnel: Any, payload: bytes, port: int = 1) -> None:
    session.send_datagram(
        tunnel.session.destination.hash, payload, version=1, from_port=port, to_port=2
    )


def test_a_udp_service_is_for_those_it_admits(tmp_path: Path) -> None:
    async def main() -> None:
        network, service = DatagramNetwork(), Service()
        friend, enemy, other = (network.session(name) for name in ("friend", "enemy", "other"))
        definition = tmp_path / "filter.txt"
        enemies = tmp_path / "enemies.txt"
        enemies.write_text(f"{enemy.destination.b32}\n")
        definition.write_text("deny file enemies.txt\n3/60 default\n")
        model = UdpServerSection(
            target=await service.open(), access=AccessSection(filter=definition)
        )
        async with running("udp", model, network, TableResolver({})) as tunnel:
            for port in (1, 2, 3, 4):
                ask(friend, tunnel, b"friend %d" % port, port)
            ask(enemy, tunnel, b"enemy")
            ask(other, tunnel, b"other")
            await eventually(lambda: b"other" in service.got)
            assert service.got == [b"friend 1", b"friend 2", b"other"], "three sessions a minute"
            ask(friend, tunnel, b"friend again", 1)
            await eventually(lambda: b"friend again" in service.got)
            assert tunnel.counters()["connections_refused"] >= 1
            enemies.write_text(f"{friend.destination.b32}\n")
            await tunnel.gate.refresh()  # type: ignore[attr-defined]
            ask(friend, tunnel, b"friend no more", 1)
            ask(other, tunnel, b"last")
            await eventually(lambda: b"last" in service.got)
            assert b"friend no more" not in service.got, "sessions end too"
        definition.write_text("junk\n")
        with pytest.raises(Unavailable, match="line 1"):
            async with running("udp", model, network, TableResolver({})):
                pass
        service.close()

    asyncio.run(main())


def test_subscribers_are_admitted_too() -> None:
    async def main() -> None:
        network = DatagramNetwork()
        friend, enemy, other = (network.session(name) for name in ("friend", "enemy", "other"))
        model = StreamrServerSection(
            listen=ANY_PORT,
            access=AccessSection(deny=(enemy.destination.hash,)),
            limits=RateLimitSection(total_hour=1),
        )
        async with running("tv", model, network, TableResolver({})) as tunnel:
            for session in (enemy, friend, other, friend, friend):
                ask(session, tunnel, SUBSCRIBE)
            await eventually(lambda: tunnel.counts["datagrams_received"] == 5)
            await asyncio.sleep(0)
            assert tunnel.connections_open == 1
            assert tunnel.counts["refused_rate"] == 1

    asyncio.run(main())


def test_too_many_bytes_are_dropped() -> None:
    async def main() -> None:
        network, service = DatagramNetwork(), Service()
        model = UdpServerSection(
            target=await service.open(), bandwidth=TunnelBandwidthSection(inbound=4000)
        )
        async with running("udp", model, network, TableResolver({})) as tunnel:
            for _ in range(20):
                ask(network.session("sender"), tunnel, bytes(1000))
            await eventually(lambda: tunnel.counts["datagrams_received"] == 20)
            await eventually(lambda: service.got)
            assert len(service.got) < 5
            assert tunnel.counts["datagrams_dropped"] > 15
        service.close()

    asyncio.run(main())


def test_an_encrypted_destination_is_found_first() -> None:
    async def main() -> None:
        network = DatagramNetwork()
        far = network.session("far")
        address = BlindedAddress.of(far.destination, needs_secret=True)
        network.blinded[far.destination.hash] = BlindedTarget(address, "word")
        model = UdpClientSection(
            listen=ANY_PORT, destination=DestinationName(address.host, 7, "word")
        )
        async with running("udp", model, network, TableResolver({})) as tunnel:
            await eventually(lambda: tunnel._address is not None)  # type: ignore[attr-defined]
            local = await UdpSocket.bind(Endpoint("127.0.0.1", 0), lambda *_: None)
            port = tunnel._socket.port  # type: ignore[attr-defined]
            local.send(b"hello", ("127.0.0.1", port))
            datagram = await asyncio.wait_for(far.receive_datagram(), 5)
            assert (datagram.payload, datagram.to_port) == (b"hello", 7)
            local.close()
        wrong = UdpClientSection(listen=ANY_PORT, destination=DestinationName(address.host, 7))
        async with running("udp", wrong, network, TableResolver({})) as tunnel:
            await eventually(lambda: tunnel.last_error)
            assert "credentials" in str(tunnel.last_error)

    asyncio.run(main())


@pytest.mark.parametrize("unique_local", [True, False])
def test_each_client_of_a_udp_service_comes_from_an_address_of_its_own(unique_local: bool) -> None:
    async def main() -> None:
        network, hosts = DatagramNetwork(), set()
        socket = await UdpSocket.bind(
            Endpoint("127.0.0.1", 0), lambda _, source: hosts.add(source[0])
        )
        model = UdpServerSection(
            target=Endpoint("127.0.0.1", socket.port), unique_local=unique_local
        )
        async with running("udp", model, network, TableResolver({})) as tunnel:
            for name in ("one", "two"):
                ask(network.session(name), tunnel, b"hello")
            await eventually(lambda: len(tunnel._sessions) == 2 and hosts)  # type: ignore[attr-defined]
            if unique_local:
                await eventually(lambda: len(hosts) == 2)
                assert "127.0.0.1" not in hosts
            else:
                assert hosts == {"127.0.0.1"}
        socket.close()

    asyncio.run(main())


class OfflineSession(DatagramLoopbackSession):
    """Sends as a real session whose signing key is transient."""

    def send_datagram(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int = 1,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> bool:
        entropy = SeededEntropy("offline")
        keys = PrivateKeys.generate_destination(entropy).authorise_transient(entropy, 2_000_000_000)
        inbox = DatagramInbox(DatagramManager(keys, FakeWallClock()))
        return inbox.send(destination_hash, payload, version, from_port, to_port, options)


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_transient_key_cannot_sign_is_said(version: int) -> None:
    async def main() -> None:
        network = DatagramNetwork()
        far = network.session("far")
        resolver = TableResolver({"far.i2p": far.destination.hash})
        model = UdpClientSection(
            listen=ANY_PORT, destination=DestinationName("far.i2p", 7), datagram_version=version
        )
        async with running("near", model, network, resolver) as tunnel:
            await eventually(lambda: tunnel.is_ready)
            assert isinstance(tunnel.session, DatagramLoopbackSession)
            tunnel.session.__class__ = OfflineSession
            tunnel._on_packet(b"hello", ("127.0.0.1", 9))  # type: ignore[attr-defined]
            refused = "datagrams of format 1 cannot be signed with a transient key"
            assert tunnel.last_error == (refused if version == 1 else None)
            assert tunnel.counts["datagrams_sent"] == (version == 2)

    asyncio.run(main())
