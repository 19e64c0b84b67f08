"""Who is slow is waited for as long as bytes keep coming at the least rate on average."""

from __future__ import annotations

from i2ptunnel.protocols.patience import Patience


def waited_until_over(step_s: float, count: int, *, limit_s: float = 1e6) -> float:
    """How long somebody holds out who carries ``count`` bytes each ``step_s``."""
    patience, total_s = Patience(100, 120.0), 0.0
    while patience.left_s > 0 and total_s < limit_s:
        patience.note(step_s, count)
        total_s += step_s
    return total_s


def test_silence_uses_the_reserve_up() -> None:
    assert waited_until_over(1.0, 0) == 120.0


def test_a_byte_now_and_then_does_not_help() -> None:
    assert waited_until_over(1.0, 1) < 125
    assert waited_until_over(10.0, 100) <= 140
    assert waited_until_over(1.0, 50) < 250


def test_the_least_rate_is_enough_however_it_comes() -> None:
    assert waited_until_over(1.0, 100) >= 1e6
    assert waited_until_over(60.0, 6000) >= 1e6


def test_what_was_carried_before_buys_no_more_than_the_reserve() -> None:
    patience = Patience(100, 120.0)
    patience.note(1.0, 10**9)
    assert patience.left_s == 120.0
    patience.note(119.0, 0)
    assert 0 < patience.left_s <= 1.0
    patience.note(0.0, 500)
    assert 5 <= patience.left_s <= 6
