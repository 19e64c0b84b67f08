"""The turns of the event loop: how long they take, and work in pieces that shares them.

A *turn* is what the loop does between two looks at its sockets. While it lasts nothing else gets
on, so no input from anywhere may make one long. Whoever works through many small pieces of somebody
else's data calls :func:`share_turn` before each of them.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

#: what all work in pieces may use of one turn, in wall time; it ends at most one piece later
WORK_S = 0.008
#: how many of those that wait for a turn are woken in one
_WOKEN_MAX = 64
_ATTRIBUTE = "_work_share"

#: upper bounds of the histogram's classes; above the last one: no bound
TURN_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SLOT_S = 10.0
_SLOTS = 6


class WorkShare:
    """What work in pieces may use of a loop's turns, first come, first served."""

    __slots__ = ("_ends_at", "_is_armed", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends_at: float | None = None
        self._is_armed = False
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def is_spent(self) -> bool:
        """Whether this turn has no more room; the first question of a turn starts its time."""
        now = time.perf_counter()
        if self._ends_at is None:
            self._ends_at = now + WORK_S
            self._arm()
            return False
        return now >= self._ends_at

    async def wait(self) -> None:
        """Return in a later turn that has room."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append(waiter)
        self._arm()
        # The first one of a turn goes on in any case: so everybody's time comes.
        while not await waiter and self.is_spent():
            waiter = self._loop.create_future()
            self._waiting.appendleft(waiter)
            self._arm()

    def _arm(self) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        """A new turn: wake some of those that wait."""
        self._ends_at = None
        self._is_armed = False
        woken = 0
        while self._waiting and woken < _WOKEN_MAX:
            waiter = self._waiting.popleft()
            if not waiter.done():  # cancelled meanwhile
                waiter.set_result(not woken)
                woken += 1
        if self._waiting:
            self._arm()


async def share_turn() -> None:
    """Return at once while this turn of the loop has room for work in pieces, else in a later one.

    Call it before each piece of work that somebody else's data asks for. A piece should not take
    longer than 2 ms.
    """
    loop = asyncio.get_running_loop()
    share: WorkShare | None = getattr(loop, _ATTRIBUTE, None)
    if share is None:
        share = WorkShare(loop)
        setattr(loop, _ATTRIBUTE, share)
    if share.is_spent():
        await share.wait()


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """Of all turns so far; times in seconds. ``…_counts``: turns in each class of
    :data:`TURN_BOUNDS_S`, and above."""

    turns: int
    longest_cpu_s: float
    longest_wall_s: float
    #: of the last minute
    recent_cpu_s: float
    recent_wall_s: float
    cpu_counts: tuple[int, ...]
    wall_counts: tuple[int, ...]
    cpu_sum_s: float
    wall_sum_s: float


class TurnMeter:
    """Measures turns: CPU time of the loop's thread, and the time on the wall.

    They differ by what other threads and programs took. The owner calls :meth:`end` before the loop
    waits for its sockets and :meth:`begin` after it. The CPU time is read once a turn, at its end,
    for it costs a system call; so it has the look at the sockets before the turn in it.
    """

    def __init__(self) -> None:
        self._ended_cpu = 0.0
        self._began_wall: float | None = None
        self._turns = 0
        self._cpu_sum = self._wall_sum = 0.0
        self._longest_cpu = self._longest_wall = 0.0
        self._cpu_counts = [0] * (len(TURN_BOUNDS_S) + 1)
        self._wall_counts = [0] * (len(TURN_BOUNDS_S) + 1)
        self._recent: deque[tuple[float, float]] = deque([(0.0, 0.0)], maxlen=_SLOTS)
        self._slot_ends = time.perf_counter() + _SLOT_S
        self._slot_cpu = self._slot_wall = 0.0
        self._wall_squares = 0.0
        self._lag_taken_at = time.perf_counter()

    def begin(self) -> None:
        """A turn begins."""
        self._began_wall = time.perf_counter()

    def end(self) -> None:
        """It ends."""
        if self._began_wall is None:
            self._ended_cpu = time.thread_time()
            return
        now = time.perf_counter()
        ended_cpu = time.thread_time()
        cpu = ended_cpu - self._ended_cpu
        wall = now - self._began_wall
        self._ended_cpu = ended_cpu
        self._began_wall = None
        self._turns += 1
        self._cpu_sum += cpu
        self._wall_sum += wall
        self._wall_squares += wall * wall
        if now >= self._slot_ends:
            self._advance(now)
        if cpu > self._slot_cpu:
            self._slot_cpu = cpu
        if wall > self._slot_wall:
            self._slot_wall = wall
        if wall > TURN_BOUNDS_S[0] or cpu > TURN_BOUNDS_S[0]:
            self._cpu_counts[bisect_left(TURN_BOUNDS_S, cpu)] += 1
            self._wall_counts[bisect_left(TURN_BOUNDS_S, wall)] += 1

    def take_lag(self) -> tuple[float, float]:
        """Since this was last asked: seconds that what arrives at any moment waits for a look at
        the sockets, on average, and the seconds that this is the average of."""
        now = time.perf_counter()
        elapsed = now - self._lag_taken_at
        # Of all moments a part (wall / elapsed) falls into a turn, and waits for half of it.
        lag = self._wall_squares / (2 * elapsed) if elapsed else 0.0
        self._wall_squares, self._lag_taken_at = 0.0, now
        return lag, elapsed

    def _advance(self, now: float) -> None:
        self._longest_cpu = max(self._longest_cpu, self._slot_cpu)
        self._longest_wall = max(self._longest_wall, self._slot_wall)
        self._recent.append((self._slot_cpu, self._slot_wall))
        for _ in range(min(_SLOTS, int((now - self._slot_ends) / _SLOT_S))):
            self._recent.append((0.0, 0.0))
        self._slot_ends = now + _SLOT_S
        self._slot_cpu = self._slot_wall = 0.0

    def figures(self) -> TurnFigures:
        """Of the turns that have ended."""
        now = time.perf_counter()
        if now >= self._slot_ends:
            self._advance(now)
        recent = (*list(self._recent)[1 - _SLOTS :], (self._slot_cpu, self._slot_wall))
        short_cpu = self._turns - sum(self._cpu_counts)
        short_wall = self._turns - sum(self._wall_counts)
        return TurnFigures(
            self._turns,
            max(self._longest_cpu, self._slot_cpu),
            max(self._longest_wall, self._slot_wall),
            max(cpu for cpu, _ in recent),
            max(wall for _, wall in recent),
            (self._cpu_counts[0] + short_cpu, *self._cpu_counts[1:]),
            (self._wall_counts[0] + short_wall, *self._wall_counts[1:]),
            self._cpu_sum,
            self._wall_sum,
        )
