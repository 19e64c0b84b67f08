"""How long somebody slow is waited for: a reserve of seconds that waiting uses up and bytes refill.

Who sends or takes at least ``bytes_s`` on average is waited for without end, with pauses of up to
the reserve in between. Who keeps a connection open with a byte now and then is not, however evenly.
"""

from __future__ import annotations


class Patience:
    """One direction of one connection; starts with the whole reserve."""

    __slots__ = ("_bytes_s", "_reserve_s", "left_s")

    def __init__(self, bytes_s: int, reserve_s: float) -> None:
        self._bytes_s = bytes_s
        self._reserve_s = reserve_s
        #: seconds for which nothing needs to come; at 0 it is over
        self.left_s = reserve_s

    def note(self, waited_s: float, count: int) -> None:
        """So long was waited, and so many bytes were carried meanwhile."""
        left_s = self.left_s - waited_s + count / self._bytes_s
        self.left_s = min(self._reserve_s, left_s)
