"""Hybrid NTCP2 with ML-KEM against real i2pd: both ways, and plainly with who does not have it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.i2np.database import LOOKUP_ROUTER_INFO, DatabaseLookup, DatabaseStore
from core.i2np.message import MessageType
from core.transport.events import PeerFailed
from core.transport.ntcp2.variants import HYBRID_768
from tests.support.fetch_i2pd import installed
from tests.support.i2pd_net import I2pdNet
from tests.support.live_node import listening, live_node
from tests.support.live_peer import LivePeer
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]

HOST, ASKER = "127.63.0.1", "127.64.0.1"
PORT = 20064
#: What each i2pd is told; 2.56 has no hybrid handshakes.
VERSIONS = {
    "hybrid": ("sid", "4"),
    "strong": ("sid", "5"),
    "plain": ("sid", "2"),
    "old": ("trixie", ""),
}


@pytest.fixture
def net(tmp_path: Path) -> Iterator[I2pdNet]:
    net = I2pdNet(tmp_path, [installed(one) for one, _ in VERSIONS.values()], first_octet=65)
    for router, (_, version) in zip(net.routers, VERSIONS.values(), strict=True):
        router.options["ssu2.enabled"] = "false"
        if version:
            router.options["ntcp2.version"] = version
        router.write_router_info_once()
    try:
        yield net
    finally:
        net.stop()


def infos_of(net: I2pdNet) -> list[RouterInfo]:
    return [RouterInfo.parse(raw) for raw in net.router_infos()]


def kems(peer: LivePeer) -> dict[bytes, tuple[str | None, bool]]:
    """Of each link the KEM, and whether we dialled."""
    sessions = peer.node.links.connected_sessions()
    return {
        one.router_hash: (one.kem, one.is_outbound)
        for one in sessions
        if one.router_hash is not None
    }


def ask(asker: LivePeer, info: RouterInfo, other: RouterInfo, reply_to: bytes) -> None:
    """Ask a router for another one; it dials ``reply_to`` for the answer if need be."""
    lookup = DatabaseLookup(other.hash, reply_to, LOOKUP_ROUTER_INFO).write()
    asker.send(info.hash, MessageType.DATABASE_LOOKUP, lookup)


def has_answer(peer: LivePeer, info: RouterInfo) -> bool:
    stores = peer.got(info.hash, MessageType.DATABASE_STORE)
    return any(DatabaseStore.parse(one).router_info().verify() for one in stores)


def test_we_dial_each_with_what_it_publishes(net: I2pdNet) -> None:
    net.prepare()
    net.start()
    infos = infos_of(net)
    assert [info.ntcp2_addresses()[0].pq for info in infos] == [4, 5, 0, 0]

    async def body() -> None:
        peer = LivePeer(live_node(net, ASKER, PORT, hybrid=HYBRID_768))
        async with listening(peer.tcp, ASKER, PORT):
            for info, other in zip(infos, reversed(infos), strict=True):
                ask(peer, info, other, peer.node.hash)
                await until("answer", lambda one=info: has_answer(peer, one))  # type: ignore[misc]
            kem_of = kems(peer)
            assert [kem_of[info.hash] for info in infos] == [
                ("ML-KEM-768", True),
                ("ML-KEM-1024", True),
                (None, True),
                (None, True),
            ]
            assert not peer.of(PeerFailed)
            assert peer.node.links.stats.hybrid_out == 2

    asyncio.run(body())


def test_each_dials_us_with_what_it_has(net: I2pdNet) -> None:
    node = live_node(net, HOST, PORT, hybrid=HYBRID_768)
    net.prepare([node.router_info.raw])

    async def body() -> None:
        # who asks has no hybrid handshakes, and gets plain links with all of them
        asker = LivePeer(live_node(net, ASKER, PORT + 1))
        called = LivePeer(node)
        async with (
            listening(called.tcp, HOST, PORT),
            listening(asker.tcp, ASKER, PORT + 1),
        ):
            await asyncio.to_thread(net.start)
            infos = infos_of(net)
            for info, other in zip(infos, reversed(infos), strict=True):
                ask(asker, info, other, called.node.hash)
                await until("link", lambda one=info: one.hash in kems(called), 60)  # type: ignore[misc]
            await until("answer", lambda: has_answer(called, infos[0]))
            kem_of = kems(called)
            assert [kem_of[info.hash] for info in infos] == [
                ("ML-KEM-768", False),
                ("ML-KEM-768", False),
                (None, False),
                (None, False),
            ]
            assert called.node.links.stats.hybrid_in == 2
            assert set(kems(asker).values()) == {(None, True)}

    asyncio.run(body())
