"""Counting what clients do in a time, to refuse what is too much.

Time is cut into periods, and everything is forgotten at the end of each: what is kept is bounded,
and a refusal can say when it ends.
"""

from __future__ import annotations

from core.base.rates import WindowCounter

CLIENTS_MAX = 100_000
_TOTAL = b""


class PeriodLimit:
    """At most ``per_client`` from one and ``total`` from all in each period; 0: no limit."""

    def __init__(self, period_s: float, per_client: int, total: int) -> None:
        self.period_s = period_s
        self._per_client, self._total = per_client, total
        self._counts = WindowCounter(period_s, keys_max=CLIENTS_MAX)

    def excess(self, client: bytes, now: float) -> float | None:
        """Seconds until one more from ``client`` is allowed; None: it is. Counts nothing."""
        counts = self._counts
        is_over = self._per_client and counts.counted(client, now) >= self._per_client
        if is_over or self.is_total_over(now) or counts.is_full(client):
            return counts.ends_in(now)
        return None

    def is_total_over(self, now: float) -> bool:
        """Whether it is the sum of all that is too much."""
        return bool(self._total) and self._counts.counted(_TOTAL, now) >= self._total

    def count(self, client: bytes, now: float) -> None:
        """One more of ``client``."""
        if self._per_client or self._total:
            self._counts.count(client, now)
            self._counts.count(_TOTAL, now)


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
        is_total = self._limit.is_total_over(now)
        ban_s = self._total_ban_s if is_total else self._client_ban_s
        if len(self._banned) >= CLIENTS_MAX:
            self._banned = {who: until for who, until in self._banned.items() if until > now}
        if len(self._banned) < CLIENTS_MAX:
            self._banned[_TOTAL if is_total else client] = now + ban_s
        return ban_s
