"""The token bucket for actions."""

from __future__ import annotations

from core.base.rates import Bucket


def test_a_burst_and_then_the_rate() -> None:
    bucket = Bucket(2.0, 5)
    assert [bucket.take(10.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.take(11.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1000.0) for _ in range(6)] == [True] * 5 + [False]
