"""Routers that break the protocol again and again, and for how long to refuse them.

Only what nobody but the router itself can have sent is held against it: what came under the keys of
a session that it proved to be its own, or under the key of an answer that it alone was given. So
nobody gets another router banned. What proves nothing:

* a failed handshake, for it names whom it likes. It costs the address it came from
  (:mod:`core.transport.inbound`), over UDP once that has answered with a token;
* a broken frame, for anybody on the way can break it;
* the content of a message over a link, for a router at the end of a tunnel passes on what strangers
  have put in.

A new kind of block or message is no offence either. What is one, no released router does; it may
still be broken memory, so the first ones are forgiven, and every ban ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.bounded import BoundedMap

BROKEN_BLOCKS = "blocks that overrun their frame"
FALSE_ROUTER_INFO = "a router info that is not genuine"
FALSE_ANSWER = "an answer of the network database that is not genuine"

OFFENCES_MAX = 3
"""So many in ``WINDOW_S`` are a ban."""
WINDOW_S = 600.0
BAN_S = 600.0
"""The first ban; each further one doubles it."""
BAN_MAX_S = 3600.0
#: Who behaved so long after a ban begins anew.
FORGOTTEN_S = 4 * 3600.0
ROUTERS_MAX = 1024


@dataclass(slots=True)
class _Record:
    offences: int = 0
    since: float = float("-inf")
    bans: int = 0
    banned_until: float = 0.0


class Misconduct:
    """The records of at most ``ROUTERS_MAX`` routers; those that offended longest ago go first."""

    __slots__ = ("_records",)

    def __init__(self) -> None:
        self._records: BoundedMap[bytes, _Record] = BoundedMap(ROUTERS_MAX)

    def __len__(self) -> int:
        return len(self._records)

    def note(self, router_hash: bytes, now: float) -> float:
        """An offence of a proven router; for how many seconds to ban it now, 0.0 if not yet."""
        record = self._records.get(router_hash) or _Record()
        self._records.put(router_hash, record)
        if now < record.banned_until:
            return 0.0
        if now >= record.since + WINDOW_S:
            record.offences, record.since = 0, now
        offences = record.offences = record.offences + 1
        if offences < OFFENCES_MAX:
            return 0.0
        if now >= record.banned_until + FORGOTTEN_S:
            record.bans = 0
        ban_s = min(BAN_S * (1 << record.bans), BAN_MAX_S)
        record.bans = min(record.bans + 1, 16)
        record.offences, record.banned_until = 0, now + ban_s
        return ban_s
