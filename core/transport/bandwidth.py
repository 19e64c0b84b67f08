"""The bandwidth of the router: one limit in and one out, which all transports share.

A bucket holds bytes per second with a burst, in virtual time.
"""

from __future__ import annotations

from math import ceil


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
        self._balance = self.balance(now) - count

    def ready_at(self, now: float) -> float:
        """The time at which the balance is positive again; ``now`` if it is."""
        balance = self.balance(now)
        return now if balance > 0 else now + (1.0 - balance) / self._rate_bytes_s


class Bandwidth:
    """Bytes that may be read and written now. A rate of None is no limit.

    A transport reports what it read (:meth:`received`) and then leaves its source alone for
    :meth:`read_pause`; before it writes, it asks for :meth:`writable`, and reports what it wrote
    (:meth:`sent`). Both may overdraw by one batch.
    """

    __slots__ = ("_inbound", "_outbound")

    def __init__(
        self, outbound_bytes_s: float | None = None, inbound_bytes_s: float | None = None
    ) -> None:
        self._outbound = TokenBucket(outbound_bytes_s) if outbound_bytes_s else None
        self._inbound = TokenBucket(inbound_bytes_s) if inbound_bytes_s else None

    def received(self, count: int, now: float) -> None:
        """``count`` bytes were read."""
        if self._inbound is not None:
            self._inbound.spend(count, now)

    def read_pause(self, now: float) -> float:
        """Seconds for which what was just read should not be read again, 0.0 for none."""
        return 0.0 if self._inbound is None else self._inbound.ready_at(now) - now

    def writable(self, wanted: int, now: float) -> int:
        """How many of ``wanted`` bytes may be written now; zero or less means wait."""
        outbound = self._outbound
        return wanted if outbound is None else min(wanted, ceil(outbound.balance(now)))

    def sent(self, count: int, now: float) -> None:
        """``count`` bytes were written."""
        if self._outbound is not None:
            self._outbound.spend(count, now)

    def write_at(self, now: float) -> float:
        """When something may be written; ``now`` if at once."""
        return now if self._outbound is None else self._outbound.ready_at(now)
