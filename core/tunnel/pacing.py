"""Build messages for one router keep pauses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

#: i2pd 2.59: takes so many build messages in a row on one link, and drops what else comes until
#: there was none for half a second (measured; 2.56 takes them all)
RUN_MAX = 6
PAUSE_S = 0.55
WAITING_MAX = 48
_RUNS_MAX = 1024

Send = Callable[[float], None]


class BuildPacer:
    """Calls what sends a build message, at once or when its router takes more; first come first.

    What finds ``WAITING_MAX`` others for its router is dropped. Times are monotonic seconds.
    """

    __slots__ = ("_runs", "_waiting")

    def __init__(self) -> None:
        #: how many were sent without a pause, and when the last one was
        self._runs: dict[bytes, tuple[int, float]] = {}
        self._waiting: dict[bytes, deque[Send]] = {}

    def submit(self, router_hash: bytes, send: Send, now: float) -> None:
        """``send(now)`` gives a build message to that router, or has it given by another."""
        waiting = self._waiting.get(router_hash)
        if waiting is None:
            if self._take(router_hash, now):
                send(now)
                return
            waiting = self._waiting[router_hash] = deque()
        if len(waiting) < WAITING_MAX:
            waiting.append(send)

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer`."""
        if not self._waiting:
            return None
        return min(self._runs[one][1] + PAUSE_S for one in self._waiting)

    def handle_timer(self, now: float) -> None:
        """Send what has waited long enough."""
        for router_hash, waiting in list(self._waiting.items()):
            while waiting and self._take(router_hash, now):
                waiting.popleft()(now)
            if not waiting:
                del self._waiting[router_hash]

    def _take(self, router_hash: bytes, now: float) -> bool:
        count, last_at = self._runs.get(router_hash, (0, float("-inf")))
        if now >= last_at + PAUSE_S:
            count = 0
        if count >= RUN_MAX:
            return False
        if len(self._runs) >= _RUNS_MAX and router_hash not in self._runs:
            self._forget_old(now)
        self._runs[router_hash] = count + 1, now
        return True

    def _forget_old(self, now: float) -> None:
        self._runs = {
            one: run
            for one, run in self._runs.items()
            if one in self._waiting or now < run[1] + PAUSE_S
        }
