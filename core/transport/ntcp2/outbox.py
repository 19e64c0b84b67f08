"""What is to be written: the sessions with something to send, sealed only when it can leave.

Messages wait unsealed with the owner while a socket is full or the bandwidth is used up, so that
they can still expire, be counted, and move to another session.
"""

from __future__ import annotations

from core.transport.bandwidth import Bandwidth
from core.transport.ntcp2.commands import LinkId
from core.transport.ntcp2.session import Ntcp2Session
from core.transport.ntcp2.states import State
from core.transport.ports import SessionOwner
from core.transport.stats import LinkStats

OUTPUT_BYTES_PER_SESSION = 128 * 1024
OUTPUT_BYTES_MIN = 16 * 1024


class Outbox:
    """All sessions together write no more than the router's bandwidth."""

    __slots__ = ("_bandwidth", "_final", "_is_limited", "_stats", "ready")

    def __init__(self, stats: LinkStats, bandwidth: Bandwidth) -> None:
        self._stats = stats
        self._bandwidth = bandwidth
        self.ready: dict[LinkId, Ntcp2Session] = {}
        """Sessions with something to write, whose sockets are not full."""
        self._final: list[tuple[LinkId, bytes]] = []
        self._is_limited = False

    def mark(self, session: Ntcp2Session) -> None:
        """The session has something to write, unless its socket is full."""
        if not session.is_paused:
            self.ready[session.number] = session

    def unmark(self, session: Ntcp2Session) -> None:
        """Nothing may be written to this session for now."""
        self.ready.pop(session.number, None)

    def finish(self, session: Ntcp2Session) -> None:
        """The connection is over: its last bytes leave even if the socket is full."""
        data = session.take_output()
        if data:
            self._stats.bytes_sent += len(data)
            self._final.append((session.number, data))

    def take(self, owner: SessionOwner, now: float) -> list[tuple[LinkId, bytes]]:
        """What to write now, one entry for each session; again until it is empty."""
        output, self._final = self._final, []
        if not self.ready:
            return output
        bandwidth = self._bandwidth
        self._is_limited = False
        ready = list(self.ready.items())
        self.ready.clear()
        for number, session in ready:
            bytes_max = bandwidth.writable(OUTPUT_BYTES_PER_SESSION, now)
            if bytes_max <= 0:
                self._is_limited = True
                self.ready[number] = session
                continue
            if bytes_max < OUTPUT_BYTES_MIN:
                bytes_max = OUTPUT_BYTES_MIN
            connection = session.connection
            if connection is None:
                continue
            if connection.state is State.ESTABLISHED and owner.fill(session, bytes_max, now):
                self.ready[number] = session
            if connection.output:
                data = session.take_output()
            else:
                data, session.sealed = session.sealed, b""
            if data:
                output.append((number, data))
                self._stats.bytes_sent += len(data)
                bandwidth.sent(len(data), now)
            elif number in self.ready:
                # Only transit waits, for more than our own messages would need.
                self._is_limited = True
        return output

    def ready_at(self, now: float) -> float | None:
        """When bandwidth is there again for what is held back, or None if nothing is."""
        return self._bandwidth.write_at(now) if self._is_limited else None
