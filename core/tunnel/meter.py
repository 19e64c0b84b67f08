"""How much transit passes, and a token bucket for when it is limited.

Above the limit transit is thinned, more and more as the bucket empties, and evenly: whoever sends
notices in time, and nobody loses many messages in a row, which is what streams bear worst.
"""

from __future__ import annotations

_BURST_S = 2.0
#: what is left of the bucket when thinning begins
_THIN_SHARE = 0.5
_WINDOW_S = 15.0
_STEP_S = 0.5
_MESSAGE_BYTES = 1028


class TransitMeter:
    """Counts whole tunnel messages of 1028 bytes. ``bytes_s`` may be changed at any time."""

    __slots__ = (
        "_due",
        "_rate",
        "_rate_at",
        "_since",
        "_tokens",
        "_tokens_at",
        "bytes_s",
        "total_bytes",
    )

    def __init__(self, bytes_s: float | None = None) -> None:
        self.bytes_s = bytes_s
        """Limit; None: unlimited."""
        self.total_bytes = 0
        self._tokens = 0.0
        self._tokens_at: float | None = None
        self._due = 0.0
        self._rate = 0.0
        self._rate_at: float | None = None
        self._since = 0

    def take(self, count: int, now: float) -> int:
        """How many of ``count`` messages may pass now; they count as passed."""
        limit = self.bytes_s
        if limit is not None:
            if self._tokens_at is None:
                self._tokens = limit * _BURST_S
            else:
                gained = (now - self._tokens_at) * limit
                self._tokens = min(limit * _BURST_S, self._tokens + gained)
            self._tokens_at = now
            thin_below = limit * _BURST_S * _THIN_SHARE
            if self._tokens < thin_below:
                due = self._due + count * max(0.0, self._tokens) / thin_below
                self._due = due % 1.0
                count = int(due)
            count = max(0, min(count, int(self._tokens // _MESSAGE_BYTES)))
        self._pass(count)
        return count

    def take_whole(self, count: int, now: float) -> bool:
        """Whether ``count`` messages that belong together may pass; what is too much is owed."""
        allowed = self.take(count, now)
        if 0 < allowed < count:
            self._pass(count - allowed)
        return allowed > 0

    def _pass(self, count: int) -> None:
        size = count * _MESSAGE_BYTES
        if self.bytes_s is not None:
            self._tokens -= size
        self.total_bytes += size
        self._since += size

    def rate(self, now: float) -> float:
        """Bytes per second over about the last 15 s."""
        if self._rate_at is None:
            self._rate_at = now
        elapsed = now - self._rate_at
        if elapsed >= _STEP_S:
            part = min(1.0, elapsed / _WINDOW_S)
            self._rate += part * (self._since / elapsed - self._rate)
            self._since = 0
            self._rate_at = now
        return self._rate
