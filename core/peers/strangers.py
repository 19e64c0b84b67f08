"""How often routers that we do not know well do what we ask of them, all together."""

from __future__ import annotations

COUNT_MAX = 10.0
"""The rate comes from about so many of their last builds: a flood is noticed after a few."""
HALF_LIFE_S = 1200.0
"""What they did so long ago weighs half: those who come in a flood are others."""
_START = 2.0


class StrangersRate:
    """Experience with many routers that fades. Times are monotonic seconds."""

    __slots__ = ("_done", "_faded_at", "_failed")

    def __init__(self) -> None:
        self._done = self._failed = self._faded_at = 0.0

    def count(self, now: float, done: float = 0.0, failed: float = 0.0) -> None:
        """They did, or failed to do, what was asked; parts of builds count as such."""
        factor = 0.5 ** (max(0.0, now - self._faded_at) / HALF_LIFE_S)
        self._faded_at = now
        self._done = self._done * factor + done
        self._failed = self._failed * factor + failed
        if self._done + self._failed > COUNT_MAX:
            self._done /= 2
            self._failed /= 2

    @property
    def value(self) -> float:
        """0 to 1; 1 without experience."""
        done = self._done + _START
        return done / (done + self._failed)
