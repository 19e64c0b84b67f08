"""The four tiers of routers, by what we measured of them alone (specs: peer-selection).

Nothing that a router says of itself counts: answers to builds of ours, tests of tunnels through it,
and what those tunnels have carried. The measures fade, and so do the tiers.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from statistics import median

from core.peers.record import RATE_FAILING, PeerRecord

INTERVAL_S = 45.0
"""How often routers are sorted anew (Java: 45 s)."""
FAST_MAX, HIGH_CAPACITY_MAX = 75, 150
"""Java: the same, so that a large network does not lean on few, nor on everybody."""
ACCEPTED_MIN = 1.0
"""Builds that it agreed to of late; fewer tell nothing."""


class Tier(IntEnum):
    """The better the higher."""

    FAILING = 0
    NOT_FAILING = 1
    HIGH_CAPACITY = 2
    FAST = 3

    @property
    def word(self) -> str:
        """For people and programs."""
        return self.name.lower()


class Tiers:
    """Who is in the two upper tiers. Times are monotonic seconds."""

    __slots__ = ("_due_at", "fast", "high_capacity")

    def __init__(self) -> None:
        self.fast: frozenset[bytes] = frozenset()
        self.high_capacity: frozenset[bytes] = frozenset()
        """The fast ones among them."""
        self._due_at = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it is time for :meth:`sort`."""
        return now >= self._due_at

    def sort(self, records: Iterable[tuple[bytes, PeerRecord]], now: float) -> None:
        """High capacity: who agrees as often as the median of all that agreed of late, or more.

        Fast: of these who has carried as much as their median for us, or more; where nothing has
        been carried, who adds as little to a round trip.
        """
        self._due_at = now + INTERVAL_S
        active: list[tuple[bytes, PeerRecord]] = []
        for router_hash, record in records:
            if record.accepted < ACCEPTED_MIN:
                continue
            record.fade(now)
            if record.accepted >= ACCEPTED_MIN and record.rate > RATE_FAILING:
                active.append((router_hash, record))
        if not active:
            self.fast = self.high_capacity = frozenset()
            return
        least = median(record.rate for _, record in active)
        able = [one for one in active if one[1].rate >= least]
        able.sort(key=lambda one: (-one[1].rate, one[0]))
        del able[HIGH_CAPACITY_MAX:]
        self.high_capacity = frozenset(router_hash for router_hash, _ in able)
        measured = [one for one in able if one[1].hop_rtt_s is not None]
        if not measured:
            self.fast = frozenset()
            return
        slowest = median(record.speed for _, record in measured)
        fast = [one for one in measured if one[1].speed >= slowest]
        fast.sort(key=lambda one: (-one[1].speed, one[0]))
        self.fast = frozenset(router_hash for router_hash, _ in fast[:FAST_MAX])

    def of(self, router_hash: bytes, record: PeerRecord | None, now: float) -> Tier:
        """The tier of a router, whose record is given if there is one."""
        if record is not None and record.is_failing(now):
            return Tier.FAILING
        if router_hash in self.fast:
            return Tier.FAST
        return Tier.HIGH_CAPACITY if router_hash in self.high_capacity else Tier.NOT_FAILING
