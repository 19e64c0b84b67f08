"""How floodfills have behaved towards us, and which one to ask next.

A floodfill that left several questions unanswered, or that we cannot dial, is asked last for a
while: tunnels may reach it. How long answers take decides when the next floodfill is asked in
parallel.

Anybody can run floodfills by the hundred that acknowledge stores, forget them, and are silent or
know nothing when asked. So a floodfill is *reliable* when it mostly had the lease sets that we were
looking for and that could be found. Of those asked in one search, or given a lease set, at least
every second one is reliable; if none is left, has answered us before. Until one has, those count
that were proven to exist. Who is reliable is remembered over restarts, until it disappoints once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import islice

from core.base.bounded import BoundedMap
from core.base.ports import WallClock
from core.data.router_info import RouterInfo
from core.netdb.ports import PeerView
from core.netdb.store import RouterStore

RECORDS_MAX = 4096
FAILURES_SHUNNED = 3
SHUN_S = 300.0
HEDGE_MIN_S = 0.35
HEDGE_MAX_S = 1.4
_HEDGE_START_S = 0.8
_HEARD_SAMPLE = 8
_BESIDE_SAMPLE = 16
_COUNT_MAX = 16
"""Old experience fades: what was found, and what was not, is halved."""


@dataclass(slots=True)
class _Record:
    failures: int = 0
    failed_at: float = 0.0


@dataclass(slots=True)
class _Keeping:
    """How often a floodfill had a lease set that could be found, and how often it had not."""

    had: int = 0
    lacked: int = 0

    def count(self, *, had: bool) -> None:
        self.had += had
        self.lacked += not had
        if self.had + self.lacked > _COUNT_MAX:
            self.had, self.lacked = self.had // 2, self.lacked // 2


class Floodfills:
    """Chooses floodfills by closeness and conduct."""

    def __init__(self, store: RouterStore, peers: PeerView, wall: WallClock) -> None:
        self._store = store
        self._peers = peers
        self._wall = wall
        self._records: BoundedMap[bytes, _Record] = BoundedMap(RECORDS_MAX)
        #: those that ever answered; the longest ago first
        self._heard: BoundedMap[bytes, None] = BoundedMap(RECORDS_MAX)
        self._keeping: BoundedMap[bytes, _Keeping] = BoundedMap(RECORDS_MAX)
        #: those of them that mostly had what was looked for
        self._reliable: dict[bytes, None] = {}
        #: those that became reliable, or ceased to be, since the disk was told
        self._changed: dict[bytes, bool] = {}
        self._answer_s = 0.0
        self._deviation_s = 0.0

    def choose(
        self, key: bytes, count: int, exclude: Collection[bytes], now: float, days_ahead: int = 0
    ) -> list[RouterInfo]:
        """Up to ``count`` floodfills near ``key``, the best first; banned ones never."""
        wall_now = self._wall.now()
        wanted = count + 6
        near = self._store.closest_floodfills(key, wanted, exclude, wall_now, days_ahead)
        allowed = [info for info in near if not self._peers.is_banned(info.hash)]
        if len(allowed) < count and len(near) == wanted:
            near = self._store.closest_floodfills(key, wanted * 4, exclude, wall_now, days_ahead)
            allowed = [info for info in near if not self._peers.is_banned(info.hash)]
        good = [info for info in allowed if not self._is_shunned(info.hash, now)]
        if len(good) < count:
            good += [info for info in allowed if self._is_shunned(info.hash, now)]
        return good[:count]

    def beside(self, key: bytes, stored_by: Collection[bytes], now: float) -> set[bytes]:
        """Floodfills near ``key`` in a subnet of one that has stored it, which may be the same one.

        Subnets are an IPv4 /24 or an IPv6 /48 (Java: the same in IPv4).
        """
        known = [info for one in stored_by if (info := self._store.get(one)) is not None]
        subnets = {subnet for info in known for subnet in _subnets(info)}
        near = self._store.closest_floodfills(key, _BESIDE_SAMPLE, stored_by, self._wall.now())
        return {info.hash for info in near if not subnets.isdisjoint(_subnets(info))}

    def next(
        self,
        key: bytes,
        asked: Collection[bytes],
        exclude: Collection[bytes],
        now: float,
        latest: bytes = b"",
    ) -> RouterInfo | None:
        """Whom to ask after ``asked``, which ``exclude`` contains.

        ``latest`` of them was asked last: where reliable ones became known late, these are not
        asked in a row, for they may be as far from the key as those before.
        """
        reliable = sum(map(self.is_reliable, asked))
        if len(asked) > 2 * reliable and not self.is_reliable(latest):
            known = self.nearest_reliable(key, exclude, now)
            if known is not None:
                return known
        real: Set[bytes] = self._heard.keys() or self._store.proven_floodfills
        heard = sum(floodfill in real for floodfill in asked)
        if (
            len(asked) > 2 * heard
            and (known := self._nearest_of(real, key, exclude, now)) is not None
        ):
            return known
        near = self.choose(key, 1, exclude, now)
        # None near the key can be tried now: those that exist know more.
        return near[0] if near else self._nearest_of(real, key, exclude, now)

    def is_reliable(self, floodfill: bytes) -> bool:
        """Whether it mostly had the lease sets that could be found."""
        return floodfill in self._reliable

    @property
    def reliable_count(self) -> int:
        """How many floodfills are reliable."""
        return len(self._reliable)

    def found(self, holder: bytes, lacking: Iterable[bytes]) -> None:
        """A lease set was found at ``holder``, and those in ``lacking`` did not give it."""
        self._count(holder, had=True)
        for floodfill in lacking:
            self._count(floodfill, had=False)

    def flooded(self, floodfill: bytes) -> None:
        """It passed a new lease set on to us, as those do that keep them."""
        self._count(floodfill, had=True)

    def nearest_reliable(
        self, key: bytes, exclude: Collection[bytes], now: float
    ) -> RouterInfo | None:
        """None if there is none that may be asked."""
        return self._nearest_of(self._reliable.keys(), key, exclude, now)

    def _count(self, floodfill: bytes, *, had: bool) -> None:
        keeping = self._keeping.get(floodfill) or _Keeping()
        keeping.count(had=had)
        gone = self._keeping.put(floodfill, keeping)
        if gone is not None:
            self._set_reliable(gone[0], False)
        self._set_reliable(floodfill, keeping.had > keeping.lacked)

    def _set_reliable(self, floodfill: bytes, is_reliable: bool) -> None:
        if is_reliable == (floodfill in self._reliable):
            return
        self._changed[floodfill] = is_reliable
        if is_reliable:
            self._reliable[floodfill] = None
        else:
            del self._reliable[floodfill]

    def take_changes(self) -> dict[bytes, bool]:
        """Who became reliable, or ceased to be, since the last call; for :meth:`load`."""
        changed, self._changed = self._changed, {}
        return changed

    def load(self, reliable: Iterable[bytes]) -> None:
        """These were reliable in an earlier run."""
        for floodfill in islice(reliable, RECORDS_MAX):
            self._count(floodfill, had=True)
        self._changed.clear()

    def _nearest_of(
        self, real: Set[bytes], key: bytes, exclude: Collection[bytes], now: float
    ) -> RouterInfo | None:
        near = self._store.closest_floodfills(
            key, _HEARD_SAMPLE, exclude, self._wall.now(), among=real
        )
        allowed = [info for info in near if not self._peers.is_banned(info.hash)]
        # Even one that is silent now is likelier to exist than one never heard of.
        return min(allowed, key=lambda info: self._is_shunned(info.hash, now), default=None)

    def answered(self, floodfill: bytes, seconds: float) -> None:
        """``floodfill`` answered after ``seconds``."""
        self._records.pop(floodfill)
        self._heard.put(floodfill, None)
        if self._answer_s:
            error = seconds - self._answer_s
            self._answer_s += error / 8
            self._deviation_s += (abs(error) - self._deviation_s) / 4
        else:
            self._answer_s, self._deviation_s = seconds, seconds / 2

    def failed(self, floodfill: bytes, now: float) -> None:
        """``floodfill`` could not be reached or did not answer."""
        record = self._records.get(floodfill) or _Record()
        record.failures += 1
        record.failed_at = now
        self._records.put(floodfill, record)

    def forgive(self) -> None:
        """Failures so far were our own fault."""
        self._records.clear()

    @property
    def hedge_s(self) -> float:
        """How long to wait for one answer before asking another floodfill as well."""
        if not self._answer_s:
            return _HEDGE_START_S
        return min(max(self._answer_s + 3 * self._deviation_s, HEDGE_MIN_S), HEDGE_MAX_S)

    def _is_shunned(self, floodfill: bytes, now: float) -> bool:
        record = self._records.get(floodfill)
        is_silent = (
            record is not None
            and record.failures >= FAILURES_SHUNNED
            and now < record.failed_at + SHUN_S
        )
        return is_silent or self._peers.is_resting(floodfill)


def _subnets(info: RouterInfo) -> Iterator[int]:
    for address in info.addresses:
        try:
            ip = ipaddress.ip_address(address.options.get("host", ""))
        except ValueError:
            continue
        yield int(ip) >> (8 if ip.version == 4 else 80)
