"""RouterInfos: which are believed, which are kept, and quick questions about them.

A RouterInfo gets in if it is newer than the known one, of our network, not from the future, not too
old and signed by its router; the signature is checked last because it costs the most. Limits:
``routers_max`` entries (see below), and at most ``FLOODFILLS_PROVEN_MIN`` floodfills
are used before proof that they are alive (i2pd: floods of invented floodfills; the same number).

A router is *proven* once we had a link to it or it was a hop of ours; that is remembered over
restarts. Strangers can invent routers by the thousand, so none of these makes a proven one leave:
in a full database a stranger takes the place of another stranger, or of nobody.

What changed since the last ``take_changes`` is remembered for the disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from enum import Enum
from heapq import nsmallest
from itertools import islice
from statistics import median

from core.base.ports import Entropy
from core.data.router_info import RouterInfo
from core.netdb.ports import FloodfillRole, NetDbConfig
from core.netdb.routing_key import Keyspace, closest, day_number, routing_key

#: i2pd and Java: two minutes of clock difference are tolerated.
FUTURE_MAX_MS = 120_000
AGE_MAX_MS = 27 * 3600_000
FLOODFILL_AGE_MAX_MS = 3600_000
"""A floodfill hears of every living router near its key again and again, so it forgets sooner."""
EXPIRY_MIN_MS = 90 * 60_000
IMPORT_AGE_MAX_MS = 30 * 86_400_000
"""Java: reseed data up to 30 days old is taken."""
EXPIRY_GRACE_S = 600.0
"""After the start nothing expires: what comes from the disk may be the only way in."""
ROUTERS_KEPT_MIN = 90
FLOODFILLS_PROVEN_MIN = 1800
FLOODFILL_VERSION_MIN = (0, 9, 62)
#: So many RouterInfos from the future say something about our clock.
ROUTERS_TELLING_MIN = 3
_EVICTION_SAMPLE = 48
_HOUR_MS = 3600_000
_SAMPLE_COUNT = 500
_SAMPLE_S = 60.0
#: how many routers are looked at in one go
_TRIES_MAX = 4096
#: routers that expire, or are handed to the disk, in one go
EXPIRED_AT_ONCE = 1000
CHANGES_AT_ONCE = 1000
_SAMPLE_SMALL_S = 1.0


class Verdict(Enum):
    """What became of an offered RouterInfo."""

    NEW = "new"
    NEWER = "newer"
    KNOWN = "known"
    """The same or a newer one is there already."""
    FOREIGN_NETWORK = "foreign network"
    FROM_FUTURE = "from the future"
    TOO_OLD = "too old"
    BAD_SIGNATURE = "bad signature"
    BAD_FAMILY = "bad family"
    """It claims a family that has not signed for it."""
    OWN = "our own"
    NO_ROOM = "no room"
    """All that were looked at are proven, and this one is not."""
    TOO_MANY = "too many"
    """Nobody asked for it, and many such came of late, or from the same network."""
    UNASKED = "unasked"
    """It claims to be a floodfill, and neither did it say so itself nor did anybody ask."""

    @property
    def is_stored(self) -> bool:
        """True if the RouterInfo was taken."""
        return self in (Verdict.NEW, Verdict.NEWER)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the disk does not know yet."""

    stored: list[RouterInfo]
    removed: list[bytes]
    proven: list[bytes]
    """Of those that are known. Who is removed is proven no more."""
    has_more: bool = False
    """Ask again: it was too much for one go."""
    reliable: dict[bytes, bool] = field(default_factory=dict)
    """Floodfills that have become reliable, or are it no more."""


