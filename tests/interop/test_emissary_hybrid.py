"""Hybrid links with emissary, a real router that has them over SSU2, too."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.io.system import SystemWallClock
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.transport.events import PeerConnected
from core.transport.ntcp2.variants import HYBRID_768 as NTCP2_HYBRID
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.variants import HYBRID_768 as SSU2_HYBRID
from tests.support.emissary_net import EmissaryRouter
from tests.support.fetch_built import EMISSARY
from tests.support.live_node import listening, live_node
from tests.support.live_peer import LivePeer
from tests.support.namespace import add_outside_address
from tests.support.ssu2_nodes import Ssu2Node
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(300)]

HERE = "127.141.0.1"
PORT = 20141


@pytest.fixture
def emissary(tmp_path: Path) -> Iterator[EmissaryRouter]:
    if (reason := EMISSARY.why_missing()) is not None:
        pytest.skip(reason)
    add_outside_address()
    router = EmissaryRouter(tmp_path / "emissary", 20131, 20132, 20133, 20134, ssu2=True)
    try:
        yield router
    finally:
        router.stop()


class DatagramPeer:
    """A node of ours that has SSU2 alone, on a real socket."""

    def __init__(self, host: str, port: int) -> None:
        address = SocketAddress(host, port)
        name = f"live {time.time_ns()}"
        self.node = Ssu2Node(name, address, SystemWallClock(), hybrid=SSU2_HYBRID)
        self.udp = UdpTransport(self.node.ssu2, Wakeup(self._on_wakeup), self.node.ssu2.stats)

    def _on_wakeup(self) -> None:
        self.node.links.handle_timer(time.monotonic())
        while (event := self.node.links.next_event()) is not None:
            self.node.events.append(event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.udp.start(*self.node.address)
        try:
            yield
        finally:
            await self.udp.stop()

    def kem(self, router_hash: bytes, *, is_outbound: bool) -> str | None:
        """Of the session that the router has confirmed; None while there is none."""
        sessions = self.node.links.connected_sessions()
        here = [one for one in sessions if one.router_hash == router_hash]
        return next((one.kem for one in here if one.is_outbound is is_outbound), None)


def test_we_dial_emissary_over_both(emissary: EmissaryRouter) -> None:
    emissary.write_router_info_once()
    emissary.start()
    info = RouterInfo.parse(emissary.router_info)
    assert [one.pq for one in info.ntcp2_addresses()] == [4]
    assert [one.pq for one in info.ssu2_addresses()] == [(4,)]

    class Known:
        @staticmethod
        def router_infos() -> list[bytes]:
            return [emissary.router_info]

    async def body() -> None:
        stream = LivePeer(live_node(Known, HERE, PORT, hybrid=NTCP2_HYBRID))
        datagram = DatagramPeer(HERE, PORT)
        datagram.node.known[info.hash] = info
        async with listening(stream.tcp, HERE, PORT), datagram.running():

            def dial() -> None:
                """Again and again: it may not listen yet."""
                for peer, driver in ((stream, stream.tcp), (datagram, datagram.udp)):
                    if not peer.node.links.is_connected(info.hash):
                        peer.node.links.send(info.hash, [], time.monotonic())
                        driver.schedule()

            await until("NTCP2", lambda: stream.of(PeerConnected, info.hash), serve=dial)
            await until("SSU2", lambda: datagram.kem(info.hash, is_outbound=True), serve=dial)
            assert datagram.kem(info.hash, is_outbound=True) == "ML-KEM-768"
            link = stream.node.session_with(info.hash)
            assert link is not None and link.kem == "ML-KEM-768"
            # it knows who we are: it has answered in the data phase
            await until("data over NTCP2", lambda: link.is_confirmed)
            session = datagram.node.session_with(info.hash)
            assert session is not None
            await until("data over SSU2", lambda: session.initiator is None)
            assert session.kem == "ML-KEM-768" and session.is_established

    asyncio.run(body())


def test_emissary_dials_us_over_ssu2(emissary: EmissaryRouter) -> None:
    emissary.write_router_info_once()

    async def body() -> None:
        peers = [DatagramPeer(f"127.{142 + index}.0.1", PORT + 1 + index) for index in range(4)]
        async with contextlib.AsyncExitStack() as stack:
            for peer in peers:
                await stack.enter_async_context(peer.running())
            emissary.know([peer.node.router_info.raw for peer in peers])
            emissary.start()
            router_hash = RouterInfo.parse(emissary.router_info).hash
            # it wants tunnels and knows nobody else
            await until(
                "dialled",
                lambda: any(peer.kem(router_hash, is_outbound=False) for peer in peers),
                60,
            )
            kems = {peer.kem(router_hash, is_outbound=False) for peer in peers} - {None}
            assert kems == {"ML-KEM-768"}

    asyncio.run(body())
