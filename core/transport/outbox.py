"""What is to be written: the links with something to send, sealed only when it can leave.

Messages wait unsealed in their peer's queue while a socket is full or the bandwidth is used up, so
that they can still expire, be counted, and move to another link.
"""

from __future__ import annotations

from core.base.ports import WallClock
from core.transport.bandwidth import Bandwidth
from core.transport.events import LinkId
from core.transport.records import Link
from core.transport.stats import LinkStats

OUTPUT_BYTES_PER_LINK = 128 * 1024
OUTPUT_BYTES_MIN = 16 * 1024


class Outbox:
    """All links together write no more than the router's bandwidth."""

    __slots__ = ("_bandwidth", "_dirty", "_final", "_is_limited", "_stats", "_wall")

    def __init__(self, wall: WallClock, stats: LinkStats, bandwidth: Bandwidth) -> None:
        self._wall = wall
        self._stats = stats
        self._bandwidth = bandwidth
        self._dirty: dict[LinkId, Link] = {}
        self._final: list[tuple[LinkId, bytes]] = []
        self._is_limited = False

    def mark(self, link: Link) -> None:
        """The link has something to write, unless its socket is full."""
        if not link.is_paused:
            self._dirty[link.id] = link

    def unmark(self, link: Link) -> None:
        """Nothing may be written to this link for now."""
        self._dirty.pop(link.id, None)

    def finish(self, link: Link) -> None:
        """The connection is over: its last bytes leave even if the socket is full."""
        connection = link.connection
        if connection is not None and connection.output:
            data = b"".join(connection.output)
            connection.output = []
            self._stats.bytes_sent += len(data)
            self._final.append((link.id, data))

    def take(self, now: float) -> list[tuple[LinkId, bytes]]:
        """What to write now, one entry for each link; again until it is empty."""
        output, self._final = self._final, []
        if not self._dirty:
            return output
        bandwidth = self._bandwidth
        self._is_limited = False
        dirty, self._dirty = self._dirty, {}
        for link_id, link in dirty.items():
            bytes_max = bandwidth.writable(OUTPUT_BYTES_PER_LINK, now)
            if bytes_max <= 0:
                self._is_limited = True
                self._dirty[link_id] = link
                continue
            data = self._seal(link, max(OUTPUT_BYTES_MIN, bytes_max), now)
            if data:
                output.append((link_id, data))
                self._stats.bytes_sent += len(data)
                bandwidth.sent(len(data), now)
        return output

    def _seal(self, link: Link, bytes_max: int, now: float) -> bytes:
        connection = link.connection
        if connection is None:
            return b""
        peer = link.peer
        sealed = b""
        if peer is not None and peer.link is link and connection.is_established:
            queue = peer.queue
            if peer.is_stale:
                peer.is_stale = False
                queue.drop_expired(int(self._wall.now()))
            if len(queue):
                messages = queue.pop(bytes_max)
                self._stats.messages_sent += len(messages)
                sealed = connection.seal_messages(messages, now)
                if len(queue):
                    peer.is_stale = True
                    self._dirty[link.id] = link
        if not connection.output:
            return sealed
        # Control frames were sealed before the messages just now: keep the order of the nonces.
        control, connection.output = connection.output, []
        return b"".join(control) + sealed

    def ready_at(self, now: float) -> float | None:
        """When bandwidth is there again for what is held back, or None if nothing is."""
        return self._bandwidth.write_at(now) if self._is_limited else None
