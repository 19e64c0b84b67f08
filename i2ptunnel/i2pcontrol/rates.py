"""How much the router carried in each of the last seconds, for rates over any period."""

from __future__ import annotations

from collections import deque

from core.api import TrafficTotals

SAMPLE_S = 1.0
PERIOD_MAX_S = 3600.0


class RateHistory:
    """Takes the totals about once a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, TrafficTotals]] = deque()

    def sample(self, totals: TrafficTotals, now: float) -> None:
        """``now``: monotonic seconds."""
        samples = self._samples
        if samples and now - samples[-1][0] < SAMPLE_S / 2:
            return
        samples.append((now, totals))
        while samples[0][0] < now - PERIOD_MAX_S:
            samples.popleft()

    def rates(self, period_s: float) -> tuple[float, float, float]:
        """Bytes per second received, sent and carried for others, over the last ``period_s``.

        Over what is known, if that is less; all 0 before the second sample.
        """
        if len(self._samples) < 2:
            return (0.0, 0.0, 0.0)
        end, last = self._samples[-1]
        begin, first = self._samples[-2]
        for at, totals in reversed(self._samples):
            if at < end - period_s - SAMPLE_S / 2:
                break
            begin, first = (at, totals) if at < end else (begin, first)
        elapsed = end - begin
        received, sent, transit = (
            (now - before) / elapsed for now, before in zip(last, first, strict=True)
        )
        return (received, sent, transit)
