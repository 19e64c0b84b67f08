"""What a stream, and what finds the stream of a packet, are given by their manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from core.data.private_keys import PrivateKeys
from core.streaming.events import Event
from core.streaming.measured import PathMemory
from core.streaming.options import StreamingOptions
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import Packet

if TYPE_CHECKING:
    from core.streaming.connection import Stream


class StreamHost(Protocol):
    """What a stream needs from its manager."""

    keys: PrivateKeys
    options: StreamingOptions

    def wake(self, stream: Stream) -> None:
        """``stream`` may have something to send, or another deadline."""

    def emit(self, event: Event) -> None:
        """Tell the application; a stream that ended leaves the tables."""

    def account(self, change: int) -> bool:
        """Held received bytes changed; True if all streams together hold too much."""

    def learn(self, stream: Stream, memory: PathMemory) -> None:
        """``stream`` has sent everything, and this is what a later one can start from."""


class DemuxHost(Protocol):
    """What the demultiplexer needs from its manager."""

    def accept(
        self, packet: Packet, ports: tuple[int, int], source: object, now: float
    ) -> Stream | None:
        """The stream that an authentic SYN opens; None if there must be no more.

        ``ports``: the local and the remote one.
        """

    def answer(self, packet: OutgoingPacket | None) -> None:
        """Send ``packet`` if there is one: it belongs to no stream."""

    def count(self, cause: str) -> None:
        """A packet was dropped, or answered on behalf of no stream."""

    def emit(self, event: Event) -> None:
        """Tell the application."""

    def arm_sweep(self, now: float) -> None:
        """Something is kept that has to be forgotten later."""
