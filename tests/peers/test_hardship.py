"""While builds and tests get lost, who has shown since then that it is there is chosen first."""

from __future__ import annotations

from core.peers.book import LIVELY_FACTOR, PeerBook
from core.peers.hardship import LAST_COUNT, LOST_MIN, Hardship

HERE, GONE, NEVER = b"h" * 32, b"g" * 32, b"n" * 32


def test_a_few_losses_among_many_answers_are_no_hardship() -> None:
    hardship = Hardship()
    for at in range(100):
        hardship.answered()
        hardship.answered()
        hardship.lost(at)
        assert hardship.since is None


def test_it_begins_with_the_first_loss_and_ends_with_answers() -> None:
    hardship = Hardship()
    for at in range(LOST_MIN - 1):
        hardship.lost(10.0 + at)
    assert hardship.since is None
    hardship.lost(20)
    assert hardship.since == 10
    hardship.lost(30)
    for _ in range(LAST_COUNT - 3):
        assert hardship.since == 10
        hardship.answered()
    for _ in range(2):
        hardship.answered()
    assert hardship.since is None


def test_it_makes_who_is_there_weigh_more() -> None:
    book = PeerBook()
    for one in (HERE, GONE):
        book.note_build([one], [0], 0, one)
    assert book.weight(HERE, 1) == book.weight(GONE, 1)
    for _ in range(2 * LOST_MIN):
        book.note_test([NEVER], None, 30, 5)
    book.note_test([HERE], 0.2, 31)
    assert book.weight(HERE, 32) > 0.9 * LIVELY_FACTOR * book.weight(GONE, 32)
    for at in range(LAST_COUNT):
        book.note_test([HERE], 0.2, 40 + at)
    assert book.weight(HERE, 50) < 2 * book.weight(GONE, 50)


def test_what_was_prevented_by_ourselves_is_no_hardship() -> None:
    book = PeerBook()
    book.note_build([HERE], [0], 0, HERE)
    for _ in range(LAST_COUNT):
        book.note_build([], None, 10)
    before = book.weight(HERE, 11)
    book.note_test([HERE], 0.2, 12)
    assert book.weight(HERE, 13) < 2 * before
