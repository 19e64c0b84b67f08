"""What this router answers, acknowledges and passes on, and what it refuses."""

from __future__ import annotations

from core.data.lease_set import LeaseSet2
from core.data.private_keys import PrivateKeys
from core.i2np.database import (
    LOOKUP_ANY,
    LOOKUP_EXPLORATION,
    LOOKUP_LEASE_SET,
    LOOKUP_ROUTER_INFO,
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import MessageType
from core.netdb.events import Event, LeaseSetStored, RouterInfoStored, SendDirect, SendToGateway
from tests.support.netdb_network import (
    Network,
    Node,
    build_lease_set,
    build_router_info,
    drain,
)

ASKER = b"a" * 32


def make(floodfill: bool = True) -> tuple[Network, Node, list[Node]]:
    network = Network()
    node = network.add(floodfill=floodfill)
    others = [network.add(floodfill=True) for _ in range(6)]
    node.netdb.import_routers(other.info for other in others)
    drain(node.netdb)
    return network, node, others


def ask(network: Network, node: Node, lookup: DatabaseLookup, sender: bytes | None) -> list[Event]:
    node.netdb.receive_lookup(lookup, sender, network.now)
    return drain(node.netdb)


def sends(events: list[Event], message_type: int) -> list[SendDirect]:
    return [e for e in events if isinstance(e, SendDirect) and e.message_type == message_type]


def test_router_lookup_found_and_not_found() -> None:
    network, node, others = make()
    lookup = DatabaseLookup(others[0].hash, ASKER, LOOKUP_ROUTER_INFO)
    (event,) = ask(network, node, lookup, ASKER)
    assert isinstance(event, SendDirect)
    assert event.router == ASKER
    assert DatabaseStore.parse(event.body).router_info() == others[0].info
    excluded = (others[1].hash, others[2].hash)
    lookup = DatabaseLookup(b"n" * 32, ASKER, LOOKUP_ROUTER_INFO, None, excluded)
    (event,) = ask(network, node, lookup, ASKER)
    assert isinstance(event, SendDirect)
    reply = DatabaseSearchReply.parse(event.body)
    assert reply.from_hash == node.hash
    assert len(reply.peers) == 3
    assert not set(reply.peers) & {*excluded, node.hash}
    nearest = node.netdb.closest_floodfills(b"n" * 32, 3, excluded, network.now)
    assert reply.peers == tuple(info.hash for info in nearest)


def test_own_router_info_is_always_given() -> None:
    network, node, _ = make(floodfill=False)
    for lookup_type in (LOOKUP_ROUTER_INFO, LOOKUP_ANY):
        (event,) = ask(network, node, DatabaseLookup(node.hash, ASKER, lookup_type), ASKER)
        assert isinstance(event, SendDirect)
        assert DatabaseStore.parse(event.body).router_info() == node.info


def test_reply_through_a_tunnel_is_sealed_when_asked() -> None:
    network, node, others = make()
    lookup = DatabaseLookup(
        others[0].hash, b"g" * 32, LOOKUP_ROUTER_INFO, 99, (), b"k" * 32, (b"t" * 8,)
    )
    (event,) = ask(network, node, lookup, None)
    assert isinstance(event, SendToGateway)
    assert (event.gateway, event.tunnel_id) == (b"g" * 32, 99)
    assert (event.reply_key, event.reply_tag) == (b"k" * 32, b"t" * 8)
    plain = DatabaseLookup(others[0].hash, b"g" * 32, LOOKUP_ROUTER_INFO, 99)
    (event,) = ask(network, node, plain, None)
    assert isinstance(event, SendToGateway)
    assert event.reply_key is None
    elgamal = DatabaseLookup(
        others[0].hash, b"g" * 32, LOOKUP_ROUTER_INFO, 99, (), b"k" * 32, (b"t" * 32,), False
    )
    assert ask(network, node, elgamal, None) == []


def test_no_answers_to_third_parties() -> None:
    network, node, others = make()
    lookup = DatabaseLookup(others[0].hash, b"v" * 32, LOOKUP_ROUTER_INFO)
    assert ask(network, node, lookup, ASKER) == []
    lookup = DatabaseLookup(others[0].hash, node.hash, LOOKUP_ROUTER_INFO)
    assert ask(network, node, lookup, None) == []
    assert ask(network, node, DatabaseLookup(bytes(32), ASKER, LOOKUP_ANY), ASKER) == []


def test_lookup_flood_is_throttled() -> None:
    network, node, others = make()
    lookup = DatabaseLookup(others[0].hash, ASKER, LOOKUP_ROUTER_INFO)
    answers = sum(len(ask(network, node, lookup, ASKER)) for _ in range(200))
    assert answers == 60
    other = DatabaseLookup(others[0].hash, b"b" * 32, LOOKUP_ROUTER_INFO)
    assert len(ask(network, node, other, b"b" * 32)) == 1
    network.run(61)
    assert len(ask(network, node, lookup, ASKER)) == 1


def test_exploration_is_for_floodfills_only() -> None:
    network, node, _ = make()
    plain = [network.add() for _ in range(5)]
    node.netdb.import_routers(other.info for other in plain)
    drain(node.netdb)
    lookup = DatabaseLookup(b"x" * 32, ASKER, LOOKUP_EXPLORATION, None, (plain[0].hash,))
    (event,) = ask(network, node, lookup, ASKER)
    assert isinstance(event, SendDirect)
    reply = DatabaseSearchReply.parse(event.body)
    assert set(reply.peers) == {other.hash for other in plain[1:]}
    network, node, _ = make(floodfill=False)
    assert ask(network, node, DatabaseLookup(b"x" * 32, ASKER, LOOKUP_EXPLORATION), ASKER) == []


def test_lease_set_store_is_acknowledged_flooded_and_served() -> None:
    network, node, _ = make()
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    store = DatabaseStore.of_lease_set(lease_set, 1234, 5, b"g" * 32)
    node.netdb.receive_store(store, None, network.now)
    events = drain(node.netdb)
    acknowledgement = events[0]
    assert isinstance(acknowledgement, SendToGateway)
    assert (acknowledgement.gateway, acknowledgement.tunnel_id) == (b"g" * 32, 5)
    assert DeliveryStatus.parse(acknowledgement.body).message_id == 1234
    assert LeaseSetStored(None, lease_set) in events
    floods = sends(events, MessageType.DATABASE_STORE)
    assert len(floods) == 3
    nearest = node.netdb.closest_floodfills(keys.hash, 3, (), network.now)
    assert [flood.router for flood in floods] == [info.hash for info in nearest]
    assert DatabaseStore.parse(floods[0].body).reply_token == 0
    # The same again: acknowledged, not flooded.
    node.netdb.receive_store(store, None, network.now)
    assert len(drain(node.netdb)) == 1
    (event,) = ask(network, node, DatabaseLookup(keys.hash, ASKER, LOOKUP_LEASE_SET), ASKER)
    assert isinstance(event, SendDirect)
    assert DatabaseStore.parse(event.body).lease_set() == lease_set
    network.wall.advance(601)
    (event,) = ask(network, node, DatabaseLookup(keys.hash, ASKER, LOOKUP_LEASE_SET), ASKER)
    assert isinstance(event, SendDirect)
    assert event.message_type == MessageType.DATABASE_SEARCH_REPLY


def test_flooded_copies_are_not_passed_on() -> None:
    network, node, others = make()
    keys = PrivateKeys.generate_destination(network.entropy)
    store = DatabaseStore.of_lease_set(build_lease_set(keys, network.wall.now()))
    node.netdb.receive_store(store, others[0].hash, network.now)
    assert [type(event) for event in drain(node.netdb)] == [LeaseSetStored]


def test_floods_of_one_key_are_throttled() -> None:
    network, node, others = make()
    keys = PrivateKeys.generate_destination(network.entropy)
    floods = 0
    for step in range(6):
        lease_set = build_lease_set(keys, network.wall.now() + step)
        store = DatabaseStore.of_lease_set(lease_set, 9, 0, others[0].hash)
        node.netdb.receive_store(store, others[0].hash, network.now)
        events = drain(node.netdb)
        floods += len(sends(events, MessageType.DATABASE_STORE))
        assert len(sends(events, MessageType.DELIVERY_STATUS)) == 1
    assert floods == 9


def test_router_store_is_acknowledged_and_flooded_but_not_to_its_sender() -> None:
    network, node, others = make()
    sender = network.add(floodfill=True)
    store = DatabaseStore.of_router_info(sender.info, 77, 0, sender.hash)
    node.netdb.receive_store(store, sender.hash, network.now)
    events = drain(node.netdb)
    assert RouterInfoStored(sender.info, True) in events
    (acknowledgement,) = sends(events, MessageType.DELIVERY_STATUS)
    assert acknowledgement.router == sender.hash
    floods = sends(events, MessageType.DATABASE_STORE)
    assert len(floods) == 3
    assert sender.hash not in {flood.router for flood in floods}
    old = build_router_info(others[0].keys, others[0].info.published_ms)
    node.netdb.receive_store(DatabaseStore.of_router_info(old, 78, 0, ASKER), ASKER, network.now)
    assert len(drain(node.netdb)) == 1


def test_no_acknowledgement_for_what_was_not_kept() -> None:
    network, node, _ = make()
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    forged = LeaseSet2.parse(lease_set.raw[:-1] + bytes([lease_set.raw[-1] ^ 1]))
    node.netdb.receive_store(DatabaseStore.of_lease_set(forged, 5, 0, ASKER), ASKER, network.now)
    wrong_key = DatabaseStore(b"w" * 32, 3, lease_set.raw, 5, 0, ASKER)
    node.netdb.receive_store(wrong_key, ASKER, network.now)
    assert drain(node.netdb) == []
    assert node.netdb.stats.refused == 1
    assert node.netdb.stats.malformed == 1


def test_token_of_all_ones_wants_no_reply() -> None:
    network, node, _ = make()
    sender = network.add()
    store = DatabaseStore.of_router_info(sender.info, 0xFFFFFFFF, 0, sender.hash)
    node.netdb.receive_store(store, sender.hash, network.now)
    assert not sends(drain(node.netdb), MessageType.DELIVERY_STATUS)


def test_a_plain_router_keeps_no_lease_sets_of_others() -> None:
    network, node, _ = make(floodfill=False)
    keys = PrivateKeys.generate_destination(network.entropy)
    store = DatabaseStore.of_lease_set(build_lease_set(keys, network.wall.now()), 5, 0, ASKER)
    node.netdb.receive_store(store, ASKER, network.now)
    assert drain(node.netdb) == []
    assert node.netdb.served_lease_set_count == 0


def test_stores_down_a_tunnel_must_have_been_asked_for() -> None:
    network, node, _ = make()
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    store = DatabaseStore.of_lease_set(lease_set, 5, 0, ASKER)
    for owner in (None, "site"):
        node.netdb.receive_store(store, None, network.now, via_tunnel=True, owner=owner)
    stranger = network.add()
    router_store = DatabaseStore.of_router_info(stranger.info, 6, 0, ASKER)
    for owner in (None, "site"):
        node.netdb.receive_store(router_store, None, network.now, via_tunnel=True, owner=owner)
    assert drain(node.netdb) == []
    assert node.netdb.stats.unsolicited == 4
    # Asked for: taken, for the owner that asked, and neither acknowledged nor served.
    node.netdb.lookup_lease_set(keys.hash, "site", network.now)
    drain(node.netdb)
    node.netdb.receive_store(store, None, network.now, via_tunnel=True, owner="site")
    assert not any(isinstance(e, SendDirect | SendToGateway) for e in drain(node.netdb))
    assert node.netdb.get_lease_set(keys.hash, "site") == lease_set
    assert node.netdb.served_lease_set_count == 0
    (event,) = ask(network, node, DatabaseLookup(keys.hash, ASKER, LOOKUP_LEASE_SET), ASKER)
    assert isinstance(event, SendDirect)
    assert event.message_type == MessageType.DATABASE_SEARCH_REPLY


def test_lease_set_that_a_correspondent_sends_along() -> None:
    network, node, _ = make(floodfill=False)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    assert node.netdb.remember_lease_set(lease_set, "site", network.now)
    assert node.netdb.remember_lease_set(lease_set, "site", network.now)
    assert node.netdb.get_lease_set(keys.hash, "site") == lease_set
    forged = LeaseSet2.parse(lease_set.raw[:-1] + bytes([lease_set.raw[-1] ^ 1]))
    assert not node.netdb.remember_lease_set(forged, "other", network.now)


def test_transports_hand_in_router_infos() -> None:
    network, node, _ = make()
    peer = network.add()
    verdict = node.netdb.receive_router_info(peer.info, peer.hash, network.now, flood=True)
    assert verdict.is_stored
    assert len(sends(drain(node.netdb), MessageType.DATABASE_STORE)) == 3
    node.netdb.receive_router_info(peer.info, peer.hash, network.now, flood=True)
    assert drain(node.netdb) == []
