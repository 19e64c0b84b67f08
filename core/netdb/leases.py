"""Lease sets: which are believed, and the separate stores they are kept in.

Two worlds that never meet (network-database, "Segmentation"): what a floodfill keeps for others,
and what each local owner learned through its own tunnels. A lease set that came through a tunnel
is never served to the network, and a lookup of an owner never reads the floodfill's store; else a
stranger could find out which router a destination lives on.

Accepted windows: Java refuses an end more than 15 minutes ahead (plus a minute of clock), i2pd 12;
meta lease sets may live for 65535 s.

Who makes room in a full table is a matter of what strangers cannot get for a single message: a
lease set that its owner has published again, or that somebody wanted, outlives those that were
stored once, and those of a source that stores much go before others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import islice

from core.data.lease_set import LeaseSet
from core.data.lease_set_variants import AnyLeaseSet, EncryptedLeaseSet, MetaLeaseSet
from core.netdb.events import Owner

END_AHEAD_MAX_MS = 16 * 60_000
META_END_AHEAD_MAX_MS = 65_535_000 + 60_000
PUBLISHED_AHEAD_MAX_MS = 120_000
USABLE_MIN_MS = 10_000
"""A lease set that ends sooner is not handed to an owner: a new one is fetched instead."""
RENEWED_MIN_MS = 60_000
"""What is published again sooner proves nothing yet."""
_EVICTION_SAMPLE = 32


class LeaseVerdict(Enum):
    """What became of an offered lease set."""

    NEW = "new"
    NEWER = "newer"
    KNOWN = "known"
    EXPIRED = "expired"
    FROM_FUTURE = "from the future"
    UNPUBLISHED = "unpublished"
    BAD_SIGNATURE = "bad signature"

    @property
    def is_stored(self) -> bool:
        """True if the lease set was taken."""
        return self in (LeaseVerdict.NEW, LeaseVerdict.NEWER)


def end_ms(lease_set: AnyLeaseSet) -> int:
    """When the last lease ends, unix milliseconds; the header decides where leases are hidden."""
    expires_ms = lease_set.expires_ms
    if isinstance(lease_set, EncryptedLeaseSet | MetaLeaseSet) or not lease_set.leases:
        return expires_ms
    return min(expires_ms, max(lease.end_ms for lease in lease_set.leases))


def is_newer(lease_set: AnyLeaseSet, known: AnyLeaseSet) -> bool:
    """Strictly newer (i2pd, Java); a lease set of the old form never replaces a newer form."""
    if isinstance(lease_set, LeaseSet):
        return isinstance(known, LeaseSet) and lease_set.expires_ms > known.expires_ms
    return isinstance(known, LeaseSet) or lease_set.published_ms > known.published_ms


def is_future(lease_set: AnyLeaseSet, wall_ms: int) -> bool:
    """Whether its dates lie further ahead than any right clock makes them."""
    is_meta = isinstance(lease_set, MetaLeaseSet)
    ahead = META_END_AHEAD_MAX_MS if is_meta else END_AHEAD_MAX_MS
    latest = lease_set.expires_ms
    if not isinstance(lease_set, EncryptedLeaseSet | MetaLeaseSet):
        latest = max(latest, max((lease.end_ms for lease in lease_set.leases), default=0))
    if latest > wall_ms + ahead:
        return True
    is_old_form = isinstance(lease_set, LeaseSet)
    return not is_old_form and lease_set.published_ms > wall_ms + PUBLISHED_AHEAD_MAX_MS


def judge(lease_set: AnyLeaseSet, known: AnyLeaseSet | None, wall_ms: int) -> LeaseVerdict:
    """Whether to believe and keep ``lease_set``; the signature is checked last."""
    if known is not None and not is_newer(lease_set, known) and not is_future(known, wall_ms):
        return LeaseVerdict.KNOWN
    if end_ms(lease_set) <= wall_ms:
        return LeaseVerdict.EXPIRED
    if is_future(lease_set, wall_ms):
        return LeaseVerdict.FROM_FUTURE
    if not lease_set.verify():
        return LeaseVerdict.BAD_SIGNATURE
    return LeaseVerdict.NEW if known is None else LeaseVerdict.NEWER


class Standing(IntEnum):
    """What speaks for a lease set when there are too many."""

    STORED = 0
    WANTED = 1
    """Somebody asked for it."""
    RENEWED = 2
    """Its owner has published it again, later."""


@dataclass(slots=True)
class _Entry:
    lease_set: AnyLeaseSet
    source: Hashable
    standing: Standing
    since_ms: int


class LeaseSetTable:
    """Lease sets by their key, at most ``count_max``.

    Of some that were not looked at for longest one makes room: of the lowest standing, then of the
    source that has the most here, then the farthest. ``distance`` of a key to this router, if that
    matters. Looking at all of them for each newcomer would be an invitation to flood a full table.
    """

    def __init__(self, count_max: int, distance: Callable[[bytes], int] | None = None) -> None:
        self._count_max = count_max
        self._distance = distance
        self._table: dict[bytes, _Entry] = {}
        self._sources: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._table)

    def get(self, key: bytes) -> AnyLeaseSet | None:
        """The lease set under a key, or None; it may have ended."""
        entry = self._table.get(key)
        return None if entry is None else entry.lease_set

    def want(self, key: bytes) -> AnyLeaseSet | None:
        """:meth:`get` for somebody who asked for it."""
        entry = self._table.get(key)
        if entry is None:
            return None
        entry.standing = max(entry.standing, Standing.WANTED)
        return entry.lease_set

    def put(
        self,
        lease_set: AnyLeaseSet,
        source: Hashable = None,
        standing: Standing = Standing.STORED,
        wall_ms: int = 0,
    ) -> None:
        """Keep it, whatever was there."""
        key = lease_set.hash
        old = self._table.get(key)
        if old is not None:
            if wall_ms >= old.since_ms + RENEWED_MIN_MS:
                standing = Standing.RENEWED
            old.lease_set = lease_set
            old.standing = max(old.standing, standing)
            return
        if len(self._table) >= self._count_max:
            self.remove(self._victim())
        self._table[key] = _Entry(lease_set, source, standing, wall_ms)
        self._sources[source] += 1

    def remove(self, key: bytes) -> None:
        """Drop the lease set under a key, if there is one."""
        entry = self._table.pop(key, None)
        if entry is not None:
            self._sources[entry.source] -= 1
            if not self._sources[entry.source]:
                del self._sources[entry.source]

    def clear(self) -> None:
        """Forget all."""
        self._table.clear()
        self._sources.clear()

    def expire(self, wall_ms: int) -> None:
        """Forget what has ended."""
        ended = [key for key, one in self._table.items() if end_ms(one.lease_set) <= wall_ms]
        for key in ended:
            self.remove(key)

    def _victim(self) -> bytes:
        table, sources = self._table, self._sources
        sample = list(islice(table, _EVICTION_SAMPLE))
        for key in sample:
            # To the end: the next time others are looked at.
            table[key] = table.pop(key)
        worst = min((table[key].standing, -sources[table[key].source]) for key in sample)
        equal = [k for k in sample if (table[k].standing, -sources[table[k].source]) == worst]
        if self._distance is None:
            return min(equal, key=lambda key: end_ms(table[key].lease_set))
        return max(equal, key=self._distance)

    def drop_future(self, wall_ms: int) -> None:
        """Forget what was believed under a clock that was ahead."""
        ahead = [key for key, one in self._table.items() if is_future(one.lease_set, wall_ms)]
        for key in ahead:
            self.remove(key)


class LeaseSets:
    """The floodfill's table and one table for each local owner."""

    def __init__(
        self, served_max: int, client_max: int, distance: Callable[[bytes], int] | None = None
    ) -> None:
        self._client_max = client_max
        self.served = LeaseSetTable(served_max, distance)
        self._clients: dict[Owner, LeaseSetTable] = {}
        self.counts: dict[LeaseVerdict, int] = dict.fromkeys(LeaseVerdict, 0)

    def add_served(
        self, lease_set: AnyLeaseSet, wall_ms: int, source: Hashable = None
    ) -> LeaseVerdict:
        """Offer one that was stored at this floodfill, by way of ``source``."""
        known = self.served.get(lease_set.hash)
        verdict = judge(lease_set, known, wall_ms)
        if verdict.is_stored and not lease_set.is_published:
            verdict = LeaseVerdict.UNPUBLISHED
            # i2pd: an unpublished newer one takes the older one out of service.
            self.served.remove(lease_set.hash)
        self.counts[verdict] += 1
        if verdict.is_stored:
            self.served.put(lease_set, source, wall_ms=wall_ms)
        return verdict

    def add_client(
        self, lease_set: AnyLeaseSet, owner: Owner, wall_ms: int, *, is_wanted: bool = False
    ) -> LeaseVerdict:
        """Offer one that came to ``owner``; ``is_wanted``: who had asked for it."""
        table = self._clients.get(owner)
        known = table.get(lease_set.hash) if table is not None else None
        verdict = judge(lease_set, known, wall_ms)
        self.counts[verdict] += 1
        if verdict.is_stored:
            if table is None:
                table = self._clients[owner] = LeaseSetTable(self._client_max)
            standing = Standing.WANTED if is_wanted else Standing.STORED
            table.put(lease_set, None, standing, wall_ms)
        return verdict

    def get_client(
        self, key: bytes, owner: Owner, wall_ms: int, *, is_wanted: bool = True
    ) -> AnyLeaseSet | None:
        """What ``owner`` knows about ``key`` and can still use; ``is_wanted``: because it asks."""
        table = self._clients.get(owner)
        if table is None:
            return None
        lease_set = table.want(key) if is_wanted else table.get(key)
        if lease_set is None or end_ms(lease_set) <= wall_ms + USABLE_MIN_MS:
            return None
        return lease_set

    def forget(self, key: bytes, owner: Owner) -> None:
        """``owner`` found the lease set of ``key`` to be useless."""
        table = self._clients.get(owner)
        if table is not None:
            table.remove(key)

    def forget_owner(self, owner: Owner) -> None:
        """A local destination is gone, and with it what was kept for it."""
        self._clients.pop(owner, None)

    def expire(self, wall_ms: int) -> None:
        """Forget what has ended, everywhere."""
        self.served.expire(wall_ms)
        for table in self._clients.values():
            table.expire(wall_ms)

    def clock_changed(self, wall_ms: int) -> None:
        """Forget what has ended or lies in the future by the clock that was just set."""
        self.expire(wall_ms)
        for table in (self.served, *self._clients.values()):
            table.drop_future(wall_ms)
