"""What opening a garlic message yields, what sealing one would make, and the counters of both."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from core.garlic.cloves import Clove


class MessageKind(IntEnum):
    """What the next message to a remote will be."""

    NEW_SESSION = 0
    REPLY = 1
    EXISTING = 2


class Opened(NamedTuple):
    """An incoming message.

    ``remote_static`` is None if the sender is anonymous. ``acks`` are the ``ack_key`` values of our
    messages that are now known to have arrived. ``is_terminated``: the remote closed its session.
    """

    remote_static: bytes | None
    cloves: Sequence[Clove]
    acks: Sequence[int]
    is_new_session: bool
    is_terminated: bool = False


class RatchetCounters:
    """What happened, for statistics; everything but ``opened`` and ``new_sessions`` is dropped."""

    __slots__ = (
        "broken",
        "evicted",
        "forged",
        "new_sessions",
        "not_ours",
        "opened",
        "over_rate",
        "replayed",
        "stale",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.new_sessions = 0
        self.not_ours = 0
        self.forged = 0
        self.broken = 0
        self.stale = 0
        self.replayed = 0
        self.over_rate = 0
        self.evicted = 0
