"""Counting what clients do in a time, to refuse what is too much.

Time is cut into periods, and everything is forgotten at the end of each: what is kept is bounded,
and a refusal can say when it ends.
"""

from __future__ import annotations

from collections import Counter

CLIENTS_MAX = 100_000
_TOTAL = b""


class PeriodLimit:
    """At most ``per_client`` from one and ``total`` from all in each period; 0: no limit."""

    def __init__(self, period_s: float, per_client: int, total: int) -> None:
        self.period_s = period_s
        self._per_client, self._total = per_client, total
        self._counts: Counter[bytes] = Counter()
        self._ends_at = float("-inf")

    def excess(self, client: bytes, now: float) -> float | None:
        """Seconds until one more from ``client`` is allowed; None: it is. Counts nothing."""
        self._begin(now)
        counts = self._counts
        is_over = (self._per_client and counts[client] >= self._per_client) or (
            self._total and counts[_TOTAL] >= self._total
        )
        is_full = len(counts) >= CLIENTS_MAX and client not in counts
        return self._ends_at - now if is_over or is_full else None

    def is_total_over(self) -> bool:
        """Whether it is the sum of all that is too much."""
        return bool(self._total) and self._counts[_TOTAL] >= self._total

    def count(self, client: bytes, now: float) -> None:
        """One more of ``client``."""
        if self._per_client or self._total:
            self._begin(now)
            self._counts[client] += 1
            self._counts[_TOTAL] += 1

    def _begin(self, now: float) -> None:
        if now >= self._ends_at:
            self._ends_at = now + self.period_s
            self._counts.clear()


class ConnectionRate:
    """Several limits together; one that is refused counts for none of them."""

    def __init__(self, *limits: PeriodLimit) -> None:
        self._limits = limits

    def admit(self, client: bytes, now: float) -> float | None:
        """Count a new connection; else the seconds after which to try again."""
        waits = [limit.excess(client, now) for limit in self._limits]
        refused = [wait for wait in waits if wait is not None]
        if refused:
            return max(refused)
        for limit in self._limits:
            limit.count(client, now)
        return None


class PostThrottle:
    """Who sends data too often is refused for a while, which may be longer than the period."""

    def __init__(self, limit: PeriodLimit, client_ban_s: float, total_ban_s: float) -> None:
        self._limit = limit
        self._client_ban_s, self._total_ban_s = client_ban_s, total_ban_s
        self._banned: dict[bytes, float] = {}

    def admit(self, client: bytes, now: float) -> float | None:
        """Count a request with data; else the seconds after which to try again."""
        for who in (_TOTAL, client):
            until = self._banned.get(who)
            if until is not None:
                if now < until:
                    return until - now
                del self._banned[who]
        if self._limit.excess(client, now) is None:
            self._limit.count(client, now)
            return None
        is_total = self._limit.is_total_over()
        ban_s = self._total_ban_s if is_total else self._client_ban_s
        if len(self._banned) >= CLIENTS_MAX:
            self._banned = {who: until for who, until in self._banned.items() if until > now}
        if len(self._banned) < CLIENTS_MAX:
            self._banned[_TOTAL if is_total else client] = now + ban_s
        return ban_s
