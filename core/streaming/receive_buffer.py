"""Packets of one direction put back in order, and what is missing between them.

Sequence 0 is the SYN. ``next_sequence`` is the lowest one not received yet, so everything below it
is acknowledged; packets beyond a gap wait in ``early``. Bytes are bounded by the owner, which asks
``buffered`` first; the span of early packets is bounded here. Small payloads are joined and early
packets count with what memory they take, so that a peer that sends single bytes does not make us
hold a hundred times of what is counted.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum

#: how far beyond the first gap a packet is kept: a few of the largest windows in use
EARLY_SPAN_MAX = 4096
#: bytes of memory for an early packet beside its payload (measured: up to 130)
EARLY_COST = 130
#: payloads up to this size are joined with the one before, up to the other
_SMALL_BYTES = 256
_JOINED_BYTES = 1024


class Arrival(IntEnum):
    """What became of a packet."""

    IN_ORDER = 0
    EARLY = 1
    DUPLICATE = 2
    REFUSED = 3


_IN_ORDER = Arrival.IN_ORDER  # a look-up less for each packet


class ReceiveBuffer:
    """In-order bytes ready to be read, and early packets."""

    __slots__ = ("_offset", "_ready", "early", "early_bytes", "end", "next_sequence", "readable")

    def __init__(self) -> None:
        self._ready: deque[bytes] = deque()
        #: bytes of ``_ready[0]`` already read
        self._offset = 0
        self.early_bytes = 0
        self.early: dict[int, bytes] = {}
        self.next_sequence = 0
        self.readable = 0
        #: sequence of the packet with CLOSE, once known
        self.end: int | None = None

    @property
    def buffered(self) -> int:
        """All bytes held, and what early packets take beside."""
        return self.readable + self.early_bytes + EARLY_COST * len(self.early)

    @property
    def newest(self) -> int:
        """The highest sequence received, in order or not; -1 before the SYN."""
        return max(self.early) if self.early else self.next_sequence - 1

    @property
    def is_ended(self) -> bool:
        """True once everything up to and including CLOSE was received."""
        return self.end is not None and self.next_sequence > self.end

    def add(self, sequence: int, payload: bytes) -> Arrival:
        """Take a packet; an empty payload counts as well."""
        expected = self.next_sequence
        if sequence == expected:
            if payload:
                self._append(payload)
            self.next_sequence = expected + 1
            if self.early:
                self._join()
            return _IN_ORDER
        if sequence < expected or sequence in self.early:
            return Arrival.DUPLICATE
        if sequence - expected > EARLY_SPAN_MAX or (self.end is not None and sequence > self.end):
            return Arrival.REFUSED
        self.early[sequence] = payload
        self.early_bytes += len(payload)
        return Arrival.EARLY

    def _append(self, payload: bytes) -> None:
        size = len(payload)
        ready = self._ready
        if size <= _SMALL_BYTES and ready and len(ready[-1]) + size <= _JOINED_BYTES:
            ready[-1] += payload
        else:
            ready.append(payload)
        self.readable += size

    def _join(self) -> None:
        early = self.early
        sequence = self.next_sequence
        while (payload := early.pop(sequence, None)) is not None:
            if payload:
                self._append(payload)
                self.early_bytes -= len(payload)
            sequence += 1
        self.next_sequence = sequence

    def missing(self, limit: int, highest: int) -> tuple[int, list[int]]:
        """``(ack through, NACKs)``: the highest ack whose gaps fit into ``limit`` NACKs.

        At most ``highest``. Only meaningful after the SYN (``next_sequence`` > 0).
        """
        expected = self.next_sequence
        through = min(expected - 1, highest)
        nacks: list[int] = []
        for sequence in sorted(self.early):
            if sequence > highest or len(nacks) + sequence - expected > limit:
                break
            nacks.extend(range(expected, sequence))
            through = sequence
            expected = sequence + 1
        return through, nacks

    def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes in order; empty if none are ready."""
        ready = self._ready
        if not ready or limit <= 0:
            return b""
        parts: list[bytes] = []
        left = limit
        if self._offset:
            head = ready[0]
            part = head[self._offset : self._offset + left]
            left -= len(part)
            parts.append(part)
            self._offset += len(part)
            if self._offset < len(head):
                self.readable -= len(part)
                return part
            ready.popleft()
            self._offset = 0
        while ready and left:
            head = ready[0]
            if len(head) > left:
                parts.append(head[:left])
                self._offset = left
                left = 0
                break
            parts.append(head)
            left -= len(head)
            ready.popleft()
        self.readable -= limit - left
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def drop_early(self) -> None:
        """Forget what waits beyond a gap: the stream is over."""
        self.early.clear()
        self.early_bytes = 0

    def discard(self) -> int:
        """Drop what is ready; returns how many bytes that were."""
        dropped = self.readable
        self._ready.clear()
        self._offset = 0
        self.readable = 0
        return dropped
