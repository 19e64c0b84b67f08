"""When a feed is fetched next: at its interval, later and later after failures.

Times are Unix seconds and survive restarts, so a program that is started often does not fetch
often. Pure; what varies is drawn from the feed's own last fetch, so it stays the same when asked
again.
"""

from __future__ import annotations

import hashlib

from i2ptunnel.naming.store import SubscriptionRow

RETRY_FIRST_S = 30.0
#: part of the time by which it varies, so that fetches do not happen in step
JITTER = 0.1
_CLOCK_BACK_S = 60.0


def due_at(row: SubscriptionRow, interval_s: float, now: float) -> float:
    """When to fetch a feed; not after ``now``: at once."""
    last = row.tried_at
    if not last or last > now + _CLOCK_BACK_S:  # never, or the clock was set back since
        return now
    wait_s = interval_s
    if row.failures:
        wait_s = min(interval_s, RETRY_FIRST_S * 2.0 ** min(row.failures - 1, 20))
    return last + wait_s * (1 - JITTER + 2 * JITTER * _fraction(row))


def _fraction(row: SubscriptionRow) -> float:
    digest = hashlib.sha256(f"{row.url} {row.tried_at!r}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
