"""UDP and Streamr tunnels, from local socket to local socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from i2ptunnel.config.client_models import StreamrClientSection, UdpClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import StreamrServerSection, UdpServerSection
from i2ptunnel.protocols.streamr import SUBSCRIBE, UNSUBSCRIBE
from i2ptunnel.relay.udp import UdpSocket
from i2ptunnel.tunnels import datagram_base, streamrclient
from i2ptunnel.tunnels.streamrserver import StreamrServer
from i2ptunnel.tunnels.udpclient import UdpClient
from tests.support.loopback_datagrams import (
    DatagramLoopbackSession,
    DatagramNetwork,
    LoopbackDatagram,
)
from tests.support.tunnel_bench import ANY_PORT, TableResolver, running
from tests.support.waiting import eventually

FAR = DestinationName("far.i2p", 7)


class Program:
    """A local program with a UDP socket; ``echo`` sends everything back, in upper case."""

    def __init__(self, echo: bool = False) -> None:
        self.received: list[tuple[bytes, tuple[str, int]]] = []
        self._echo = echo
        self.socket: UdpSocket | None = None

    async def open(self, host: str = "127.0.0.1") -> Program:
        self.socket = await UdpSocket.bind(Endpoint(host, 0), self._on_packet)
        return self

    @property
    def endpoint(self) -> Endpoint:
        assert self.socket is not None
        return Endpoint("127.0.0.1", self.socket.port)

    def _on_packet(self, data: bytes, source: tuple[str, int]) -> None:
        self.received.append((data, source))
        if self._echo:
            self.send(data.upper(), source)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        assert self.socket is not None
        self.socket.send(data, address)

    @property
    def payloads(self) -> list[bytes]:
        return [data for data, _ in self.received]

    def close(self) -> None:
        assert self.socket is not None
        self.socket.close()


def listening_at(tunnel: Any) -> tuple[str, int]:
    assert isinstance(tunnel, UdpClient | StreamrServer)
    assert tunnel._socket is not None
    return "127.0.0.1", tunnel._socket.port


@asynccontextmanager
async def udp_pair(
    client: dict[str, Any] | None = None, server: dict[str, Any] | None = None
) -> AsyncIterator[tuple[Any, Any, Program, DatagramNetwork]]:
    """A client tunnel, a server tunnel and an echo service behind it."""
    network, resolver = DatagramNetwork(), TableResolver({})
    service = await Program(echo=True).open()
    far_section = UdpServerSection(target=service.endpoint, **(server or {}))
    near_section = UdpClientSection(listen=ANY_PORT, destination=FAR, **(client or {}))
    async with running("far", far_section, network, resolver) as far:
        assert far.session is not None
        resolver.hosts["far.i2p"] = far.session.destination.hash
        async with running("near", near_section, network, resolver) as near:
            await eventually(lambda: near.is_ready)
            yield near, far, service, network
    service.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_packets_go_there_and_back(version: int) -> None:
    async def main() -> None:
        async with udp_pair({"datagram_version": version, "raw_packets": True}) as (
            near,
            far,
            service,
            network,
        ):
            one, two = await Program().open(), await Program().open()
            for number in range(3):
                one.send(b"one %d" % number, listening_at(near))
            two.send(b"two", listening_at(near))
            await eventually(lambda: len(one.received) == 3 and two.received)
            assert one.payloads == [b"ONE 0", b"ONE 1", b"ONE 2"]
            assert two.payloads == [b"TWO"]
            assert near.connections_open == far.connections_open == 2
            assert {source[0] for _, source in service.received} != {"127.0.0.1"}
            sent = [datagram for _, datagram in near.session.sent]
            assert [d.version for d in sent if d.from_port == one.endpoint.port] == [version, 0, 0]
            assert all(datagram.to_port == 7 for datagram in sent)
            back = [datagram for _, datagram in far.session.sent]
            assert back[0].version == version
            assert {d.to_port for d in back} == {one.endpoint.port, two.endpoint.port}
            assert near.counters()["bytes_to_i2p"] == far.counters()["bytes_from_i2p"] == 18
            for request in network.requests:
                assert not request.is_shared
            one.close()
            two.close()

    asyncio.run(main())


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_program_of_repliable_datagrams_gets_every_answer_in_its_own_format(version: int) -> None:
    async def main() -> None:
        async with udp_pair() as (_, far, _, network):
            peer = network.session("java")
            for number in range(6):
                peer.send_datagram(
                    far.session.destination.hash,
                    b"%d" % number,
                    version=version,
                    from_port=5,
                    to_port=7,
                )
                answer = await peer.receive_datagram()
                assert (answer.payload, answer.version) == (b"%d" % number, version)

    asyncio.run(main())


def test_a_client_sends_repliable_datagrams_until_raw_ones_come() -> None:
    async def main() -> None:
        network, resolver = DatagramNetwork(), TableResolver({})
        peer = network.session("java")
        resolver.hosts["far.i2p"] = peer.destination.hash
        section = UdpClientSection(listen=ANY_PORT, destination=FAR)
        async with running("near", section, network, resolver) as near:
            await eventually(lambda: near.is_ready)
            program = await Program().open()
            for number in range(6):
                program.send(b"?", listening_at(near))
                question = await peer.receive_datagram()
                assert question.version == 1
                peer.send_datagram(
                    question.source_hash or b"",
                    b"%d" % number,
                    version=1,
                    from_port=7,
                    to_port=question.from_port,
                )
                await eventually(lambda: program.payloads[-1:] == [b"%d" % number])  # noqa: B023
            near.session.deliver(
                LoopbackDatagram(
                    None,
                    peer.destination.hash,
                    b"raw",
                    0,
                    7,
                    question.from_port,
                    is_authentic=True,
                )
            )
            await eventually(lambda: program.payloads[-1] == b"raw")
            seen = []
            for _ in range(3):
                program.send(b"?", listening_at(near))
                seen.append((await peer.receive_datagram()).version)
            assert 0 in seen
            program.close()

    asyncio.run(main())


def test_a_packet_without_a_name_does_not_make_us_send_raw_ones() -> None:
    async def main() -> None:
        async with udp_pair() as (_, far, service, network):
            peer = network.session("java")
            target = far.session.destination.hash
            peer.send_datagram(target, b"1", version=1, from_port=5, to_port=7)
            assert (await peer.receive_datagram()).version == 1
            far.session.deliver(LoopbackDatagram(None, None, b"2", 0, 5, 7))
            assert (await peer.receive_datagram()).version == 1
            assert service.payloads == [b"1", b"2"]

    asyncio.run(main())


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("raw", [False, True])
def test_an_empty_packet_passes_both_ways(version: int, raw: bool) -> None:
    async def main() -> None:
        options = {"datagram_version": version, "raw_packets": raw}
        async with udp_pair(options) as (near, _, service, _):
            program = await Program().open()
            program.send(b"x", listening_at(near))
            await eventually(lambda: program.payloads == [b"X"])
            program.send(b"", listening_at(near))
            await eventually(lambda: program.payloads == [b"X", b""])
            assert service.payloads == [b"x", b""]
            program.close()

    asyncio.run(main())


def test_an_empty_packet_may_be_the_first() -> None:
    async def main() -> None:
        async with udp_pair() as (near, _, service, _):
            program = await Program().open()
            program.send(b"", listening_at(near))
            await eventually(lambda: program.payloads == [b""] and service.payloads == [b""])
            program.close()

    asyncio.run(main())


def test_requests_to_acknowledge_are_answered() -> None:
    async def main() -> None:
        async with udp_pair() as (_, far, service, network):
            peer = network.session("i2pd")
            peer.send_datagram(
                far.session.destination.hash,
                b"hello",
                version=3,
                from_port=5,
                to_port=7,
                options={"seqn": "9", "flags": "2"},
            )
            await eventually(lambda: len(far.session.sent) == 2)
            (ack,) = [d for _, d in far.session.sent if not d.payload]
            assert (ack.version, ack.from_port, ack.to_port) == (3, 7, 5)
            assert ack.options == {"acked": "9"}
            assert service.payloads == [b"hello"]
            # i2pd: asks without payload and ports, of a known destination and of a new one
            for name, answer in (("i2pd", "9"), ("another", "0")):
                asker = peer if name == "i2pd" else network.session(name)
                far_hash = far.session.destination.hash
                asker._datagrams.clear()
                asker.send_datagram(far_hash, b"", version=3, options={"flags": "3"})
                await eventually(lambda: asker._datagrams)  # noqa: B023
                assert asker._datagrams.pop().options == {"acked": answer}
            assert far.connections_open == 1
            assert len(service.received) == 1

    asyncio.run(main())


def test_the_client_acknowledges_to_its_server_only() -> None:
    async def main() -> None:
        async with udp_pair({"datagram_version": 3}) as (near, far, _, network):
            program = await Program().open()
            program.send(b"x", listening_at(near))
            await eventually(lambda: program.received)
            own, sent = near.session.destination.hash, len(near.session.sent)
            network.session("stranger").send_datagram(own, b"", version=3, options={"flags": "3"})
            far.session.send_datagram(own, b"", version=3, options={"flags": "3"})
            await eventually(lambda: len(near.session.sent) > sent)
            (target, ack) = near.session.sent[-1]
            assert (target, ack.options) == (far.session.destination.hash, {"acked": "0"})
            assert ack.from_port == program.endpoint.port
            assert near.counts["datagrams_dropped"] == 1
            program.close()

    asyncio.run(main())


def test_strangers_packets_are_dropped_on_both_sides() -> None:
    async def main() -> None:
        async with udp_pair() as (near, far, service, network):
            program = await Program().open()
            program.send(b"x", listening_at(near))
            await eventually(lambda: program.received)
            port = program.endpoint.port
            stranger = network.session("stranger")
            own = near.session.destination.hash
            stranger.send_datagram(own, b"forged", version=1, from_port=7, to_port=port)
            stranger.send_datagram(own, b"raw", version=0, from_port=8, to_port=port)
            stranger.send_datagram(own, b"raw", version=0, from_port=7, to_port=port ^ 1)
            await eventually(lambda: near.counts["datagrams_dropped"] == 3)
            far_hash = far.session.destination.hash
            stranger.send_datagram(far_hash, b"raw", version=0, from_port=99, to_port=7)
            unproven = LoopbackDatagram(None, stranger.destination.hash, b"v3", 3, 99, 7)
            far.session.deliver(unproven)
            await eventually(lambda: far.counts["datagrams_dropped"] == 2)
            assert program.payloads == [b"X"]
            assert service.payloads == [b"x"]
            program.close()

    asyncio.run(main())


def test_sessions_are_limited() -> None:
    async def main() -> None:
        limits = {"max_connections": 2}
        per_client = {"max_connections_per_client": 1}
        async with udp_pair(limits, per_client) as (near, far, service, _):
            programs = [await Program().open() for _ in range(3)]
            for program in programs:
                program.send(b"x", listening_at(near))
            await eventually(lambda: near.counters()["connections_refused"] == 1)
            await eventually(lambda: far.counts["connections_refused"] == 1)
            assert near.connections_open == 2
            assert far.connections_open == 1
            await eventually(lambda: service.payloads)
            assert service.payloads == [b"x"]
            for program in programs:
                program.close()

    asyncio.run(main())


def test_only_allowed_networks_may_send() -> None:
    async def main() -> None:
        async with udp_pair({"allow": (ip_network("127.0.0.9/32"),)}) as (near, _, service, _):
            other, right = await Program().open(), await Program().open("127.0.0.9")
            other.send(b"no", listening_at(near))
            right.send(b"yes", listening_at(near))
            await eventually(lambda: service.received)
            assert service.payloads == [b"yes"]
            assert near._socket.refused == 1
            other.close()
            right.close()

    asyncio.run(main())


def test_an_unknown_name_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagram_base, "_RESOLVE_EVERY_S", 0.01)

    async def main() -> None:
        network, resolver = DatagramNetwork(), TableResolver({})
        section = UdpClientSection(listen=ANY_PORT, destination=FAR)
        async with running("near", section, network, resolver) as near:
            await eventually(lambda: near.last_error)
            assert not near.is_ready
            resolver.hosts["far.i2p"] = b"h" * 32
            await eventually(lambda: near.is_ready)
            assert near.last_error is None

    asyncio.run(main())


def test_the_end_of_the_session_is_a_failure() -> None:
    async def main() -> None:
        async with udp_pair() as (near, _, _, _):
            await near.session.close()
            async with asyncio.timeout(5):
                await near.failed.wait()
            assert near.last_error == "the I2P session ended"
            assert not near.is_ready

    asyncio.run(main())


@asynccontextmanager
async def streamr(
    subscribers: int = 1, **server: Any
) -> AsyncIterator[tuple[Any, list[Any], list[Program], DatagramNetwork]]:
    """A producer's tunnel, and subscribers with a player each."""
    network, resolver = DatagramNetwork(), TableResolver({})
    section = StreamrServerSection(listen=ANY_PORT, **server)
    async with running("cam", section, network, resolver) as cam:
        assert cam.session is not None
        resolver.hosts["far.i2p"] = cam.session.destination.hash
        players = [await Program().open() for _ in range(subscribers)]
        viewers = []
        for number, player in enumerate(players):
            client = StreamrClientSection(destination=FAR, target=player.endpoint)
            context = running(f"tv{number}", client, network, resolver)
            viewers.append((await context.__aenter__(), context))
        try:
            yield cam, [viewer for viewer, _ in viewers], players, network
        finally:
            for _, context in viewers:
                await context.__aexit__(None, None, None)
            for player in players:
                player.close()


