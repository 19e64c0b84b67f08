"""How many builds each neighbour takes, as far as it shows.

Java drops in silence what goes beyond its limits for one neighbour: of tunnels that come from it or
lead to it four in 220 s are welcome everywhere, and up to 22 where thousands pass; of requests that
it brings seven in 110 s, and up to 27. i2pd has no such limit. So a few builds are free. More are
tried some at a time, until one is lost: then that is the limit for a while.

A lost build tells that only if the link that it was given to was heard since. Otherwise it may
never have come there: the network is gone, or the neighbour is, or it was started anew.

Nobody is left without a tunnel by this: where there is none, and nobody else can be asked, a build
beyond the limit goes out all the same, but ever more rarely for as long as it is lost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.base.bounded import BoundedMap

WINDOW_S = 220.0
FREE = 4
#: builds beyond the free ones that one neighbour may leave unanswered at a time
BEYOND_AT_ONCE = 2
#: how long a limit holds that was found
LIMIT_S = 660.0
#: between two builds beyond all limits; doubles while they are lost
OVERDRAFT_MIN_S, OVERDRAFT_MAX_S = 2.0, 32.0
#: so long others make way after something urgent was put off
URGENT_S = 15.0
NEIGHBOURS_MAX = 1024
_SENT_MAX = 256


@dataclass(slots=True)
class _Neighbour:
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=_SENT_MAX))
    #: builds beyond the free ones without an answer
    waiting: int = 0
    limit: int = 0
    limited_until: float = float("-inf")


@dataclass(slots=True)
class _Beyond:
    neighbour: _Neighbour
    #: how many were in the window with it
    count: int
    is_overdraft: bool
    is_lost: bool = False


class Allowance:
    """See the module. Builds are known by an id, neighbours by their hash; times are monotonic."""

    __slots__ = (
        "_beyond",
        "_neighbours",
        "_overdraft_at",
        "_overdraft_s",
        "_wanted_until",
        "refused",
    )

    def __init__(self) -> None:
        self.refused = 0
        """Builds that were put off."""
        self._neighbours: BoundedMap[bytes, _Neighbour] = BoundedMap(NEIGHBOURS_MAX)
        self._beyond: dict[int, _Beyond] = {}
        self._overdraft_at = float("-inf")
        self._overdraft_s = OVERDRAFT_MIN_S
        self._wanted_until = float("-inf")

    def has_room(self, router_hash: bytes, now: float) -> bool:
        """Whether this neighbour probably takes one more build."""
        neighbour = self._neighbours.get(router_hash)
        if neighbour is None:
            return True
        count = self._count(neighbour, now)
        if count < FREE:
            return True
        if neighbour.waiting >= BEYOND_AT_ONCE:
            return False
        return now >= neighbour.limited_until or count < neighbour.limit

    def take(
        self, build_id: int, router_hash: bytes, now: float, *, is_urgent: bool = True
    ) -> bool:
        """A build is to go through this neighbour: whether it may, and if so, it is counted.

        ``is_urgent``: there is nothing else, so limits may be tried, and what is not urgent waits.
        """
        is_overdraft = not self.has_room(router_hash, now)
        is_early = is_overdraft and now < self._overdraft_at + self._overdraft_s
        if is_urgent and is_early:
            self._wanted_until = now + URGENT_S
        if is_early or (not is_urgent and (is_overdraft or now < self._wanted_until)):
            self.refused += 1
            return False
        if is_overdraft:
            self._overdraft_at = now
        neighbour = self._neighbours.get(router_hash) or _Neighbour()
        self._neighbours.put(router_hash, neighbour)
        neighbour.sent.append(now)
        count = self._count(neighbour, now)
        if count > FREE:
            neighbour.waiting += 1
            self._beyond[build_id] = _Beyond(neighbour, count, is_overdraft)
        return True

    def is_beyond(self, build_id: int) -> bool:
        """Whether the build, not ended yet, is one too many for what is known of its neighbour."""
        beyond = self._beyond.get(build_id)
        return beyond is not None and beyond.is_overdraft

    def answered(self, build_id: int, now: float) -> None:
        """The build was answered, well or badly: one more than these can be tried.

        Late as well: it was lost nowhere.
        """
        beyond = self._end(build_id)
        if beyond is None:
            return
        beyond.neighbour.limit = max(beyond.neighbour.limit, beyond.count + 1)
        if beyond.is_overdraft:
            self._overdraft_s = OVERDRAFT_MIN_S

    def lost(self, build_id: int, now: float, *, is_heard: bool) -> None:
        """No answer came in time, perhaps because it was one too many.

        ``is_heard``: whether anything came since over the link that it was given to. Follow it up
        with :meth:`answered` or :meth:`forget`.
        """
        beyond = self._beyond.get(build_id)
        if beyond is None or beyond.is_lost:
            return
        neighbour = beyond.neighbour
        neighbour.waiting -= 1
        beyond.is_lost = True
        if not is_heard:
            return
        if now >= neighbour.limited_until:
            neighbour.limit = beyond.count - 1
        neighbour.limit = max(FREE, min(neighbour.limit, beyond.count - 1))
        neighbour.limited_until = now + LIMIT_S
        if beyond.is_overdraft:
            self._overdraft_s = min(2 * self._overdraft_s, OVERDRAFT_MAX_S)

    def forget(self, build_id: int) -> None:
        """The build does not matter any more, or was lost elsewhere."""
        self._end(build_id)

    def _end(self, build_id: int) -> _Beyond | None:
        beyond = self._beyond.pop(build_id, None)
        if beyond is not None and not beyond.is_lost:
            beyond.neighbour.waiting -= 1
        return beyond

    @staticmethod
    def _count(neighbour: _Neighbour, now: float) -> int:
        sent = neighbour.sent
        while sent and sent[0] <= now - WINDOW_S:
            sent.popleft()
        return len(sent)
