"""Neighbours that accept our link and drop our builds, as Java does while it bans us."""

from __future__ import annotations

from typing import cast

import pytest

from core.i2np.message import MessageType
from core.peers.book import PeerBook, Tier
from core.tunnel.shape import TunnelShape
from tests.tunnel.mesh import BuildFinished, Mesh, Opinions

TWO, THREE = TunnelShape(2, 2), TunnelShape(3, 3)
_BUILDS = range(MessageType.TUNNEL_BUILD, MessageType.SHORT_TUNNEL_BUILD_REPLY + 1)


class Scene:
    """Eight routers; ours is linked to three of them, and two of those (or more) drop builds."""

    def __init__(self, banning: int, linked: int = 3, count: int = 9) -> None:
        self.mesh = Mesh(count)
        self.us = self.mesh.routers[0]
        self.banning = {router.hash for router in self.mesh.routers[1 : banning + 1]}
        self.book = PeerBook()
        self.us.opinions = cast(Opinions, self.book)
        self.us.manager.selector._peers = self.book
        for router in self.mesh.routers[1 : linked + 1]:
            self.book.note_connected(router.hash, 0)
        self.unanswered: list[bytes | None] = []
        self._read = 0
        self.mesh.lost = self._is_lost

    def _is_lost(self, sender: bytes, peer: bytes, message: bytes) -> bool:
        """Between us and them no build passes, in either direction."""
        if self.us.hash not in (sender, peer) or not {sender, peer} & self.banning:
            return False
        return message[0] in _BUILDS

    def feed(self) -> bool:
        """Tell the peer book what happened, as the engine does; True if the clients are ready."""
        events = [event for _, event in self.us.events[self._read :]]
        self._read = len(self.us.events)
        for event in events:
            if isinstance(event, BuildFinished):
                self.book.note_build(
                    event.hops, event.codes, self.mesh.now, event.neighbour, event.elapsed_s
                )
                if event.codes is None:
                    self.unanswered.append(event.neighbour)
        pool = self.us.manager.pool("client")
        assert pool is not None
        now = self.mesh.now
        return len(pool.live_inbound(now)) >= 2 and len(pool.live_outbound(now)) >= 2

    def run(self, until: float, *, stop_when_ready: bool = False) -> None:
        self.mesh.run(until, lambda: self.feed() and stop_when_ready)


@pytest.fixture(autouse=True)
def _connected_by_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mesh adds to ``connected``, which the book shows as a frozen copy."""
    monkeypatch.setattr(PeerBook, "connected", property(lambda book: book._connected))


@pytest.mark.parametrize("shape", [TWO, THREE], ids=["2 hops", "3 hops"])
@pytest.mark.parametrize("banning", [2, 3])
def test_tunnels_come_up_through_others_and_nobody_else_is_blamed(
    shape: TunnelShape, banning: int
) -> None:
    scene = Scene(banning)
    manager = scene.us.manager
    manager.add_pool("exploratory", TWO, TWO, 0.0, is_exploratory=True)
    manager.add_pool("client", shape, shape, 0.0)
    scene.run(15, stop_when_ready=True)
    assert scene.mesh.now < 15, "ready through others"
    scene.run(400)
    now = scene.mesh.now
    for router in scene.mesh.routers[1:]:
        record = scene.book.record(router.hash)
        if router.hash not in scene.banning:
            assert scene.book.is_usable(router.hash, now)
            assert scene.book.tier(router.hash, now) is not Tier.FAILING
            assert record is None or record.rate > 0.75
    # Eight seconds each: few builds went to them before they were known, and none later.
    assert len(scene.unanswered) <= 12
    before = len(scene.unanswered)
    scene.run(560)
    assert len(scene.unanswered) - before <= banning + 1


def test_a_silent_neighbour_is_avoided_for_nine_minutes_and_then_tried_again() -> None:
    book = PeerBook()
    silent, good, far = (letter * 32 for letter in (b"s", b"g", b"f"))
    for number in range(10):
        book.note_build([good, far], [0, 0], number, good, 0.5)
    for number in range(3):
        book.note_build([silent, far], None, 18 + number, silent, 8.0)
    assert book.is_usable(silent, 20) and book.is_usable(far, 20), "others answered before it"
    book.note_build([good, far], [0, 30], 21, good, 0.5)
    book.note_build([silent, far], None, 22, silent, 8.0)
    assert not book.is_usable(silent, 22 + 539)
    assert book.tier(silent, 22) is Tier.FAILING
    assert book.is_usable(silent, 22 + 541)
    record = book.record(far)
    assert record is not None and record.lost == 0.0 and record.loss_streak == 0.0
    # One more is enough now; one answer is, too.
    book.note_build([good, far], [0, 0], 22 + 549, good, 0.5)
    book.note_build([silent, far], None, 22 + 550, silent, 8.0)
    assert not book.is_usable(silent, 22 + 600)
    book.note_build([silent, far], [0, 0], 22 + 601, silent, 8.0)
    assert book.is_usable(silent, 22 + 602)


def test_our_own_silence_is_nobodys_fault() -> None:
    """While no neighbour answers nobody is singled out for minutes."""
    book = PeerBook()
    neighbours = [bytes((n,)) * 32 for n in range(4)]
    for number in range(20):
        near, far = neighbours[number % 4], neighbours[(number + 1) % 4]
        book.note_build([near, far], None, number, near, 8.0)
    assert not any(
        (record := book.record(one)) is not None and record.silent_until for one in neighbours
    )


def test_where_half_of_all_builds_vanish_a_run_of_them_proves_nothing() -> None:
    book = PeerBook()
    unlucky, others = b"u" * 32, [bytes((n,)) * 32 for n in range(8)]
    for number in range(80):
        codes = None if number % 2 else [0, 0]
        book.note_build(
            [others[number // 2 % 8], b"f" * 32], codes, number, others[number // 2 % 8]
        )
    for number in range(6):
        book.note_build([unlucky, b"f" * 32], None, 60 + number, unlucky, 8.0)
    record = book.record(unlucky)
    assert record is not None and not record.silent_until


def test_the_hop_that_all_lost_builds_have_in_common_is_blamed() -> None:
    book = PeerBook()
    sink, nears = b"x" * 32, [bytes((n,)) * 32 for n in range(6)]
    for number in range(24):
        near = nears[number % 6]
        book.note_build([near, nears[(number + 1) % 6]], [0, 0], number, near, 0.5)
        book.note_build([near, sink], None, number, near, 8.0)
    assert not book.is_usable(sink, 24)
    assert all(book.is_usable(near, 24) for near in nears)
