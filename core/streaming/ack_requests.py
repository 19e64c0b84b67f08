"""When to ask the peer for an ack: i2pd and Java delay acks by fractions of a second unless asked.

An ack costs a turn of every router on its way. A sender that the path limits needs several per
round trip; one whose application sends little does not.
"""

from __future__ import annotations

#: so many acks are asked for in a round trip, but no more often than this
_PER_ROUND_TRIP = 8
INTERVAL_PATH_LIMITED_S = 0.004
INTERVAL_APP_LIMITED_S = 0.050


class AckRequests:
    """Of one sender."""

    __slots__ = ("_asked_at",)

    def __init__(self) -> None:
        self._asked_at = 0.0

    def delay_ms(self, is_path_limited: bool, round_trip_s: float, now: float) -> int | None:
        """What the last packet of a burst asks for: an ack after so long; None: nothing.

        ``round_trip_s`` is the smoothed one.
        """
        least = INTERVAL_PATH_LIMITED_S if is_path_limited else INTERVAL_APP_LIMITED_S
        interval = max(round_trip_s / _PER_ROUND_TRIP, least)
        if now - self._asked_at >= interval:
            self._asked_at = now
            return 0
        return None if is_path_limited else int(interval * 1000)
