"""Servers of a router that was off come back some time after it, each after another.

Who watches the network database sees when routers come, and can ask all the time whether a service
is there. If both come back in the same seconds again and again, the service is at that router
(Wang et al., "Time will Tell", NDSS 2026). So the first lease set after a long pause waits for a
random time. After a short one it does not: no lease set has ended meanwhile, floodfills still show
both, and whoever restarts a server waits for it.
"""

from __future__ import annotations

from core.base.ports import Entropy

OFF_MIN_S = 900.0
"""Lease sets and what floodfills have kept of us live for ten minutes and more."""


class ServerDelay:
    """``longest_s``: what servers wait at most; 0: nothing. ``off_s``: how long the router was off,
    as far as it knows; 0 if it never ran."""

    __slots__ = ("_entropy", "_longest_s", "_started_at")

    def __init__(self, longest_s: float, off_s: float, started_at: float, entropy: Entropy) -> None:
        self._longest_s = longest_s if off_s >= OFF_MIN_S else 0.0
        self._started_at = started_at
        self._entropy = entropy

    @property
    def is_on(self) -> bool:
        """Whether servers wait."""
        return self._longest_s > 0

    def draw(self) -> float:
        """When the next server may be published first; monotonic seconds."""
        part = self._entropy.randbelow(1 << 32) / (1 << 32)
        return self._started_at + part * self._longest_s
