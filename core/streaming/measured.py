"""What a stream measured: for whoever shows it, and for the next stream to the same peer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamStats:
    """Times in seconds, windows and counters in packets, rate in packets per second."""

    rtt: float
    rtt_minimum: float
    window: float
    pacing_rate: float
    in_flight: int
    sent: int
    received: int
    resent: int
    lost: int
    spurious: int
    duplicates: int
    refused: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True, slots=True)
class PathMemory:
    """What an earlier stream to the same peer measured; ``at`` is monotonic time."""

    at: float
    smoothed: float
    variance: float
    window: float