class RouterStore:
    """All known RouterInfos except our own."""

    def __init__(self, own_hash: bytes, config: NetDbConfig, entropy: Entropy) -> None:
        self._own_hash = own_hash
        self._config = config
        self.role = FloodfillRole(config.is_floodfill)
        self._entropy = entropy
        self._routers: dict[bytes, RouterInfo] = {}
        # The same hashes in a list: a random one is found in constant time.
        self._order: list[bytes] = []
        self._index: dict[bytes, int] = {}
        self._floodfills = Keyspace()
        self.proven_floodfills: set[bytes] = set()
        self._proven: set[bytes] = set()
        self._newly_proven: dict[bytes, None] = {}
        self._changed: dict[bytes, None] = {}
        self._removed: dict[bytes, None] = {}
        self._sample: set[bytes] = set()
        self._sampled_at = 0.0
        self._newest_import_ms = 0
        self.counts: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._routers)

    def __contains__(self, router_hash: object) -> bool:
        return router_hash in self._routers

    @property
    def floodfill_count(self) -> int:
        """How many floodfills are known."""
        return len(self._floodfills)

    @property
    def is_small(self) -> bool:
        """Too few routers to be choosy."""
        return len(self._routers) < ROUTERS_KEPT_MIN

    def get(self, router_hash: bytes) -> RouterInfo | None:
        """None if it is not known."""
        return self._routers.get(router_hash)

    def routers(self) -> Iterable[RouterInfo]:
        """Every known RouterInfo, in no particular order; do not add while iterating."""
        return self._routers.values()

    def add(
        self,
        info: RouterInfo,
        wall_now: float,
        *,
        age_max_ms: int | None = None,
        is_import: bool = False,
        admits: Callable[[RouterInfo, int], bool] | None = None,
    ) -> Verdict:
        """Offer one; counted by verdict. ``age_max_ms`` replaces the usual limit.

        ``admits``: whether a new one that is sound may come in (RouterInfo, how many are known).

        ``is_import``: the user gave it, so it may lie in the future: it is our clock that is wrong
        then, or the next RouterInfo of that router replaces it.
        """
        verdict = self._judge(info, int(wall_now * 1000), age_max_ms, is_import=is_import)
        known = len(self._routers)
        if verdict is Verdict.NEW and admits is not None and not admits(info, known):
            verdict = Verdict.TOO_MANY
        if verdict.is_stored and not self._put(info):
            verdict = Verdict.NO_ROOM
        self.counts[verdict] += 1
        return verdict

    def load(
        self, infos: Iterable[RouterInfo], wall_now: float, proven: Set[bytes] = frozenset()
    ) -> int:
        """Take back what this router itself had stored, without checking signatures again.

        Ages count from the newest if that is long ago: the clock may be ahead, or the router was
        off for long, and old ways into the network are better than none.
        """
        loaded = 0
        infos = list(infos)
        oldest = int(wall_now * 1000) - self.behind_ms(infos, wall_now) - IMPORT_AGE_MAX_MS
        for info in sorted(infos, key=lambda one: one.hash not in proven):
            if (
                info.hash != self._own_hash
                and info.hash not in self._routers
                and info.network_id == self._config.network_id
                and info.published_ms > oldest
                and self._put(info)
            ):
                self._changed.pop(info.hash, None)
                loaded += 1
                if info.hash in proven:
                    self.prove(info.hash)
                    self._newly_proven.pop(info.hash)
        return loaded

    def remove(self, router_hash: bytes) -> None:
        """Drop a RouterInfo, if it is known."""
        if self._routers.pop(router_hash, None) is None:
            return
        position = self._index.pop(router_hash)
        last = self._order.pop()
        if last != router_hash:
            self._order[position] = last
            self._index[last] = position
        self._floodfills.discard(router_hash)
        self.proven_floodfills.discard(router_hash)
        self._proven.discard(router_hash)
        self._newly_proven.pop(router_hash, None)
        self._changed.pop(router_hash, None)
        self._removed[router_hash] = None

    def prove(self, router_hash: bytes) -> None:
        """The router was talked to: it exists."""
        info = self._routers.get(router_hash)
        if info is not None and router_hash not in self._proven:
            self._proven.add(router_hash)
            self._newly_proven[router_hash] = None
            if self._is_usable_floodfill(info):
                self._add_floodfill(router_hash)

    def is_proven(self, router_hash: bytes) -> bool:
        """True if it has been connected or otherwise shown to exist."""
        return router_hash in self._proven

    def closest_floodfills(
        self,
        key: bytes,
        count: int,
        exclude: Iterable[bytes],
        wall_now: float,
        days_ahead: int = 0,
        among: Set[bytes] | None = None,
    ) -> list[RouterInfo]:
        """The floodfills nearest to ``key`` (a search key, not a routing key), nearest first.

        ``among``: only these.
        """
        target = routing_key(key, day_number(wall_now) + days_ahead)
        excluded = set(exclude)
        if among is not None:
            hashes = [h for h in among if h in self._floodfills and h not in excluded]
            return [self._routers[h] for h in closest(target, hashes, count)]
        nearest = (h for h in self._floodfills.nearest(target) if h not in excluded)
        return [self._routers[h] for h in islice(nearest, count)]

    def closest_others(
        self, key: bytes, count: int, exclude: Iterable[bytes], wall_now: float
    ) -> list[bytes]:
        """Hashes of routers near ``key`` that are not floodfills, from a random sample.

        The sample (500 routers) is drawn once in a while: answers may be approximate, and strangers
        cannot make this router sort its whole database over and over (i2pd: the same).
        """
        period_s = _SAMPLE_SMALL_S if len(self) <= _SAMPLE_COUNT else _SAMPLE_S
        if not 0 <= wall_now - self._sampled_at < period_s:
            self._sampled_at = wall_now
            infos = self.random_routers(
                _SAMPLE_COUNT, lambda info: not info.is_floodfill and info.is_reachable
            )
            self._sample = {info.hash for info in infos}
        candidates = self._sample.difference(exclude)
        return closest(routing_key(key, day_number(wall_now)), candidates, count)

    def random_routers(
        self, count: int, accept: Callable[[RouterInfo], bool] | None = None
    ) -> list[RouterInfo]:
        """Up to ``count`` different routers, chosen uniformly among those ``accept`` likes.

        Of a large database not all are looked at, so those may be missed that are rare.
        """
        order, routers = self._order, self._routers
        total = len(order)
        if not total or count <= 0:
            return []
        chosen: list[RouterInfo] = []
        if count >= total:
            indexes: Iterable[int] = range(total)
        else:
            indexes = islice(self._shuffled(total), max(_TRIES_MAX, 2 * count))
        for index in indexes:
            info = routers[order[index]]
            if accept is None or accept(info):
                chosen.append(info)
                if len(chosen) >= count:
                    break
        return chosen

    def expire(
        self,
        wall_now: float,
        uptime_s: float,
        keep: Callable[[bytes], bool],
        floodfill_s: float = math.inf,
    ) -> int:
        """Forget routers that were not heard of for long; ``keep`` protects (connected ones).

        Not in the first ten minutes, and never below 90 routers. The more are known, the sooner:
        27 hours at 90 routers, towards 90 minutes (i2pd: the same curve). Returns how many went, at
        most ``EXPIRED_AT_ONCE``: then there are more. ``floodfill_s``: how long we have been one.
        """
        total = len(self._routers)
        spare = total - ROUTERS_KEPT_MIN
        if uptime_s < EXPIRY_GRACE_S or spare <= 0:
            return 0
        floodfill_s = min(uptime_s, floodfill_s)
        if self.role.is_active and floodfill_s > FLOODFILL_AGE_MAX_MS / 1000:
            lifetime_ms = FLOODFILL_AGE_MAX_MS
        else:
            lifetime_ms = EXPIRY_MIN_MS + (AGE_MAX_MS - EXPIRY_MIN_MS) * ROUTERS_KEPT_MIN // total
        oldest = int(wall_now * 1000) - lifetime_ms
        old = [r for r in self._routers.values() if r.published_ms < oldest and not keep(r.hash)]
        count = min(spare, EXPIRED_AT_ONCE)
        for info in nsmallest(count, old, key=lambda r: r.published_ms):
            self.remove(info.hash)
        return min(len(old), count)

    def behind_ms(self, infos: Iterable[RouterInfo], wall_now: float) -> int:
        """By how much the newest of these and of those imported so far is older than now."""
        newest = max((info.published_ms for info in infos), default=0)
        self._newest_import_ms = max(self._newest_import_ms, newest)
        return max(0, int(wall_now * 1000) - self._newest_import_ms)

    def dated_ahead_s(self, wall_now: float) -> float:
        """By how much most routers are ahead of our clock, as the dates of their RouterInfos say.

        0 unless most of them are dated in the future: then it is our clock that is behind, by this
        at least. (It says nothing of a clock that is ahead: RouterInfos grow old.)
        """
        total = len(self._routers)
        latest_ms = wall_now * 1000 + FUTURE_MAX_MS
        ahead = [i.published_ms for i in self._routers.values() if i.published_ms > latest_ms]
        if total < ROUTERS_TELLING_MIN or 2 * len(ahead) <= total:
            return 0.0
        return median(ahead) / 1000 - wall_now

    def drop_future(self, wall_now: float) -> None:
        """Forget RouterInfos from the future, which came under a clock that was ahead.

        Not if most are: then the clock is wrong now, and they are the way into the network.
        """
        latest_ms = wall_now * 1000 + FUTURE_MAX_MS
        ahead = [h for h, info in self._routers.items() if info.published_ms > latest_ms]
        if 2 * len(ahead) <= len(self._routers):
            for router_hash in ahead:
                self.remove(router_hash)

    def take_changes(self) -> Changes:
        """What changed and was not taken yet; at most ``CHANGES_AT_ONCE`` of each kind."""
        changed, removed = self._changed, self._removed
        stored = [changed.popitem()[0] for _ in range(min(len(changed), CHANGES_AT_ONCE))]
        gone = [removed.popitem()[0] for _ in range(min(len(removed), CHANGES_AT_ONCE))]
        proven, self._newly_proven = list(self._newly_proven), {}
        return Changes([self._routers[h] for h in stored], gone, proven, bool(changed or removed))

    def _judge(
        self, info: RouterInfo, wall_ms: int, age_max_ms: int | None, *, is_import: bool
    ) -> Verdict:
        if info.hash == self._own_hash:
            return Verdict.OWN
        known = self._routers.get(info.hash)
        latest_ms = wall_ms + FUTURE_MAX_MS
        # A known one from the future came under a wrong clock: it must not keep right ones out.
        if known is not None and info.published_ms <= known.published_ms <= latest_ms:
            return Verdict.KNOWN
        if info.network_id != self._config.network_id:
            return Verdict.FOREIGN_NETWORK
        if info.published_ms > latest_ms:
            if known is not None and info.published_ms <= known.published_ms:
                return Verdict.KNOWN
            if not is_import:
                return Verdict.FROM_FUTURE
        if age_max_ms is None:
            age_max_ms = AGE_MAX_MS
            if self.role.is_active and not self.is_small:
                age_max_ms = FLOODFILL_AGE_MAX_MS
        if info.published_ms < wall_ms - age_max_ms:
            return Verdict.TOO_OLD
        if not info.verify():
            return Verdict.BAD_SIGNATURE
        if not info.is_family_genuine:
            return Verdict.BAD_FAMILY
        return Verdict.NEW if known is None else Verdict.NEWER

    def _put(self, info: RouterInfo) -> bool:
        """Keep it; False if there is no room."""
        router_hash = info.hash
        if router_hash not in self._routers:
            if len(self._routers) >= self._config.routers_max and not self._evict():
                return False
            self._index[router_hash] = len(self._order)
            self._order.append(router_hash)
        self._routers[router_hash] = info
        self._changed[router_hash] = None
        self._removed.pop(router_hash, None)
        if not self._is_usable_floodfill(info):
            self._floodfills.discard(router_hash)
            self.proven_floodfills.discard(router_hash)
        elif len(self._floodfills) < FLOODFILLS_PROVEN_MIN or router_hash in self._proven:
            self._add_floodfill(router_hash)
        return True

    def _add_floodfill(self, router_hash: bytes) -> None:
        self._floodfills.add(router_hash)
        if router_hash in self._proven:
            self.proven_floodfills.add(router_hash)

    def _evict(self) -> bool:
        """Make room, if one of a random sample is not proven.

        The oldest by hours goes, floodfills only if there is no other. Within an hour it is a
        random one: what is invented now is always the youngest.
        """
        sample = [r for r in self.random_routers(_EVICTION_SAMPLE) if r.hash not in self._proven]
        if not sample:
            return False
        victim = min(sample, key=lambda r: (r.hash in self._floodfills, r.published_ms // _HOUR_MS))
        self.remove(victim.hash)
        self.evicted += 1
        return True

    def _is_usable_floodfill(self, info: RouterInfo) -> bool:
        # i2pd: floodfills need X25519, version 0.9.59, a reachable address and no DSA signature.
        return (
            info.is_floodfill
            and info.is_reachable
            and info.encryption_key is not None
            and info.version >= FLOODFILL_VERSION_MIN
            and info.identity.signing_type != 0
        )

    def _shuffled(self, total: int) -> Iterable[int]:
        """Every index below ``total`` once, in random order, made as far as it is read."""
        swapped: dict[int, int] = {}
        for position in range(total):
            other = position + self._entropy.randbelow(total - position)
            value = swapped.get(other, other)
            swapped[other] = swapped.get(position, position)
            yield value
