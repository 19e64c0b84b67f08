"""The router's wire clock: whether it is right, what corrects it, and whether it jumped.

Two clocks are compared: the wall clock, which people and NTP set, and the engine's ``now``, which
only runs forward (on Linux it counts while the machine is suspended, see ``core/io/loop.py``). When
the wall clock moves against it, everything dated has to be dated anew; when ``now`` leaps, the
machine slept, and what was under way is doubtful.

The true time comes from time servers and from handshakes with other routers
(:mod:`core.router.time_sources`). Both are kept as differences to ``now``, so that a jump of our
own clock shows at once. When they say that the system's clock is wrong, only the router's clock is
corrected (:class:`core.base.ports.AdjustableClock`); nobody else on this machine notices.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from core.base.ports import AdjustableClock
from core.router.time_sources import ClockSource, TimeSources
from core.transport.context import CLOCK_SKEW_MAX_S

logger = logging.getLogger("core.router")

CHECK_S = 2.0
#: NTP slews smaller differences; nothing that is dated minds them.
JUMP_MIN_S = 5.0
#: A loop that did not turn for so long: the machine was suspended, or nearly.
SLEEP_MIN_S = 30.0
#: One router's clock that differs is a reason to ask time servers, but not more often than this.
DOUBT_S = 600.0
#: So much of an error is left alone: what a source cannot tell, or what harms nobody.
TOLERANCE_S = {ClockSource.NTP: 1.0, ClockSource.PEERS: 15.0}
_SOURCE_NAMES = {ClockSource.NTP: "time servers", ClockSource.PEERS: "other routers"}


class Dated(Protocol):
    """Something that holds dates, or opinions that were formed under a wrong clock."""

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept."""


class ClockWatch:
    """See the module. Call :meth:`check` when :attr:`due_at` has come."""

    def __init__(self, wall: AdjustableClock, now: float) -> None:
        self._wall = wall
        self._checked_at = now
        self._system_epoch = self._epoch(now)
        """Unix time at ``now`` 0, by the system's clock."""
        self._corrected_epoch = self._system_epoch
        """The same, by the source that was last applied."""
        self._sources = TimeSources(now)
        self.source: ClockSource | None = None
        """What the clock was last compared with; None: with nothing since it last changed."""
        self.doubted_at: float | None = None
        """When there was last a reason to ask time servers again."""
        self.changes = 0
        self.corrections = 0

    @property
    def due_at(self) -> float:
        """When to look again."""
        return self._checked_at + CHECK_S

    @property
    def correction_s(self) -> float:
        """What the router adds to the system's clock."""
        return self._wall.correction_s

    def check(self, now: float, parts: Iterable[Dated]) -> bool:
        """Whether the router's clock jumped or the machine slept since the last call.

        Then it is told to ``parts``.
        """
        has_changed = self._compare(now)
        has_changed |= self._correct(now)
        if has_changed:
            for part in parts:
                part.clock_changed(now)
        return has_changed

    def note_skew(self, peer: bytes, skew_s: float, now: float) -> None:
        """A handshake of ours showed how far the clock of ``peer`` is ahead of the router's."""
        self._sources.note_peer(peer, self._wall.now() - now + skew_s, now)
        is_doubted = self.doubted_at is not None and now - self.doubted_at < DOUBT_S
        if abs(skew_s) > CLOCK_SKEW_MAX_S and not is_doubted:
            self.doubted_at = now

    def note_time_servers(self, epoch_s: float, now: float) -> None:
        """Time servers agree that it is ``epoch_s`` + ``now``."""
        self._sources.note_servers(epoch_s, now)
        self._checked_at = now - CHECK_S

    def skew_s(self, now: float, otherwise: float = 0.0) -> float:
        """The clocks of others minus the router's; ``otherwise`` while nobody was measured.

        What was measured before the last change counts only until there is something newer.
        """
        epoch_s = self._sources.median_of_peers()
        return otherwise if epoch_s is None else epoch_s - (self._wall.now() - now)

    def is_wrong(self, now: float) -> bool:
        """Whether peers end handshakes for our time."""
        return abs(self.skew_s(now)) > CLOCK_SKEW_MAX_S

    def _epoch(self, now: float) -> float:
        return self._wall.now() - self._wall.correction_s - now

    def _compare(self, now: float) -> bool:
        """Whether the system's clock was set, or the machine slept."""
        epoch_s = self._epoch(now)
        jump_s, slept_s = epoch_s - self._system_epoch, now - self._checked_at
        self._system_epoch, self._checked_at = epoch_s, now
        if abs(jump_s) < JUMP_MIN_S and slept_s < SLEEP_MIN_S:
            return False
        if abs(jump_s) >= JUMP_MIN_S:
            logger.info("the clock was set by %+.0f s: what is dated is signed again", jump_s)
            if self.correction_s and abs(epoch_s - self._corrected_epoch) < JUMP_MIN_S:
                logger.info("the clock is right now and needs no correction any more")
                self._wall.correction_s = 0.0
            self._sources.clock_leapt(jump_s, now)
            self.source = None
        self.doubted_at = now
        self.changes += 1
        return True

    def _correct(self, now: float) -> bool:
        """Whether the router's clock was moved so far that what is dated minds."""
        verdict = self._sources.verdict(now)
        if verdict is None:
            return False
        self.source = verdict.source
        tolerance_s = TOLERANCE_S[verdict.source]
        error_s = verdict.epoch_s - self._system_epoch
        if abs(error_s - self.correction_s) < tolerance_s:
            return False
        moved_s = -self._wall.correction_s
        self._wall.correction_s = error_s if abs(error_s) >= tolerance_s else 0.0
        moved_s += self._wall.correction_s
        self._corrected_epoch = verdict.epoch_s
        self.corrections += 1
        if abs(moved_s) < JUMP_MIN_S:
            return False
        source = _SOURCE_NAMES[verdict.source]
        logger.info("the router's clock is moved by %+.0f s, as %s say", moved_s, source)
        return True
