"""Spreads packets over the round trip: a token bucket filled at the congestion controller's rate.

Idle time may be made up for by a burst, within a bound; no timer is finer than a quantum.
"""

from __future__ import annotations

#: a burst may hold what belongs to this much time, and no pacing timer is finer than the quantum
BURST_S = 0.025
BURST_PACKETS = 16
QUANTUM_S = 0.004
#: rounding of the clock must not make a timer fire just too early, again and again
_TOKEN_SLACK = 0.01


class Pacer:
    """Rates are packets per second, 0 = no pacing; times are monotonic seconds."""

    __slots__ = ("_tokens", "_tokens_at")

    def __init__(self, now: float) -> None:
        self._tokens = float(BURST_PACKETS)
        self._tokens_at = now

    @property
    def has_token(self) -> bool:
        """True if one more packet may go out, as far as was known at the last refill."""
        return self._tokens + _TOKEN_SLACK >= 1

    def refill(self, rate: float, now: float) -> int:
        """How many packets may go out now."""
        if not rate:
            return BURST_PACKETS
        burst = max(BURST_PACKETS, rate * BURST_S)
        self._tokens = min(burst, self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        return int(self._tokens + _TOKEN_SLACK)

    def spend(self, packets: int) -> None:
        """So many went out; more than allowed delays what follows."""
        self._tokens -= packets

    def next_at(self, rate: float) -> float:
        """When a quantum of packets may go out; 0 if nothing has to wait."""
        if not rate or self.has_token:
            return 0.0
        quantum = min(max(1.0, rate * QUANTUM_S), BURST_PACKETS)
        return self._tokens_at + (quantum - self._tokens) / rate
