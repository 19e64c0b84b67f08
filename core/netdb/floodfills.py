"""How floodfills have behaved towards us, and which one to ask next.

A floodfill that left several questions unanswered is asked last for a while; how long answers take
decides when the next floodfill is asked in parallel.

Anybody can invent floodfills by the hundred and have their RouterInfos stored here. Of those asked
in one search at least every second one therefore has answered us before, or was proven to exist in
an earlier run, if there are such.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass

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


@dataclass(slots=True)
class _Record:
    failures: int = 0
    failed_at: float = 0.0


class Floodfills:
    """Chooses floodfills by closeness and conduct."""

    def __init__(self, store: RouterStore, peers: PeerView, wall: WallClock) -> None:
        self._store = store
        self._peers = peers
        self._wall = wall
        self._records: BoundedMap[bytes, _Record] = BoundedMap(RECORDS_MAX)
        #: those that ever answered; the longest ago first
        self._heard: BoundedMap[bytes, None] = BoundedMap(RECORDS_MAX)
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
        self, key: bytes, asked: Collection[bytes], exclude: Collection[bytes], now: float
    ) -> RouterInfo | None:
        """Whom to ask after ``asked``, which ``exclude`` contains."""
        real = self._heard.keys() | self._store.proven_floodfills
        heard = sum(floodfill in real for floodfill in asked)
        if (
            len(asked) > 2 * heard
            and (known := self._nearest_of(real, key, exclude, now)) is not None
        ):
            return known
        near = self.choose(key, 1, exclude, now)
        # None near the key can be tried now: those that exist know more.
        return near[0] if near else self._nearest_of(real, key, exclude, now)

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
        return (
            record is not None
            and record.failures >= FAILURES_SHUNNED
            and now < record.failed_at + SHUN_S
        )


def _subnets(info: RouterInfo) -> Iterator[int]:
    for address in info.addresses:
        try:
            ip = ipaddress.ip_address(address.options.get("host", ""))
        except ValueError:
            continue
        yield int(ip) >> (8 if ip.version == 4 else 80)
