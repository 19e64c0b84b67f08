"""What others see of us beside i2pd and Java I2P: RouterInfos, and the records of tunnel builds.

``-s`` prints the differences; those that are left stand in docs/THREAT_MODEL.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from core.crypto.noise import SymmetricState
from core.data.router_info import RouterInfo
from core.tunnel.build import BuildHop, TunnelBuild
from core.tunnel.records import SHORT, HopIdentity, parse_records
from tests.interop.test_tunnel_i2pd import HOST, PORT, Router
from tests.support.appliance import FAST, Appliance
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.fetch_i2pd import installed
from tests.support.fingerprints import BuildTraits, RouterInfoTraits, differences
from tests.support.i2pd_net import I2pdNet
from tests.support.java_net import JavaRouter
from tests.support.live_node import listening, live_node
from tests.support.namespace import add_outside_address
from tests.tunnel.network import Node

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]

RECORDS_MIN = 8


def our_traits(root: Path) -> RouterInfoTraits:
    options = {**FAST, "floodfill": True, "ssu2": {"enabled": True}}
    ours = Appliance(root / "ours", "127.191.0.1", 20191, **options)
    return RouterInfoTraits.of(RouterInfo.parse(ours.write_router_info_once()))


def test_a_router_info_has_what_i2pd_writes_in_its_order(tmp_path: Path) -> None:
    (router,) = I2pdNet(tmp_path, [installed("sid")], 192).routers
    theirs = RouterInfoTraits.of(RouterInfo.parse(router.write_router_info_once()))
    ours = our_traits(tmp_path)
    found = differences(ours, theirs)
    print("i2pd:", theirs, "ours:", ours, "differences:", found, sep="\n")
    assert set(found) <= {"version", "caps", "options", "addresses"}


@pytest.mark.slow
def test_a_router_info_has_what_java_writes(tmp_path: Path) -> None:
    add_outside_address()
    java = JavaRouter(tmp_path / "java", 20193, floodfill=True, ssu2=True)
    try:
        java.start()
        theirs = RouterInfoTraits.of(RouterInfo.parse(java.router_info))
    finally:
        java.stop()
    ours = our_traits(tmp_path)
    found = differences(ours, theirs)
    print("Java:", theirs, "ours:", ours, "differences:", found, sep="\n")
    assert set(found) <= {"version", "caps", "options", "addresses"}


class OpenedRecords(HopIdentity):
    """Keeps what it opens."""

    opened: list[bytes]
    counts: list[int]

    def find(self, records: list[bytes]) -> int | None:
        self._count = len(records)
        return super().find(records)

    def open(self, record: bytes) -> tuple[SymmetricState, bytes]:
        state, clear = super().open(record)
        if len(clear) == SHORT.clear_bytes:  # i2pd sends long ones at times
            self.opened.append(clear)
            self.counts.append(self._count)
        return state, clear


def our_build_traits(hops: int) -> list[BuildTraits]:
    """Of many builds of ours, as their first hop sees them."""
    wall = FakeWallClock()
    nodes = [Node(f"hop {number}", wall) for number in range(hops)]
    opened, counts = [], []
    entropy = SeededEntropy("creator")
    for _ in range(20):
        build = TunnelBuild(
            [BuildHop(node.hash, node.key.public, reads_bandwidth=True) for node in nodes],
            is_inbound=False,
            end_hash=b"e" * 32,
            end_tunnel_id=3,
            fmt=SHORT,
            reply_message_id=9,
            wall_now_s=wall.now(),
            entropy=entropy,
            own_hash=b"o" * 32,
        )
        records = parse_records(build.body, SHORT)
        _, clear = HopIdentity(nodes[0].hash, nodes[0].key).open(
            records[build.hops[0].record_index]
        )
        opened.append(clear)
        counts.append(len(records))
    return BuildTraits.of(counts, opened)


def test_build_records_are_like_i2pds(tmp_path: Path) -> None:
    """Of two i2pd routers that build through a hop of ours."""
    net = I2pdNet(tmp_path, [installed("sid")] * 2, 195)
    for router in net.routers:
        router.write_router_info_once()
    node = live_node(net, HOST, PORT)
    net.prepare(foreign=[node.router_info.raw])

    async def collect() -> list[BuildTraits]:
        router = Router(node)
        identity = OpenedRecords(node.hash, router.transit._identity._key)
        identity.opened, identity.counts = [], []
        router.transit._identity = identity
        async with listening(router.tcp, HOST, PORT):
            await asyncio.to_thread(net.start)
            for raw in net.router_infos():
                node.known[RouterInfo.parse(raw).hash] = RouterInfo.parse(raw)
            await router.until("records", lambda: len(identity.opened) >= RECORDS_MIN, 90)
        return BuildTraits.of(identity.counts, identity.opened)

    try:
        theirs = asyncio.run(collect())
    finally:
        net.stop()
    ours = our_build_traits(2)
    print("i2pd:", *theirs, "ours:", *ours, sep="\n")
    # i2pd leaves zeros behind the options; ours are random, as the specification says.
    unpadded = [{replace(one, padding="") for one in traits} for traits in (ours, theirs)]
    assert unpadded[0] <= unpadded[1]
