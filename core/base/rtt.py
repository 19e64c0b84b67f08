"""The round trip of a path, estimated from samples (RFC 6298, RFC 9002 section 5)."""

from __future__ import annotations

_MINIMUM_WINDOW_S = 60.0


class RttEstimator:
    """Smoothed round trip and its variation; all in seconds, 0 before the first sample.

    ``minimum``: the least sample of the last minute or so.
    """

    __slots__ = ("_minimum_at", "latest", "minimum", "smoothed", "variance")

    def __init__(self, smoothed: float = 0.0, variance: float = 0.0) -> None:
        self.latest = smoothed
        self.smoothed = smoothed
        self.variance = variance
        self.minimum = smoothed
        self._minimum_at = 0.0

    def update(self, sample: float, now: float) -> None:
        """Take a sample in seconds, measured at ``now``."""
        self.latest = sample
        if self.smoothed:
            self.variance += (abs(self.smoothed - sample) - self.variance) * 0.25
            self.smoothed += (sample - self.smoothed) * 0.125
        else:
            self.smoothed = sample
            self.variance = sample / 2
        if sample <= self.minimum or not self.minimum or now - self._minimum_at > _MINIMUM_WINDOW_S:
            self.minimum = sample
            self._minimum_at = now
