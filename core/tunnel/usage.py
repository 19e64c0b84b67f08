"""How many of our tunnels each router is a hop of, over all pools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.tunnel.pending import PendingBuild
from core.tunnel.pool import TunnelPool

ROUTERS_MIN = 30
"""With fewer routers to choose from nobody is spared."""
SHARE_MAX = 1 / 3
"""Who is in more tunnels than this part of them sees too much of what we do (Java: 33 %)."""


class HopUsage:
    """``paths``: the hops of each tunnel, and of each build under way. ``tunnels``: how many are
    kept; there are more while old ones wait for their end."""

    __slots__ = ("_counts", "_most")

    def __init__(self, paths: Iterable[Sequence[bytes]] = (), tunnels: int = 0) -> None:
        self._counts: Counter[bytes] = Counter()
        for hops in paths:
            self._counts.update(hops)
        self._most = max(1, int(tunnels * SHARE_MAX))

    @classmethod
    def of(cls, pools: Iterable[TunnelPool], builds: Iterable[PendingBuild]) -> HopUsage:
        """Of the tunnels of all pools, and of all builds that may still be answered in time."""
        paths = [build.hops for build in builds if not build.is_late]
        tunnels = 0
        for pool in pools:
            for side in (pool.inbound, pool.outbound):
                paths += [tunnel.hops for tunnel in side.tunnels]
                tunnels += side.wanted if side.shape.length else 0
        return cls(paths, tunnels)

    def allows(self, router_hash: bytes) -> bool:
        """Whether the router may be a hop of one more tunnel."""
        return self._counts[router_hash] < self._most
