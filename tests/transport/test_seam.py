"""The link table over transports that are not NTCP2: what it needs of one is in its ports alone."""

from __future__ import annotations

import pytest

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.transport.bandwidth import Bandwidth
from core.transport.context import TransportContext
from core.transport.events import (
    Event,
    MessagesReceived,
    NetworkRestored,
    PeerConnected,
    PeerDisconnected,
    PeerFailed,
    RouterInfoReceived,
)
from core.transport.links import Links
from core.transport.reachability import Reachability
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import message
from tests.support.memory_transport import WINDOW_BYTES, MemoryEndpoint, MemoryNetwork

NETWORK_ID = 77


class Router:
    """A link table with one memory endpoint for each network, the first one the cheapest."""

    def __init__(self, name: str, host: str, *networks: MemoryNetwork, **limits: float) -> None:
        self.host = host
        self.entropy = SeededEntropy(name)
        self.wall = FakeWallClock()
        self.keys = PrivateKeys.generate_router(self.entropy)
        self.known: dict[bytes, RouterInfo] = {}
        context = TransportContext(
            self.keys.hash,
            lambda: self.router_info.raw,
            NETWORK_ID,
            self.wall,
            self.entropy,
            self.known.get,
            bandwidth=Bandwidth(**limits),
            reachability=Reachability(private=True),
        )
        self.endpoints = [
            MemoryEndpoint(network, context, host, cost=number)
            for number, network in enumerate(networks)
        ]
        self.router_info = RouterInfo.build(
            self.keys,
            int(self.wall.now() * 1000),
            [address for endpoint in self.endpoints[:1] for address in endpoint.addresses()],
            {"netId": str(NETWORK_ID), "router.version": "0.9.67", "caps": "LR"},
        )
        self.links = Links(context, self.endpoints)

    @property
    def hash(self) -> bytes:
        return self.keys.hash

    def events(self) -> list[Event]:
        found = []
        while (event := self.links.next_event()) is not None:
            found.append(event)
        return found


class Pair:
    """Two routers that know each other, on one network or several."""

    def __init__(self, networks: int = 1, **limits: float) -> None:
        self.networks = [MemoryNetwork() for _ in range(networks)]
        self.alice = Router("alice", "127.0.0.2", *self.networks, **limits)
        self.bob = Router("bob", "127.0.0.3", *self.networks)
        self.alice.known[self.bob.hash] = self.bob.router_info
        self.bob.known[self.alice.hash] = self.alice.router_info
        self.now = 1000.0

    def run(self) -> None:
        for _ in range(500):
            moved = [network.carry(self.now) for network in self.networks]
            if not any(moved):
                return
        raise AssertionError("the network never rests")

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1)
            for router in (self.alice, self.bob):
                for endpoint in router.endpoints:
                    endpoint.handle_timer(self.now)
                router.links.handle_timer(self.now)
            self.run()

    def connected(self) -> Pair:
        self.alice.links.send(self.bob.hash, [], self.now)
        self.run()
        self.alice.events()
        self.bob.events()
        return self


def test_messages_wait_for_the_session_and_arrive_in_order() -> None:
    pair = Pair()
    alice, bob = pair.alice, pair.bob
    alice.links.send(bob.hash, [message(1), message(2)], pair.now)
    alice.links.send(bob.hash, [message(3)], pair.now)
    pair.run()
    assert bob.events() == [
        RouterInfoReceived(alice.hash, alice.router_info, flood=False),
        PeerConnected(alice.hash, alice.router_info, is_outbound=False),
        MessagesReceived(alice.hash, [message(1), message(2), message(3)]),
    ]
    assert alice.events() == [PeerConnected(bob.hash, bob.router_info, is_outbound=True)]
    bob.links.send(alice.hash, [message(4)], pair.now)
    pair.run()
    assert alice.events() == [MessagesReceived(bob.hash, [message(4)])]
    assert bob.links.stats.handshakes_in == alice.links.stats.handshakes_out == 1
    assert (alice.links.outbound_count, bob.links.inbound_count) == (1, 1)


