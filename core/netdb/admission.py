"""How many routers nobody asked for may become known, in all and from one place.

Anybody can invent routers and store them here. A router that we have a link with, or looked up by
its hash, is not counted; of all others so many come in:

* in a time, so that a flood replaces little of what is known while it lasts;
* from one network (/16 of IPv4, /48 of IPv6), from one autonomous system if the operator has a
  table, and of those without a public address: a part of what is known, so that whoever rents one
  network or one provider's machines does not become most of what we see.

These are bounded by a part of the database, for a large one has many honest routers at a large
provider; below a number of each kind a small one is not choosy.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from core.base.rates import TokenBucket, WindowCounter
from core.data.connectivity import Connectivity
from core.data.ip_family import AsnOf
from core.data.router_info import RouterInfo

PER_SECOND = 4.0
"""A third of 45,000 routers that come and go in an hour."""
BURST = 2000.0
"""A floodfill that starts hears of many at once."""
PERIOD_S = 3600.0
#: so many in an hour, or this part of the known routers if that is more
NETWORK_MAX = 64, 1 / 64
SYSTEM_MAX = 256, 1 / 8
UNKNOWN_MAX = 1000, 1 / 2


class Admission:
    """See the module. ``asn_of``: the autonomous system of an address, by the operator's table."""

    __slots__ = ("_asn_of", "_groups", "_rate")

    def __init__(self, asn_of: AsnOf | None = None) -> None:
        self._asn_of = asn_of
        self._rate = TokenBucket(PER_SECOND, BURST)
        self._groups = WindowCounter(PERIOD_S, slides=True)

    def admits(self, info: RouterInfo, known: int, now: float) -> bool:
        """Whether a new router comes in, which then counts. ``known``: how many there are;
        ``now``: monotonic, for a wall clock that is set back would keep all out."""
        groups = list(self._groups_of(info))
        is_room = all(
            self._groups.counted(group, now) < max(least, known * share)
            for group, (least, share) in groups
        )
        if not is_room or not self._rate.take(now):
            return False
        for group, _ in groups:
            self._groups.count(group, now)
        return True

    def _groups_of(self, info: RouterInfo) -> Iterator[tuple[Hashable, tuple[int, float]]]:
        """What the router counts for, and how many may come from there."""
        hosts = Connectivity.of(info).hosts
        if not hosts:
            yield "unknown", UNKNOWN_MAX
        for network in {ip.packed[: 2 if ip.version == 4 else 6] for ip in hosts}:
            yield network, NETWORK_MAX
        if self._asn_of is not None:
            for system in {self._asn_of(str(ip)) for ip in hosts} - {None}:
                yield system, SYSTEM_MAX
