"""Hostile routers by the thousand: real on the wire, and nothing behind it.

Each has a whole engine: its handshakes, RouterInfos, acknowledgements, answers and refusals are the
real ones, changed by its lies. But it begins nothing: it has no tunnels of its own, does not
explore, and has a turn only when something arrives, or seldom. So a thousand of them cost about as
much as twenty honest routers.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.world.liars import (
    Lie,
    decline_builds,
    drop_builds,
    forget_stores,
    ignore_lookups,
)
from tests.support.world.machine import Machine

#: turns without any reason from outside
SELDOM_S = 20.0
#: what it looks up at its start, to be seen by floodfills and others
LOOKUPS = 3


class Hostile(Machine):
    """See the module. ``World.add(kind=Hostile, floodfill=True, lies=…)``."""

    def _begin(self) -> None:
        engine, now = self.engine, self.now
        engine.publish(now)
        for _ in range(LOOKUPS):
            engine.netdb.lookup_router(self.entropy.random_bytes(32), now)

    def _next_timer(self) -> float:
        return max(super()._next_timer(), self.now + SELDOM_S)


#: The flood of February 2026: routers that seem fast and take no part, each in one of these ways.
FLOOD: tuple[Sequence[Lie], ...] = (
    (decline_builds, forget_stores, ignore_lookups),
    (drop_builds, forget_stores, ignore_lookups),
    (drop_builds, forget_stores),
)