def test_a_session_takes_no_more_than_its_window_at_once() -> None:
    pair = Pair().connected()
    kilobyte = message(1, 1024 - 9)
    pair.alice.links.send(pair.bob.hash, [kilobyte] * 10, pair.now)
    pair.networks[0].carry(pair.now)
    assert pair.alice.links.queued_bytes(pair.bob.hash) == 10 * 1024 - WINDOW_BYTES
    pair.run()
    batches = [len(e.messages) for e in pair.bob.events() if isinstance(e, MessagesReceived)]
    assert batches == [4, 4, 2]


def test_what_waits_can_expire_and_is_limited_by_bandwidth() -> None:
    pair = Pair(outbound_bytes_s=8192.0).connected()
    alice, bob = pair.alice, pair.bob
    large = [message(n, 1024 - 9) for n in range(3)]
    alice.links.send(bob.hash, large, pair.now)
    pair.networks[0].carry(pair.now)
    soon = int(alice.wall.now()) + 2
    alice.links.send(bob.hash, [message(8, expires_s=soon), message(9)], pair.now)
    pair.run()
    assert alice.links.queued_bytes(bob.hash) == 1024 + 2 * len(message(9))
    alice.wall.advance(3)
    pair.now += 3
    pair.run()
    got = [m for e in bob.events() if isinstance(e, MessagesReceived) for m in e.messages]
    assert got == [*large, message(9)]
    assert alice.links.stats.dropped_expired == 1


def test_silence_is_nobodys_fault_until_somebody_is_heard() -> None:
    pair = Pair()
    alice, bob = pair.alice, pair.bob
    pair.networks[0].lost.add(bob.host)
    alice.links.send(bob.hash, [message(1)], pair.now)
    pair.advance(11)
    assert alice.events() == [PeerFailed(bob.hash, "local", 1)]
    pair.advance(5)
    pair.networks[0].lost.clear()
    bob.links.send(alice.hash, [], pair.now)
    pair.run()
    kinds = [type(event) for event in alice.events()]
    assert NetworkRestored in kinds and PeerConnected in kinds


@pytest.mark.parametrize("steps", range(1, 4))
def test_crossing_dials_leave_one_link_and_lose_nothing(steps: int) -> None:
    pair = Pair()
    alice, bob = pair.alice, pair.bob
    alice.links.send(bob.hash, [message(1)], pair.now)
    for _ in range(steps):
        pair.networks[0].carry(pair.now)
    bob.links.send(alice.hash, [message(2)], pair.now)
    pair.run()
    assert MessagesReceived(alice.hash, [message(1)]) in bob.events()
    assert MessagesReceived(bob.hash, [message(2)]) in alice.events()
    pair.advance(40)
    assert len(alice.links._links) == len(bob.links._links) == 1
    assert not alice.events() and not bob.events()


def test_goodbye_reaches_the_peer_and_nothing_is_dialled_afterwards() -> None:
    pair = Pair().connected()
    alice, bob = pair.alice, pair.bob
    alice.links.shutdown(pair.now)
    pair.run()
    assert PeerDisconnected(alice.hash, "router_shutdown") in bob.events()
    alice.events()
    alice.links.send(bob.hash, [message(1)], pair.now)
    assert alice.events() == [PeerFailed(bob.hash, "closed", 1)]
    bob.links.send(alice.hash, [message(2)], pair.now)
    pair.advance(11)
    assert not alice.links._links and not bob.links._links


def test_the_cheapest_transport_that_reaches_the_router_is_dialled() -> None:
    pair = Pair(networks=2).connected()
    assert pair.networks[0].carried and not pair.networks[1].carried
    assert pair.alice.links.is_connected(pair.bob.hash)
    dear = Pair(networks=2)
    dear.alice.endpoints[0].shutdown(dear.now)
    dear.connected()
    assert dear.networks[1].carried and not dear.networks[0].carried
    assert dear.bob.links.is_connected(dear.alice.hash)


def test_a_banned_router_is_refused_over_any_transport() -> None:
    pair = Pair()
    pair.bob.links.ban(pair.alice.hash, pair.now, 600, "test")
    pair.alice.links.send(pair.bob.hash, [message(1)], pair.now)
    pair.run()
    assert not pair.bob.links.is_connected(pair.alice.hash)
    assert not pair.bob.events() and pair.bob.links.inbound_count == 0
