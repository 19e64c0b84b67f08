"""Floodfills that acknowledge stores and forget them: what tells them from those that keep."""

from __future__ import annotations

from core.data.private_keys import PrivateKeys
from core.i2np.database import DatabaseStore
from core.netdb.events import PublishConfirmed, SendDirect
from tests.support.netdb_network import Network, Node, build_lease_set, drain

FORGETFUL = 12
KEEPING = 3


def make() -> tuple[Network, list[Node], list[Node], Node, Node]:
    """Those that forget answer all questions, and have nothing."""
    network = Network()
    keeping = [network.add(floodfill=True) for _ in range(KEEPING)]
    alice, bob = network.add(), network.add()
    everybody = [*keeping, alice, bob]
    for node in everybody:
        network.introduce(node, *(ff for ff in keeping if ff is not node))
    for number in range(4):
        publish_and_find(network, alice, bob, number)
    forgetful = [network.add(floodfill=True) for _ in range(FORGETFUL)]
    for node in forgetful:
        node.netdb._lease_sets.add_served = refuse(node)  # type: ignore[method-assign]
        network.introduce(node, *keeping)
    for node in everybody:
        network.introduce(node, *forgetful)
    return network, keeping, forgetful, alice, bob


def refuse(node: Node):  # type: ignore[no-untyped-def]
    """Acknowledged as if it were kept."""
    add = node.netdb._lease_sets.add_served

    def add_and_forget(lease_set, wall_ms, source):  # type: ignore[no-untyped-def]
        verdict = add(lease_set, wall_ms, source)
        node.netdb._lease_sets.served._table.clear()
        return verdict

    return add_and_forget


def publish_and_find(network: Network, alice: Node, bob: Node, number: int) -> bool:
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    owner = f"site {number}"
    before = alice.count(PublishConfirmed)
    alice.netdb.publish_lease_set(lease_set, owner, network.now)
    network.run_until(lambda: alice.count(PublishConfirmed) > before, 6.0)
    network.run(3.0)
    finished = len(bob.finished())
    bob.netdb.lookup_lease_set(keys.hash, owner, network.now)
    network.run_until(lambda: len(bob.finished()) > finished, 20.0)
    return bob.finished()[-1].result == lease_set


def test_lease_sets_are_found_among_many_that_forget() -> None:
    network, keeping, forgetful, alice, bob = make()
    real = {node.hash for node in keeping}
    table = bob.netdb._floodfills
    assert 0 < table.reliable_count <= KEEPING
    assert not any(table.is_reliable(node.hash) for node in forgetful)
    found = [publish_and_find(network, alice, bob, number) for number in range(10, 30)]
    assert sum(found) >= 19, found
    assert not any(table.is_reliable(node.hash) for node in forgetful)
    assert any(table.is_reliable(one) for one in real)


def test_who_has_nothing_any_more_is_not_relied_on() -> None:
    network = Network()
    node, other = network.add(), network.add(floodfill=True)
    network.introduce(node, other)
    table = node.netdb._floodfills
    table.found(other.hash, [])
    assert table.is_reliable(other.hash)
    assert table.nearest_reliable(b"k" * 32, (), network.now) == other.info
    table.found(b"h" * 32, [other.hash])
    assert not table.is_reliable(other.hash)
    for _ in range(100):
        table.found(other.hash, [])
    for _ in range(12):
        table.found(b"h" * 32, [other.hash])
    assert not table.is_reliable(other.hash), "old experience fades"


def test_those_that_become_reliable_late_are_not_asked_in_a_row() -> None:
    network = Network()
    node = network.add()
    others = {one.hash: one for one in (network.add(floodfill=True) for _ in range(12))}
    network.introduce(node, *others.values())
    table, key = node.netdb._floodfills, b"k" * 32
    ranked = [one.hash for one in node.netdb.closest_floodfills(key, 12, (), network.now)]
    asked = ranked[4:8]
    for far in ranked[8:]:
        table.found(far, [])
    picked: list[bytes] = []
    for _ in range(4):
        exclude = {*asked, *picked}
        latest = picked[-1] if picked else asked[-1]
        info = table.next(key, [*asked, *picked], exclude, network.now, latest)
        assert info is not None
        picked.append(info.hash)
    assert picked == [ranked[8], ranked[0], ranked[9], ranked[1]]


def test_reliable_floodfills_are_known_after_a_restart() -> None:
    network = Network()
    before, after = network.add(), network.add()
    good, bad = (network.add(floodfill=True) for _ in range(2))
    before.netdb._floodfills.found(good.hash, [])
    before.netdb._floodfills.found(bad.hash, [])
    assert before.netdb.take_changes().reliable == {good.hash: True, bad.hash: True}
    before.netdb._floodfills.found(good.hash, [bad.hash])
    assert before.netdb.take_changes().reliable == {bad.hash: False}
    after.netdb.load_reliable([good.hash])
    assert after.netdb.take_changes().reliable == {}
    table = after.netdb._floodfills
    assert table.is_reliable(good.hash)
    table.found(bad.hash, [good.hash])
    assert not table.is_reliable(good.hash), "it has disappointed us"


def test_a_floodfill_passes_lease_sets_on_to_one_that_keeps_them() -> None:
    """Those that flood to us keep what they get; the nearest three may not."""
    network, keeping, _, _, _ = make()
    node, other = keeping[0], keeping[1]
    keys = PrivateKeys.generate_destination(network.entropy)
    store = DatabaseStore.of_lease_set(build_lease_set(keys, network.wall.now()))
    node.netdb.receive_store(store, other.hash, network.now)
    drain(node.netdb)
    table = node.netdb._floodfills
    assert table.is_reliable(other.hash)
    for _ in range(8):
        keys = PrivateKeys.generate_destination(network.entropy)
        lease_set = build_lease_set(keys, network.wall.now())
        plain = DatabaseStore.of_lease_set(lease_set)
        wanted = DatabaseStore(plain.key, plain.store_type, plain.data, 7, 0, b"p" * 32)
        node.netdb.receive_store(wanted, b"p" * 32, network.now)
        told = [one.router for one in drain(node.netdb) if isinstance(one, SendDirect)]
        assert any(table.is_reliable(one) for one in told)
