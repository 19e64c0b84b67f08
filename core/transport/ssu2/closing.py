"""The end of a session (specs/ssu2, "Session Termination"): the last packet, said again.

Nothing else is kept but that packet. It answers what still comes, ever more rarely, so that two
ends that do not understand each other fall silent.
"""

from __future__ import annotations

#: for how long the peer may still learn that the session is over
LINGER_S = 5.0
REPEATS_MAX = 2


class Closing:
    """``last_words``: the packet with the Termination block. ``is_over``: forget the session."""

    __slots__ = ("_arrived", "_repeat_s", "_repeats", "_until", "is_over", "last_words", "next_at")

    def __init__(
        self, last_words: bytes, timeout_s: float, now: float, *, awaits_answer: bool
    ) -> None:
        self.last_words = last_words
        self.is_over = False
        self._arrived = 0
        self._repeats = REPEATS_MAX if awaits_answer else 0
        self._repeat_s = timeout_s
        self._until = now + LINGER_S
        self.next_at = min(now + timeout_s, self._until) if awaits_answer else self._until

    def receive(self, is_answer: bool) -> bool:
        """A genuine packet came; True if the last words are to be said again."""
        if is_answer:
            self.is_over = self.is_over or self._repeats > 0
            self._repeats = 0
            self.next_at = self._until
        self._arrived += 1
        return not self.is_over and self._arrived & (self._arrived - 1) == 0

    def handle_timer(self, now: float) -> bool:
        """True if the last words are to be said again."""
        if now >= self._until:
            self.is_over = True
            return False
        if not self._repeats or now < self.next_at:
            return False
        self._repeats -= 1
        self._repeat_s *= 2
        self.next_at = min(now + self._repeat_s, self._until) if self._repeats else self._until
        return True
