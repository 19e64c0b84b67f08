"""NTCP2 against two real i2pd routers (2.59 and 2.56), nothing but our transport on our side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.i2np.database import (
    LOOKUP_ROUTER_INFO,
    DatabaseLookup,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import MessageType
from core.transport.events import (
    PeerConnected,
    PeerDisconnected,
    PeerFailed,
    RouterInfoReceived,
    SkewMeasured,
)
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet
from tests.support.live_node import listening, live_node
from tests.support.live_peer import LivePeer
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

HOST = "127.61.0.1"
PORT = 20061


@pytest.fixture
def net(tmp_path: Path) -> Iterator[I2pdNet]:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(tmp_path, [new, old], first_octet=51)
    try:
        yield net
    finally:
        net.stop()


def test_we_dial_i2pd_store_our_router_info_and_look_up_another(net: I2pdNet) -> None:
    net.prepare()
    net.start()

    async def body() -> None:
        peer = LivePeer(live_node(net, HOST, PORT))
        async with listening(peer.tcp, HOST, PORT):
            hashes = [RouterInfo.parse(raw).hash for raw in net.router_infos()]
            store = DatabaseStore.of_router_info(
                peer.node.router_info, 4711, 0, peer.node.hash
            ).write()
            for router_hash in hashes:
                peer.send(router_hash, MessageType.DATABASE_STORE, store)
            for router_hash, other in zip(hashes, reversed(hashes), strict=True):
                await until(
                    "DeliveryStatus",
                    lambda h=router_hash: peer.got(h, MessageType.DELIVERY_STATUS),  # type: ignore[misc]
                    20,
                )
                status = DeliveryStatus.parse(peer.got(router_hash, MessageType.DELIVERY_STATUS)[0])
                assert status.message_id == 4711
                lookup = DatabaseLookup(other, peer.node.hash, LOOKUP_ROUTER_INFO).write()
                peer.send(router_hash, MessageType.DATABASE_LOOKUP, lookup)

                def answers(h: bytes = router_hash, key: bytes = other) -> bool:
                    stores = map(DatabaseStore.parse, peer.got(h, MessageType.DATABASE_STORE))
                    return any(s.key == key and s.router_info().verify() for s in stores)

                await until("DatabaseStore", answers, 20)
            assert len(peer.of(PeerConnected)) == 2
            assert not peer.of(PeerFailed) and not peer.of(PeerDisconnected)
            skews = [event.seconds for event in peer.of(SkewMeasured)]  # type: ignore[union-attr]
            assert skews and all(abs(seconds) <= 1.5 for seconds in skews)

    asyncio.run(body())


def test_i2pd_dials_us_and_we_answer_its_lookups_of_us(net: I2pdNet) -> None:
    infos = [router.write_router_info_once() for router in net.routers]
    node = live_node(net, HOST, PORT)
    net.prepare(foreign=[node.router_info.raw])
    del infos

    async def body() -> None:
        peer = LivePeer(node)
        async with listening(peer.tcp, HOST, PORT):
            await asyncio.to_thread(net.start)
            hashes = [RouterInfo.parse(raw).hash for raw in net.router_infos()]
            for router_hash in hashes:
                # Both want tunnels and know only each other and us, so they dial.
                await until(
                    "inbound link",
                    lambda h=router_hash: peer.of(PeerConnected, h),  # type: ignore[misc]
                    90,
                )
                event = peer.of(PeerConnected, router_hash)[0]
                assert isinstance(event, PeerConnected) and not event.is_outbound
            seen = {e.router_info.hash for e in peer.of(RouterInfoReceived)}  # type: ignore[union-attr]
            assert seen == set(hashes)
            for router_hash in hashes:
                # A link that i2pd opened carries our questions too.
                lookup = DatabaseLookup(hashes[0], node.hash, LOOKUP_ROUTER_INFO).write()
                peer.send(router_hash, MessageType.DATABASE_LOOKUP, lookup)

                def answers(h: bytes = router_hash) -> list[bytes]:
                    # i2pd: denies a router that it could not reach itself a moment ago.
                    stores = peer.got(h, MessageType.DATABASE_STORE)
                    return stores + peer.got(h, MessageType.DATABASE_SEARCH_REPLY)

                await until("answer on the inbound link", answers)
            assert node.links.stats.handshakes_in == 2 and node.links.stats.handshakes_out == 0

    asyncio.run(body())


@pytest.mark.slow
def test_a_link_survives_minutes_of_idling_and_bursts(net: I2pdNet) -> None:
    net.prepare()
    net.start()

    async def body() -> None:
        peer = LivePeer(live_node(net, HOST, PORT))
        async with listening(peer.tcp, HOST, PORT):
            router_hash, other = (RouterInfo.parse(raw).hash for raw in net.router_infos())
            lookup = DatabaseLookup(other, peer.node.hash, LOOKUP_ROUTER_INFO).write()
            # i2pd drops data of a tunnel it does not know, but decrypts and parses all of it.
            burst = [bytes((0, 0, 0, 9)) + bytes(1024)] * 2000
            for round_number in range(4):
                before = len(peer.got(router_hash, MessageType.DATABASE_STORE))
                peer.send(router_hash, MessageType.TUNNEL_DATA, *burst)
                await until("room", lambda: not peer.node.links.queued_bytes(router_hash), 20)
                peer.send(router_hash, MessageType.DATABASE_LOOKUP, lookup)
                await until(
                    "answer after a burst",
                    lambda n=before: len(peer.got(router_hash, MessageType.DATABASE_STORE)) > n,  # type: ignore[misc]
                    20,
                )
                if round_number < 3:
                    await asyncio.sleep(70)
            assert len(peer.of(PeerConnected, router_hash)) == 1
            assert not peer.of(PeerDisconnected, router_hash)
            stats = peer.node.links.stats
            assert stats.messages_sent >= 8004 - stats.dropped_queue_full

    asyncio.run(body())
