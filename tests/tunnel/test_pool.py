"""Decisions of a pool: lengths, how many builds, which tunnel, back-off."""

from __future__ import annotations

from collections import Counter

import pytest

from core.tunnel.builder import BUILD_TIMEOUT_S
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.pool import HEDGE_AFTER_S, REPLACE_INTERVAL_S, PoolSide, TunnelPool
from core.tunnel.shape import TunnelShape
from core.tunnel.testing import PendingTest, blame, choose_pairs, is_due, is_failed
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("pool")
DISPATCHER = TunnelDispatcher(bytes(32), FakeWallClock(), ENTROPY)


def side(shape: TunnelShape) -> PoolSide[OutboundTunnel]:
    return PoolSide(shape, False, ENTROPY)


def outbound(now: float, number: int = 1) -> OutboundTunnel:
    hops = [bytes([number, i]) * 16 for i in range(2)]
    return OutboundTunnel("o", number, hops, [(bytes(32), bytes(32))] * 2, DISPATCHER, now)


def inbound(now: float, number: int = 1) -> InboundTunnel:
    hops = [bytes([number, i + 8]) * 16 for i in range(2)]
    return InboundTunnel("o", number, hops, 5, [(bytes(32), bytes(32))] * 2, DISPATCHER, now)


@pytest.mark.parametrize(
    ("length", "variance", "expected"),
    [
        (3, 0, {3}),
        (2, 2, {2, 3, 4}),
        (3, -1, {2, 3, 4}),
        (1, -2, {1, 2, 3}),
        (0, 0, {0}),
        (0, 1, {0, 1}),
        (7, 3, {7}),
        (9, 0, {7}),
    ],
)
def test_lengths(length: int, variance: int, expected: set[int]) -> None:
    pool = side(TunnelShape(length, 1, variance))
    count = Counter(pool.draw_length() for _ in range(300))
    assert set(count) == expected
    assert all(n > 20 for n in count.values())


def test_quantity_has_a_roof_and_backups_count() -> None:
    assert side(TunnelShape(3, 2, 0, 1)).wanted == 3
    assert side(TunnelShape(3, 99)).wanted == 16
    assert side(TunnelShape(3, -5)).wanted == 0


def test_a_pool_of_another_number_keeps_what_it_has() -> None:
    pool = side(TunnelShape(2, 2))
    for number in (1, 2):
        pool.add(outbound(0, number))
    pool.reshape(TunnelShape(2, 1), 10)
    assert (pool.wanted, pool.missing(10), len(pool.live(10))) == (1, 0, 2)
    pool.reshape(TunnelShape(2, 3), 20)
    assert pool.missing(20) == 1


def test_tunnels_of_another_length_are_replaced_but_used_until_then() -> None:
    pool = side(TunnelShape(2, 2))
    for number in (1, 2):
        pool.add(outbound(0, number))
    pool.reshape(TunnelShape(3, 2), 10)
    assert (pool.missing(10), len(pool.live(10))) == (2, 2)


def test_one_more_build_than_needed_while_nothing_works() -> None:
    pool = side(TunnelShape(3, 2))
    assert pool.missing(0) == 3
    pool.note_build(1, 0)
    assert pool.missing(0) == 1
    pool.note_build(2, 0)
    assert pool.missing(0) == 0
    assert pool.missing(2.6) == 2, "slow builds get company"


def test_a_pool_starts_until_something_works_or_speaks_against_it() -> None:
    pool = side(TunnelShape(3, 2))
    assert pool.is_starting(0)
    pool.note_build(1, 0)
    assert pool.is_starting(HEDGE_AFTER_S - 0.1)
    assert not pool.is_starting(HEDGE_AFTER_S), "one takes long"
    for failed in range(1, 5):
        assert pool.is_starting(HEDGE_AFTER_S) is (failed > 1)
        pool.note_build_end(failed, False, HEDGE_AFTER_S)
    assert not pool.is_starting(HEDGE_AFTER_S), "four failed"
    pool.add(outbound(5))
    assert not pool.is_starting(5)
    assert pool.is_starting(2000), "it has none again"


