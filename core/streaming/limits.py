"""How many streams a peer may open: a count per minute for each of the peers seen last."""

from __future__ import annotations

PEERS_MAX = 4096
_MINUTE_S = 60.0


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
