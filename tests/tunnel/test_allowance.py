"""What a neighbour takes, and what it is asked for."""

from __future__ import annotations

from core.tunnel.allowance import (
    BEYOND_AT_ONCE,
    FREE,
    LIMIT_S,
    OVERDRAFT_MAX_S,
    OVERDRAFT_MIN_S,
    URGENT_S,
    WINDOW_S,
    Allowance,
)

NEAR, OTHER = b"n" * 32, b"o" * 32


def spend_free(allowance: Allowance, now: float = 0.0) -> None:
    for build in range(FREE):
        assert allowance.has_room(NEAR, now)
        assert allowance.take(build, NEAR, now)
        allowance.answered(build, now)


def lose(allowance: Allowance, build: int, now: float) -> None:
    """While the link is heard."""
    allowance.lost(build, now, is_heard=True)
    allowance.forget(build)


def test_a_few_builds_are_free_and_more_go_some_at_a_time() -> None:
    allowance = Allowance()
    spend_free(allowance)
    for build in range(10, 10 + BEYOND_AT_ONCE):
        assert allowance.has_room(NEAR, 0)
        assert allowance.take(build, NEAR, 0)
    assert not allowance.has_room(NEAR, 0)
    assert allowance.has_room(OTHER, 0)
    allowance.answered(10, 1)
    assert allowance.has_room(NEAR, 1)


def test_who_answers_all_has_no_limit() -> None:
    allowance = Allowance()
    for build in range(100):
        assert allowance.has_room(NEAR, build / 10)
        assert allowance.take(build, NEAR, build / 10)
        allowance.answered(build, build / 10)


def test_a_lost_build_beyond_the_free_ones_is_the_limit_until_the_window_ends() -> None:
    allowance = Allowance()
    spend_free(allowance)
    assert allowance.take(10, NEAR, 1)
    lose(allowance, 10, 9)
    assert not allowance.has_room(NEAR, 9)
    assert allowance.has_room(NEAR, WINDOW_S + 1)


def test_a_limit_is_forgotten_after_a_while() -> None:
    allowance = Allowance()
    spend_free(allowance)
    assert allowance.take(10, NEAR, 1)
    lose(allowance, 10, 9)
    later = 9 + LIMIT_S - 1
    for build in range(20, 20 + FREE):
        assert allowance.take(build, NEAR, later)
    assert not allowance.has_room(NEAR, later)
    assert allowance.has_room(NEAR, later + 1)


def test_beyond_all_limits_builds_go_ever_more_rarely_until_one_is_answered() -> None:
    allowance = Allowance()
    spend_free(allowance)
    allowance.take(10, NEAR, 0)
    lose(allowance, 10, 0)
    now, gaps, build, last = 0.0, [], 20, 0.0
    while now < 200:
        if allowance.take(build, NEAR, now):
            assert allowance.is_beyond(build)
            lose(allowance, build, now)
            gaps.append(now - last)
            build, last = build + 1, now
        now += 0.5
    assert gaps[:4] == [0, 2 * OVERDRAFT_MIN_S, 4 * OVERDRAFT_MIN_S, 8 * OVERDRAFT_MIN_S]
    assert max(gaps) == OVERDRAFT_MAX_S
    assert allowance.take(build, NEAR, last + OVERDRAFT_MAX_S)
    allowance.answered(build, now)
    assert allowance.has_room(NEAR, last + OVERDRAFT_MAX_S)


def test_what_is_lost_while_the_link_is_dead_says_nothing() -> None:
    """An outage: the builds that follow it are not held up."""
    allowance = Allowance()
    spend_free(allowance)
    for build in range(10, 30):
        assert allowance.take(build, NEAR, build)
        assert not allowance.is_beyond(build)
        allowance.lost(build, build + 8, is_heard=False)
    assert allowance.has_room(NEAR, 40)


def test_who_is_silent_while_others_answer_is_told_from_an_outage_by_its_link() -> None:
    """All are lost, and nobody else answers either; but the neighbour is there."""
    allowance = Allowance()
    spend_free(allowance)
    assert allowance.take(10, NEAR, 10)
    allowance.lost(10, 18, is_heard=True)
    assert not allowance.has_room(NEAR, 18)


def test_an_answer_that_comes_late_takes_the_limit_back() -> None:
    """The request stuck in a link that was down for a moment."""
    allowance = Allowance()
    spend_free(allowance)
    assert allowance.take(10, NEAR, 1)
    allowance.lost(10, 9, is_heard=True)
    assert not allowance.has_room(NEAR, 9)
    allowance.answered(10, 12)
    assert allowance.has_room(NEAR, 12)
    assert allowance.take(11, NEAR, 12)
    assert not allowance.has_room(NEAR, 12)


def test_a_build_lost_elsewhere_says_nothing() -> None:
    allowance = Allowance()
    spend_free(allowance)
    for build in range(10, 10 + BEYOND_AT_ONCE):
        allowance.take(build, NEAR, 0)
        allowance.forget(build)
    assert allowance.has_room(NEAR, 0)
    assert not allowance.is_beyond(10)


def test_others_make_way_for_what_is_urgent() -> None:
    allowance = Allowance()
    spend_free(allowance)
    allowance.take(10, NEAR, 0)
    lose(allowance, 10, 0)
    assert not allowance.take(11, NEAR, 0, is_urgent=False)
    assert allowance.take(12, OTHER, 0, is_urgent=False)
    assert allowance.take(13, NEAR, 0)
    assert not allowance.take(14, NEAR, 1)
    assert not allowance.take(15, OTHER, 2, is_urgent=False)
    assert allowance.take(16, OTHER, 2)
    assert allowance.take(17, OTHER, 2 + URGENT_S, is_urgent=False)
    assert allowance.refused == 3
