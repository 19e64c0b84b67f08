"""Handshake packets are sent again unchanged until there is an answer (specs/ssu2)."""

from __future__ import annotations

from collections.abc import Sequence

#: spec: 1.25 s, then twice as long each time; i2pd repeats every second and gives up after 5 s
INTERVALS_S = (1.25, 2.5, 5.0)
#: a repetition that the peer's own provokes comes no sooner after the last
NUDGE_S = 0.5


class Retransmission:
    """Packets and when they are due. ``sent_at``: the first time; ``is_repeated``: it happened."""

    __slots__ = ("_last_at", "_left", "due_at", "is_repeated", "packets", "sent_at")

    def __init__(self, packets: Sequence[bytes], now: float) -> None:
        self.packets = packets
        self.sent_at = now
        self.is_repeated = False
        self._last_at = now
        self._left = list(reversed(INTERVALS_S))
        self.due_at: float | None = now + self._left.pop()

    def take_due(self, now: float) -> Sequence[bytes]:
        """What is to be sent again now."""
        if self.due_at is None or now < self.due_at:
            return ()
        return self._repeat(now, now + self._left.pop() if self._left else None)

    def nudge(self, now: float) -> Sequence[bytes]:
        """The peer repeats itself, so it has not got this: send it again, but not too often."""
        if now < self._last_at + NUDGE_S:
            return ()
        return self.repeat(now)

    def repeat(self, now: float) -> Sequence[bytes]:
        """Send it again now; the next repetition stays when it is due."""
        return self._repeat(now, self.due_at)

    def _repeat(self, now: float, due_at: float | None) -> Sequence[bytes]:
        self.is_repeated = True
        self._last_at = now
        self.due_at = due_at
        return self.packets
