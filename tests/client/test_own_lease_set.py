"""Our own lease set under a wall clock that is set."""

from __future__ import annotations

import pytest

from core.client.own_lease_set import FIRST_AGAIN_S, LEASE_LIFE_MAX_S, SETTLE_S, OwnLeaseSet
from core.crypto.x25519 import X25519Key
from core.data.certificate import CryptoType
from core.data.lease_set import Lease
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("own lease set")
DAY_S = 86400.0


def lease(number: int, wall: FakeWallClock) -> Lease:
    return Lease(bytes([number]) * 32, number, int((wall.now() + 600) * 1000))


def test_one_follows_the_first_also_if_others_came_in_between() -> None:
    """Of two lives within a second the later one's lease set has a later date in the end."""
    wall = FakeWallClock()
    keys, static = PrivateKeys.generate(ENTROPY), X25519Key.generate(ENTROPY)
    now = 0.0
    last_dates = []
    for _ in range(2):
        own = OwnLeaseSet(keys, [(CryptoType.X25519, static.public)], True, wall, ENTROPY)
        began, tunnels, dates = now, [], []
        for number in (1, 2, 3):
            tunnels.append(lease(number, wall))
            own.tunnels_changed(now)
            assert own.due_at is not None
            wall.advance(own.due_at - now)
            now = own.due_at
            built = own.build_over(tunnels, now)
            assert built is not None
            dates.append(built.published_ms)
            assert own.is_urgent == (number == 1)
        assert now == began + 2 * SETTLE_S
        last_dates.append(dates[-1])
    assert last_dates[1] <= last_dates[0] + 1000, "nobody keeps such a one"
    assert own.due_at == began + FIRST_AGAIN_S
    wall.advance(own.due_at - now)
    now = own.due_at
    again = own.build_over(tunnels, now)
    assert again is not None and own.is_urgent and own.due_at is None
    assert again.published_ms > last_dates[0] + 1000
    own.tunnels_changed(now)
    assert own.build_over(tunnels, now + SETTLE_S) is not None
    assert not own.is_urgent


@pytest.mark.parametrize("set_by_s", [-400 * DAY_S, -DAY_S, -LEASE_LIFE_MAX_S, 700.0, 400 * DAY_S])
def test_leases_of_another_clock_are_left_out(set_by_s: float) -> None:
    wall = FakeWallClock()
    static = X25519Key.generate(ENTROPY)
    own = OwnLeaseSet(
        PrivateKeys.generate(ENTROPY), [(CryptoType.X25519, static.public)], True, wall, ENTROPY
    )
    before = [Lease(bytes([n]) * 32, n, int((wall.now() + 600) * 1000)) for n in (1, 2)]
    assert own.build_over(before, 0.0) is not None
    wall.advance(set_by_s)
    assert own.build_over(before, 1.0) is None
    after = [Lease(b"\3" * 32, 3, int((wall.now() + 600) * 1000))]
    built = own.build_over([*before, *after], 2.0)
    assert built is not None
    assert list(built.leases) == after
