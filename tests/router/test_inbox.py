"""Who may say what: the same message, by the ways it may come."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.client.config import SessionConfig
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.garlic.cloves import Clove, Delivery
from core.garlic.one_shot import seal_one_shot
from core.garlic.router import seal_to_router
from core.i2np.database import LOOKUP_ROUTER_INFO, DatabaseLookup, DatabaseStore, DeliveryStatus
from core.i2np.message import MessageType, make_short, make_standard
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.ports import EXPLORATORY, local_clove
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.netdb_network import build_lease_set, build_router_info

PEER = b"p" * 32
TAG, KEY = b"t" * 8, b"k" * 32
START_S = 1_700_000_000.0


class Scene:
    """A floodfill with one client session; nothing it sends goes anywhere."""

    def __init__(self) -> None:
        self.entropy = SeededEntropy("inbox")
        self.wall = FakeWallClock(START_S)
        self.now = 1.0
        config = RouterConfig(
            Path("."),
            network_id=77,
            host="127.0.0.1",
            floodfill=True,
            allow_private_addresses=True,
        )
        self.keys = RouterKeys.generate(self.entropy)
        self.engine = RouterEngine(config, self.keys, 4567, self.wall, self.entropy, self.now)
        self.inbox = self.engine.inbox
        self.client: ClientEngine = self.engine.open_client(
            SessionConfig(name="here"),
            PrivateKeys.generate_destination(self.entropy),
            self.now,
        )
        self.engine.clients.take_touched()

    @property
    def dropped(self) -> tuple[int, int, int, int]:
        """Malformed, expired, of unknown type, forbidden."""
        stats = self.engine.stats
        return stats.malformed, stats.expired, stats.unknown_type, stats.forbidden

    def over_link(self, kind: int, body: bytes, ahead_s: float = 15.0) -> None:
        expires_ms = int((self.wall.now() + ahead_s) * 1000)
        self.inbox.receive_link_messages([make_short(kind, 5, expires_ms, body)], PEER, self.now)

    def through_tunnel(self, owner: object, kind: int, body: bytes, ahead_s: float = 15.0) -> None:
        expires_ms = int((self.wall.now() + ahead_s) * 1000)
        data = make_standard(kind, 5, expires_ms, body)
        self.inbox.receive_deliveries([(owner, 7, data)], self.now)

    def sealed_to_router(self, clove: Clove) -> bytes:
        """The body of a Garlic message."""
        data = seal_to_router(self.keys.crypto.public, [clove], self.entropy, self.wall)
        return len(data).to_bytes(4, "big") + data

    def clove(self, kind: int, body: bytes) -> Clove:
        return local_clove(kind, 5, int(self.wall.now()) + 15, body)

    def lease_set(self) -> DatabaseStore:
        keys = PrivateKeys.generate_destination(self.entropy)
        return DatabaseStore.of_lease_set(build_lease_set(keys, self.wall.now()), 0, 0, None)

    def is_served(self, store: DatabaseStore) -> bool:
        return self.engine.netdb._lease_sets.served.get(store.key) is not None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_store_over_a_link_is_kept(scene: Scene) -> None:
    store = scene.lease_set()
    scene.over_link(MessageType.DATABASE_STORE, store.write())
    assert scene.is_served(store)
    assert scene.dropped == (0, 0, 0, 0)


def test_a_store_sealed_for_the_router_is_kept_by_whatever_way_it_comes(scene: Scene) -> None:
    for number, send in enumerate(
        (
            lambda body: scene.over_link(MessageType.GARLIC, body),
            lambda body: scene.through_tunnel(None, MessageType.GARLIC, body),
        )
    ):
        store = scene.lease_set()
        send(scene.sealed_to_router(scene.clove(MessageType.DATABASE_STORE, store.write())))
        assert scene.is_served(store), number
    assert scene.dropped == (0, 0, 0, 0)


@pytest.mark.parametrize("is_clients", [False, True])
def test_a_store_through_a_tunnel_is_taken_only_if_asked_for(
    scene: Scene, is_clients: bool
) -> None:
    store = scene.lease_set()
    owner = scene.client.owner if is_clients else EXPLORATORY
    scene.through_tunnel(owner, MessageType.DATABASE_STORE, store.write())
    assert not scene.is_served(store)
    assert scene.engine.netdb.get_lease_set(store.key, scene.client.owner) is None
    assert scene.engine.netdb.stats.unsolicited == 1


def test_answers_reach_whose_tunnel_they_came_through(scene: Scene) -> None:
    netdb = scene.engine.netdb
    floodfill = build_router_info(
        PrivateKeys.generate_router(scene.entropy), int(START_S * 1000), floodfill=True
    )
    netdb.import_routers([floodfill])
    store = scene.lease_set()
    owner = scene.client.owner
    # A client asks through its tunnels, of which there are none: the lookup waits.
    netdb.lookup_lease_set(store.key, owner, scene.now)
    scene.through_tunnel(EXPLORATORY, MessageType.DATABASE_STORE, store.write())
    assert netdb.get_lease_set(store.key, owner) is None
    scene.through_tunnel(owner, MessageType.DATABASE_STORE, store.write())
    assert netdb.get_lease_set(store.key, owner) is not None


def test_lookups_are_not_taken_through_our_own_tunnels(scene: Scene) -> None:
    body = DatabaseLookup(b"k" * 32, PEER, LOOKUP_ROUTER_INFO).write()
    for owner in (EXPLORATORY, scene.client.owner, None):
        scene.through_tunnel(owner, MessageType.DATABASE_LOOKUP, body)
    assert scene.dropped == (0, 0, 0, 3)
    scene.over_link(MessageType.DATABASE_LOOKUP, body)
    assert scene.dropped == (0, 0, 0, 3)


def test_a_stranger_s_tunnel_brings_nothing_in_the_clear(scene: Scene) -> None:
    store = scene.lease_set()
    scene.through_tunnel(None, MessageType.DATABASE_STORE, store.write())
    scene.through_tunnel(None, MessageType.DELIVERY_STATUS, DeliveryStatus(1, 2).write())
    assert not scene.is_served(store)
    assert scene.dropped == (0, 0, 0, 2)


def test_a_sealed_answer_opens_only_for_the_owner_of_its_tunnel(scene: Scene) -> None:
    answer = scene.clove(MessageType.DATABASE_LOOKUP, b"")  # not allowed: seen in the counter
    data = seal_one_shot(TAG, KEY, [answer], scene.entropy)
    body = len(data).to_bytes(4, "big") + data
    scene.inbox.register_reply_key(scene.client.owner, TAG, KEY, scene.now)
    scene.through_tunnel(EXPLORATORY, MessageType.GARLIC, body)
    assert scene.dropped == (0, 0, 0, 0)
    scene.through_tunnel(scene.client.owner, MessageType.GARLIC, body)
    assert scene.dropped == (0, 0, 0, 1)
    assert not scene.engine.clients.touched
    # A second time nobody has the key: it is for the session, which cannot open it either.
    scene.through_tunnel(scene.client.owner, MessageType.GARLIC, body)
    assert scene.dropped == (0, 0, 0, 1)
    assert scene.engine.clients.take_touched() == [scene.client]


def test_an_owner_that_is_gone_gets_nothing(scene: Scene) -> None:
    owner = scene.client.owner
    scene.engine.close_client(scene.client, scene.now)
    scene.engine.close_client(scene.client, scene.now)
    scene.inbox.register_reply_key(owner, TAG, KEY, scene.now)
    scene.through_tunnel(owner, MessageType.GARLIC, (30).to_bytes(4, "big") + TAG + bytes(22))
    assert scene.dropped == (0, 0, 0, 0)
    assert len(scene.engine.clients) == 0
    assert not scene.engine.clients.touched


def test_cloves_for_others_are_not_passed_on(scene: Scene) -> None:
    body = DeliveryStatus(1, 2).write()
    clove = Clove(
        Delivery.ROUTER, PEER, None, MessageType.DELIVERY_STATUS, 5, int(START_S) + 15, body
    )
    scene.over_link(MessageType.GARLIC, scene.sealed_to_router(clove))
    scene.inbox.receive_clove(clove, scene.client.owner, scene.now)
    assert scene.dropped == (0, 0, 0, 2)


@pytest.mark.parametrize("ahead_s", [-61.0, 181.0])
def test_what_is_too_old_or_too_far_ahead_is_dropped(scene: Scene, ahead_s: float) -> None:
    store = scene.lease_set().write()
    scene.over_link(MessageType.DATABASE_STORE, store, ahead_s)
    scene.over_link(MessageType.TUNNEL_GATEWAY, bytes(20), ahead_s)
    scene.through_tunnel(EXPLORATORY, MessageType.DATABASE_STORE, store, ahead_s)
    scene.through_tunnel(scene.client.owner, MessageType.GARLIC, bytes(40), ahead_s)
    assert scene.dropped == (0, 4, 0, 0)


def test_what_is_broken_is_counted_and_raises_nothing(scene: Scene) -> None:
    scene.inbox.receive_link_messages([b"", b"\x01", bytes(8)], PEER, scene.now)
    assert scene.dropped == (3, 0, 0, 0)
    scene.over_link(MessageType.DATABASE_STORE, b"too short")
    scene.over_link(99, b"of no known type")
    assert scene.dropped == (4, 0, 1, 0)
    stump = make_standard(MessageType.GARLIC, 5, int(START_S * 1000), bytes(40))[:-1]
    scene.inbox.receive_deliveries(
        [(scene.client.owner, 7, stump), (None, 7, stump), (EXPLORATORY, 7, b"")], scene.now
    )
    assert scene.dropped == (7, 0, 1, 0)