def test_every_subscriber_gets_the_stream() -> None:
    async def main() -> None:
        async with streamr(3) as (cam, viewers, players, _):
            await eventually(lambda: cam.connections_open == 3)
            producer = await Program().open()
            for number in range(5):
                producer.send(b"frame %d" % number, listening_at(cam))
            await eventually(lambda: all(len(player.received) == 5 for player in players))
            assert players[0].payloads == [b"frame %d" % number for number in range(5)]
            asked = viewers[0].session.sent[0][1]
            assert (asked.payload, asked.version, asked.to_port) == (SUBSCRIBE, 1, 7)
            media = [d for _, d in cam.session.sent]
            assert {d.version for d in media} == {0}
            assert {d.from_port for d in media} == {7}
            assert asked.from_port in {d.to_port for d in media}
            await viewers[0].stop()
            await eventually(lambda: cam.connections_open == 2)
            producer.close()

    asyncio.run(main())


def test_a_subscriber_that_stops_says_so() -> None:
    async def main() -> None:
        async with streamr() as (cam, (viewer,), _, _):
            await eventually(lambda: cam.connections_open == 1)
            session = viewer.session
            await viewer.stop()
            assert session.sent[-1][1].payload == UNSUBSCRIBE
            await eventually(lambda: cam.connections_open == 0)

    asyncio.run(main())


