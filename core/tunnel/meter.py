"""How much transit passes, and a token bucket for when it is limited.

Above the limit transit is thinned, more and more as the bucket empties, and evenly: whoever sends
notices in time, and nobody loses many messages in a row, which is what streams bear worst.

What comes in cannot be put in order: while the whole router receives all that it may, our own
messages wait behind those of others. So transit is thinned in the same way as the headroom of what
may come in goes, before anything waits, and those who send adapt.
"""

from __future__ import annotations

from collections.abc import Callable

from core.base.rates import RateMeter, TokenBucket

_BURST_S = 2.0
#: what is left of the bucket when thinning begins
_THIN_SHARE = 0.5
_MESSAGE_BYTES = 1028
#: what passes without headroom: streams that lose more stop for seconds, and do not fill the limit
_PASS_MIN = 0.5


def all_headroom(now: float) -> float:
    """Where nothing but the meter's own limit counts."""
    return 1.0


class TransitMeter:
    """Counts whole tunnel messages of 1028 bytes. ``bytes_s``: the limit; None: unlimited.

    ``headroom``: the share that is left of what the router may receive at once.
    """

    __slots__ = ("_bucket", "_due", "_headroom", "_meter", "total_bytes")

    def __init__(
        self,
        bytes_s: float | None = None,
        headroom: Callable[[float], float] = all_headroom,
    ) -> None:
        self.total_bytes = 0
        self._bucket: TokenBucket | None = None
        self._due = 0.0
        self._headroom = headroom
        self._meter = RateMeter()
        self.configure(bytes_s)

    def configure(self, bytes_s: float | None) -> None:
        """Another limit from now on."""
        if bytes_s is None:
            self._bucket = None
        elif self._bucket is None:
            self._bucket = TokenBucket(bytes_s, bytes_s * _BURST_S)
        else:
            self._bucket.configure(bytes_s, bytes_s * _BURST_S)

    def take(self, count: int, now: float) -> int:
        """How many of ``count`` messages may pass now; they count as passed."""
        bucket = self._bucket
        if bucket is not None:
            tokens = bucket.balance(now)
            thin_below = bucket.burst * _THIN_SHARE
            share = max(_PASS_MIN, self._headroom(now))
            if tokens < thin_below:
                share = min(share, max(0.0, tokens) / thin_below)
            if share < 1.0:
                due = self._due + count * share
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
