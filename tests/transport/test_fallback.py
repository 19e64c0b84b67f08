"""Two transports to one router: when one fails the other has its turn, and one link carries all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.transport.context import TransportContext
from core.transport.events import MessagesReceived, PeerConnected, PeerDisconnected, PeerFailed
from core.transport.links import Links
from core.transport.ntcp2.commands import Dial
from core.transport.ntcp2.session import Ntcp2Session
from core.transport.outbound import FALLBACK_S
from core.transport.ports import Endpoint
from core.transport.reasons import TerminationReason
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node, Wire, message
from tests.support.memory_transport import MemoryEndpoint, MemoryNetwork, MemorySession

pytestmark = pytest.mark.doubles

#: of the transport in memory; NTCP2's is 3
CHEAP, DEAR = 1, 9


class Pair(Wire):
    """Alice and Bob, each with NTCP2 and a transport in memory; ``log``: what Alice dialled.

    Bob's clock is ahead by ``skew_s``.
    """

    def __init__(self, memory_cost: int, skew_s: float = 0.0) -> None:
        self.memory = MemoryNetwork()
        clocks = FakeWallClock(), FakeWallClock(1_700_000_000.0 + skew_s)
        self.alice = self._node("alice", "127.0.0.2", clocks[0], memory_cost)
        self.bob = self._node("bob", "127.0.0.3", clocks[1], memory_cost)
        super().__init__(self.alice, self.bob)
        self.log: list[tuple[float, str]] = []
        for endpoint in self.alice.endpoints:
            self._watch(endpoint)

    def _node(self, name: str, host: str, wall: FakeWallClock, memory_cost: int) -> Node:
        def add_endpoints(context: TransportContext) -> list[Endpoint]:
            return [MemoryEndpoint(self.memory, context, host, memory_cost)]

        return Node(name, host, wall, add_endpoints=add_endpoints)

    def _watch(self, endpoint: object) -> None:
        dial: Callable[..., object] = endpoint.dial  # type: ignore[attr-defined]

        def logged(*arguments: object) -> object:
            kind = "memory" if isinstance(endpoint, MemoryEndpoint) else "ntcp2"
            self.log.append((self.now, kind))
            return dial(*arguments)

        endpoint.dial = logged  # type: ignore[attr-defined]

    def step(self) -> bool:
        moved = super().step()
        return self.memory.carry(self.now) or moved

    def send(self, *numbers: int) -> None:
        self.alice.links.send(self.bob.hash, [message(n) for n in numbers], self.now)
        self.run()

    @property
    def dialled(self) -> list[str]:
        """Transports that Alice dialled, since the last time."""
        log, self.log = self.log, []
        return [kind for _, kind in log]

    def fail(self, *transports: str) -> None:
        """Nobody hears anything any more over these."""
        if "memory" in transports:
            self.memory.lost.update((self.alice.host, self.bob.host))
        if "ntcp2" in transports:
            self.cut = lambda data, host: b""


def used(links: Links) -> list[type]:
    """The kinds of sessions of established links."""
    return [type(link.session) for link in links._links.values() if link.is_established]


def received(node: Node) -> list[bytes]:
    return [m for e in node.take_events() if isinstance(e, MessagesReceived) for m in e.messages]


def test_a_refused_dial_is_repeated_over_the_other_transport_at_once() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    pair.refused.add(bob.host)
    pair.send(1, 2)
    assert pair.log == [(1000.0, "ntcp2"), (1000.0, "memory")]
    assert received(bob) == [message(1), message(2)]
    assert [type(e) for e in alice.take_events()] == [PeerConnected]
    assert used(alice.links) == used(bob.links) == [MemorySession]
    assert (alice.links.stats.fallbacks, alice.links.stats.dropped_unreachable) == (1, 0)
    assert alice.links.pending_count == 0
    # The way that failed rests, the router does not.
    assert alice.links.can_try(bob.hash, pair.now)


def test_the_way_that_failed_rests_while_the_other_one_is_used() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    pair.refused.add(bob.host)
    for pause_s in (2, 4, 8):
        pair.send(1)
        assert pair.dialled == ["ntcp2", "memory"]
        alice.links.disconnect(bob.hash, pair.now)
        pair.advance(pause_s - 1)
        pair.send(1)
        assert pair.dialled == ["memory"]
        alice.links.disconnect(bob.hash, pair.now)
        pair.advance(1)
    assert received(bob) == [message(1)] * 6
    # A router that calls has started again, or has a network again.
    bob.links.send(alice.hash, [], pair.now)
    pair.run()
    bob.links.disconnect(alice.hash, pair.now)
    pair.run()
    pair.refused.clear()
    pair.send(1)
    assert pair.dialled == ["ntcp2"]


@pytest.mark.parametrize(
    ("memory_cost", "silent", "answers", "kind"),
    [(DEAR, "ntcp2", "memory", MemorySession), (CHEAP, "memory", "ntcp2", Ntcp2Session)],
)
def test_a_silent_transport_is_left_within_seconds(
    memory_cost: int, silent: str, answers: str, kind: type
) -> None:
    pair = Pair(memory_cost)
    alice, bob = pair.alice, pair.bob
    pair.fail(silent)
    pair.send(1)
    pair.advance(FALLBACK_S - 1)
    pair.send(2)
    assert [name for _, name in pair.log] == [silent]
    pair.advance(2)
    assert [name for _, name in pair.log] == [silent, answers]
    assert pair.log[1][0] - pair.log[0][0] <= FALLBACK_S + 1
    assert received(bob) == [message(1), message(2)]
    assert used(alice.links) == used(bob.links) == [kind]
    assert not any(isinstance(e, PeerFailed) for e in alice.take_events())
    pair.advance(60)
    assert used(alice.links) == used(bob.links) == [kind]
    assert len(alice.links._links) == len(bob.links._links) == 1


def test_each_transport_is_tried_once_and_then_the_messages_are_lost() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    # Somebody else is heard, so that silence says something about Bob.
    other = Node("other", "127.0.0.9", alice.wall)
    alice.known[other.hash] = other.router_info
    pair.fail("ntcp2", "memory")
    pair.send(1)
    for _ in range(40):
        alice.ntcp2._owner.heard(pair.now)
        pair.advance(1)
        if not alice.links._peers:
            break
    assert pair.dialled == ["ntcp2", "memory"]
    assert alice.take_events() == [PeerFailed(bob.hash, "timeout", 1)]
    assert pair.now <= 1000 + FALLBACK_S + 1 + 11
    assert not alice.links._links and alice.links.pending_count == 0
    assert alice.links.stats.fallbacks == 1


def test_both_ways_rest_before_the_router_does() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    pair.refused.add(bob.host)
    pair.fail("memory")
    pair.send(1)
    for _ in range(11):
        alice.ntcp2._owner.heard(pair.now)
        pair.advance(1)
    assert alice.take_events() == [PeerFailed(bob.hash, "timeout", 1)]
    # NTCP2 failed eleven seconds ago for the first time, memory just now.
    assert alice.links.can_try(bob.hash, pair.now)
    pair.send(2)
    assert alice.take_events() == [PeerFailed(bob.hash, "dial_failed", 1)]
    assert pair.dialled == ["ntcp2", "memory", "ntcp2"]
    assert not alice.links.can_try(bob.hash, pair.now)
    pair.send(3)
    assert alice.take_events() == [PeerFailed(bob.hash, "backoff", 1)]
    pair.now += 5
    assert alice.links.can_try(bob.hash, pair.now)


def test_a_fault_of_ours_on_one_transport_is_not_held_against_the_peer() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    pair.fail("memory")
    alice.links.send(bob.hash, [message(1)], pair.now)
    (dial,) = alice.ntcp2.take_commands()
    assert isinstance(dial, Dial)
    alice.ntcp2.dial_failed(dial.link, pair.now, is_local=True)
    assert pair.dialled == ["ntcp2", "memory"]
    for _ in range(11):
        alice.ntcp2._owner.heard(pair.now)
        pair.advance(1)
    (failed,) = [e for e in alice.take_events() if isinstance(e, PeerFailed)]
    assert failed == PeerFailed(bob.hash, "local", 1) and not failed.is_peers_fault


def test_a_wrong_clock_is_wrong_over_every_transport() -> None:
    pair = Pair(DEAR, skew_s=500.0)
    alice, bob = pair.alice, pair.bob
    pair.send(1)
    assert alice.take_events()[-1] == PeerFailed(bob.hash, "clock_skew", 1)
    assert pair.dialled == ["ntcp2"]
    assert not alice.links.can_try(bob.hash, pair.now + 100)


def test_a_router_that_has_banned_us_is_left_alone_over_every_transport() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    pair.send(1)
    bob.links.disconnect(alice.hash, pair.now, TerminationReason.BANNED)
    pair.run()
    pair.advance(3600, every=600)
    assert not alice.links.can_try(bob.hash, pair.now)
    pair.send(2)
    assert alice.take_events()[-1] == PeerFailed(bob.hash, "backoff", 1)
    assert pair.dialled == ["ntcp2"]


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("memory_cost", [CHEAP, DEAR])
def test_crossing_dials_over_two_transports_leave_one_link_and_lose_nothing(
    steps: int, memory_cost: int
) -> None:
    pair = Pair(memory_cost)
    alice, bob = pair.alice, pair.bob
    # Bob cannot dial what Alice dials.
    first = {CHEAP: alice.endpoints[1], DEAR: alice.endpoints[0]}[memory_cost]
    other = bob.endpoints[1 if first is alice.endpoints[1] else 0]
    other.bid = lambda router_info, now: None  # type: ignore[method-assign]
    alice.links.send(bob.hash, [message(1)], pair.now)
    for _ in range(steps):
        pair.step()
    bob.links.send(alice.hash, [message(2)], pair.now)
    pair.run()
    got_bob, got_alice = bob.take_events(), alice.take_events()
    assert MessagesReceived(alice.hash, [message(1)]) in got_bob
    assert MessagesReceived(bob.hash, [message(2)]) in got_alice
    for events in (got_alice, got_bob):
        assert [type(e) for e in events].count(PeerConnected) == 1
        assert not any(isinstance(e, PeerDisconnected | PeerFailed) for e in events)
    pair.advance(60)
    assert used(alice.links) == used(bob.links)
    assert len(alice.links._links) == len(bob.links._links) == 1
    pair.send(3)
    assert received(bob) == [message(3)]


def test_nothing_falls_back_when_the_router_goes() -> None:
    pair = Pair(DEAR)
    alice, bob = pair.alice, pair.bob
    alice.links.send(bob.hash, [message(1)], pair.now)
    alice.links.shutdown(pair.now)
    pair.run()
    assert pair.dialled == ["ntcp2"]
    assert not alice.links._peers and alice.links.stats.dropped_unreachable == 1
