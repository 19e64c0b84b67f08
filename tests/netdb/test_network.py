"""Whole NetDb objects talking to each other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.data.lease_set import LeaseSet2
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.i2np.message import MessageType
from core.netdb.events import (
    LookupKind,
    PublishConfirmed,
    PublishFailed,
    PublishVerified,
    RepublishDue,
    SendDirect,
    SendThroughTunnel,
)
from core.netdb.lookup import DENIAL_PAUSE_MAX_S
from tests.support.netdb_network import Network, Node, build_lease_set, build_router_info


def make(floodfills: int, others: int, **options: bool) -> tuple[Network, list[Node], list[Node]]:
    """A network in which everybody knows every floodfill."""
    network = Network()
    ffs = [network.add(floodfill=True) for _ in range(floodfills)]
    nodes = [network.add(**options) for _ in range(others)]
    for node in (*ffs, *nodes):
        network.introduce(node, *(ff for ff in ffs if ff is not node))
    return network, ffs, nodes


def test_router_info_is_published_found_and_verified() -> None:
    network, ffs, (alice, bob) = make(6, 2)
    alice.netdb.publish_router_info(alice.info, network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 2)
    network.run(1.0)
    assert sum(ff.netdb.get_router(alice.hash) is not None for ff in ffs) >= 4
    request = bob.netdb.lookup_router(alice.hash, network.now)
    took = network.run_until(lambda: bool(bob.finished()))
    assert took < 1.0
    (finished,) = bob.finished()
    assert finished.request == request
    assert finished.result == alice.info
    assert bob.netdb.get_router(alice.hash) == alice.info
    network.run(30)
    assert alice.count(PublishVerified) == 1
    assert alice.count(PublishFailed) == 0


def test_lease_set_travels_only_through_tunnels() -> None:
    network, ffs, (alice, bob) = make(6, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1)
    network.run(0.5)
    assert sum(ff.netdb.served_lease_set_count for ff in ffs) == 4
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    took = network.run_until(lambda: bool(bob.finished()))
    assert took < 1.0
    (finished,) = bob.finished()
    assert finished.kind is LookupKind.LEASE_SET
    assert finished.result == lease_set
    network.run(30)
    assert alice.count(PublishVerified) == 1
    for node in (alice, bob):
        assert {way for way, _ in node.sent} == {"tunnel"}
    # Known now, but only to the owner that asked.
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    network.drain(bob)
    assert len(bob.finished()) == 2
    assert bob.netdb.get_lease_set(keys.hash, "browser") == lease_set
    assert bob.netdb.get_lease_set(keys.hash, "other") is None


class Insistent:
    """Looks for the same again half a second after it was not found."""

    def __init__(self, network: Network, node: Node, key: bytes) -> None:
        self._network = network
        self._node = node
        self._key = key
        self._began = network.now
        #: when floodfills were asked, in seconds from the beginning
        self.rounds: list[float] = []

    def ask(self) -> object:
        """What comes of it."""
        network, node = self._network, self._node
        answered, sent = len(node.finished()), len(node.sent)
        node.netdb.lookup_lease_set(self._key, "browser", network.now)
        network.drain(node)
        if len(node.sent) > sent:
            self.rounds.append(network.now - self._began)
        network.run_until(lambda: len(node.finished()) > answered, 6)
        network.run(0.5)
        return node.finished()[-1].result


def test_lookup_of_nothing_ends_soon_and_is_remembered() -> None:
    """Who asks for it again and again costs floodfills ever less."""
    network, _, (bob,) = make(4, 1)
    began = network.now
    user = Insistent(network, bob, b"n" * 32)
    while network.now < began + 150:
        assert user.ask() is None
    pauses = [after - before for before, after in pairwise(user.rounds)]
    assert pauses[0] < 5
    assert all(pause >= DENIAL_PAUSE_MAX_S for pause in pauses[5:])
    assert 8 <= len(pauses) <= 10


def test_what_was_not_there_yet_is_found_soon_after() -> None:
    network, _, (alice, bob) = make(4, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    user = Insistent(network, bob, keys.hash)
    while len(user.rounds) < 3:
        assert user.ask() is None
    lease_set = build_lease_set(keys, network.wall.now())
    published_at = network.now
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    while user.ask() != lease_set:
        assert network.now < published_at + 8


def test_silent_floodfills_cost_little() -> None:
    network, _, (alice, bob) = make(8, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    near = bob.netdb.closest_floodfills(keys.hash, 8, (), network.now)
    for info in near[:3]:
        network.nodes[info.hash].is_down = True
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1, 15)
    network.run(1)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    took = network.run_until(lambda: bool(bob.finished()))
    assert bob.finished()[0].result == lease_set
    assert took < 3.0


def test_floodfills_that_cannot_be_dialled_are_asked_last_and_through_tunnels() -> None:
    network, ffs, (alice, bob) = make(6, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1)
    network.run(1)
    near = bob.netdb.closest_floodfills(keys.hash, 6, (), network.now)
    bob.resting = {near[0].hash}
    assert bob.netdb.closest_floodfills(keys.hash, 6, (), network.now) == [*near[1:], near[0]]
    bob.resting = {ff.hash for ff in ffs}  # as after all of them began anew at once
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    took = network.run_until(lambda: bool(bob.finished()))
    assert bob.finished()[0].result == lease_set
    assert took < 3.0
    bob.banned = bob.resting
    assert not bob.netdb.closest_floodfills(keys.hash, 6, (), network.now)


def test_lost_messages_are_made_up_for() -> None:
    network, _, (alice, bob) = make(5, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    network.loses = lambda *_: network.entropy.randbelow(100) < 40
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) >= 1, 60)
    for _ in range(20):
        bob.netdb.lookup_lease_set(keys.hash, "browser", network.now, fresh=True)
        network.run(16)
    results = [finished.result for finished in bob.finished()]
    assert len(results) == 20
    assert results.count(lease_set) >= 16


def test_unknown_floodfills_of_a_search_reply_are_followed() -> None:
    network, ffs, (alice,) = make(8, 1)
    bob = network.add()
    keys = PrivateKeys.generate_destination(network.entropy)
    ranked = ffs[0].netdb.closest_floodfills(keys.hash, 8, (), network.now)
    # Bob knows only the floodfill that is farthest away from the key.
    network.introduce(bob, network.nodes[ranked[-1].hash])
    network.loses = lambda sender, router, kind: (
        kind == MessageType.DATABASE_STORE and router == ranked[-1].hash and sender is not None
    )
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1)
    network.run(0.5)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    network.run_until(lambda: bool(bob.finished()), 16)
    assert isinstance(bob.finished()[0].result, LeaseSet2)
    assert bob.netdb.router_count > 1


def test_questions_are_kept_for_near_floodfills_that_are_being_fetched() -> None:
    """Who has just begun knows a few that are far away, and these could use up all questions."""
    network, ffs, (alice,) = make(24, 1)
    bob = network.add()
    keys = PrivateKeys.generate_destination(network.entropy)
    ranked = ffs[0].netdb.closest_floodfills(keys.hash, 24, (), network.now)
    network.introduce(bob, *(network.nodes[one.hash] for one in ranked[12:]))
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1)
    network.run(0.5)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    slow_until = network.now + 1.5
    network.loses = lambda sender, router, kind: (
        kind == MessageType.DATABASE_STORE and router == bob.hash and network.now < slow_until
    )
    network.run_until(lambda: bool(bob.finished()), 16)
    assert isinstance(bob.finished()[0].result, LeaseSet2)


def test_publishing_waits_for_floodfills_and_tunnels() -> None:
    network = Network()
    ff = network.add(floodfill=True)
    alice = network.add()
    alice.has_tunnels = False
    keys = PrivateKeys.generate_destination(network.entropy)
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    alice.netdb.publish_router_info(alice.info, network.now)
    network.run(20)
    assert not alice.sent
    network.introduce(alice, ff)
    network.run(3)
    assert [event.key for event in alice.events if isinstance(event, PublishConfirmed)] == [
        alice.hash
    ]
    alice.has_tunnels = True
    network.run(3)
    assert alice.count(PublishConfirmed) == 2
    assert alice.count(PublishFailed) == 0


def test_publishing_goes_on_to_other_floodfills() -> None:
    network, _, (alice,) = make(10, 1)
    near = alice.netdb.closest_floodfills(alice.hash, 10, (), network.now)
    for info in near[:8]:
        network.nodes[info.hash].is_down = True
    alice.netdb.publish_router_info(alice.info, network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 2, 20)
    assert alice.count(PublishFailed) == 0


def test_publishing_into_a_dead_network_reports_and_recovers() -> None:
    network, ffs, (alice,) = make(3, 1)
    for ff in ffs:
        ff.is_down = True
    keys = PrivateKeys.generate_destination(network.entropy)
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    network.run(60)
    assert alice.count(PublishFailed) >= 2
    assert len(alice.sent) < 40
    for ff in ffs:
        ff.is_down = False
    network.run_until(lambda: alice.count(PublishConfirmed) >= 1, 40)


def test_store_that_is_acknowledged_but_not_kept_is_noticed() -> None:
    network, _ffs, (alice,) = make(8, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    liar = alice.netdb.closest_floodfills(keys.hash, 1, (), network.now)[0].hash
    # The liar acknowledges, and passes nothing on.
    network.loses = lambda sender, _router, kind: (
        sender == liar and kind == MessageType.DATABASE_STORE
    )
    lease_set = build_lease_set(keys, network.wall.now())
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run(90)
    assert alice.count(PublishVerified) == 1
    assert alice.count(PublishConfirmed) >= 2


def test_a_store_is_verified_from_another_subnet() -> None:
    """The nearest floodfills belong to one who acknowledges, passes nothing on, and says it did."""
    network = Network()
    floodfills = [
        network.add(floodfill=True, host=f"10.{0 if number < 6 else number}.7.{number}")
        for number in range(9)
    ]
    alice = network.add()
    for node in (*floodfills, alice):
        network.introduce(node, *(one for one in floodfills if one is not node))
    liars = {one.hash for one in floodfills[:6]}
    keys = PrivateKeys.generate_destination(network.entropy)
    while alice.netdb.closest_floodfills(keys.hash, 1, (), network.now)[0].hash not in liars:
        keys = PrivateKeys.generate_destination(network.entropy)
    network.loses = lambda sender, router, kind: (
        sender in liars and kind == MessageType.DATABASE_STORE and router not in (alice.hash, None)
    )
    lease_set = build_lease_set(keys, network.wall.now())
    for liar in floodfills[:6]:
        liar.netdb.receive_store(DatabaseStore.of_lease_set(lease_set), None, network.now)
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run(120)
    assert alice.count(PublishVerified) == 1
    honest = floodfills[6:]
    assert any(one.netdb.served_lease_set_count for one in honest)


def test_frequent_lease_changes_are_paced_but_the_last_one_wins() -> None:
    network, ffs, (alice,) = make(4, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    for _ in range(12):
        last = build_lease_set(keys, network.wall.now())
        alice.netdb.publish_lease_set(last, "site", network.now)
        network.run(2)
    network.run(60)
    stores = [kind for _, kind in alice.sent if kind == MessageType.DATABASE_STORE]
    assert 3 <= len(stores) <= 6
    bob = network.add()
    network.introduce(bob, *ffs)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    network.run(3)
    assert bob.finished()[0].result == last


def test_republishing_is_asked_for_in_time() -> None:
    network, _, (alice,) = make(4, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    alice.netdb.publish_router_info(alice.info, network.now)
    network.run(470)
    assert alice.count(RepublishDue) == 0
    network.run(30)
    assert [e.key for e in alice.events if isinstance(e, RepublishDue)] == [keys.hash]
    network.run(2100)
    due = [e.key for e in alice.events if isinstance(e, RepublishDue)]
    assert alice.hash in due
    # The lease set has ended: nobody is reminded of it any more.
    assert due.count(keys.hash) <= 3


def test_midnight_moves_everything() -> None:
    network, _, (alice,) = make(12, 1)
    network.wall.time = 1_700_006_400.0 - 300  # five minutes before 2023-11-15 00:00 UTC
    fresh = build_router_info(alice.keys, int(network.wall.now() * 1000))
    alice.netdb.start(network.now)
    alice.netdb.publish_router_info(fresh, network.now)
    network.run(60)
    before = alice.count(PublishConfirmed)
    network.run(400)
    assert alice.count(PublishConfirmed) > before


def test_what_one_router_publishes_is_not_stored_together_at_midnight() -> None:
    network, _, (alice,) = make(12, 1)
    network.wall.time = 1_700_006_400.0 - 300
    alice.netdb.start(network.now)
    owners = [f"site {number}" for number in range(6)]
    for owner in owners:
        keys = PrivateKeys.generate_destination(network.entropy)
        lease_set = build_lease_set(keys, network.wall.now())
        alice.netdb.publish_lease_set(lease_set, owner, network.now)
    network.run(290)
    sent = len(alice.sent)
    rounds = []
    for _ in range(150):
        network.run(1.0)
        stores = [kind for _, kind in alice.sent[sent:]].count(MessageType.DATABASE_STORE)
        rounds.append(stores)
        sent = len(alice.sent)
    assert sum(rounds) >= len(owners)
    assert max(rounds) <= 3
    assert sum(stores > 0 for stores in rounds) >= 4


def test_exploration_learns_the_network() -> None:
    network = Network()
    ffs = [network.add(floodfill=True) for _ in range(4)]
    nodes = [network.add() for _ in range(12)]
    newcomer = network.add(exploring=True)
    for ff in ffs:
        network.introduce(ff, *nodes, *(other for other in ffs if other is not ff))
    network.introduce(newcomer, ffs[0])
    network.run(120)
    assert newcomer.netdb.router_count >= 14
    sent = len(newcomer.sent)
    network.run(600)
    # Everybody is known: hardly a question more.
    assert len(newcomer.sent) - sent < 60


def test_next_day_floodfills_get_stores_before_midnight() -> None:
    network, ffs, (alice,) = make(20, 1)
    network.wall.time = 1_700_006_400.0 - 400
    keys = PrivateKeys.generate_destination(network.entropy)
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    network.run(5)
    assert sum(ff.netdb.served_lease_set_count for ff in ffs) == 6


@pytest.mark.parametrize("is_direct", [True, False])
def test_same_question_twice_is_one_lookup(is_direct: bool) -> None:
    network, ffs, (bob, target) = make(3, 2)
    for ff in ffs:
        network.introduce(ff, target)
    bob.netdb.lookup_router(target.hash, network.now, is_direct=is_direct)
    bob.netdb.lookup_router(target.hash, network.now, is_direct=is_direct)
    network.run(3)
    assert [f.result for f in bob.finished()] == [target.info] * 2
    kind = SendDirect if is_direct else SendThroughTunnel
    assert bob.count(kind) == 1


def test_a_refresh_wants_a_newer_router_info() -> None:
    network, ffs, (bob, target) = make(3, 2)
    network.introduce(bob, target)
    newer = build_router_info(target.keys, target.info.published_ms + 5000)
    for ff in ffs:
        ff.netdb.import_routers([newer])
    bob.netdb.lookup_router(target.hash, network.now)
    network.drain(bob)
    assert bob.finished()[0].result == target.info
    minimum = target.info.published_ms + 1
    bob.netdb.lookup_router(target.hash, network.now, published_min_ms=minimum)
    network.run(3)
    result = bob.finished()[1].result
    assert isinstance(result, RouterInfo)
    assert result == newer


@pytest.mark.parametrize("updated", [0, 1, 4])
def test_a_fresh_lookup_does_not_take_an_old_lease_set_for_the_answer(updated: int) -> None:
    """After a partition the floodfills nearest to the key may still have what is out of use."""
    network, ffs, (bob,) = make(6, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    old = build_lease_set(keys, network.wall.now())
    newer = build_lease_set(keys, network.wall.now() + 5)
    ranked = bob.netdb.closest_floodfills(keys.hash, 6, (), network.now)
    for ff in ffs:
        ff.netdb.receive_store(DatabaseStore.of_lease_set(old), None, network.now)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    network.run_until(lambda: bool(bob.finished()))
    assert bob.finished()[0].result == old
    for info in ranked[2 : 2 + updated]:
        ff = network.nodes[info.hash]
        ff.netdb.receive_store(DatabaseStore.of_lease_set(newer), None, network.now)
    sent = len(bob.sent)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now, fresh=True)
    took = network.run_until(lambda: len(bob.finished()) == 2)
    assert bob.finished()[1].result == (newer if updated else old)
    assert took < 1.5
    assert len(bob.sent) - sent <= 4
    assert bob.netdb.active_lookups == 0


def test_a_fresh_lookup_waits_for_the_silent_once_for_its_owner_looks_again_soon() -> None:
    network, ffs, (bob,) = make(6, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    old = build_lease_set(keys, network.wall.now())
    for ff in ffs:
        ff.netdb.receive_store(DatabaseStore.of_lease_set(old), None, network.now)
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now)
    network.run_until(lambda: bool(bob.finished()))
    for ff in ffs[:4]:
        ff.is_down = True
    bob.netdb.lookup_lease_set(keys.hash, "browser", network.now, fresh=True)
    took = network.run_until(lambda: len(bob.finished()) == 2, 20)
    assert bob.finished()[1].result == old
    assert took < 5.0


def test_one_that_is_not_renewed_is_found_again_at_a_lone_floodfill() -> None:
    network, _, (alice, bob) = make(1, 2)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    alice.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) == 1)
    for number in (1, 2):
        bob.netdb.lookup_lease_set(keys.hash, "browser", network.now, fresh=number > 1)
        took = network.run_until(lambda number=number: len(bob.finished()) == number)
        assert took < 1.0
    assert bob.finished()[1].result == lease_set


def test_closing_an_owner_ends_its_business() -> None:
    network, _, (alice,) = make(3, 1)
    keys = PrivateKeys.generate_destination(network.entropy)
    alice.netdb.publish_lease_set(build_lease_set(keys, network.wall.now()), "site", network.now)
    alice.netdb.lookup_lease_set(b"x" * 32, "site", network.now)
    network.drain(alice)
    alice.netdb.close_owner("site")
    sent = len(alice.sent)
    network.run(60)
    assert len(alice.sent) == sent
    assert alice.netdb.active_lookups == 0
    assert not alice.finished()


def test_a_hundred_routers_and_their_lease_sets() -> None:
    network, ffs, nodes = make(12, 40)
    keys = [PrivateKeys.generate_destination(network.entropy) for _ in nodes]
    for node, key in zip(nodes, keys, strict=True):
        lease_set = build_lease_set(key, network.wall.now())
        node.netdb.publish_lease_set(lease_set, "site", network.now)
    network.run(5)
    for index, node in enumerate(nodes):
        node.netdb.lookup_lease_set(keys[index - 1].hash, "browser", network.now)
    network.run(15)
    assert all(len(node.finished()) == 1 for node in nodes)
    assert all(node.finished()[0].result is not None for node in nodes)
    assert sum(ff.netdb.served_lease_set_count for ff in ffs) >= 3 * len(nodes)
