"""What a stream is given by its manager."""

from __future__ import annotations

from typing import Protocol, TypeVar

from core.data.private_keys import PrivateKeys
from core.streaming.events import Event
from core.streaming.measured import PathMemory
from core.streaming.options import StreamingOptions

StreamT = TypeVar("StreamT")


class StreamHost(Protocol[StreamT]):
    """What a stream needs from its manager; the stream says which class it is itself."""

    keys: PrivateKeys
    options: StreamingOptions

    def wake(self, stream: StreamT) -> None:
        """``stream`` may have something to send, or another deadline."""

    def emit(self, event: Event[StreamT]) -> None:
        """Tell the application; a stream that ended leaves the tables."""

    def account(self, change: int) -> bool:
        """Held received bytes changed; True if all streams together hold too much."""

    def learn(self, stream: StreamT, memory: PathMemory) -> None:
        """``stream`` has sent everything, and this is what a later one can start from."""