def test_a_subscriber_waits_for_its_tunnels_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The router, perhaps another one, is away; then it asks at once."""
    monkeypatch.setattr(streamrclient, "_READY_POLL_S", 0.001)
    monkeypatch.setattr(streamrclient, "_CHECK_S", 0.001)

    async def main() -> None:
        async with streamr() as (cam, (viewer,), _, _):
            await eventually(lambda: cam.connections_open == 1)
            session = viewer.session
            session.is_ready = False
            session._readiness.clear()
            waits = 0
            wait = session.wait_ready

            async def counted(timeout_s: float) -> None:
                nonlocal waits
                waits += 1
                await wait(timeout_s)

            session.wait_ready = counted
            await eventually(lambda: waits > 3)
            assert not viewer.failed.is_set() and not viewer.is_ready
            asked = len(session.sent)
            session.become_ready()
            await eventually(lambda: len(session.sent) > asked)
            assert viewer.is_ready

    asyncio.run(main())


def test_only_the_producer_fills_the_stream() -> None:
    async def main() -> None:
        async with streamr() as (cam, (viewer,), (player,), network):
            await eventually(lambda: cam.connections_open == 1)
            asked = viewer.session.sent[0][1]
            stranger = network.session("stranger")
            own = viewer.session.destination.hash
            stranger.send_datagram(own, b"ad", version=1, from_port=7, to_port=asked.from_port)
            stranger.send_datagram(own, b"ad", version=0, from_port=7, to_port=1)
            await eventually(lambda: viewer.counts["datagrams_dropped"] == 2)
            assert player.received == []

    asyncio.run(main())


def test_raw_datagrams_cannot_subscribe_and_places_are_limited() -> None:
    async def main() -> None:
        async with streamr(0, max_subscribers=2) as (cam, _, _, network):
            hash_ = cam.session.destination.hash
            raw = LoopbackDatagram(None, None, SUBSCRIBE, 0, 5, 0)
            assert isinstance(cam.session, DatagramLoopbackSession)
            cam.session.deliver(raw)
            for name in ("a", "b", "c"):
                network.session(name).send_datagram(hash_, SUBSCRIBE, from_port=5)
            await eventually(lambda: cam.counters()["connections_refused"] == 1)
            assert cam.connections_open == 2
            assert cam.counts["datagrams_dropped"] == 1

    asyncio.run(main())


def test_the_producer_is_heard_at_the_address_that_is_set_and_nowhere_else() -> None:
    async def main() -> None:
        model = StreamrServerSection(listen=Endpoint("127.93.4.5", 0))
        async with running("cam", model, DatagramNetwork(), TableResolver({})) as cam:
            port = cam._socket.port  # type: ignore[attr-defined]
            refused = []
            for host in ("127.93.4.5", "127.0.0.1"):
                with socket.socket(type=socket.SOCK_DGRAM) as sender:
                    # Connected, so that the system tells when nobody listens there.
                    sender.connect((host, port))
                    sender.send(b"a picture")
                    sender.setblocking(False)
                    try:
                        sender.recv(1)
                    except BlockingIOError:
                        continue
                    except ConnectionRefusedError:
                        refused.append(host)
            assert refused == ["127.0.0.1"]

    asyncio.run(main())
