"""Floods of genuine links: who is let in, who makes room, and that the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.transport.events import MessagesReceived, PeerConnected
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node, Wire, message

LIMITS = LinkLimits(
    inbound_max=40, outbound_max=4, inbound_per_address_max=20, inbound_per_subnet_max=30
)


class Crowd:
    """A victim, its honest neighbours, and any number of callers behind one or many addresses."""

    def __init__(self, limits: LinkLimits = LIMITS, **options: Any) -> None:
        self.wall = FakeWallClock()
        self.victim = Node("victim", "127.0.0.2", self.wall, limits=limits, **options)
        self.honest = [Node(f"honest{n}", f"127.3.{n}.1", self.wall) for n in range(4)]
        self.wire = Wire(self.victim, *self.honest)
        self.number = 0

    def call(self, address: str) -> Node:
        """A new router dials the victim; what comes before % is where it calls from."""
        self.number += 1
        self.wire.now += 0.01
        node = Node(f"caller{self.number}", f"{address}%{self.number}", self.wall)
        node.known[self.victim.hash] = self.victim.router_info
        self.wire.nodes[node.host] = node
        node.links.send(self.victim.hash, [], self.wire.now)
        self.wire.run()
        return node

    def is_in(self, node: Node) -> bool:
        return self.victim.links.is_connected(node.hash)

    def chat(self) -> int:
        """Every honest neighbour sends and gets a message; how many arrived at the victim."""
        self.victim.take_events()
        for node in self.honest:
            node.links.send(self.victim.hash, [message(7)], self.wire.now)
            self.victim.links.send(node.hash, [message(8)], self.wire.now)
        self.wire.run()
        events = self.victim.take_events()
        return sum(len(e.messages) for e in events if isinstance(e, MessagesReceived))


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    yield Crowd()


def test_one_address_gets_its_share_of_links_and_no_more(crowd: Crowd) -> None:
    assert crowd.chat() == 4
    callers = [crowd.call("10.0.0.1") for _ in range(60)]
    assert sum(crowd.is_in(node) for node in callers) == LIMITS.inbound_per_address_max
    assert crowd.victim.links.stats.refused == {"address": 40}
    # Traffic goes on, others get in, and who is behind the same address does so a moment later.
    assert crowd.chat() == 4
    assert crowd.is_in(crowd.call("10.0.0.2")) and crowd.is_in(crowd.call("10.9.0.1"))
    crowd.wire.advance(6)
    assert crowd.is_in(crowd.call("10.0.0.1"))
    assert crowd.victim.links.stats.links_evicted == 1


def test_links_that_carry_traffic_are_not_given_up_for_others(crowd: Crowd) -> None:
    callers = [crowd.call("10.0.0.1") for _ in range(20)]
    for _ in range(10):
        for node in callers:
            node.links.send(crowd.victim.hash, [message(1)], crowd.wire.now)
        crowd.wire.advance(5)
    assert not crowd.is_in(crowd.call("10.0.0.1"))
    assert all(crowd.is_in(node) for node in callers)


@pytest.mark.parametrize(
    ("first", "others"), [("10.0.0.{}", "10.0.1.1"), ("2001:db8:0:{}::1", "2001:db8:1::1")]
)
def test_one_subnet_gets_its_share_of_links(first: str, others: str) -> None:
    crowd = Crowd(reachability=Reachability())
    callers = [crowd.call(first.format(n // 2 + 1)) for n in range(40)]
    assert sum(crowd.is_in(node) for node in callers) == LIMITS.inbound_per_subnet_max
    assert crowd.victim.links.stats.refused == {"subnet": 10}
    assert crowd.is_in(crowd.call(others))


def test_a_test_network_may_be_in_one_subnet_but_not_take_all_from_one_address() -> None:
    crowd = Crowd(reachability=Reachability(private=True))
    callers = [crowd.call(f"10.0.0.{n // 2 + 1}") for n in range(40)]
    assert all(crowd.is_in(node) for node in callers)
    crowd = Crowd(LinkLimits(), reachability=Reachability(private=True))
    # Sixteen routers behind one address start, and all of them start again.
    neighbours = [crowd.call("10.0.0.1") for _ in range(32)]
    assert all(crowd.is_in(node) for node in neighbours)


def test_a_full_table_gives_up_links_of_the_greediest_source(crowd: Crowd) -> None:
    greedy = [crowd.call("10.0.0.1") for _ in range(20)]
    modest = [crowd.call(f"10.1.{n}.1") for n in range(20)]
    assert crowd.victim.links.inbound_count == LIMITS.inbound_max
    for node in (*greedy, *modest):
        node.links.send(crowd.victim.hash, [message(1)] * 3, crowd.wire.now)
    crowd.wire.run()
    newcomers = [crowd.call(f"10.2.{n}.1") for n in range(5)]
    assert all(crowd.is_in(node) for node in (*newcomers, *modest))
    assert sum(crowd.is_in(node) for node in greedy) == 15
    assert crowd.victim.links.inbound_count == LIMITS.inbound_max


def test_half_open_connections_go_before_sessions(crowd: Crowd) -> None:
    sessions = [crowd.call(f"10.1.{n}.1") for n in range(30)]
    links = crowd.victim.links
    held = [crowd.victim.ntcp2.accepted(f"10.{n}.0.1", crowd.wire.now) for n in range(2, 12)]
    assert None not in held and links.inbound_count == LIMITS.inbound_max
    assert all(crowd.is_in(crowd.call(f"10.1.{n}.1")) for n in range(100, 110))
    assert all(crowd.is_in(node) for node in sessions)
    assert links.pending_count == 0


def test_our_own_dials_find_room_whoever_calls(crowd: Crowd) -> None:
    for number in range(80):
        crowd.call(f"10.{number % 4}.0.1")
    assert crowd.victim.links.inbound_count == LIMITS.inbound_max
    assert crowd.chat() == 4
    assert all(crowd.is_in(node) for node in crowd.honest)


def test_neighbours_that_restart_get_in_during_and_after_a_flood(crowd: Crowd) -> None:
    for number in range(60):
        crowd.call(f"10.{number % 3}.0.1")
    restarted = [Node(f"again{n}", f"127.4.{n}.1", crowd.wall) for n in range(8)]
    for node in restarted:
        node.known[crowd.victim.hash] = crowd.victim.router_info
        crowd.wire.nodes[node.host] = node
        node.links.send(crowd.victim.hash, [message(1)], crowd.wire.now)
        crowd.wire.run()
    events = crowd.victim.take_events()
    joined = {e.router_hash for e in events if isinstance(e, PeerConnected)}
    assert {node.hash for node in restarted} <= joined


def test_a_system_without_descriptors_loses_its_idlest_link(crowd: Crowd) -> None:
    crowd.victim.ntcp2.free_descriptors(crowd.wire.now)
    idle, busy = crowd.call("10.0.0.1"), crowd.call("10.0.0.2")
    crowd.wire.advance(6)
    busy.links.send(crowd.victim.hash, [message(1)] * 3, crowd.wire.now)
    crowd.wire.run()
    crowd.victim.ntcp2.free_descriptors(crowd.wire.now)
    crowd.wire.run()
    assert [crowd.is_in(idle), crowd.is_in(busy)] == [False, True]
