"""Our own lease set under a wall clock that is set."""

from __future__ import annotations

import pytest

from core.client.own_lease_set import LEASE_LIFE_MAX_S, OwnLeaseSet
from core.crypto.x25519 import X25519Key
from core.data.certificate import CryptoType
from core.data.lease_set import Lease
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("own lease set")
DAY_S = 86400.0


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
