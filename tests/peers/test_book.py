"""Peer records: fading, pauses, bounds, persistence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.peers import book as book_module
from core.peers.book import DISPROVED_FAILURES, PeerBook
from core.peers.record import RESTART_FAILURES
from core.peers.strangers import HALF_LIFE_S

WALL_S = 1_700_000_000.0
A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


def test_an_unknown_router_is_usable_and_weighs_one() -> None:
    book = PeerBook()
    assert book.is_usable(A, 0)
    assert book.weight(A, 0) == 1.0


def test_a_decline_pauses_and_repeated_declines_pause_longer() -> None:
    book = PeerBook()
    book.note_build([A, B], [30, 0], 100)
    assert not book.is_usable(A, 119)
    assert book.is_usable(A, 120)
    assert book.is_usable(B, 100)
    for _ in range(6):
        book.note_build([A], [30], 200)
    assert not book.is_usable(A, 529)
    assert book.is_usable(A, 531)
    assert book.weight(A, 531) < 0.2 < book.weight(B, 531)
    book.note_build([A], [0], 540)
    assert book.is_usable(A, 540)


def test_lost_builds_are_shared_among_the_hops() -> None:
    book = PeerBook()
    for i in range(2):
        book.note_build([A, B, C], None, i)
    assert book.is_usable(A, 5)
    for i in range(3):
        book.note_build([A], None, 10 + i)
    assert not book.is_usable(A, 20)
    assert book.is_usable(B, 20)
    assert book.weight(A, 20) < book.weight(B, 20)
    assert book.is_usable(A, 10_000)


def test_what_happened_yesterday_is_forgotten() -> None:
    book = PeerBook()
    for i in range(30):
        book.note_build([A], [30], i)
    assert book.weight(A, 1000) < 0.05
    assert book.weight(A, 86_400) > 0.95


def test_links() -> None:
    book = PeerBook()
    book.note_connect_failed(A, 0)
    assert not book.is_usable(A, 59)
    assert book.is_usable(A, 60)
    book.note_connect_failed(A, 100)
    assert not book.is_usable(A, 219)
    book.note_connected(A, 150)
    assert book.is_usable(A, 151)
    assert book.is_connected(A)
    assert book.connected == {A}
    book.note_disconnected(A)
    assert not book.is_connected(A)
    book.note_disconnected(B)
    # What says nothing new about the router does not double its pause.
    for number in range(8):
        book.note_connect_failed(C, 200 + number, is_peers_fault=False)
    assert book.is_usable(C, 210)
    book.note_connect_failed(C, 300)
    assert not book.is_usable(C, 301)
    book.forgive_connect_failures()
    assert book.is_usable(C, 301)


def test_a_router_that_starts_again_is_tried_soon() -> None:
    book = PeerBook()
    book.note_connected(A, 0)
    book.note_disconnected(A)
    for failed_at, pause_s in ((10, 5), (20, 10), (40, 20), (80, 40), (200, 60), (300, 120)):
        book.note_connect_failed(A, failed_at)
        assert not book.is_usable(A, failed_at + pause_s - 1)
        assert book.is_usable(A, failed_at + pause_s)


def test_a_build_that_nobody_may_have_lost_is_not_blamed_on_anybody() -> None:
    book = PeerBook()
    book.note_build([], None, 1)
    assert len(book) == 0


def test_who_is_banned_is_not_used() -> None:
    book = PeerBook(is_banned=lambda router, now: router == A and now < 100)
    assert [book.is_usable(router, 99) for router in (A, B)] == [False, True]
    assert book.is_usable(A, 100)


def test_fast_routers_weigh_more() -> None:
    book = PeerBook()
    for router, rtt in ((A, 0.3), (B, 6.0)):
        for i in range(5):
            book.note_build([router], [0], i)
            book.note_test([router, C], rtt, i)
    assert book.weight(A, 10) > 2 * book.weight(B, 10)
    record = book.record(A)
    assert record is not None
    assert record.hop_rtt_s == pytest.approx(0.15)


def test_lost_tests_count_a_little() -> None:
    book = PeerBook()
    book.note_test([A, B], None, 0)
    book.note_test([], None, 0)
    assert 0.7 < book.weight(A, 0) < 1


def test_records_are_bounded_and_idle_ones_go_first() -> None:
    book = PeerBook(records_max=10)
    for i in range(10):
        book.note_build([i.to_bytes(32, "big")], [0], i)
    book.note_build([bytes(32)], [0], 10)
    book.note_build([A], [0], 11)
    assert len(book) == 10
    assert book.record(bytes(32)) is not None
    assert book.record((1).to_bytes(32, "big")) is None


def filled() -> PeerBook:
    book = PeerBook()
    for i in range(4):
        book.note_build([A, B], [0, 30], i)
    book.note_test([A], 0.2, 5)
    return book


def test_records_survive_a_restart() -> None:
    book = filled()
    restored = PeerBook()
    assert restored.load(book.dump(10, WALL_S), 1_000_000, WALL_S) == 2
    assert restored.weight(A, 1_000_000) == pytest.approx(book.weight(A, 10), rel=0.01)
    assert restored.weight(B, 1_000_000) == pytest.approx(book.weight(B, 10), rel=0.01)
    assert restored.is_usable(B, 1_000_000)


def test_who_has_served_us_is_known_after_a_restart() -> None:
    book = filled()
    assert list(book.served) == [A]
    restored = PeerBook()
    restored.load(book.dump(10, WALL_S), 5, WALL_S + 86_400)
    assert restored.served == (A,)
    assert restored.has_served(A) and restored.is_proven(A)
    assert not restored.has_served(B)
    for _ in range(4):
        book.note_build([A], [30], 20)
    restored = PeerBook()
    restored.load(book.dump(30, WALL_S), 5, WALL_S)
    assert not restored.served, "it has let us down"


def test_records_fade_between_two_runs() -> None:
    book = filled()
    restored = PeerBook()
    restored.load(book.dump(10, WALL_S), 5, WALL_S + 1800)
    assert restored.weight(B, 5) == pytest.approx(book.weight(B, 10 + 1800), rel=0.01)
    assert restored.weight(B, 5) > book.weight(B, 10)
    # A clock that was set back in between makes nobody younger than now.
    restored = PeerBook()
    restored.load(filled().dump(10, WALL_S), 5, WALL_S - 86_400)
    assert restored.weight(B, 5) == pytest.approx(filled().weight(B, 10), rel=0.01)


def test_what_is_known_already_is_not_replaced_by_a_file() -> None:
    restored = PeerBook()
    restored.note_build([A], [0], 5)
    known = restored.record(A)
    assert restored.load(filled().dump(10, WALL_S), 6, WALL_S) == 1
    assert restored.record(A) is known


def test_the_latest_records_are_dumped_and_no_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book_module, "DUMPED_MAX", 3)
    book = PeerBook()
    routers = [bytes((i,)) * 32 for i in range(5)]
    for router in routers:
        book.note_build([router], [0], 1)
    restored = PeerBook(records_max=2)
    data = book.dump(2, WALL_S)
    assert restored.load(data, 2, WALL_S) == 2
    restored = PeerBook()
    assert restored.load(data, 2, WALL_S) == 3
    assert [restored.record(router) is not None for router in routers] == [False] * 2 + [True] * 3


@pytest.mark.parametrize("position", [0, 5, 20, 40, 100, -40, -1])
def test_a_damaged_dump_is_refused(position: int) -> None:
    data = bytearray(filled().dump(10, WALL_S))
    data[position] ^= 4
    for bad in (bytes(data), bytes(data[:position])):
        book = PeerBook()
        with pytest.raises(DecodeError):
            book.load(bad, 0, WALL_S)
        assert len(book) == 0


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_junk_files(data: bytes) -> None:
    book = PeerBook()
    try:
        book.load(data, 0, WALL_S)
    except DecodeError:
        assert len(book) == 0


def test_who_is_proven_outlives_strangers_and_is_known_until_it_fails() -> None:
    book = PeerBook(records_max=50)
    linked, hop, tested, told = (bytes((letter,)) * 32 for letter in b"lhtd")
    book.note_connected(linked, 0.0)
    book.note_disconnected(linked)
    book.note_build([hop, b"x" * 32], [0, 30], 1.0)
    book.note_test([tested], 0.2, 2.0)
    book.prove([told])
    assert list(book.proven) == [linked, hop, tested, told]
    for number in range(500):
        book.note_connect_failed(number.to_bytes(32, "big"), 3.0 + number)
    assert len(book) == 50
    assert book.record(linked) and book.record(hop) and book.record(tested)
    for number in range(DISPROVED_FAILURES):
        assert book.is_proven(linked)
        book.note_connect_failed(linked, 600.0 + number)
    assert not book.is_proven(linked)
    assert list(book.proven) == [hop, tested, told]


def test_proven_routers_are_bounded_and_linked_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.peers.book.PROVEN_MAX", 3)
    book = PeerBook()
    names = [bytes((number,)) * 32 for number in range(6)]
    book.note_connected(names[0], 0.0)
    book.prove(names[1:5])
    assert list(book.proven) == [names[0], names[3], names[4]]
    book.note_connected(names[3], 1.0)
    book.note_connected(names[4], 1.0)
    book.prove([names[5]])
    assert not book.is_proven(names[5])


def test_who_had_a_link_may_be_restarting_for_a_while() -> None:
    book = PeerBook()
    linked, told = b"l" * 32, b"t" * 32
    book.prove([linked, told])
    book.note_connected(linked, 0.0)
    book.note_disconnected(linked)
    assert not book.is_restarting(linked, 1.0), "nothing failed yet"
    now = 1.0
    for _ in range(RESTART_FAILURES):
        book.note_connect_failed(linked, now)
        book.note_connect_failed(told, now)
        assert book.is_restarting(linked, now) and not book.is_restarting(told, now)
        assert book.is_proven(linked)
        now += 1
    book.note_connect_failed(linked, now)
    assert not book.is_restarting(linked, now), "by now it is gone"


def test_strangers_are_rated_together() -> None:
    book = PeerBook()
    assert book.strangers_rate == 1.0
    for number in range(20):
        stranger = number.to_bytes(32, "big")
        book.note_build([stranger], None, float(number), stranger, 8.0)
    assert book.strangers_rate < 0.25
    for number in range(100, 200):
        stranger = number.to_bytes(32, "big")
        book.note_build([stranger], [0], float(number), stranger, 0.5)
    assert book.strangers_rate > 0.8


@pytest.mark.parametrize(("later_s", "failures"), [(0, 9), (2 * HALF_LIFE_S, 4)])
def test_a_flood_of_strangers_is_noticed_after_a_few_builds(later_s: float, failures: int) -> None:
    book = PeerBook()
    for number in range(200):
        book.note_build([number.to_bytes(32, "big")], [0], float(number), None, 0.5)
    assert book.untried_rate == book.strangers_rate == 1.0
    for number in range(1000, 1000 + failures):
        stranger = number.to_bytes(32, "big")
        book.note_build([stranger], None, 200 + later_s, stranger, 8.0)
    assert book.untried_rate < 0.5
    assert book.strangers_rate < 0.5


def test_only_what_a_test_passed_through_has_served() -> None:
    book = PeerBook()
    dialled, accepting, good = b"d" * 32, b"a" * 32, b"g" * 32
    book.note_connected(dialled, 0.0)
    book.note_build([accepting, good], [0, 0], 1.0, accepting, 0.5)
    assert all(map(book.is_proven, (dialled, accepting, good)))
    book.note_test([accepting], None, 2.0, 8.0)
    book.note_test([good], 0.2, 2.0)
    assert list(book.served) == [good]
    assert book.has_served(good) and not book.has_served(accepting)


def test_who_lets_us_down_again_and_again_serves_no_more() -> None:
    book = PeerBook()
    losing, declining = b"l" * 32, b"d" * 32
    book.note_test([losing, declining], 0.2, 0.0)
    for number in range(3):
        book.note_build([losing], None, float(number), losing, 8.0)
        book.note_build([declining], [30], float(number), declining, 0.5)
    assert not book.has_served(losing) and book.has_served(declining)
    book.note_build([declining], [30], 4.0, declining, 0.5)
    assert book.served == ()
    book.note_test([losing], 0.2, 5.0)
    assert book.has_served(losing)


def test_those_that_served_do_not_count_as_strangers() -> None:
    book = PeerBook()
    good = b"g" * 32
    book.note_test([good], 0.2, 0.0)
    for number in range(10):
        book.note_build([good], [30 if number % 2 else 0], float(number), good, 0.5)
    assert book.untried_rate == 1.0
    for number in range(10):
        book.note_build([number.to_bytes(32, "big")], [30], float(number), None, 0.5)
    assert book.untried_rate < 0.25
