"""Asks a peer that took our CLOSE, and still owes its own, whether it is there.

After our CLOSE nothing of ours is under way, so a peer that is gone would never be missed. The
CLOSE itself is what can be asked with: sent again, it is acknowledged by whoever knows the stream.
Java: has dropped everything at our CLOSE, and answers another one with RESET. i2pd and Java: say
nothing for streams they do not know.
"""

from __future__ import annotations

#: after so long without a word the peer is asked; twice as long each time that it answers
ASK_FIRST_S = 3.0
ASK_EVERY_MAX_S = 30.0
#: the first wait for an answer is a round trip's timeout, each next twice that, within these bounds
ANSWER_MIN_S = 1.0
ANSWER_MAX_S = 10.0
#: so many questions without an answer, and the peer is gone
QUESTIONS_MAX = 5


class HalfClosed:
    """When to ask, and when to give up. ``due_at`` is monotonic time."""

    __slots__ = ("_every_s", "_heard_before", "due_at", "questions")

    def __init__(self, now: float) -> None:
        self.due_at = now + ASK_FIRST_S
        #: asked without an answer so far
        self.questions = 0
        self._every_s = ASK_FIRST_S
        self._heard_before = now

    def is_asking(self, now: float, heard_at: float, timeout_s: float) -> bool:
        """Called when it is due: True if the peer is to be asked now.

        ``heard_at``: when the peer last sent anything; ``timeout_s``: the round trip's timeout.
        With ``questions`` above :data:`QUESTIONS_MAX` the peer is gone.
        """
        if heard_at > self._heard_before and self.questions:
            self.questions = 0
            self._every_s = min(self._every_s * 2, ASK_EVERY_MAX_S)
        if not self.questions and heard_at + self._every_s > now:
            self.due_at = heard_at + self._every_s
            return False
        wait_s = max(timeout_s, ANSWER_MIN_S) * 2**self.questions
        self.due_at = now + min(wait_s, ANSWER_MAX_S)
        self.questions += 1
        self._heard_before = heard_at
        return True
