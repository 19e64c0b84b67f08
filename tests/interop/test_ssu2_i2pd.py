"""SSU2 with real i2pd (2.59 and 2.56): our transport alone; whole routers are in test_matrix.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.i2np.database import LOOKUP_ROUTER_INFO, DatabaseLookup, DatabaseStore, DeliveryStatus
from core.i2np.message import Message, MessageType, make_short
from core.io.system import SystemWallClock
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.transport.events import (
    Event,
    MessagesReceived,
    PeerConnected,
    PeerDisconnected,
    PeerFailed,
    SkewMeasured,
)
from core.transport.ssu2.framing import SocketAddress
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet
from tests.support.ssu2_nodes import Ssu2Node
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

HERE = SocketAddress("127.62.0.1", 20062)


class Peer:
    """Our side: a node on a real socket; what it receives is kept by type."""

    def __init__(self, net: I2pdNet) -> None:
        #: Never twice the same: i2pd remembers routers.
        self.node = Ssu2Node(f"live {time.time_ns()}", HERE, SystemWallClock())
        self.events: list[Event] = []
        self.messages: list[tuple[bytes, Message]] = []
        self.udp: UdpTransport
        for raw in net.router_infos():
            router_info = RouterInfo.parse(raw)
            self.node.known[router_info.hash] = router_info

    async def start(self) -> None:
        self.udp = UdpTransport(self.node.ssu2, Wakeup(self._on_wakeup), self.node.ssu2.stats)
        await self.udp.start(*HERE)

    def _on_wakeup(self) -> None:
        self.node.links.handle_timer(time.monotonic())
        while (event := self.node.links.next_event()) is not None:
            if isinstance(event, MessagesReceived):
                self.messages += [
                    (event.router_hash, Message.parse_short(m)) for m in event.messages
                ]
            else:
                self.events.append(event)

    def send(self, router_hash: bytes, message_type: int, *bodies: bytes) -> None:
        expiration_ms = int((time.time() + 20) * 1000)
        draw = self.node.entropy.random_bytes
        messages = [
            make_short(message_type, int.from_bytes(draw(4), "big"), expiration_ms, body)
            for body in bodies
        ]
        self.node.links.send(router_hash, messages, time.monotonic())
        self.udp.schedule()

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def connected(self, *, is_outbound: bool) -> set[bytes]:
        return {
            event.router_hash
            for event in self.events
            if isinstance(event, PeerConnected) and event.is_outbound is is_outbound
        }

    def got(self, router_hash: bytes, message_type: int) -> list[bytes]:
        return [m.body for h, m in self.messages if h == router_hash and m.type == message_type]


@pytest.fixture
def net(tmp_path: Path) -> Iterator[I2pdNet]:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(tmp_path, [new, old], first_octet=51)
    try:
        yield net
    finally:
        net.stop()


def test_we_dial_i2pd_and_it_answers(net: I2pdNet) -> None:
    net.prepare()
    net.start()

    async def body() -> None:
        peer = Peer(net)
        await peer.start()
        try:
            hashes = list(peer.node.known)
            store = DatabaseStore.of_router_info(
                peer.node.router_info, 4711, 0, peer.node.hash
            ).write()
            for router_hash, other in zip(hashes, reversed(hashes), strict=True):
                peer.send(router_hash, MessageType.DATABASE_STORE, store)
                await until(
                    "DeliveryStatus",
                    lambda h=router_hash: peer.got(h, MessageType.DELIVERY_STATUS),  # type: ignore[misc]
                )
                status = DeliveryStatus.parse(peer.got(router_hash, MessageType.DELIVERY_STATUS)[0])
                assert status.message_id == 4711
                lookup = DatabaseLookup(other, peer.node.hash, LOOKUP_ROUTER_INFO).write()
                peer.send(router_hash, MessageType.DATABASE_LOOKUP, lookup)

                def answers(h: bytes = router_hash, key: bytes = other) -> bool:
                    stores = map(DatabaseStore.parse, peer.got(h, MessageType.DATABASE_STORE))
                    return any(s.key == key and s.router_info().verify() for s in stores)

                await until("DatabaseStore", answers)
            assert peer.connected(is_outbound=True) == set(hashes)
            assert not peer.of(PeerFailed) and not peer.of(PeerDisconnected)
            skews = [event.seconds for event in peer.of(SkewMeasured)]  # type: ignore[union-attr]
            assert skews and all(abs(seconds) <= 1.5 for seconds in skews)
            # A token came with the handshake: the next dial is one round trip shorter.
            for router_hash in hashes:
                peer.node.links.disconnect(router_hash, time.monotonic())
            peer.udp.schedule()
            await until("all sessions over", lambda: not peer.node.ssu2._sessions)
            peer.events.clear()
            for router_hash in hashes:
                peer.send(router_hash, MessageType.DATABASE_STORE, store)
            await until("links again", lambda: peer.connected(is_outbound=True) == set(hashes))
            assert not peer.of(PeerFailed)
        finally:
            await peer.udp.stop()

    asyncio.run(body())


def test_i2pd_dials_us(net: I2pdNet) -> None:
    for router in net.routers:
        router.write_router_info_once()
    peer = Peer(net)
    net.prepare(foreign=[peer.node.router_info.raw])

    async def body() -> None:
        await peer.start()
        try:
            await asyncio.to_thread(net.start)
            hashes = {RouterInfo.parse(raw).hash for raw in net.router_infos()}
            # Both want tunnels and know only each other and us.
            await until(
                "inbound links", lambda: peer.connected(is_outbound=False) == hashes, timeout_s=90
            )
            await until(
                "builds through us",
                lambda: all(peer.got(h, MessageType.SHORT_TUNNEL_BUILD) for h in hashes),
                timeout_s=60,
            )
            stats = peer.node.ssu2.stats
            assert stats.handshakes_in_failed == 0 and stats.packets_malformed == 0
        finally:
            await peer.udp.stop()

    asyncio.run(body())
