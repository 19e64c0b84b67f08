"""A token bucket for the bandwidth limits: bytes per second with a burst, in virtual time."""

from __future__ import annotations


class TokenBucket:
    """Holds up to ``burst_bytes``; may go into debt, because what was read cannot be unread.

    A caller asks :meth:`balance` before a batch, spends what the batch really took and, when the
    balance is not positive, waits until :meth:`ready_at`.
    """

    __slots__ = ("_balance", "_burst_bytes", "_rate_bytes_s", "_updated_at")

    def __init__(self, rate_bytes_s: float, burst_bytes: float | None = None) -> None:
        self._rate_bytes_s = max(1.0, rate_bytes_s)
        self._burst_bytes = self._rate_bytes_s if burst_bytes is None else burst_bytes
        self._balance = self._burst_bytes
        self._updated_at: float | None = None

    def balance(self, now: float) -> float:
        """Bytes that may be moved now; zero or less means wait."""
        updated_at = self._updated_at
        if updated_at is not None and now > updated_at:
            earned = (now - updated_at) * self._rate_bytes_s
            self._balance = min(self._burst_bytes, self._balance + earned)
        if updated_at is None or now > updated_at:
            self._updated_at = now
        return self._balance

    def spend(self, count: int, now: float) -> None:
        """Take ``count`` bytes out of the bucket, even below zero."""
        self.balance(now)
        self._balance -= count

    def ready_at(self, now: float) -> float:
        """The time at which the balance is positive again; ``now`` if it is."""
        balance = self.balance(now)
        return now if balance > 0 else now + (1.0 - balance) / self._rate_bytes_s
