"""UDP tunnels with real i2pd routers on the other side, in both directions and all versions."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from core.api import SystemEntropy
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from i2ptunnel.config.client_models import UdpClientSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import UdpServerSection
from i2ptunnel.relay.udp import UdpSocket
from tests.support.fetch_i2pd import installed
from tests.support.i2pd_net import I2pdNet
from tests.support.own_network import TWO_HOPS, b32_of, own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

VERSIONS = (1, 2, 3)
_I2PD_HOPS = (
    "inbound.length = 2\noutbound.length = 2\ninbound.quantity = 3\noutbound.quantity = 3\n"
)


class Echo:
    """A UDP service that answers in upper case; as a client it only keeps what comes."""

    def __init__(self, answers: bool) -> None:
        self.received: list[bytes] = []
        self._answers = answers
        self.socket: UdpSocket | None = None

    async def open(self) -> Echo:
        self.socket = await UdpSocket.bind(Endpoint("127.0.0.1", 0), self._on_packet)
        return self

    @property
    def port(self) -> int:
        assert self.socket is not None
        return self.socket.port

    def _on_packet(self, data: bytes, source: tuple[str, int]) -> None:
        self.received.append(data)
        if self._answers:
            self.send(data.upper(), source)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        assert self.socket is not None
        self.socket.send(data, address)

    def close(self) -> None:
        assert self.socket is not None
        self.socket.close()


async def _converse(program: Echo, gate: tuple[str, int], what: str) -> None:
    """Send until something comes back, then bursts of which nearly all must come back."""

    def greet() -> None:
        program.send(b"hello", gate)

    await until(f"{what}: an answer", lambda: program.received, 60, serve=greet, every_s=0.5)
    await asyncio.sleep(1)
    # i2pd: with version 3 it may change its path amid a burst, and then some of it is lost.
    for attempt in range(8):
        burst = [b"packet %d %d " % (attempt, number) + b"x" * 900 for number in range(50)]
        for packet in burst:
            program.send(packet, gate)
            await asyncio.sleep(0.02)
        if await _arrive(program, {packet.upper() for packet in burst}):
            break
    else:
        raise AssertionError(f"{what}: bursts get lost")
    # Longer than the interval of i2pd's acknowledgements.
    await asyncio.sleep(9)

    def is_still_there() -> bool:
        program.send(b"still there", gate)
        return b"STILL THERE" in program.received

    await until(f"{what}: still there", is_still_there, 30)


async def _arrive(program: Echo, wanted: set[bytes]) -> bool:
    """Whether nine of ten packets come within 8 s."""
    for _ in range(80):
        if len(wanted.intersection(program.received)) >= 0.9 * len(wanted):
            return True
        await asyncio.sleep(0.1)
    return False


def test_udp_tunnels_with_i2pd(tmp_path: Path) -> None:
    asyncio.run(_run(tmp_path))


async def _run(root: Path) -> None:
    async with AsyncExitStack() as stack:
        service = await Echo(answers=True).open()
        stack.callback(service.close)
        own = await stack.enter_async_context(own_network(root / "own", 2, ends=2))
        target = Endpoint("127.0.0.1", service.port)
        ours = await own.run(own.routers[0], {"udps": UdpServerSection(target=target, **TWO_HOPS)})
        await until("our destination", lambda: b32_of(ours, "udps"), 60)

        net = I2pdNet(root / "i2pd", [installed("sid")] * 5, first_octet=81)
        peer = net.routers[4]
        keys = PrivateKeys.generate_destination(SystemEntropy())
        peer.tunnels = (
            f"[server]\ntype = udpserver\nhost = 127.0.0.1\nport = {service.port}\n"
            f"keys = udps.dat\n{_I2PD_HOPS}"
        )
        for version in VERSIONS:
            peer.tunnels += (
                f"[client{version}]\ntype = udpclient\naddress = {peer.address}\n"
                f"port = {5550 + version}\ndestination = {b32_of(ours, 'udps')}\n"
                f"destinationport = 7\nkeys = transient{version}\n"
                f"datagramversion = {version}\n{_I2PD_HOPS}"
            )
        infos = [router.router_info for router in own.routers]
        await asyncio.to_thread(net.prepare, [info.raw for info in infos])
        (peer.data_dir / "udps.dat").write_bytes(keys.write())
        stack.callback(net.stop)
        await asyncio.to_thread(net.start)
        for router in own.routers:
            router.import_routers([RouterInfo.parse(raw) for raw in net.router_infos()])
        clients = {
            f"udpc{version}": UdpClientSection(
                listen=Endpoint("127.0.0.1", 5550 + version),
                destination=DestinationName(keys.destination.b32, service.port),
                datagram_version=version,
                **TWO_HOPS,
            )
            for version in VERSIONS
        }
        near = await own.run(own.routers[1], clients)
        await own.until_ready(ours, near)

        programs = []
        for version in VERSIONS:
            for host, what in ((peer.address, "i2pd's client"), ("127.0.0.1", "our client")):
                program = await Echo(answers=False).open()
                stack.callback(program.close)
                programs.append(
                    _converse(program, (host, 5550 + version), f"{what}, version {version}")
                )
        results = await asyncio.gather(*programs, return_exceptions=True)
        assert results == [None] * len(programs)
