"""Neighbours that accept our link and drop our builds, as Java does while it bans us."""

from __future__ import annotations

from typing import cast

import pytest

from core.i2np.message import MessageType
from core.peers.book import PeerBook
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
            assert record is None or record.rate > 0.75
    # Eight seconds each: few builds went to them before they were known, and none later.
    assert len(scene.unanswered) <= 12
    before = len(scene.unanswered)
    scene.run(560)
    assert len(scene.unanswered) - before <= 2 * banning, "each is tried again now and then"


def test_a_silent_neighbour_is_avoided_for_longer_each_time() -> None:
    book = PeerBook()
    silent, good, far = (letter * 32 for letter in (b"s", b"g", b"f"))
    for number in range(10):
        book.note_build([good, far], [0, 0], number, good, 0.5)
    for number in range(3):
        book.note_build([silent, far], None, 18 + number, silent, 8.0)
    assert book.is_usable(silent, 20) and book.is_usable(far, 20), "others answered before it"
    book.note_build([good, far], [0, 30], 21, good, 0.5)
    book.note_build([silent, far], None, 22, silent, 8.0)
    assert not book.is_usable(silent, 22 + 59)
    record = book.record(far)
    assert record is not None and record.lost == 0.0 and record.loss_streak == 0.0
    # From now on one more is enough, and what was under way at the verdict does not count.
    now = 22.0
    for avoided_s in (60, 120, 240, 480, 540, 540):
        book.note_build([silent, far], None, now + 1, silent, 8.0)
        record = book.record(silent)
        assert record is not None and record.silent_until == now + avoided_s
        now += avoided_s + 9
        book.note_build([good, far], [0, 0], now - 1, good, 0.5)
        book.note_build([silent, far], None, now, silent, 8.0)
    # One answer ends it all.
    book.note_build([silent, far], [0, 0], now + 1, silent, 8.0)
    assert book.is_usable(silent, now + 2)
    book.note_build([silent, far], None, now + 20, silent, 8.0)
    assert book.is_usable(silent, now + 21)


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


def _is_avoided(book: PeerBook, router_hash: bytes) -> bool:
    record = book.record(router_hash)
    return record is not None and record.silent_until > 0


def test_routers_that_begin_to_answer_one_after_the_other_soon_count_again() -> None:
    """Java answers no build in its first 90 s; a network that starts together looks like this."""
    book = PeerBook()
    begins = {bytes((n,)) * 32: 85.0 + 12 * n for n in range(4)}
    for second in range(2, 240, 2):
        for near, begin in begins.items():
            if not book.is_usable(near, second - 8):
                continue
            codes = [0, 0] if second - 8 >= begin else None
            book.note_build([near, b"f" * 32], codes, second, near, 0.5 if codes else 8.0)
    for near, begin in begins.items():
        record = book.record(near)
        assert record is not None and record.silent_until < begin + 61


def test_a_loss_that_all_share_singles_nobody_out() -> None:
    """Most neighbours restart; the first to answer again does not put the others in the wrong."""
    book = PeerBook()
    nears = [bytes((n,)) * 32 for n in range(4)]
    for number in range(40):
        book.note_build([nears[number % 4]], [0], number, nears[number % 4], 0.5)
    for number in range(4):
        for near in nears:
            book.note_build([near], None, 50 + number, near, 8.0)
    book.note_build([nears[0]], [0], 55, nears[0], 0.5)
    for near in nears[1:]:
        book.note_build([near], None, 56, near, 8.0)
        assert not _is_avoided(book, near)


def _lost_at(book: PeerBook, silent: bytes, sent_at: list[float]) -> bool:
    """Builds through ``silent`` are lost while another neighbour answers each of its own."""
    good = b"g" * 32
    for number in range(10):
        book.note_build([good], [0], number * 0.1, good, 0.05)
    for at in sent_at:
        book.note_build([good], [0], at + 7, good, 0.5)
        book.note_build([silent], None, at + 8, silent, 8.0)
    return _is_avoided(book, silent)


def test_builds_sent_together_count_once() -> None:
    silent = b"s" * 32
    assert not _lost_at(PeerBook(), silent, [10, 10.1, 10.2, 10.3, 10.4])
    assert _lost_at(PeerBook(), silent, [10, 11, 12, 13, 14])


def test_what_was_sent_before_the_link_came_back_does_not_count() -> None:
    silent = b"s" * 32
    for linked_at, is_avoided in ((9, True), (14.5, False)):
        book = PeerBook()
        book._silence._neighbour(silent)
        book.note_connected(silent, linked_at)
        assert _lost_at(book, silent, [10, 11, 12, 13, 14]) is is_avoided


def test_a_build_that_the_tunnel_at_its_other_end_may_have_lost_accuses_nobody() -> None:
    """The neighbour is named only if that tunnel is known to have worked since."""
    for works in (False, True):
        scene = Scene(0)
        manager = scene.us.manager
        manager.add_pool("exploratory", TWO, TWO, 0.0, is_exploratory=True)
        manager.add_pool("client", TWO, TWO, 0.0)
        scene.run(15, stop_when_ready=True)
        scene.run(40)
        pool = manager.pool("client")
        assert pool is not None
        now = scene.mesh.now
        assert manager.builder.start(pool, None, True, now)
        assert manager.builder.start(pool, None, False, now)
        if works:
            for tunnel in [*pool.inbound.tunnels, *pool.outbound.tunnels]:
                tunnel.note_good(now + 1)
        manager.builder.expire(now + 8)
        lost = []
        while (event := manager.next_event()) is not None:
            if isinstance(event, BuildFinished):
                lost.append(event.neighbour)
        assert len(lost) >= 2
        assert all((neighbour is not None) is works for neighbour in lost)
