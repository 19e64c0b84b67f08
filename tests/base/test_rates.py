"""The token bucket for actions, counting in windows, and fair shares."""

from __future__ import annotations

from core.base.rates import SOURCES_MAX, FairShares, RateMeter, TokenBucket, WindowCounter


def test_a_burst_and_then_the_rate() -> None:
    bucket = TokenBucket(2.0, 5)
    assert [bucket.take(10.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.take(11.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1000.0) for _ in range(6)] == [True] * 5 + [False]


def test_token_bucket_refills_to_its_burst_and_knows_debt() -> None:
    bucket = TokenBucket(100, 200)
    assert bucket.balance(0) == 200
    bucket.spend(500, 0)
    assert bucket.balance(1) == -200
    ready_at = bucket.ready_at(1)
    assert bucket.balance(ready_at - 0.02) <= 0 < bucket.balance(ready_at)
    assert bucket.balance(100) == 200
    bucket.spend(150, 100)
    assert bucket.balance(50) == 50  # a clock that is set back earns nothing
    assert bucket.balance(51) == 150  # and goes on from there


def test_debt_has_a_bound_and_costs_differ() -> None:
    bucket = TokenBucket(10, 20)
    assert bucket.spend(100, 0, debt_max=5) == -5
    assert not bucket.take(1.0, 6)
    assert bucket.take(1.0, 5)
    assert bucket.balance(1.0) == 0


def test_windows_are_counted_apart_or_slide() -> None:
    counter, sliding = WindowCounter(10.0), WindowCounter(10.0, slides=True)
    for now in (0.0, 1.0, 2.0):
        counter.count("a", now)
        sliding.count("a", now)
    assert counter.count("a", 11.0) == 1
    assert sliding.count("a", 15.0) == 3 + 1
    assert sliding.count("a", 20.0) == 1 + 2
    assert sliding.counted("b", 20.0) == 0
    assert sliding.count("a", 200.0) == 1
    assert counter.ends_in(14.0) == 7.0
    assert counter.ends_in(99.0) == 0.0


def test_too_many_keys_begin_a_new_window_early() -> None:
    counter = WindowCounter(10.0, keys_max=2)
    sliding = WindowCounter(10.0, keys_max=2, slides=True)
    for one in (counter, sliding):
        assert [one.count(key, 0.0) for key in "aaba"] == [1, 2, 1, 3]
        assert (one.is_full("a"), one.is_full("c")) == (False, True)
        assert one.count("c", 1.0) == 1
    assert counter.counted("a", 1.0) == 0
    # Those that fill it do not get rid of what they did.
    assert sliding.counted("a", 1.0) == 3


def granted(
    shares: FairShares, rates: dict[tuple[object, ...], int], seconds: int
) -> dict[tuple[object, ...], float]:
    """The part that each path gets of what it asks, in units per second."""
    got = dict.fromkeys(rates, 0)
    for step in range(seconds * 100):
        for path, rate in rates.items():
            for _ in range(rate * (step + 1) // 100 - rate * step // 100):
                got[path] += shares.take(path, 1.0, 100.0 + step / 100)
    return {path: got[path] / (rates[path] * seconds) for path in rates}


def test_all_of_it_is_for_whoever_is_alone() -> None:
    got = granted(FairShares(100.0), {("a",): 90}, 5)
    assert got["a",] == 1.0
    got = granted(FairShares(100.0), {("a",): 1000}, 20)
    assert 0.1 <= got["a",] < 0.12


def test_who_asks_little_gets_it() -> None:
    got = granted(FairShares(100.0), {("a",): 5000, ("b",): 2000, ("c",): 20, ("d",): 5}, 10)
    assert got["c",] == got["d",] == 1.0
    assert got["a",] < 0.02


def test_shares_of_a_group_are_shared_again() -> None:
    rates: dict[tuple[object, ...], int] = {("x", number): 300 for number in range(30)}
    got = granted(FairShares(300.0), rates | {("x", "quiet"): 1, ("y", "other"): 90}, 10)
    assert got["x", "quiet"] == got["y", "other"] == 1.0


def test_above_its_share_a_source_is_thinned_evenly() -> None:
    """Not first come first served: an honest one among many gets through by trying again."""
    shares = FairShares(100.0)
    granted(shares, {("a",): 1000}, 5)
    taken = [shares.take(("a",), 1.0, 105.0 + n / 1000) for n in range(5000)]
    gaps = "".join("x" if one else "." for one in taken).split("x")
    assert max(map(len, gaps)) <= 25
    assert 450 <= sum(taken) <= 550


def test_sources_told_apart_are_bounded() -> None:
    shares, refused = FairShares(1000.0), 0
    for number in range(3 * SOURCES_MAX):
        refused += not shares.take((number,), 1.0, 100.0)
    assert len(shares._root.members) <= SOURCES_MAX
    assert refused > 0
    # The whole is never overdrawn by more than can be saved up.
    assert shares._root.tokens >= -shares._root.room
    shares.take(("late",), 1.0, 110.0)
    assert len(shares._root.members) == 1


def test_a_meter_follows_the_rate_within_its_window() -> None:
    meter, total = RateMeter(), 5_000
    assert meter.read(total, 100.0) == 0.0
    rates = []
    for second in range(1, 61):
        total += 1000
        rates.append(meter.read(total, 100.0 + second))
    assert rates == sorted(rates)
    assert rates[14] > 600
    assert 980 < rates[-1] <= 1000
    # A pause longer than the window: what was before it no longer counts.
    assert meter.read(total + 2000, 260.0) == 20.0


def test_a_meter_read_twice_at_once_says_the_same() -> None:
    meter = RateMeter()
    meter.read(0, 100.0)
    rate = meter.read(8000, 101.0)
    assert rate == meter.read(9000, 101.2) > 0
