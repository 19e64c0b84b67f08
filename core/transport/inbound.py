"""Which TCP connections to accept: room, how many at once from one source, and bans.

An address is banned for a while when a router of another network calls from it (specs/ntcp2,
message 1 notes) and after repeated handshakes that lead nowhere (probing).
"""

from __future__ import annotations

import logging
from collections import Counter

from core.transport.bans import BanList, SuspectCounter
from core.transport.events import LinkId
from core.transport.ntcp2.connection import Blame, Ended, State
from core.transport.records import Link, LinkLimits

logger = logging.getLogger("core.transport")

ADDRESS_BAN_S = 600.0
PROBES_BEFORE_BAN = 10


class InboundGate:
    """Counts the inbound handshakes under way; ``bans`` is keyed by source address."""

    __slots__ = ("_limits", "_links", "_pending", "_suspects", "bans")

    def __init__(self, limits: LinkLimits) -> None:
        self.bans = BanList()
        self._limits = limits
        #: the oldest first
        self._links: dict[LinkId, Link] = {}
        self._pending: Counter[str] = Counter()
        self._suspects = SuspectCounter()

    @property
    def pending_count(self) -> int:
        """Inbound handshakes under way, those included that failed and have not ended."""
        return len(self._links)

    def may_accept(self, host_key: str, now: float) -> bool:
        """False if the source is banned or has too many handshakes under way."""
        return (
            self._pending.get(host_key, 0) < self._limits.handshakes_per_address_max
            and self.bans.reason(host_key, now) is None
        )

    def crowding(self) -> Link | None:
        """The handshake to give up so that one more may begin, or None while there is room.

        One that has failed, else one whose message 1 is not complete, else the oldest. Who holds
        many half-open connections from many addresses shuts nobody out: a genuine router sends
        message 1 at once.
        """
        if len(self._links) < self._limits.handshakes_max:
            return None
        return min(self._links.values(), key=_progress)

    def began(self, link: Link) -> None:
        """An accepted link starts its handshake."""
        self._pending[link.host_key] += 1
        self._links[link.id] = link

    def ended(self, link: Link) -> None:
        """The handshake of a link is over, well or badly; harmless the second time."""
        if not link.is_pending:
            return
        link.is_pending = False
        del self._links[link.id]
        self._pending[link.host_key] -= 1
        if not self._pending[link.host_key]:
            del self._pending[link.host_key]

    def succeeded(self, link: Link) -> None:
        """The handshake of a link led to a session."""
        self.ended(link)
        self._suspects.forget(link.host_key)

    def failed(self, link: Link, end: Ended, now: float) -> None:
        """Judge a failed handshake; one log line for each ban, none for each attempt."""
        host_key = link.host_key
        logger.debug("inbound handshake from %s failed: %s", host_key, end.reason)
        if end.blame is Blame.FOREIGN_NETWORK:
            if self.bans.ban(host_key, now + ADDRESS_BAN_S, end.reason):
                logger.info("refused a router of another network: %s", end.reason)
        elif (
            end.blame in (Blame.PROBE, Blame.PEER)
            and self._suspects.note(host_key, now) >= PROBES_BEFORE_BAN
            and self.bans.ban(host_key, now + ADDRESS_BAN_S, "probing")
        ):
            logger.info(
                "refusing an address after %d failed handshakes, the last: %s",
                PROBES_BEFORE_BAN,
                end.reason,
            )


def _progress(link: Link) -> int:
    """How far a handshake came; min() takes the oldest of equals."""
    connection = link.connection
    if connection is None or connection.state is not State.HANDSHAKE:
        return 0
    return 2 if connection.is_request_complete else 1
