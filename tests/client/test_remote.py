"""Which of its leases a remote destination is reached through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from core.client.remote import PAUSE_S, Remote
from core.data.lease_set import Lease
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

WALL_MS = 1_700_000_000_000
LEASES = tuple(Lease(bytes([number]) * 32, number, WALL_MS + 500_000) for number in range(1, 5))
STATIC = bytes(32)


@dataclass
class LeaseSetOf:
    """As much of a lease set as a remote looks at."""

    leases: tuple[Lease, ...]


def remote_with(*leases: Lease) -> Remote:
    remote = Remote(bytes(32))
    lease_set: Any = LeaseSetOf(leases)
    remote.adopt(lease_set, (4, STATIC), 0.0)
    return remote


def converse(remote: Remote, answer_s: dict[Lease, float], count: int, start: float) -> list[Lease]:
    """Questions with pauses between them; the lease that each took."""
    entropy = SeededEntropy("leases")
    now, used = start, []
    for _ in range(count):
        now += PAUSE_S + 1
        remote.begin_sending(now)
        lease = remote.choose_lease(WALL_MS, entropy)
        assert lease is not None
        remote.sent_at = now
        used.append(lease)
        now += answer_s[lease]
        remote.heard(now)
    return used


def test_the_faster_leases_carry_most() -> None:
    remote = remote_with(*LEASES)
    answer_s = dict(zip(LEASES, (0.3, 0.5, 2.0, 4.0), strict=True))
    converse(remote, answer_s, 20, 100.0)
    used = converse(remote, answer_s, 400, 1000.0)
    shares = [used.count(lease) for lease in LEASES]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 140
    assert shares[3] < 50  # still tried now and then: it may have got better


def test_a_lease_in_use_stays_while_something_flows() -> None:
    remote = remote_with(*LEASES)
    entropy = SeededEntropy("flow")
    remote.sent_at = 100.0
    first = remote.choose_lease(WALL_MS, entropy)
    for step in range(200):
        now = 100.0 + step * (PAUSE_S - 0.5)
        remote.begin_sending(now)
        assert remote.choose_lease(WALL_MS, entropy) == first
        remote.sent_at = now
    # Answers alone keep it, too: a long download is nothing but acks from us.
    remote.heard_at = now + 2 * PAUSE_S
    remote.begin_sending(now + 2 * PAUSE_S + 1)
    assert remote.lease == first


def test_what_is_known_of_leases_ends_with_them() -> None:
    remote = remote_with(*LEASES[:2])
    converse(remote, dict.fromkeys(LEASES, 1.0), 20, 100.0)
    assert set(remote.answer_s) == set(LEASES[:2])
    lease_set: Any = LeaseSetOf(LEASES[1:3])
    remote.adopt(lease_set, (4, STATIC), 200.0)
    assert set(remote.answer_s) == {LEASES[1]}


def test_an_answer_after_a_failure_says_nothing() -> None:
    remote = remote_with(*LEASES)
    remote.sent_at = 100.0
    remote.begin_sending(110.0)
    remote.choose_lease(WALL_MS, SeededEntropy("lost"))
    remote.suspect_path(112.0)
    remote.choose_lease(WALL_MS, SeededEntropy("found"))
    remote.heard(113.0)
    assert remote.answer_s == {}
