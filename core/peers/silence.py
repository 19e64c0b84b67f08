"""Neighbours that take our builds and never answer one.

Java: a router that could not reach us bans us for about nine minutes. It accepts our link all the
same, and silently drops every build in which we are its previous or its next hop. Other hops of
such builds are not to blame.

Builds get lost everywhere on the network, so a run of unanswered ones proves nothing by itself. It
does when it would be unlikely with a neighbour that answers at all. The measure is what others lost
since the run began: at a start, after a restart of many, or on a bad line, everybody loses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from core.base.bounded import BoundedMap

AVOIDED_S = 60.0
"""After the first verdict; each further one doubles it up to what Java's ban lasts."""
AVOIDED_MAX_S = 540.0
NEIGHBOURS_MAX = 1024
LOG_MAX = 512
LOG_S = 120.0
RUN_MIN = 3
#: How unlikely the run must be by chance.
CHANCE_MAX = 0.001
#: Builds sent together get lost together, and say no more than one.
TOGETHER_S = 0.5
_LOSS_MIN, _LOSS_MAX = 0.05, 0.95
_COUNT_MAX = 50.0
#: So many builds of now weigh as much as all earlier experience.
_EXPERIENCE = 4.0


@dataclass(slots=True)
class _Neighbour:
    answered: float = 0.0
    unanswered: float = 0.0
    #: unanswered builds since the last answer; when the first and the last of them were sent
    run: int = 0
    run_began: float = 0.0
    run_sent: float = 0.0
    linked_at: float = float("-inf")
    #: verdicts since the last answer, and when the last one fell
    verdicts: int = 0
    judged_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One build, and when it was answered or given up."""

    neighbour: bytes
    ended_at: float
    #: what each hop was blamed for; None of an answered build
    shares: Mapping[bytes, float] | None


class SilenceWatch:
    """What each router does as our neighbour in builds. Times are monotonic seconds."""

    __slots__ = ("_log", "_neighbours")

    def __init__(self) -> None:
        self._neighbours: BoundedMap[bytes, _Neighbour] = BoundedMap(NEIGHBOURS_MAX)
        self._log: deque[_Outcome] = deque(maxlen=LOG_MAX)

    def run(self, router_hash: bytes) -> int:
        """Builds through this neighbour since its last answer."""
        neighbour = self._neighbours.get(router_hash)
        return 0 if neighbour is None else neighbour.run

    def linked(self, router_hash: bytes, now: float) -> None:
        """A link is up: what an earlier one lost, or the time without, says nothing about it."""
        neighbour = self._neighbours.get(router_hash)
        if neighbour is not None:
            neighbour.run = 0
            neighbour.linked_at = now

    def answered(self, router_hash: bytes, now: float) -> None:
        """A build through this neighbour was answered, well or badly."""
        neighbour = self._neighbour(router_hash)
        neighbour.answered += 1
        neighbour.run = neighbour.verdicts = 0
        self._limit(neighbour)
        self._log.append(_Outcome(router_hash, now, None))

    def unanswered(
        self, router_hash: bytes, shares: Mapping[bytes, float], sent_at: float, now: float
    ) -> float:
        """A build through this neighbour vanished; for how long to avoid it, 0 if not at all."""
        neighbour = self._neighbour(router_hash)
        neighbour.unanswered += 1
        self._limit(neighbour)
        self._log.append(_Outcome(router_hash, now, shares))
        if sent_at < max(neighbour.linked_at, neighbour.judged_at):
            return 0.0
        if not neighbour.run:
            neighbour.run_began = sent_at
        elif sent_at - neighbour.run_sent < TOGETHER_S:
            return 0.0
        neighbour.run += 1
        neighbour.run_sent = sent_at
        if neighbour.run < RUN_MIN:
            return 0.0
        loss = self._loss_of_others(router_hash, neighbour.run_began)
        if loss is None or neighbour.run * log(loss) > log(CHANCE_MAX):
            return 0.0
        avoided_s = min(AVOIDED_S * (1 << neighbour.verdicts), AVOIDED_MAX_S)
        neighbour.verdicts = min(neighbour.verdicts + 1, 16)
        neighbour.judged_at = now
        return avoided_s

    def take_blame(self, router_hash: bytes, now: float) -> list[Mapping[bytes, float]]:
        """What other hops were lately blamed for because of this neighbour; told once."""
        mine = [
            one.shares
            for one in self._log
            if one.neighbour == router_hash and one.shares and now - one.ended_at <= LOG_S
        ]
        kept = [one for one in self._log if one.neighbour != router_hash]
        self._log.clear()
        self._log.extend(kept)
        return mine

    def _loss_of_others(self, router_hash: bytes, since: float) -> float | None:
        """The part of the builds ended since then that others lose; None if no other answers."""
        lately = [
            one for one in self._log if one.neighbour != router_hash and one.ended_at >= since
        ]
        lost = sum(one.shares is not None for one in lately)
        if lost == len(lately):
            return None
        answered = unanswered = 0.0
        for other, neighbour in self._neighbours.items():
            if other != router_hash and neighbour.answered:
                answered += neighbour.answered
                unanswered += neighbour.unanswered
        before = (unanswered + 0.5) / (answered + unanswered + 2)
        loss = (lost + _EXPERIENCE * before) / (len(lately) + _EXPERIENCE)
        return min(max(loss, _LOSS_MIN), _LOSS_MAX)

    def _neighbour(self, router_hash: bytes) -> _Neighbour:
        neighbour = self._neighbours.get(router_hash) or _Neighbour()
        self._neighbours.put(router_hash, neighbour)
        return neighbour

    @staticmethod
    def _limit(neighbour: _Neighbour) -> None:
        """Old experience fades: the counters never hold more than the last builds."""
        if neighbour.answered + neighbour.unanswered > _COUNT_MAX:
            neighbour.answered /= 2
            neighbour.unanswered /= 2
