"""What established sessions write: as much as the path, the limits and the others leave."""

from __future__ import annotations

from core.transport.bandwidth import Bandwidth
from core.transport.ports import SessionOwner
from core.transport.ssu2.connection import Connection
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.session import Ssu2Session

#: One session at a time gets no more of the output, so that all move.
OUTPUT_BYTES_PER_SESSION = 64 * 1024
OUTPUT_BYTES_MIN = 1500


class SessionOutput:
    """``is_limited``: the bandwidth was used up since :meth:`begin`."""

    __slots__ = ("_bandwidth", "_pulled", "is_limited")

    def __init__(self, bandwidth: Bandwidth) -> None:
        self._bandwidth = bandwidth
        #: bytes of this round that are accounted for
        self._pulled = 0
        self.is_limited = False

    def begin(self) -> None:
        """A round of all sessions begins."""
        self.is_limited = False
        self._pulled = 0

    def ended(self, output: list[tuple[bytes, SocketAddress]], now: float) -> int:
        """Account for what the round has brought; its bytes."""
        size = sum(len(datagram) for datagram, _ in output)
        self._bandwidth.sent(size - self._pulled, now)
        return size

    def pull(
        self,
        owner: SessionOwner,
        session: Ssu2Session,
        connection: Connection,
        output: list[tuple[bytes, SocketAddress]],
        now: float,
    ) -> bool:
        """Add packets of a session to ``output``; whether it has more to send at once."""
        bytes_max = self._bandwidth.writable(OUTPUT_BYTES_PER_SESSION, now)
        if bytes_max <= 0:
            self.is_limited = True
            return True
        bytes_max = max(bytes_max, OUTPUT_BYTES_MIN)
        has_more = False
        room = 0
        if session.is_established:
            room = min(connection.room(now), bytes_max)
            has_more = room <= 0 or owner.fill(session, room, now)
            connection.has_more = has_more
        packets = connection.take_packets(now, bytes_max)
        if packets:
            # At once: what one session takes, the next one has not.
            size = sum(len(datagram) for datagram, _ in packets)
            self._pulled += size
            self._bandwidth.sent(size, now)
            output += packets
            return has_more
        if has_more and room > 0:
            # Only transit waits, for more than our own messages would need.
            self.is_limited = True
            return True
        return False
