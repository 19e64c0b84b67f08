"""Where a stream stands."""

from __future__ import annotations

from enum import Enum


class StreamState(Enum):
    """Where a stream stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"
    RESET = "reset"
