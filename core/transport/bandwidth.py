"""The bandwidth of the router: one limit in and one out, which all transports share."""

from __future__ import annotations

from math import ceil

from core.base.rates import TokenBucket


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
        self._outbound = TokenBucket(max(1.0, outbound_bytes_s)) if outbound_bytes_s else None
        self._inbound = TokenBucket(max(1.0, inbound_bytes_s)) if inbound_bytes_s else None

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
