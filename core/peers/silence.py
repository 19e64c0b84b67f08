"""Neighbours that take our builds and never answer one.

Java: a router that could not reach us bans us for about nine minutes. It accepts our link all the
same, and silently drops every build in which we are its previous or its next hop. Other hops of
such builds are not to blame.

Builds get lost everywhere on the network, so a run of unanswered ones proves nothing by itself. It
does when it would be unlikely with a neighbour that answers at all: what those lose is the measure.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

AVOIDED_S = 540.0
NEIGHBOURS_MAX = 1024
LOG_MAX = 512
LOG_S = 120.0
RUN_MIN = 3
#: How unlikely the run must be by chance.
CHANCE_MAX = 0.001
_LOSS_MIN, _LOSS_MAX = 0.05, 0.8
_COUNT_MAX = 50.0


@dataclass(slots=True)
class _Neighbour:
    answered: float = 0.0
    unanswered: float = 0.0
    #: unanswered builds since the last answer, and when the first of them was sent
    run: int = 0
    run_began: float = 0.0
    answered_at: float = float("-inf")


class SilenceWatch:
    """What each router does as our neighbour in builds. Times are monotonic seconds."""

    __slots__ = ("_log", "_neighbours")

    def __init__(self) -> None:
        self._neighbours: OrderedDict[bytes, _Neighbour] = OrderedDict()
        #: unanswered builds: when, the neighbour, and what each hop was blamed for
        self._log: deque[tuple[float, bytes, Mapping[bytes, float]]] = deque(maxlen=LOG_MAX)

    def run(self, router_hash: bytes) -> int:
        """Builds through this neighbour since its last answer."""
        neighbour = self._neighbours.get(router_hash)
        return 0 if neighbour is None else neighbour.run

    def answered(self, router_hash: bytes, now: float) -> None:
        """A build through this neighbour was answered, well or badly."""
        neighbour = self._neighbour(router_hash)
        neighbour.answered += 1
        neighbour.run = 0
        neighbour.answered_at = now
        self._limit(neighbour)

    def unanswered(
        self, router_hash: bytes, shares: Mapping[bytes, float], started_at: float, now: float
    ) -> bool:
        """A build through this neighbour vanished; True if the neighbour must be silent."""
        neighbour = self._neighbour(router_hash)
        if not neighbour.run:
            neighbour.run_began = started_at
        neighbour.run += 1
        neighbour.unanswered += 1
        self._limit(neighbour)
        self._log.append((now, router_hash, shares))
        if neighbour.run < RUN_MIN:
            return False
        loss = self._loss_of_others(router_hash, neighbour.run_began)
        return loss is not None and neighbour.run * log(loss) <= log(CHANCE_MAX)

    def take_blame(self, router_hash: bytes, now: float) -> list[Mapping[bytes, float]]:
        """What other hops were lately blamed for because of this neighbour; told once."""
        mine = [
            shares
            for at, neighbour, shares in self._log
            if neighbour == router_hash and now - at <= LOG_S
        ]
        kept = [entry for entry in self._log if entry[1] != router_hash]
        self._log.clear()
        self._log.extend(kept)
        return mine

    def _loss_of_others(self, router_hash: bytes, since: float) -> float | None:
        """The part of builds that vanish through neighbours that answer; None if nobody does."""
        answered = unanswered = 0.0
        is_anybody_heard = False
        for other, neighbour in self._neighbours.items():
            if other != router_hash and neighbour.answered:
                answered += neighbour.answered
                unanswered += neighbour.unanswered
                is_anybody_heard |= neighbour.answered_at >= since
        if not is_anybody_heard:
            return None
        loss = (unanswered + 0.5) / (answered + unanswered + 2)
        return min(max(loss, _LOSS_MIN), _LOSS_MAX)

    def _neighbour(self, router_hash: bytes) -> _Neighbour:
        neighbour = self._neighbours.get(router_hash)
        if neighbour is None:
            neighbour = self._neighbours[router_hash] = _Neighbour()
            if len(self._neighbours) > NEIGHBOURS_MAX:
                self._neighbours.popitem(last=False)
        else:
            self._neighbours.move_to_end(router_hash)
        return neighbour

    @staticmethod
    def _limit(neighbour: _Neighbour) -> None:
        """Old experience fades: the counters never hold more than the last builds."""
        if neighbour.answered + neighbour.unanswered > _COUNT_MAX:
            neighbour.answered /= 2
            neighbour.unanswered /= 2
