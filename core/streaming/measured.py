"""What a stream measured: for whoever shows it, and for the next stream to the same peer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from core.base.bounded import BoundedMap
from core.streaming.receiver import Receiver
from core.streaming.recovery import Recovery
from core.streaming.sender import Sender

MEMORY_SECONDS = 300.0
MEMORY_MAX = 1024
#: what share of a window a later stream starts with, and how many packets at most
SHARE_REMEMBERED = 0.75
WINDOW_REMEMBERED_MAX = 256.0


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
    timeouts: int

    @classmethod
    def of(cls, sender: Sender, receiver: Receiver, packets: tuple[int, int], got: int) -> Self:
        """What both halves know; ``packets`` sent and received, ``got`` bytes of payload."""
        recovery = sender.recovery
        return cls(
            recovery.round_trip.smoothed,
            recovery.round_trip.minimum,
            recovery.congestion.window,
            recovery.congestion.pacing_rate,
            len(recovery.in_flight),
            *packets,
            sender.resent,
            recovery.lost_total,
            recovery.spurious_total,
            receiver.duplicates,
            receiver.refused,
            sender.buffer.taken,
            got,
            recovery.timeouts,
        )


@dataclass(slots=True)
class StreamTotals:
    """The counters of many streams together; names as in :class:`StreamStats`."""

    sent: int = 0
    received: int = 0
    resent: int = 0
    lost: int = 0
    spurious: int = 0
    duplicates: int = 0
    refused: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    timeouts: int = 0

    def with_streams(self, streams: Iterable[StreamStats]) -> StreamTotals:
        """The sum with some more."""
        totals = replace(self)
        for stats in streams:
            totals.add(stats)
        return totals

    def add(self, stats: StreamStats) -> None:
        """One more stream."""
        self.sent += stats.sent
        self.received += stats.received
        self.resent += stats.resent
        self.lost += stats.lost
        self.spurious += stats.spurious
        self.duplicates += stats.duplicates
        self.refused += stats.refused
        self.bytes_sent += stats.bytes_sent
        self.bytes_received += stats.bytes_received
        self.timeouts += stats.timeouts


@dataclass(frozen=True, slots=True)
class PathMemory:
    """What an earlier stream to the same peer measured; ``at`` is monotonic time, ``delivered`` and
    ``lost`` are packets.
    """

    at: float
    smoothed: float
    variance: float
    window: float
    delivered: int
    lost: int

    @classmethod
    def of(cls, recovery: Recovery, now: float) -> PathMemory:
        """What the sender with these acknowledgements measured."""
        round_trip = recovery.round_trip
        return cls(
            now,
            round_trip.smoothed,
            round_trip.variance,
            recovery.congestion.window,
            recovery.delivered,
            recovery.lost_total,
        )


class PathMemories:
    """The newest memory of each peer, for ``MEMORY_SECONDS``."""

    __slots__ = ("_memories",)

    def __init__(self) -> None:
        self._memories: BoundedMap[bytes, PathMemory] = BoundedMap(MEMORY_MAX)

    def keep(self, remote_hash: bytes, memory: PathMemory) -> None:
        """The oldest goes when there are too many.

        A stream that was too short to fill the window of the one before says nothing against it.
        """
        older = self._memories.get(remote_hash)
        if (
            older is not None
            and memory.at - older.at < MEMORY_SECONDS
            and memory.delivered < older.window
            and not memory.lost
        ):
            memory = replace(memory, at=older.at, window=max(memory.window, older.window))
        self._memories.put(remote_hash, memory)

    def recall(self, remote_hash: bytes, now: float, taken: float) -> PathMemory | None:
        """What is known of the path to that peer: where a stream starts.

        ``taken``: the windows of other streams to that peer. What one had is not for each of many.
        """
        memory = self._memories.get(remote_hash)
        if memory is None or now - memory.at >= MEMORY_SECONDS:
            return None
        window = min(SHARE_REMEMBERED * memory.window, WINDOW_REMEMBERED_MAX)
        return replace(memory, window=max(0.0, window - taken))
