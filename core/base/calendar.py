"""UTC days, by number: the keyspace of the netDb and blinded keys change at UTC midnight.

A day number counts days since 1970-01-01. Leap seconds do not exist in unix time.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

DAY_S = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def day_number(wall_now: float) -> int:
    """The day in which ``wall_now`` (unix seconds) lies."""
    return int(wall_now) // DAY_S


@lru_cache(maxsize=8)
def day_text(day: int) -> bytes:
    """``yyyymmdd`` of a day number."""
    return f"{date.fromordinal(_EPOCH_ORDINAL + day):%Y%m%d}".encode()


def seconds_to_midnight(wall_now: float) -> float:
    """Seconds until the next day begins; in ``(0, 86400]``."""
    return DAY_S - wall_now % DAY_S
