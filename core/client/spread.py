"""Bulk data for one destination goes where it gets through fastest, over several paths if need be.

A path is a lease of the destination and an outbound tunnel of ours. What a path carries, and what
it loses, shows only under load. So while data flows without a pause another path is on trial from
time to time beside those in use. It stays if clearly more arrives, and what adds nothing is left
out. All paths get the same share: what each would take cannot be told apart.
"""

from __future__ import annotations

from enum import Enum

from core.data.lease_set import Lease
from core.tunnel.tunnels import OutboundTunnel

Path = tuple[Lease, OutboundTunnel]

#: paths used at once
WIDTH_MAX = 3
#: how much more must be delivered for a path to stay
GAIN_MIN = 1.2
#: how much of what was delivered must still be with one path less
SHARE_MIN = 0.95
#: what share of it ends a trial before its time
HOPELESS = 0.7
#: what share of the most that several paths delivered, twice in a row, makes one of them suspect
SUSPICIOUS = 0.5
#: what a rate is measured over, in seconds and in round trips, whichever is more
MEASURE_S = 3.0
MEASURE_ROUNDS = 12
#: packets per second below which no path is worth a trial
RATE_MIN = 30.0
#: and above which the path is no hindrance
RATE_MAX = 1000.0
#: a pause that ends a measurement, in seconds and in round trips
PAUSE_S = 1.0
PAUSE_ROUNDS = 3
#: from a trial in vain to the next, the first time and at most
RETRY_S = 20.0
RETRY_MAX_S = 320.0
#: packets in a row that take the same path
RUN_PACKETS = 8


class Trial(Enum):
    """What is tried, in turns: so the faster of two paths is found as well as what both carry."""

    WIDER = "one more path"
    NARROWER = "the oldest path left out"
    ALONE = "the newest path only, for good: one of the others may be dead"


_NEEDED = {Trial.WIDER: GAIN_MIN, Trial.NARROWER: SHARE_MIN}
_AFTER = {Trial.WIDER: Trial.NARROWER, Trial.NARROWER: Trial.WIDER}


class Spread:
    """The further paths to a destination, and the trials; the first path is its owner's business.

    The owner begins what is :attr:`wanted`, or says that it cannot. Times are monotonic seconds.
    """

    __slots__ = (
        "_before",
        "_best",
        "_count",
        "_first_half",
        "_is_low",
        "_is_settled",
        "_last_at",
        "_measured_s",
        "_next",
        "_retry_at",
        "_retry_s",
        "_since",
        "_trial",
        "_turn",
        "extra",
        "is_held",
        "rate",
        "wanted",
    )

    def __init__(self) -> None:
        self.extra: list[Path] = []
        self.wanted: Trial | None = None
        self.is_held = False
        """Only the first path is used. i2pd: gives up streams whose first packets are overtaken."""
        self.rate = 0.0
        """Packets per second that were delivered before the trial."""
        self._before: list[Path] = []
        self._next = Trial.WIDER
        self._trial: Trial | None = None
        self._best = 0.0
        self._is_low = False
        self._is_settled = False
        self._measured_s = MEASURE_S
        self._count = 0
        self._first_half = 0
        self._since = 0.0
        self._last_at = float("-inf")
        self._retry_at = 0.0
        self._retry_s = RETRY_S
        self._turn = 0

    @property
    def width(self) -> int:
        """How many paths are in use."""
        return 1 + len(self.extra)

    @property
    def is_active(self) -> bool:
        """Whether there is more than one path, or may be with what is sent next."""
        return bool(self.extra) or self.wanted is not None

    def reset(self) -> None:
        """One path again, and nothing measured."""
        self.extra.clear()
        self.wanted = self._trial = None
        self._last_at = float("-inf")

    def delivered(self, packets: int, round_trip_s: float, now: float) -> list[Path] | None:
        """Packets were acknowledged; returns the paths to take back if a trial was in vain, or was
        not over before a pause.
        """
        trial = self._trial
        was_pause = now - self._last_at > max(PAUSE_S, PAUSE_ROUNDS * round_trip_s)
        self._last_at = now
        if was_pause:
            self.wanted = self._trial = None
            self._measure_from(now)
            return None if trial is None else self._before
        self._count += packets
        elapsed_s = now - self._since
        if trial is None:
            self._measured_s = max(MEASURE_S, MEASURE_ROUNDS * round_trip_s)
        elif elapsed_s > 0.5 * self._measured_s and self._count < HOPELESS * self.rate * elapsed_s:
            return self._give_up(now)
        if elapsed_s < 0.5 * self._measured_s:
            self._first_half = self._count
        if elapsed_s < self._measured_s:
            return None
        rate = self._count / elapsed_s
        is_growing = self._count > (1 + GAIN_MIN) * self._first_half
        self._measure_from(now)
        if trial is None:
            self._note_rate(rate, is_growing, now)
        elif not self._is_settled:
            self._is_settled = True
        elif rate >= _NEEDED[trial] * self.rate:
            self._trial = None
            self._retry_s = RETRY_S
        else:
            return self._give_up(now)
        return None

    def _measure_from(self, now: float) -> None:
        self._since, self._count, self._first_half = now, 0, 0

    def _note_rate(self, rate: float, is_growing: bool, now: float) -> None:
        self.rate = rate
        self._best = max(self._best, rate)
        was_low, self._is_low = self._is_low, bool(self.extra) and rate < SUSPICIOUS * self._best
        if was_low and self._is_low:
            self.wanted = Trial.ALONE
        elif RATE_MIN <= rate <= RATE_MAX and now >= self._retry_at and not is_growing:
            self.wanted = self._next

    def _give_up(self, now: float) -> list[Path]:
        self._trial = None
        self._measure_from(now)
        self._put_off(now)
        return self._before

    def begin(self, before: list[Path], now: float) -> None:
        """What is wanted has taken the place of the paths ``before``."""
        self._before = before
        if self.wanted is Trial.ALONE:
            self._next = Trial.WIDER
            self._retry_at = now + RETRY_S
        else:
            self._trial = self.wanted
            self._advance()
        self.wanted = None
        self._is_settled = self._is_low = False
        self._best = 0.0
        self._measure_from(now)

    def cannot(self, now: float) -> None:
        """There is no path to try."""
        self.wanted = None
        self._advance()
        if self._next is Trial.WIDER:
            self._put_off(now)

    def _advance(self) -> None:
        self._next = _AFTER[self._next]

    def _put_off(self, now: float) -> None:
        self._retry_at = now + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)

    def shares(self, count: int) -> list[tuple[int, int]]:
        """``count`` messages as ``(path, how many)``: path 0 is the first, the others ``extra``."""
        width = self.width
        if width == 1 or self.is_held:
            return [(0, count)]
        size = max(RUN_PACKETS, -(-count // width))
        shares = []
        while count > 0:
            shares.append((self._turn % width, min(size, count)))
            self._turn += 1
            count -= size
        return shares
