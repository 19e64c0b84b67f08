"""Whether our own builds and tests get lost of late, and since when.

Many routers may vanish at once: a flood ends, a region is cut off. What was experienced with them
before says little then. Who showed that it is there since then is worth more.
"""

from __future__ import annotations

from collections import deque

LAST_COUNT = 8
LOST_MIN = 3


class Hardship:
    """Times are monotonic seconds."""

    __slots__ = ("_lost", "since")

    def __init__(self) -> None:
        self._lost: deque[float | None] = deque(maxlen=LAST_COUNT)
        self.since: float | None = None
        """When the first was sent that got lost in this hardship; None: there is none."""

    def answered(self) -> None:
        """A build was answered, well or badly, or a test."""
        self._lost.append(None)
        self._judge()

    def lost(self, sent_at: float) -> None:
        """A build or a test got no answer."""
        self._lost.append(sent_at)
        self._judge()

    def _judge(self) -> None:
        lost = [at for at in self._lost if at is not None]
        if len(lost) >= LOST_MIN and 2 * len(lost) >= len(self._lost):
            if self.since is None:
                self.since = min(lost)
        elif 4 * len(lost) <= len(self._lost):
            self.since = None
