"""What the router carried in each of the last seconds, and how tunnel builds went of late."""

from __future__ import annotations

from collections import deque

from core.api import TrafficTotals

SAMPLE_S = 1.0
PERIOD_MAX_S = 3600.0
BUILDS_SAMPLE_S = 15.0
BUILDS_PERIOD_S = 600.0


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


class BuildHistory:
    """Takes the totals of tunnel builds about every ``BUILDS_SAMPLE_S``."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def is_due(self, now: float) -> bool:
        """Whether :meth:`sample` wants the totals."""
        return not self._samples or now - self._samples[-1][0] >= BUILDS_SAMPLE_S

    def sample(self, started: int, succeeded: int, now: float) -> None:
        """``now``: monotonic seconds."""
        samples = self._samples
        samples.append((now, started, succeeded))
        while samples[0][0] < now - BUILDS_PERIOD_S:
            samples.popleft()

    def success_rate(self, started: int, succeeded: int) -> float:
        """Percent of the builds of the last ten minutes; the arguments are the present totals."""
        _, first_started, first_succeeded = self._samples[0] if self._samples else (0.0, 0, 0)
        return success_rate(started - first_started, succeeded - first_succeeded)


def success_rate(started: int, succeeded: int) -> float:
    """Percent; 0 if none was started. One that had been started before may succeed: 100 at most."""
    return min(100.0, round(100 * succeeded / started, 1)) if started else 0.0
