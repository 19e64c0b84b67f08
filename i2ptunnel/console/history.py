"""What the charts show: the last hour in steps of seconds, the last day in minutes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from core.api import TrafficTotals

STEP_S = 10.0
_HOUR = 360
_DAY = 288
_EACH = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """``at``: monotonic seconds; rates in bytes per second since the sample before."""

    at: float
    received: float
    sent: float
    transit: float
    own_tunnels: int
    transit_tunnels: int


class History:
    """Takes the totals every :data:`STEP_S`."""

    def __init__(self) -> None:
        self.hour: deque[Sample] = deque(maxlen=_HOUR)
        self.day: deque[Sample] = deque(maxlen=_DAY)
        self._last: tuple[float, TrafficTotals] | None = None
        self._last_of_day: tuple[float, TrafficTotals] | None = None
        self._count = 0

    def sample(self, now: float, totals: TrafficTotals, own: int, transit: int) -> None:
        """``own``, ``transit``: tunnels that are open now."""
        if self._last is not None:
            self.hour.append(_rates(self._last, now, totals, own, transit))
        self._last = (now, totals)
        if self._count % _EACH == 0:
            if self._last_of_day is not None:
                self.day.append(_rates(self._last_of_day, now, totals, own, transit))
            self._last_of_day = (now, totals)
        self._count += 1


def _rates(
    before: tuple[float, TrafficTotals], now: float, totals: TrafficTotals, own: int, transit: int
) -> Sample:
    elapsed = max(now - before[0], 0.001)
    # A foreign router that comes back counts from zero.
    rates = [max(0, new - old) / elapsed for new, old in zip(totals, before[1], strict=True)]
    return Sample(now, rates[0], rates[1], rates[2], own, transit)
