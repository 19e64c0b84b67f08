"""Which of a router's addresses is dialled."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.transport.families import FAILURES_MAX, FamilyRecord
from core.transport.reachability import Reachability
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import Node
from tests.transport.test_publishing import V4, V6, YGG, endpoints

ALL = Reachability(ipv6=True, yggdrasil=True, private=True)


@dataclass
class At:
    host: str


FOUR, SIX, MESH = At(V4[0]), At(V6[0]), At(YGG[0])


def test_ipv4_is_first_unless_nothing_gets_through() -> None:
    record = FamilyRecord()
    assert record.best([]) is None
    assert record.best([SIX]) is SIX
    assert record.best([MESH, SIX, FOUR]) is FOUR
    for _ in range(FAILURES_MAX):
        assert record.best([MESH, SIX, FOUR]) is FOUR
        record.failed("192.0.2.9")
    assert record.best([FOUR, SIX]) is SIX
    assert record.best([FOUR]) is FOUR
    for _ in range(FAILURES_MAX):
        record.failed("2001:db8::9")
    assert record.best([SIX, FOUR]) is FOUR, "without a network none is worse"
    record.succeeded("2001:db8::9")
    assert record.best([FOUR, SIX]) is SIX
    record.succeeded("192.0.2.9")
    assert record.best([SIX, FOUR]) is FOUR
    record.failed("no address")


@pytest.mark.parametrize("published", [[V6, V4, YGG], [V4, V6, YGG]])
def test_each_transport_asks(published: list[tuple[str, int]]) -> None:
    for own, other in zip(endpoints(ALL, []), endpoints(ALL, published), strict=True):
        options = {"caps": "LR", "netId": "77", "router.version": "0.9.66"}
        keys = PrivateKeys.generate_router(SeededEntropy("dialled"))
        info = RouterInfo.build(keys, 1, other.addresses(), options)
        bid = own.bid(info, 0.0)
        assert bid is not None and bid.host == V4[0]


def test_the_link_table_tells_what_became_of_dials() -> None:
    wall = FakeWallClock()
    node = Node("caller", "127.0.0.2", wall)
    record = node.ntcp2._families
    for number in range(FAILURES_MAX):
        called = Node(f"called {number}", f"127.0.1.{number}", wall)
        node.known[called.hash] = called.router_info
        node.links.send(called.hash, [b"x" * 20], float(number))
        (dial,) = node.ntcp2.take_commands()
        node.ntcp2.dial_failed(dial.link, float(number))
        node.links.handle_timer(float(number))
    assert record.best([FOUR, SIX]) is SIX
