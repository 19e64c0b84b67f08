"""How loaded this router is, as the capabilities of its RouterInfo say it (proposal 162).

Others choose a router with ``D`` less, and one with ``E`` hardly ever, as a hop; one with ``G``
never: it says that all are refused, so it is told only when that has lasted.
"""

from __future__ import annotations

#: i2pd: medium from 70 % of a limit, high from 90 %
_LEVELS = ((0.9, "E"), (0.7, "D"))
#: so far below its level the load must fall before the level is left
_MARGIN = 0.1
#: a RouterInfo costs its floodfills work: it does not follow every wave
CHANGE_MIN_S = 300.0
#: so long no tunnel must have been accepted before ``G`` is told
REFUSING_S = 60.0


class Congestion:
    """The published level, which follows the load slowly. ``letter``: "", ``D``, ``E`` or ``G``."""

    __slots__ = ("_changed_at", "_refuses_since", "letter")

    def __init__(self) -> None:
        self.letter = ""
        self._changed_at = float("-inf")
        self._refuses_since: float | None = None

    def update(self, load: float, now: float, *, refuses: bool = False) -> bool:
        """``load``: the most used of all limits, 1.0 if that is reached. ``refuses``: no tunnel is
        accepted at all. True if the level changed, at most every :data:`CHANGE_MIN_S`."""
        if not refuses:
            self._refuses_since = None
        elif self._refuses_since is None:
            self._refuses_since = now
        letter = _letter(load, self.letter)
        if self._refuses_since is not None and now >= self._refuses_since + REFUSING_S:
            letter = "G"
        if letter == self.letter or now < self._changed_at + CHANGE_MIN_S:
            return False
        self.letter = letter
        self._changed_at = now
        return True


def _letter(load: float, before: str) -> str:
    for threshold, letter in _LEVELS:
        if load >= threshold - (_MARGIN if before == letter else 0.0):
            return letter
    return ""
