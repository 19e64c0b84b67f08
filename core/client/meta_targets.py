"""Addresses behind which other destinations stand: whom of them a client talks to.

A meta lease set (common-structures: "MetaLeaseSet") lists the hashes of destinations, or of further
meta lease sets, with a cost. A client stays with the one that it was given first while that works.
Of those that cost least a random one is taken, so that clients spread; what did not answer is left
out for a while.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.base.bounded import BoundedMap
from core.base.ports import Entropy, WallClock
from core.data.lease_set_variants import MetaLeaseSet
from core.netdb.events import Owner
from core.netdb.facade import NetDb

KNOWN_MAX = 1024
DEAD_S = 120.0
"""So long an entry is left out that did not answer, or has no lease set."""
REFRESH_S = 600.0
"""A meta lease set may live for hours, and the machines behind it change sooner."""
DEPTH_MAX = 3
"""Meta lease sets that lead to each other."""


class MetaTargets:
    """The choices of one client session. ``owner``: what the netDb knows it by."""

    def __init__(self, netdb: NetDb, owner: Owner, wall: WallClock, entropy: Entropy) -> None:
        self._netdb = netdb
        self._owner = owner
        self._wall = wall
        self._entropy = entropy
        self._chosen: BoundedMap[bytes, bytes] = BoundedMap(KNOWN_MAX)
        self._dead: BoundedMap[bytes, float] = BoundedMap(KNOWN_MAX)
        self._found_at: BoundedMap[bytes, float] = BoundedMap(KNOWN_MAX)

    def note_found(self, target: bytes, now: float) -> None:
        """A search brought the meta lease set of ``target``."""
        self._found_at.put(target, now)

    def has(self, target: bytes) -> bool:
        """Whether a meta lease set of ``target`` is known that has not ended."""
        return self._meta(target) is not None

    def age_s(self, target: bytes, now: float) -> float | None:
        """How long ago the meta lease set of ``target`` was found; None: find it first."""
        found_at = self._found_at.get(target)
        return None if found_at is None or not self.has(target) else now - found_at

    def choose(self, target: bytes, now: float) -> bytes | None:
        """The destination to talk to, or a meta lease set to be found first; None: there is none.

        When all have failed, the meta lease set is looked for, and they are tried again.
        """
        before = self._chosen.get(target)
        entries = dict.fromkeys(self._entries(target, 1, {target}))
        alive = [entry for entry in entries if self._dead.get(entry, now) <= now]
        if not alive:
            for entry in entries:
                self._dead.pop(entry)
            self._found_at.pop(target)
            return None
        chosen = before if before in alive else alive[0]
        self._chosen.put(target, chosen)
        return chosen

    def failed(self, entry: bytes, now: float) -> None:
        """Nobody answers at ``entry``, or it has no lease set."""
        self._dead.put(entry, now + DEAD_S)

    def _meta(self, target: bytes) -> MetaLeaseSet | None:
        known = self._netdb.get_lease_set(target, self._owner)
        return known if isinstance(known, MetaLeaseSet) else None

    def _entries(self, target: bytes, depth: int, seen: set[bytes]) -> Iterator[bytes]:
        """Those that have not ended, the cheapest first."""
        meta = self._meta(target)
        if meta is None:
            return
        wall_ms = self._wall.now() * 1000
        leases = [one for one in meta.leases if one.end_ms > wall_ms]
        drawn = [(lease.cost, self._entropy.randbelow(1 << 30), lease.target) for lease in leases]
        for _, _, entry in sorted(drawn):
            if entry in seen:
                continue
            seen.add(entry)
            if self._meta(entry) is None:
                yield entry
            elif depth < DEPTH_MAX:
                yield from self._entries(entry, depth + 1, seen)
