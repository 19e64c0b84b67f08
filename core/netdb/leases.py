"""Lease sets: which are believed, and the separate stores they are kept in.

Two worlds that never meet (network-database, "Segmentation"): what a floodfill keeps for others,
and what each local owner learned through its own tunnels. A lease set that came through a tunnel
is never served to the network, and a lookup of an owner never reads the floodfill's store; else a
stranger could find out which router a destination lives on.

Accepted windows: Java refuses an end more than 15 minutes ahead (plus a minute of clock), i2pd 12;
meta lease sets may live for 65535 s.
"""

from __future__ import annotations

from enum import Enum
from itertools import islice

from core.data.lease_set import LeaseSet
from core.data.lease_set_variants import AnyLeaseSet, EncryptedLeaseSet, MetaLeaseSet
from core.netdb.events import Owner

END_AHEAD_MAX_MS = 16 * 60_000
META_END_AHEAD_MAX_MS = 65_535_000 + 60_000
PUBLISHED_AHEAD_MAX_MS = 120_000
USABLE_MIN_MS = 10_000
"""A lease set that ends sooner is not handed to an owner: a new one is fetched instead."""
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


def judge(lease_set: AnyLeaseSet, known: AnyLeaseSet | None, wall_ms: int) -> LeaseVerdict:
    """Whether to believe and keep ``lease_set``; the signature is checked last."""
    if known is not None and not is_newer(lease_set, known):
        return LeaseVerdict.KNOWN
    if end_ms(lease_set) <= wall_ms:
        return LeaseVerdict.EXPIRED
    is_meta = isinstance(lease_set, MetaLeaseSet)
    ahead = META_END_AHEAD_MAX_MS if is_meta else END_AHEAD_MAX_MS
    latest = lease_set.expires_ms
    if not isinstance(lease_set, EncryptedLeaseSet | MetaLeaseSet):
        latest = max(latest, max((lease.end_ms for lease in lease_set.leases), default=0))
    if latest > wall_ms + ahead:
        return LeaseVerdict.FROM_FUTURE
    is_old_form = isinstance(lease_set, LeaseSet)
    if not is_old_form and lease_set.published_ms > wall_ms + PUBLISHED_AHEAD_MAX_MS:
        return LeaseVerdict.FROM_FUTURE
    if not lease_set.verify():
        return LeaseVerdict.BAD_SIGNATURE
    return LeaseVerdict.NEW if known is None else LeaseVerdict.NEWER


class LeaseSetTable:
    """Lease sets by their key, at most ``count_max``.

    Of those stored longest ago the one that ends first makes room: looking at all of them for each
    newcomer would be an invitation to flood a full table.
    """

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._table: dict[bytes, AnyLeaseSet] = {}

    def __len__(self) -> int:
        return len(self._table)

    def get(self, key: bytes) -> AnyLeaseSet | None:
        return self._table.get(key)

    def put(self, lease_set: AnyLeaseSet) -> None:
        """Keep it, whatever was there."""
        key = lease_set.hash
        table = self._table
        if table.pop(key, None) is None and len(table) >= self._count_max:
            del table[min(islice(table, _EVICTION_SAMPLE), key=lambda k: end_ms(table[k]))]
        table[key] = lease_set

    def remove(self, key: bytes) -> None:
        self._table.pop(key, None)

    def expire(self, wall_ms: int) -> None:
        """Forget what has ended."""
        for key in [k for k, lease_set in self._table.items() if end_ms(lease_set) <= wall_ms]:
            del self._table[key]


class LeaseSets:
    """The floodfill's table and one table for each local owner."""

    def __init__(self, served_max: int, client_max: int) -> None:
        self._client_max = client_max
        self.served = LeaseSetTable(served_max)
        self._clients: dict[Owner, LeaseSetTable] = {}
        self.counts: dict[LeaseVerdict, int] = dict.fromkeys(LeaseVerdict, 0)

    def add_served(self, lease_set: AnyLeaseSet, wall_ms: int) -> LeaseVerdict:
        """Offer one that was stored at this floodfill."""
        known = self.served.get(lease_set.hash)
        verdict = judge(lease_set, known, wall_ms)
        if verdict.is_stored and not lease_set.is_published:
            verdict = LeaseVerdict.UNPUBLISHED
            # i2pd: an unpublished newer one takes the older one out of service.
            self.served.remove(lease_set.hash)
        self.counts[verdict] += 1
        if verdict.is_stored:
            self.served.put(lease_set)
        return verdict

    def add_client(self, lease_set: AnyLeaseSet, owner: Owner, wall_ms: int) -> LeaseVerdict:
        """Offer one that came to ``owner``."""
        table = self._clients.get(owner)
        known = table.get(lease_set.hash) if table is not None else None
        verdict = judge(lease_set, known, wall_ms)
        self.counts[verdict] += 1
        if verdict.is_stored:
            if table is None:
                table = self._clients[owner] = LeaseSetTable(self._client_max)
            table.put(lease_set)
        return verdict

    def get_client(self, key: bytes, owner: Owner, wall_ms: int) -> AnyLeaseSet | None:
        """What ``owner`` knows about ``key`` and can still use."""
        table = self._clients.get(owner)
        lease_set = table.get(key) if table is not None else None
        if lease_set is None or end_ms(lease_set) <= wall_ms + USABLE_MIN_MS:
            return None
        return lease_set

    def forget(self, key: bytes, owner: Owner) -> None:
        """``owner`` found the lease set of ``key`` to be useless."""
        table = self._clients.get(owner)
        if table is not None:
            table.remove(key)

    def forget_owner(self, owner: Owner) -> None:
        self._clients.pop(owner, None)

    def expire(self, wall_ms: int) -> None:
        """Forget what has ended, everywhere."""
        self.served.expire(wall_ms)
        for table in self._clients.values():
            table.expire(wall_ms)
