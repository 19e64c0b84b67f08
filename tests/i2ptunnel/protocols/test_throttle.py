"""Limits in a time: what is counted, how long a refusal lasts, what is kept."""

from __future__ import annotations

import pytest

from i2ptunnel.protocols import throttle as module
from i2ptunnel.protocols.throttle import ConnectionRate, PeriodLimit, PostThrottle

ONE, TWO, THREE = b"1" * 32, b"2" * 32, b"3" * 32


def test_per_client_and_in_all() -> None:
    rate = ConnectionRate(PeriodLimit(60, 2, 3))
    assert [rate.admit(ONE, t) for t in (0, 1, 2)] == [None, None, 58]
    assert rate.admit(TWO, 10) is None
    assert rate.admit(THREE, 20) == 40
    assert rate.admit(ONE, 60) is None, "a new period"


def test_the_longest_wait_counts_and_refusals_do_not() -> None:
    rate = ConnectionRate(PeriodLimit(60, 1, 0), PeriodLimit(3600, 2, 0))
    assert rate.admit(ONE, 0) is None
    assert rate.admit(ONE, 1) == 59
    assert rate.admit(ONE, 61) is None
    assert rate.admit(ONE, 62) == 3600 - 62
    assert rate.admit(ONE, 3700) is None


def test_no_limit() -> None:
    rate = ConnectionRate(PeriodLimit(60, 0, 0))
    assert all(rate.admit(ONE, 0) is None for _ in range(1000))


def test_bans_outlast_the_period() -> None:
    posts = PostThrottle(PeriodLimit(10, 1, 3), client_ban_s=100, total_ban_s=500)
    assert [posts.admit(ONE, t) for t in (0, 1)] == [None, 100]
    assert posts.admit(ONE, 50) == 51
    assert posts.admit(ONE, 101) is None
    assert posts.admit(TWO, 102) is None
    assert posts.admit(THREE, 103) is None
    assert posts.admit(b"4" * 32, 104) == 500
    assert posts.admit(b"5" * 32, 204) == 400, "all are refused"
    assert posts.admit(b"5" * 32, 700) is None


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLIENTS_MAX", 50)
    limit = PeriodLimit(60, 5, 0)
    rate = ConnectionRate(limit)
    admitted = sum(rate.admit(bytes([n]) * 32, 0) is None for n in range(200))
    assert admitted == 49
    assert rate.admit(b"\0" * 32, 0) is None, "who was there before goes on"
    assert rate.admit(bytes([199]) * 32, 61) is None
