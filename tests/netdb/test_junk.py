"""Nothing that arrives makes a NetDb raise, stand still or grow without bound."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from core.i2np.database import DatabaseSearchReply, DatabaseStore
from core.i2np.message import MessageType
from core.netdb.events import LookupFinished
from tests.support.netdb_network import Network, build_lease_set, drain, receive

TYPES = (
    MessageType.DATABASE_STORE,
    MessageType.DATABASE_LOOKUP,
    MessageType.DATABASE_SEARCH_REPLY,
    MessageType.DELIVERY_STATUS,
)


def feed(network: Network, node_hash: bytes, message_type: int, body: bytes, flags: int) -> None:
    netdb = network.nodes[node_hash].netdb
    sender = (b"s" * 32, None, node_hash, bytes(32))[flags & 3]
    owner = "site" if flags & 4 else None
    try:
        receive(
            netdb, message_type, body, sender, network.now, via_tunnel=bool(flags & 8), owner=owner
        )
    except DecodeError:
        pass
    drain(netdb)


@given(st.sampled_from(TYPES), st.binary(max_size=600), st.integers(0, 15))
@settings(max_examples=150, deadline=None)
def test_junk_bodies(message_type: int, body: bytes, flags: int) -> None:
    network = Network()
    node = network.add(floodfill=bool(flags & 1))
    feed(network, node.hash, message_type, body, flags)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 15), st.integers(0, 2000), st.integers(0, 255)),
        max_size=12,
    ),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_damaged_messages_in_the_middle_of_lookups(
    steps: list[tuple[int, int, int, int]], seed: int
) -> None:
    network = Network(seed)
    floodfill, other = network.add(floodfill=True), network.add(floodfill=True)
    node = network.add(exploring=True)
    network.introduce(node, floodfill, other)
    keys = PrivateKeys.generate_destination(network.entropy)
    lease_set = build_lease_set(keys, network.wall.now())
    bodies = [
        (
            MessageType.DATABASE_STORE,
            DatabaseStore.of_lease_set(lease_set, 9, 1, b"g" * 32).write(),
        ),
        (MessageType.DATABASE_STORE, DatabaseStore.of_router_info(other.info).write()),
        (
            MessageType.DATABASE_SEARCH_REPLY,
            DatabaseSearchReply(keys.hash, (other.hash, node.hash, b"x" * 32), other.hash).write(),
        ),
        (
            MessageType.DATABASE_SEARCH_REPLY,
            DatabaseSearchReply(b"r" * 32, (b"y" * 32,) * 40, floodfill.hash).write(),
        ),
        (MessageType.DELIVERY_STATUS, bytes(12)),
        (MessageType.DATABASE_STORE, DatabaseStore.of_router_info(node.info).write()),
    ]
    network.loses = lambda *_: network.entropy.randbelow(2) == 0
    node.netdb.lookup_lease_set(keys.hash, "site", network.now)
    node.netdb.lookup_router(b"r" * 32, network.now)
    node.netdb.publish_router_info(node.info, network.now)
    node.netdb.publish_lease_set(lease_set, "site", network.now)
    for which, flags, position, value in steps:
        message_type, body = bodies[which]
        changed = bytearray(body)
        if position < len(changed):
            changed[position] = value
        feed(network, node.hash, message_type, bytes(changed), flags)
        network.run(0.7)
    network.run(40)
    assert node.netdb.active_lookups <= 8
    assert sum(isinstance(event, LookupFinished) for event in node.events) <= 2


def test_liar_cannot_keep_a_lookup_busy() -> None:
    network = Network()
    liar = network.add(floodfill=True)
    node = network.add()
    network.introduce(node, liar)
    node.netdb.lookup_lease_set(b"k" * 32, "site", network.now)
    drain(node.netdb)
    for round_number in range(50):
        invented = tuple(network.entropy.random_bytes(32) for _ in range(200))
        node.netdb.receive_search_reply(
            DatabaseSearchReply(b"k" * 32, invented, liar.hash), network.now, owner="site"
        )
        assert node.netdb.active_lookups <= 7, round_number
        network.run(0.1)
    network.run(16)
    assert node.netdb.active_lookups == 0


def test_search_reply_in_another_name_is_ignored() -> None:
    network = Network()
    floodfill = network.add(floodfill=True)
    node = network.add()
    network.introduce(node, floodfill)
    node.netdb.lookup_lease_set(b"k" * 32, "site", network.now)
    drain(node.netdb)
    reply = DatabaseSearchReply(b"k" * 32, (b"x" * 32,), b"somebody".ljust(32))
    node.netdb.receive_search_reply(reply, network.now, owner="site")
    genuine = DatabaseSearchReply(b"k" * 32, (), floodfill.hash)
    node.netdb.receive_search_reply(genuine, network.now, owner="another")
    node.netdb.receive_search_reply(genuine, network.now)
    assert node.netdb.stats.unsolicited == 3
    assert drain(node.netdb) == []
    node.netdb.receive_search_reply(genuine, network.now, owner="site")
    (event,) = drain(node.netdb)
    assert isinstance(event, LookupFinished)