def test_hedging_has_an_end() -> None:
    pool = side(TunnelShape(3, 2))
    started = 0
    for now in range(0, 60, 3):
        for _ in range(pool.missing(now)):
            pool.note_build(started, now)
            started += 1
    assert started <= 6


def test_failures_lead_to_back_off_and_success_ends_it() -> None:
    pool = side(TunnelShape(3, 2))
    now, started = 0.0, 0
    while now < 60:
        for _ in range(pool.missing(now)):
            pool.note_build(started, now)
            pool.note_build_end(started, False, now)
            started += 1
        now += 0.05
    assert started < 60
    pool.add(outbound(now))
    pool.note_build_end(99, True, now)
    assert pool.missing(now) == 1


def test_renewal_is_spread_and_early_enough() -> None:
    renewals = []
    for number in range(40):
        pool = side(TunnelShape(3, 1))
        pool.add(outbound(0, number + 1))
        assert pool.missing(440) == 0
        moment = next(t for t in range(440, 600) if pool.missing(t))
        renewals.append(moment)
    assert max(renewals) <= 600 - 75
    assert max(renewals) - min(renewals) > 40


def test_a_failing_tunnel_is_replaced_but_not_used_first() -> None:
    pool = side(TunnelShape(3, 2))
    good, bad = outbound(0, 1), outbound(1, 2)
    pool.add(bad)
    pool.add(good)
    bad.failures = 1
    assert pool.missing(10) == 0
    assert {pool.pick(10) for _ in range(20)} == {good}
    bad.failures = 2
    assert pool.missing(10) == 1
    assert pool.live(10) == [good, bad]
    good.failures = 1
    assert {pool.pick(10) for _ in range(40)} == {good, bad}


def test_picks_prefer_the_faster_and_respect_what_to_avoid() -> None:
    pool = side(TunnelShape(3, 2))
    fast, slow = outbound(0, 1), outbound(0, 2)
    fast.rtt_s, slow.rtt_s = 0.1, 0.9
    pool.add(fast)
    pool.add(slow)
    count = Counter(pool.pick(10) for _ in range(400))
    assert count[fast] > 2 * count[slow] > 0
    assert {pool.pick(10, [fast]) for _ in range(20)} == {slow}
    assert pool.pick(10, [fast, slow]) in (fast, slow)
    assert pool.pick(590) is None


def make_pool(now: float) -> TunnelPool:
    pool = TunnelPool("o", TunnelShape(2, 2), TunnelShape(2, 2), ENTROPY)
    for number in (1, 2):
        pool.outbound.add(outbound(now, number))
        pool.inbound.add(inbound(now, number))
    return pool


def test_leases_leave_before_they_end() -> None:
    pool = make_pool(0)
    assert len(pool.live_inbound(550)) == 2
    assert pool.live_inbound(556) == []
    assert len(pool.live_outbound(570)) == 2
    assert pool.live_outbound(576) == []


def test_tests_pair_each_tunnel_once() -> None:
    pool = make_pool(0)
    assert choose_pairs(pool, 5, ENTROPY) == []
    pairs = choose_pairs(pool, 20, ENTROPY)
    assert len({o for o, _ in pairs}) == len({i for _, i in pairs}) == len(pairs) == 2


def test_traffic_makes_tests_unnecessary() -> None:
    pool = make_pool(0)
    for tunnel in [*pool.outbound.tunnels, *pool.inbound.tunnels]:
        tunnel.note_good(15)
    assert choose_pairs(pool, 20, ENTROPY) == []
    assert len(choose_pairs(pool, 31, ENTROPY)) == 2


