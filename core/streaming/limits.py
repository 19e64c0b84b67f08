"""Rates that strangers may use: actions per second, and new streams per minute and peer."""

from __future__ import annotations

PEERS_MAX = 4096
_MINUTE_S = 60.0


class Bucket:
    """So many actions per second, and a burst."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """True if one more action is allowed, which is then counted."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class PeerRates:
    """Counts per minute for the peers seen last; ``per_minute`` 0 = no limit."""

    __slots__ = ("_counts", "_per_minute")

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._counts: dict[bytes, tuple[float, int]] = {}

    def take(self, peer_hash: bytes, now: float) -> bool:
        """True if ``peer_hash`` may act once more, which is then counted."""
        if not self._per_minute:
            return True
        start, count = self._counts.pop(peer_hash, (now, 0))
        if now - start >= _MINUTE_S:
            start, count = now, 0
        self._counts[peer_hash] = (start, count + 1)
        if len(self._counts) > PEERS_MAX:
            del self._counts[next(iter(self._counts))]
        return count < self._per_minute
