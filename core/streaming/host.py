"""What a stream is given by its manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from core.data.private_keys import PrivateKeys
from core.streaming.events import Event
from core.streaming.measured import PathMemory
from core.streaming.options import StreamingOptions

if TYPE_CHECKING:
    from core.streaming.connection import Stream


class StreamHost(Protocol):
    """What a stream needs from its manager."""

    keys: PrivateKeys
    options: StreamingOptions

    def wake(self, stream: Stream) -> None:
        """``stream`` may have something to send, or another deadline."""

    def emit(self, event: Event) -> None: ...

    def account(self, change: int) -> bool:
        """Held received bytes changed; True if all streams together hold too much."""

    def learn(self, stream: Stream, memory: PathMemory) -> None:
        """``stream`` has sent everything, and this is what a later one can start from."""
