"""Whether this router should be a floodfill: the automatic role (network-database, "Opt-in").

The criteria are those that Java publishes by (FloodfillMonitorJob), and what i2pd asks of a
floodfill before it uses one: a fast, well-connected router with a public address, a right clock and
time to spare. Strangers cannot elect this router early, nor keep it from being one: all of it is
seen from here.

A candidate must hold for a while before it is elected, and a floodfill is given up when it fails
for a while: its part of the netDb moves each time. What makes it useless to others (hidden, no
public address, no transit) ends it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

EVALUATE_S = 60.0


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked of a floodfill. Java's figures."""

    uptime_s: float = 2 * 3600.0
    bytes_s: float = 128_000.0
    """Shared bandwidth (network-database: 128 KBytes/sec)."""
    routers: int = 400
    links: int = 50
    transit_tunnels: int = 25
    clock_error_s: float = 10.0
    lag_s: float = 0.025
    """How late the router's timers are on average: what a busy processor costs each message."""
    floodfills_enough: int = 5000
    floodfills_too_many: int = 6000
    candidate_s: float = 30 * 60.0
    """How long all of it must hold. Java: looks every 30 to 90 minutes."""
    failing_s: float = 10 * 60.0
    """How long something must be lacking until the role is given up."""
    change_min_s: float = 6 * 3600.0
    """Java: the same. So long after it was given up the role is not taken again."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """What the router knows of itself at one moment; names as in :class:`Criteria`."""

    uptime_s: float
    is_hidden: bool
    is_published: bool
    """Whether others can reach it at a published IPv4 address over NTCP2."""
    carries_transit: bool
    bytes_s: float
    routers: int
    floodfills: int
    """Known routers that say they are one."""
    links: int
    transit_tunnels: int
    clock_error_s: float
    lag_s: float
    congestion: str
    """The published level, see :mod:`core.router.congestion`."""


class Election:
    """See the module. ``is_floodfill`` and ``why``, one sentence for people, change in
    :meth:`update`."""

    def __init__(self, criteria: Criteria) -> None:
        self.is_floodfill = False
        self.why = "it has just started"
        self.criteria = criteria
        self._changed_at = float("-inf")
        self._since: float | None = None
        """Since when the criteria say otherwise than the role."""

    def update(self, fitness: Fitness, now: float) -> bool:
        """Look at the criteria again; True if the role changed."""
        useless = next(_useless(fitness), None)
        lacking = useless or next(self._lacking(fitness), None)
        if self.is_floodfill == (lacking is None):
            self._since = None
            self.why = lacking or "all criteria of a floodfill are met"
            return False
        if self._since is None:
            self._since = now
        wanted = self.criteria
        waits_s = wanted.failing_s if self.is_floodfill else wanted.candidate_s
        waits_until = self._since + waits_s
        if not self.is_floodfill:
            waits_until = max(waits_until, self._changed_at + wanted.change_min_s)
        if useless is None and now < waits_until:
            minutes = f"{max(1, round((waits_until - now) / 60))} min"
            self.why = (
                f"all criteria of a floodfill are met; it is one in {minutes}"
                if lacking is None
                else f"{lacking}; it ends in {minutes} if that lasts"
            )
            return False
        self.is_floodfill = lacking is None
        self.why = lacking or "all criteria of a floodfill are met"
        self._changed_at = now
        self._since = None
        return True

    def _lacking(self, fitness: Fitness) -> Iterator[str]:
        wanted = self.criteria
        if fitness.bytes_s < wanted.bytes_s:
            yield (
                f"it shares {fitness.bytes_s / 1000:.0f} KB/s, "
                f"a floodfill at least {wanted.bytes_s / 1000:.0f}"
            )
        if fitness.uptime_s < wanted.uptime_s:
            yield f"it has run for {fitness.uptime_s / 60:.0f} of {wanted.uptime_s / 60:.0f} min"
        if fitness.clock_error_s > wanted.clock_error_s:
            yield f"the system's clock is wrong by {fitness.clock_error_s:.0f} s"
        if fitness.lag_s > wanted.lag_s:
            yield f"the machine is busy: timers are {fitness.lag_s * 1000:.0f} ms late"
        if fitness.congestion:
            yield "it is near the limits of its links or transit tunnels"
        counts = (
            ("knows", fitness.routers, wanted.routers, "routers"),
            ("is connected to", fitness.links, wanted.links, "routers"),
            ("carries", fitness.transit_tunnels, wanted.transit_tunnels, "transit tunnels"),
        )
        for verb, have, least, what in counts:
            # Who is one already may fall a little below.
            if have < (least * 3 // 4 if self.is_floodfill else least):
                yield f"it {verb} {have} {what}, a floodfill at least {least}"
        most = wanted.floodfills_too_many if self.is_floodfill else wanted.floodfills_enough
        if fitness.floodfills >= most:
            yield f"there are {fitness.floodfills} floodfills, which is enough"


def _useless(fitness: Fitness) -> Iterator[str]:
    if fitness.is_hidden:
        yield "it is hidden"
    if not fitness.is_published:
        yield "other routers cannot reach it at a public IPv4 address over NTCP2"
    if not fitness.carries_transit:
        yield "it carries no transit"
