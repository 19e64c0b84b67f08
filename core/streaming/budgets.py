"""The streams to each peer, what may still go to it, and which of them wait for more."""

from __future__ import annotations

from collections.abc import Collection

from core.streaming.connection import Stream

#: of a finite budget, what data leaves to acks
ACK_RESERVE = 2


class Budgets:
    """Packets by destination hash. A peer that has none set takes anything."""

    __slots__ = ("_left", "_starved", "_streams")

    def __init__(self) -> None:
        self._left: dict[bytes, int] = {}
        self._starved: dict[bytes, dict[Stream, None]] = {}
        self._streams: dict[bytes, dict[Stream, None]] = {}

    def add(self, stream: Stream) -> None:
        """A stream that lives."""
        self._streams.setdefault(stream.remote_hash, {})[stream] = None

    def remove(self, stream: Stream) -> None:
        """A stream that lives no more."""
        remote_hash = stream.remote_hash
        for table in (self._streams, self._starved):
            streams = table.get(remote_hash)
            if streams is not None:
                streams.pop(stream, None)
                if not streams:
                    del table[remote_hash]

    def in_flight(self, remote_hash: bytes) -> int:
        """Packets that all streams to that peer have sent and know nothing of yet."""
        return sum(len(stream.recovery.in_flight) for stream in self._streams.get(remote_hash, ()))

    def window(self, remote_hash: bytes) -> float:
        """Packets that all streams to that peer may have in flight, each for itself."""
        return sum(stream.claimed_window for stream in self._streams.get(remote_hash, ()))

    def has_first_flight(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer has just begun."""
        return any(stream.is_first_flight for stream in self._streams.get(remote_hash, ()))

    def has_streams(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer lives."""
        return remote_hash in self._streams

    def probe(self, remote_hash: bytes) -> bool:
        """One of the streams has something to be acknowledged from now on; False if none can."""
        streams = self._streams.get(remote_hash, ())
        return any(not stream.is_flushed for stream in streams) or any(
            stream.probe_path() for stream in streams
        )

    def set(self, remote_hash: bytes, packets: int | None) -> Collection[Stream]:
        """What that peer still takes, None: anything; the streams that waited for it."""
        if packets is None:
            self._left.pop(remote_hash, None)
        else:
            self._left[remote_hash] = packets
        if packets is None or packets > ACK_RESERVE:
            return self._starved.pop(remote_hash, ())
        return ()

    def spend(self, remote_hash: bytes, packets: int) -> None:
        """So much was sent."""
        left = self._left.get(remote_hash)
        if left is not None:
            self._left[remote_hash] = max(0, left - packets)

    def share(self, remote_hash: bytes, wanted: int) -> int:
        """How much of ``wanted`` may be data."""
        left = self._left.get(remote_hash)
        return wanted if left is None else max(0, min(wanted, left - ACK_RESERVE))

    def is_spent(self, remote_hash: bytes) -> bool:
        """No more data may go to that peer now."""
        left = self._left.get(remote_hash)
        return left is not None and left <= ACK_RESERVE

    def starve(self, stream: Stream) -> None:
        """It waits until more is set for its peer."""
        self._starved.setdefault(stream.remote_hash, {})[stream] = None

    @property
    def starved(self) -> Collection[bytes]:
        """Peers whose streams wait."""
        return self._starved.keys()