def test_a_suspect_is_tested_with_a_good_partner() -> None:
    pool = make_pool(0)
    for tunnel in [*pool.outbound.tunnels, *pool.inbound.tunnels]:
        tunnel.note_good(19)
    suspect, bad_partner = pool.outbound.tunnels[0], pool.inbound.tunnels[1]
    suspect.failures = bad_partner.failures = 1
    pairs = choose_pairs(pool, 20, ENTROPY)
    assert (suspect, pool.inbound.tunnels[0]) in pairs
    assert (pool.outbound.tunnels[1], bad_partner) in pairs


def test_blame_spares_who_proved_itself_meanwhile() -> None:
    pool = make_pool(0)
    sender, receiver = pool.outbound.tunnels[0], pool.inbound.tunnels[0]
    test = PendingTest(pool, sender, receiver, 20)
    receiver.note_good(22)
    assert blame(test) == [sender]
    assert (sender.failures, receiver.failures) == (1, 0)
    assert not is_failed(sender, False)
    blame(PendingTest(pool, sender, receiver, 22.5))
    assert is_failed(sender, False)
    assert not is_failed(sender, True), "the last one gets another chance"
    assert is_due(receiver, 24)
    assert repr(pool) == "TunnelPool(client, 2, 2)"
    assert "hops=2" in repr(sender)


def test_a_tunnel_that_loses_far_more_than_the_best_one_is_replaced() -> None:
    pool = side(TunnelShape(2, 2))
    good, poor = outbound(0.0, 1), outbound(0.0, 2)
    pool.add(good)
    pool.add(poor)
    for now in range(1, 4):
        poor.note_lost()
        poor.note_good(now, 0.3)
        good.note_good(now, 0.3)
    assert poor.loss == pytest.approx(0.328, abs=0.001)
    assert good.loss == 0
    assert pool.poor() == {poor}
    assert pool.missing(5) == 1
    pool.note_build(1, 5)
    pool.note_build_end(1, False, 6)
    assert pool.missing(6) == 0, "one try in half a minute"
    assert pool.missing(5 + REPLACE_INTERVAL_S) == 1
    assert pool.live(5) == [good, poor]
    assert all(pool.pick(5) is good for _ in range(20))
    for _ in range(3):
        good.note_lost()
        good.note_good(5, 0.3)
    assert pool.poor() == set(), "all lose: another one would be no better"
    assert pool.missing(6) == 0


def test_a_tunnel_that_is_far_slower_than_the_best_one_is_replaced() -> None:
    pool = side(TunnelShape(2, 2))
    fast, slow = outbound(0.0, 1), outbound(0.0, 2)
    pool.add(fast)
    pool.add(slow)
    fast.note_good(1, 0.5)
    slow.note_good(1, 1.4)
    assert pool.poor() == set(), "it is not a second longer"
    slow.note_good(2, 4.0)
    assert slow.rtt_s == pytest.approx(2.05)
    assert pool.poor() == {slow}
    assert pool.missing(3) == 1
    fast.note_good(3, 3.0)
    assert pool.poor() == set(), "the partner of both was it"


def test_loss_is_forgotten() -> None:
    tunnel = outbound(0.0)
    tunnel.note_lost()
    for now in range(8):
        tunnel.note_good(now, 0.3)
    assert tunnel.loss < 0.04


def test_a_build_without_an_answer_gets_another_one_beside_it() -> None:
    """Long before it counts as lost, as far as nothing else is there."""
    pool = side(TunnelShape(2, 2))
    assert pool.missing(0.0) == 3, "nothing works: one more than needed"
    for build in range(3):
        pool.note_build(build, 0.0)
    assert pool.missing(HEDGE_AFTER_S - 0.1) == 0
    assert pool.next_check(1.0) == HEDGE_AFTER_S
    assert pool.missing(HEDGE_AFTER_S) == 2
    assert HEDGE_AFTER_S < BUILD_TIMEOUT_S
    for build in range(3, 5):
        pool.note_build(build, HEDGE_AFTER_S)
    assert pool.missing(2 * HEDGE_AFTER_S) == 1, "no more than four beyond what is wanted"
