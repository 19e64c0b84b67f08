"""How much transit passes, and a token bucket for when it is limited.

Above the limit transit is thinned, more and more as the bucket empties, and evenly: whoever sends
notices in time, and nobody loses many messages in a row, which is what streams bear worst.

What comes in cannot be put in order: while the whole router receives all that it may, our own
messages wait behind those of others. So the limit sinks then, until they do not (additive increase,
multiplicative decrease), and those who send have adapted.
"""

from __future__ import annotations

from core.base.rates import RateMeter, TokenBucket

_BURST_S = 2.0
#: what is left of the bucket when thinning begins
_THIN_SHARE = 0.5
_MESSAGE_BYTES = 1028
ADAPT_S = 0.1
_PART_MIN = 0.25
_DECREASE = 0.8
_INCREASE = 0.002


class TransitMeter:
    """Counts whole tunnel messages of 1028 bytes. ``bytes_s``: the limit; None: unlimited."""

    __slots__ = ("_adapt_at", "_bucket", "_due", "_limit", "_meter", "_part", "total_bytes")

    def __init__(self, bytes_s: float | None = None) -> None:
        self.total_bytes = 0
        self._bucket: TokenBucket | None = None
        self._due = 0.0
        self._limit = bytes_s
        #: of the limit, while there is too much for our own messages to come through quickly
        self._part = 1.0
        self._adapt_at = 0.0
        self._meter = RateMeter()
        self.configure(bytes_s)

    def configure(self, bytes_s: float | None) -> None:
        """Another limit from now on."""
        self._limit = bytes_s
        if bytes_s is None:
            self._bucket = None
            return
        rate = bytes_s * self._part
        if self._bucket is None:
            self._bucket = TokenBucket(rate, rate * _BURST_S)
        else:
            self._bucket.configure(rate, rate * _BURST_S)

    def adapt(self, is_short: bool, now: float) -> None:
        """``is_short``: what came in had to wait in the last :data:`ADAPT_S`; call it so often."""
        before = self._part
        if is_short:
            self._part = max(_PART_MIN, before * _DECREASE)
        else:
            steps = max(1.0, (now - self._adapt_at) / ADAPT_S)
            self._part = min(1.0, before + _INCREASE * steps)
        self._adapt_at = now
        if self._part != before:
            self.configure(self._limit)

    def take(self, count: int, now: float) -> int:
        """How many of ``count`` messages may pass now; they count as passed."""
        bucket = self._bucket
        if bucket is not None:
            tokens = bucket.balance(now)
            thin_below = bucket.burst * _THIN_SHARE
            if tokens < thin_below:
                due = self._due + count * max(0.0, tokens) / thin_below
                self._due = due % 1.0
                count = int(due)
            count = max(0, min(count, int(tokens // _MESSAGE_BYTES)))
        self._pass(count, now)
        return count

    def take_whole(self, count: int, now: float) -> bool:
        """Whether ``count`` messages that belong together may pass; what is too much is owed."""
        allowed = self.take(count, now)
        if 0 < allowed < count:
            self._pass(count - allowed, now)
        return allowed > 0

    def _pass(self, count: int, now: float) -> None:
        size = count * _MESSAGE_BYTES
        if self._bucket is not None:
            self._bucket.spend(size, now)
        self.total_bytes += size

    def rate(self, now: float) -> float:
        """Bytes per second over about the last 15 s."""
        return self._meter.read(self.total_bytes, now)
