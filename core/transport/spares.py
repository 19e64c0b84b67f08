"""Links that were replaced and are still read.

Of two routers that dial each other at the same moment each may decide for another link. If the peer
closes the new one, the spare takes its place.
"""

from __future__ import annotations

from core.transport.context import TransportContext
from core.transport.reasons import TerminationReason
from core.transport.records import Peer
from core.transport.table import LinkTable

SPARE_IDLE_S = 20.0
SPARE_IDLE_VARIANCE_S = 10
#: i2pd and Java keep a link for each transport and may send on the one that we do not use: such a
#: spare never falls silent.
SPARE_LIFE_S = 120.0
SPARE_LIFE_VARIANCE_S = 60


class Spares:
    """At most one for each peer; when they are closed."""

    def __init__(self, context: TransportContext, table: LinkTable) -> None:
        self._entropy = context.entropy
        self._stats = context.stats
        self._peers = table.peers
        self.has_any = False
        """False if :meth:`expire` has nothing to do."""

    def make(self, peer: Peer, now: float) -> None:
        """A peer's link is about to be replaced: it becomes the spare, and an older one goes."""
        self._stats.links_replaced += 1
        oldest = peer.spare
        spare = peer.spare = peer.link
        if spare is not None:
            # Random, so that of two spares that face each other one goes first and the other
            # one's peer falls back to it.
            spare.spare_idle_s = SPARE_IDLE_S + self._entropy.randbelow(SPARE_IDLE_VARIANCE_S)
            life_s = SPARE_LIFE_S + self._entropy.randbelow(SPARE_LIFE_VARIANCE_S)
            spare.spare_until = now + life_s
            self.has_any = True
        if oldest is not None:
            oldest.session.close(TerminationReason.NORMAL, now)

    def expire(self, now: float) -> None:
        """Close those that have been silent, or spares, for long enough."""
        if not self.has_any:
            return
        self.has_any = False
        for peer in list(self._peers.values()):
            spare = peer.spare
            if spare is None:
                continue
            self.has_any = True
            is_silent = now - spare.session.last_received >= spare.spare_idle_s
            if is_silent or now >= spare.spare_until:
                spare.session.close(TerminationReason.NORMAL, now)
