"""When which session has something to do: a heap, because there may be thousands."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from core.transport.ssu2.session import Ssu2Session

NEVER = float("inf")
_SPARE_ENTRIES = 256


class Deadlines:
    """One deadline that counts for each session, its ``timer_at``.

    A session whose deadline moves back keeps the earlier entry: to be asked early is harmless.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Ssu2Session]] = []

    @property
    def next_at(self) -> float:
        """The earliest one, or ``NEVER``."""
        entries = self._entries
        while entries and entries[0][0] != entries[0][2].timer_at:
            heappop(entries)
        return entries[0][0] if entries else NEVER

    def schedule(self, session: Ssu2Session, session_count: int) -> None:
        """Have an entry that is not too late; ``session_count``: how many there are in all."""
        at = session.next_timer()
        if at >= session.timer_at:
            return
        session.timer_at = at
        entries = self._entries
        heappush(entries, (at, session.number, session))
        if len(entries) > 4 * session_count + _SPARE_ENTRIES:
            entries[:] = [entry for entry in entries if entry[0] == entry[2].timer_at]
            heapify(entries)

    def pop_due(self, now: float) -> Ssu2Session | None:
        """A session whose time has come; it has no entry then."""
        entries = self._entries
        while entries and entries[0][0] <= now:
            at, _, session = heappop(entries)
            if at == session.timer_at:
                session.timer_at = NEVER
                return session
        return None
