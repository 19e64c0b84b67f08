"""Whether this machine's clock is right, and whether it was set or stood still.

Two clocks are compared: the wall clock, which people and NTP set, and the engine's ``now``, which
only runs forward (on Linux it counts while the machine is suspended, see ``core/io/loop.py``). When
the wall clock moves against it, everything dated has to be dated anew; when ``now`` leaps, the
machine slept, and what was under way is doubtful.

Handshakes tell the clocks of others. They are kept as differences to ``now``, so that a jump of
our own clock shows at once, before the next handshake. One peer counts once, and the median
decides: a few wrong or lying ones change nothing. Only peers that we chose to call, or that passed
a handshake, are measured.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from statistics import median
from typing import Protocol

from core.base.bounded import BoundedMap
from core.base.ports import WallClock
from core.transport.ntcp2.context import CLOCK_SKEW_MAX_S

logger = logging.getLogger("core.router")

CHECK_S = 2.0
#: NTP slews smaller differences; nothing that is dated minds them.
JUMP_MIN_S = 5.0
#: A loop that did not turn for so long: the machine was suspended, or nearly.
SLEEP_MIN_S = 30.0
PEERS_MAX = 15


class Dated(Protocol):
    """Something that holds dates, or opinions that were formed under a wrong clock."""

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept."""


class ClockWatch:
    """See the module. Call :meth:`check` when :attr:`due_at` has come."""

    def __init__(self, wall: WallClock, now: float) -> None:
        self._wall = wall
        self._checked_at = now
        self._offset = wall.now() - now
        #: peer -> (its clock minus ``now``, when that was measured)
        self._peers: BoundedMap[bytes, tuple[float, float]] = BoundedMap(PEERS_MAX)
        self._changed_at = now
        self.changes = 0

    @property
    def due_at(self) -> float:
        """When to look again."""
        return self._checked_at + CHECK_S

    def check(self, now: float, parts: Iterable[Dated]) -> bool:
        """Whether the wall clock jumped or the machine slept since the last call.

        Then it is told to ``parts``.
        """
        offset = self._wall.now() - now
        jump_s, slept_s = offset - self._offset, now - self._checked_at
        self._offset, self._checked_at = offset, now
        if abs(jump_s) < JUMP_MIN_S and slept_s < SLEEP_MIN_S:
            return False
        if abs(jump_s) >= JUMP_MIN_S:
            logger.info("the clock was set by %+.0f s: what is dated is signed again", jump_s)
        self._changed_at = now
        self.changes += 1
        for part in parts:
            part.clock_changed(now)
        return True

    def note_skew(self, peer: bytes, skew_s: float, now: float) -> None:
        """A handshake showed how far the clock of ``peer`` is ahead of ours."""
        self._peers.put(peer, (self._wall.now() - now + skew_s, now))

    def skew_s(self, now: float, otherwise: float = 0.0) -> float:
        """The clocks of others minus ours; ``otherwise`` while nobody was measured.

        What was measured before the last change counts only until there is something newer.
        """
        fresh = [offset for offset, at in self._peers.values() if at >= self._changed_at]
        known = fresh or [offset for offset, _ in self._peers.values()]
        return median(known) - (self._wall.now() - now) if known else otherwise

    def is_wrong(self, now: float) -> bool:
        """Whether peers end handshakes for our time."""
        return abs(self.skew_s(now)) > CLOCK_SKEW_MAX_S
