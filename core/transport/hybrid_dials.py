"""Whether a dial may be hybrid, and what became of hybrid handshakes.

A router may publish ``pq`` and not be able to keep it, as after a change of its settings or its
library. Nothing on the wire tells why a handshake is refused, so after a failure it is dialled
plainly for a while: no router stays out of reach because of what it publishes. i2pd: one dial in
four is plain, at random.
"""

from __future__ import annotations

from core.transport.bans import Backoff
from core.transport.ports import Session
from core.transport.stats import LinkStats

#: After the first failure; doubled by each further one.
PLAIN_S = 600.0
#: After silence, which has many reasons: for the next dial.
SILENT_PLAIN_S = 60.0
PLAIN_MAX_S = 6 * 3600.0


class HybridDials:
    """See the module; one for each transport."""

    __slots__ = ("_plain", "_stats")

    def __init__(self, stats: LinkStats) -> None:
        self._stats = stats
        self._plain = Backoff(PLAIN_MAX_S)

    def may_try(self, router_hash: bytes, now: float) -> bool:
        """Whether this router may be dialled with what it publishes as ``pq``."""
        return self._plain.until(router_hash, now) is None

    def established(self, session: Session) -> None:
        """A handshake is over, hybrid or not."""
        if session.kem is None:
            return
        if not session.is_outbound:
            self._stats.hybrid_in += 1
            return
        self._stats.hybrid_out += 1
        if session.router_hash is not None:
            self._plain.succeeded(session.router_hash)

    def failed(self, router_hash: bytes, now: float, *, is_silent: bool = False) -> None:
        """The router broke a hybrid handshake off, did not answer it, or answered it wrongly.

        ``is_silent``: nothing at all came back.
        """
        self._stats.hybrid_fallbacks += 1
        self._plain.failed(router_hash, SILENT_PLAIN_S if is_silent else PLAIN_S, now)
