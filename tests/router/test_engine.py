"""The engine's turn: sessions that open and close, deadlines, and what rooms tell each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.base.errors import Unavailable
from core.client.config import SessionConfig
from core.data.private_keys import PrivateKeys
from core.netdb.events import AnswerForged
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.own_info import REPUBLISH_S
from core.transport.events import NetworkRestored, PeerConnected, PeerFailed, RouterInfoReceived
from core.transport.misconduct import OFFENCES_MAX
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.netdb_network import build_router_info

START_S = 1_700_000_000.0


class Scene:
    """A router that nobody can be reached from; time passes by :meth:`run_until`."""

    def __init__(self) -> None:
        self.entropy = SeededEntropy("engine")
        self.wall = FakeWallClock(START_S)
        self.now = 1.0
        config = RouterConfig(
            Path("."), network_id=77, host="127.0.0.1", allow_private_addresses=True
        )
        keys = RouterKeys.generate(self.entropy)
        self.engine = RouterEngine(config, keys, 4567, self.wall, self.entropy, self.now)
        self.turns = 0

    def run(self) -> None:
        self.engine.run(self.now)
        self.engine.ntcp2.take_commands()

    def run_until(self, end: float) -> None:
        """Turns at the deadlines that the engine tells, and nothing between."""
        self.run()
        while (at := self.engine.next_timer()) <= end:
            assert at > self.now or self.turns < 10_000, "a deadline that does not pass"
            self.wall.advance(max(0.0, at - self.now))
            self.now = max(self.now, at)
            self.turns += 1
            self.run()
        self.wall.advance(end - self.now)
        self.now = end

    def keys(self) -> PrivateKeys:
        return PrivateKeys.generate_destination(self.entropy)

    def add_routers(self, count: int) -> list[bytes]:
        infos = [
            build_router_info(
                PrivateKeys.generate_router(self.entropy),
                int(self.wall.now() * 1000),
                floodfill=True,
            )
            for _ in range(count)
        ]
        self.engine.netdb.import_routers(infos)
        return [info.hash for info in infos]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_quiet_router_turns_rarely(scene: Scene) -> None:
    scene.engine.start(scene.now)
    scene.run_until(601.0)
    # The clock is looked at every two seconds, tunnels that are missing every second.
    assert 300 <= scene.turns < 2000


def test_a_new_pool_of_tunnels_is_due_at_once(scene: Scene) -> None:
    scene.engine.start(scene.now)
    assert scene.engine.next_timer() <= scene.now
    scene.run_until(scene.now + 5)
    client = scene.engine.open_client(SessionConfig(name="a"), scene.keys(), scene.now)
    assert scene.engine.next_timer() <= scene.now
    scene.run()
    assert scene.engine.next_timer() > scene.now
    scene.engine.reshape_client(client, TunnelShape(1, 3), TunnelShape(1, 3), scene.now)
    assert scene.engine.next_timer() <= scene.now


def test_a_lookup_moves_the_deadline_without_the_engine_being_told(scene: Scene) -> None:
    scene.engine.start(scene.now)
    scene.add_routers(3)
    scene.run()
    before = scene.engine.next_timer()
    assert not scene.engine.netdb.is_rescheduled
    scene.engine.netdb.lookup_router(b"r" * 32, scene.now)
    assert scene.engine.netdb.is_rescheduled
    assert scene.engine.next_timer() <= before


def test_our_router_info_is_signed_again_in_time(scene: Scene) -> None:
    scene.engine.start(scene.now)
    scene.add_routers(2)
    first = scene.engine.router_info
    scene.run_until(scene.now + REPUBLISH_S - 10)
    assert scene.engine.router_info is first
    scene.run_until(scene.now + 20)
    assert scene.engine.router_info.published_ms > first.published_ms + 1000 * REPUBLISH_S - 20_000


def test_it_publishes_with_the_first_link_and_when_the_network_is_back(scene: Scene) -> None:
    scene.engine.start(scene.now)
    (peer,) = scene.add_routers(1)
    scene.run()
    first = scene.engine.router_info
    events = scene.engine.links._events
    events.append(PeerConnected(peer, "127.0.0.1", True))
    scene.run()
    second = scene.engine.router_info
    assert second.published_ms > first.published_ms
    assert scene.engine.peers.is_connected(peer)
    assert scene.engine.netdb.is_proven(peer)
    events.append(PeerConnected(peer, "127.0.0.1", True))
    scene.run()
    assert scene.engine.router_info is second
    events.append(NetworkRestored())
    scene.run()
    assert scene.engine.router_info.published_ms > second.published_ms


def test_a_peer_that_fails_is_avoided_if_it_is_its_fault(scene: Scene) -> None:
    peers = scene.add_routers(2)
    for peer, reason in zip(peers, ("dial_failed", "local"), strict=True):
        scene.engine.links._events.append(PeerFailed(peer, reason, 0))
    scene.run()
    assert [scene.engine.peers.is_usable(peer, scene.now) for peer in peers] == [False, True]


def test_a_destination_is_open_once(scene: Scene) -> None:
    keys = scene.keys()
    config = SessionConfig(name="a")
    client = scene.engine.open_client(config, keys, scene.now)
    with pytest.raises(Unavailable):
        scene.engine.open_client(config, keys, scene.now)
    assert list(scene.engine.clients) == [client]
    scene.engine.close_client(client, scene.now)
    again = scene.engine.open_client(config, keys, scene.now)
    # The handle of the session before does not close the one that came after it.
    scene.engine.close_client(client, scene.now)
    assert list(scene.engine.clients) == [again]
    assert scene.engine.tunnels.pool(keys.hash) is again.pool


def test_only_sessions_with_something_to_do_get_a_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [
        scene.engine.open_client(SessionConfig(name=name), scene.keys(), scene.now) for name in "ab"
    ]
    assert scene.engine.clients.touched == set(clients)
    scene.run()
    assert scene.engine.clients.touched == set()
    scene.engine.touch(clients[1])
    assert scene.engine.clients.take_touched() == [clients[1]]
    earliest = min(client.next_timer() for client in clients)
    assert scene.engine.clients.next_timer(earliest + 1) == earliest
    assert scene.engine.clients.next_timer(earliest - 1) == earliest - 1
    scene.engine.clients.touch_due(earliest)
    assert scene.engine.clients.touched


def test_a_floodfill_that_forges_answers_is_banned(scene: Scene) -> None:
    (liar, honest) = scene.add_routers(2)
    for _ in range(OFFENCES_MAX):
        scene.engine.netdb._events.append(AnswerForged(liar))
    scene.run()
    (ban,) = scene.engine.links.bans.current(scene.now)
    assert ban.key == liar and "network database" in ban.reason
    assert not scene.engine.peers.is_usable(liar, scene.now)
    assert not scene.engine.peers.is_banned(honest, scene.now)


def test_a_router_info_of_a_third_has_its_sender(scene: Scene) -> None:
    """One that a neighbour passes on counts for its network, and is no floodfill for that."""
    info = build_router_info(
        PrivateKeys.generate_router(scene.entropy), int(scene.wall.now() * 1000), floodfill=True
    )
    scene.engine.links._events.append(RouterInfoReceived(bytes(32), info, False))
    scene.run()
    assert scene.engine.netdb.get_router(info.hash) is None
    scene.engine.links._events.append(RouterInfoReceived(info.hash, info, False))
    scene.run()
    assert scene.engine.netdb.get_router(info.hash) == info
