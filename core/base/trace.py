"""What a trace is told: one connection's life in numbers, as aioquic's qlog has it.

A machine has a place for a trace, None as a rule: then it costs one comparison. Only times, counts,
sizes and states are told, and kinds of failures; never payload, keys, names, hosts or hashes.
"""

from __future__ import annotations

from typing import Protocol

#: what an event may carry
Figure = int | float | str | bool | None


class Trace(Protocol):
    """Takes the events of one thing: a link, a tunnel, a stream."""

    def event(self, name: str, now: float, **figures: Figure) -> None:
        """``name``: a word of the protocol; ``now``: monotonic seconds."""
