"""Destinations that are visited again and again: their lease sets are kept fresh.

A lease set ends after ten minutes, and finding the next one costs a visitor seconds. For the few
destinations that a session visits often it is looked up ahead of time, as long as the last visit
is not long ago. Nothing of this is ever stored or shared between sessions: which sites somebody
likes is nobody's business.
"""

from __future__ import annotations

import math

from core.base.bounded import BoundedMap

FREQUENT_MAX = 8
"""Destinations that are kept fresh: each costs a lookup in ten minutes."""
VISITS_MIN = 2.0
HALF_LIFE_S = 1800.0
"""After this time a visit counts half."""
KEEP_S = 3600.0
_KNOWN_MAX = 64


class FrequentDestinations:
    """Counts visits; ``now`` is monotonic seconds."""

    __slots__ = ("_visits",)

    def __init__(self) -> None:
        self._visits: BoundedMap[bytes, tuple[float, float]] = BoundedMap(_KNOWN_MAX)

    def note_visit(self, destination_hash: bytes, now: float) -> None:
        """The application connects to the destination."""
        score, at = self._visits.get(destination_hash, (0.0, now))
        self._visits.put(destination_hash, (_faded(score, now - at) + 1.0, now))

    def forget(self, destination_hash: bytes) -> None:
        """The destination has no lease set any more: wait for the next visit."""
        self._visits.pop(destination_hash)

    def current(self, now: float) -> list[bytes]:
        """Hashes of at most ``FREQUENT_MAX`` destinations, most visited first."""
        scores = [
            (_faded(score, now - at), destination_hash)
            for destination_hash, (score, at) in self._visits.items()
            if now - at < KEEP_S
        ]
        scores.sort(reverse=True)
        return [name for score, name in scores[:FREQUENT_MAX] if score >= VISITS_MIN]


def _faded(score: float, age_s: float) -> float:
    return score * math.exp2(-age_s / HALF_LIFE_S)
