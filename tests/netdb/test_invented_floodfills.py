"""Hundreds of floodfills that do not exist, with proper RouterInfos: searches get through."""

from __future__ import annotations

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.netdb.events import PublishConfirmed
from tests.support.netdb_network import Network, Node, build_lease_set, build_router_info, drain

INVENTED = 200


def poisoned() -> tuple[Network, list[Node], Node, Node]:
    """Two of three floodfills have answered before; then strangers store what they invented."""
    network = Network()
    floodfills = [network.add(floodfill=True) for _ in range(3)]
    alice, bob = network.add(), network.add()
    for node in (*floodfills, alice, bob):
        network.introduce(node, *(ff for ff in floodfills if ff is not node))
    for node in (alice, bob):
        for attempt in range(3):
            node.netdb.lookup_lease_set(bytes((attempt,)) * 32, "probe", network.now)
        network.run_until(lambda node=node: len(node.finished()) == 3)
        node.events.clear()
        for _ in range(INVENTED):
            keys = PrivateKeys.generate_router(network.entropy)
            info = build_router_info(keys, int(network.wall.now() * 1000), floodfill=True)
            # Each comes by itself: from others it would not be believed.
            store = DatabaseStore.of_router_info(info)
            node.netdb.receive_store(store, info.hash, network.now)
        drain(node.netdb)
        assert node.netdb.floodfill_count == INVENTED + 3
    return network, floodfills, alice, bob


def test_a_floodfill_that_nobody_asked_for_is_believed_only_from_itself() -> None:
    network = Network()
    node = network.add(floodfill=True)
    keys = PrivateKeys.generate_router(network.entropy)
    now_ms = int(network.wall.now() * 1000)
    usual = build_router_info(keys, now_ms - 5000)
    risen = build_router_info(keys, now_ms, floodfill=True)
    later = build_router_info(keys, now_ms + 5000, floodfill=True)

    def store(info: RouterInfo, sender: bytes | None) -> bool:
        node.netdb.receive_store(DatabaseStore.of_router_info(info), sender, network.now)
        drain(node.netdb)
        return node.netdb.get_router(keys.hash) == info

    for sender in (b"s" * 32, None):
        assert not store(risen, sender)
    assert store(usual, b"s" * 32)
    assert not store(risen, b"s" * 32)
    assert store(risen, keys.hash)
    # That it is one is known now, so newer ones are taken from everybody.
    assert store(later, b"s" * 32)
    # What was asked for is taken from whoever answers.
    other = build_router_info(PrivateKeys.generate_router(network.entropy), now_ms, floodfill=True)
    node.netdb.lookup_router(other.hash, network.now)
    node.netdb.receive_store(DatabaseStore.of_router_info(other), b"s" * 32, network.now)
    assert node.netdb.get_router(other.hash) == other


def test_publishing_and_looking_up_get_through() -> None:
    network, floodfills, alice, bob = poisoned()
    for number in range(5):
        keys = PrivateKeys.generate_destination(network.entropy)
        lease_set = build_lease_set(keys, network.wall.now())
        owner = f"site {number}"
        alice.netdb.publish_lease_set(lease_set, owner, network.now)
        network.run_until(lambda number=number: alice.count(PublishConfirmed) > number, 6.0)
        network.run(1.0)
        assert any(ff.netdb.served_lease_set_count > number for ff in floodfills)
        before = len(bob.finished())
        bob.netdb.lookup_lease_set(keys.hash, owner, network.now)
        took = network.run_until(lambda before=before: len(bob.finished()) > before)
        assert bob.finished()[-1].result == lease_set
        assert took < 3.0


def test_without_any_that_answered_the_nearest_is_asked() -> None:
    network = Network()
    floodfill, node = network.add(floodfill=True), network.add()
    network.introduce(node, floodfill)
    assert node.netdb._floodfills.next(b"k" * 32, (), (), network.now) == floodfill.info
    other = b"o" * 32
    assert node.netdb._floodfills.next(b"k" * 32, (other,), (other,), network.now) is not None
    asked = (floodfill.hash,)
    assert node.netdb._floodfills.next(b"k" * 32, asked, asked, network.now) is None


def test_those_that_were_proven_in_an_earlier_run_count_as_well() -> None:
    network = Network()
    floodfills = [network.add(floodfill=True) for _ in range(3)]
    node = network.add()
    real = {floodfill.hash for floodfill in floodfills}
    node.netdb.load_routers([floodfill.info for floodfill in floodfills], real)
    now_ms = int(network.wall.now() * 1000)
    invented = [
        build_router_info(PrivateKeys.generate_router(network.entropy), now_ms, floodfill=True)
        for _ in range(50)
    ]
    node.netdb.load_routers(invented, real)
    asked = [invented[0].hash]
    chosen = node.netdb._floodfills.next(b"k" * 32, asked, asked, network.now)
    assert chosen is not None and chosen.hash in real


def test_those_that_answered_are_asked_when_none_near_can_be_tried() -> None:
    network, floodfills, alice, _ = poisoned()
    table = alice.netdb._floodfills
    real = {floodfill.hash for floodfill in floodfills}
    alice.banned = {info.hash for info in alice.netdb.routers()} - real
    for number in range(20):
        key = bytes((number,)) * 32
        chosen = table.next(key, (), (), network.now)
        assert chosen is not None and chosen.hash in real
        asked = (chosen.hash, *sorted(alice.banned)[:1])
        following = table.next(key, asked, asked, network.now)
        assert following is not None and following.hash in real - {chosen.hash}
    for floodfill in real:
        for _ in range(5):
            table.failed(floodfill, network.now)
    assert table.next(b"k" * 32, (b"x" * 32,), (), network.now).hash in real  # type: ignore[union-attr]
