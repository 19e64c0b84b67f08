"""Whether the peer of a session is still there: asked when a flow of messages stops.

Over TCP the system tells at once that a process has died. Here nobody tells, and whoever only
receives has nothing in flight that would stay unacknowledged. So a flow that stops is followed by
one packet that elicits an ack, and only one: a session that is idle for long costs nothing, and a
trickle one packet for every eight messages. While others fall silent one message of late, to or
fro, is enough. The rule is the same for everybody's messages, so it does not tell whose they are.
"""

from __future__ import annotations

#: fewer messages are no flow
FLOW_MESSAGES = 8
#: a flow has stopped when nothing came for so long
STOPPED_S = 1.5
#: while others fall silent: with whom there was a message so lately, to or fro, is asked
RECENT_S = 60.0
_NEVER = float("inf")
_NEVER_YET = float("-inf")


class Liveness:
    """Times are monotonic seconds."""

    __slots__ = ("_message_at", "_messages", "is_told")

    def __init__(self) -> None:
        self._messages = 0
        self._message_at = _NEVER_YET
        self.is_told = False
        """Whether the owner knows of the silence; true until something comes."""

    def received(self, messages: int, now: float) -> None:
        """A genuine packet came, with so many messages in it."""
        if messages:
            self._messages += messages
            self._message_at = now
        self.is_told = False

    def sent(self, now: float) -> None:
        """Messages are on their way."""
        self._message_at = now

    def ask_at(self, last_received: float) -> float:
        """When to have the peer acknowledge something."""
        return last_received + STOPPED_S if self._messages >= FLOW_MESSAGES else _NEVER

    def doubt(self, now: float) -> bool:
        """Others have gone: ask as if a flow had stopped; False if there was no message of late."""
        is_asked = now - self._message_at < RECENT_S
        if is_asked:
            self._messages = FLOW_MESSAGES
        return is_asked

    def asked(self) -> None:
        """That has been done."""
        self._messages = 0
