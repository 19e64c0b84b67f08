"""The event loop of a busy router: one pass behind all the reads of a turn.

asyncio lets its owner choose the selector. This one adds *after-read hooks* to what a wake-up
brings: they run in the same turn as the readers, behind the last of them, so that a router drains
all sockets first and needs no extra turn of the loop to act on what they brought.

It also bounds and measures turns: of thousands of sockets that are ready at once, each turn serves
some, in their order, and :class:`~core.io.turns.TurnMeter` knows how long it took.

Holding wake-ups back for a tick, so that more comes together, was measured too: it saved nothing,
as what comes in is batched by the peers already, and it cost latency at every hop.

On any other loop their users fall back to ``call_soon``; nothing depends on this one but speed.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Callable
from typing import Any

from core.io.system import running_time
from core.io.turns import TurnFigures, TurnMeter

#: sockets that are served in one turn; the others' turn comes next, before any socket's second one
READY_MAX = 128

#: how long the loop's thread waits for one that works (merging a feed, SQLite) each time it has let
#: go of the interpreter, which it does at each system call; Python's 5 ms made turns of 160 ms
SWITCH_S = 0.0005

_Ready = list[tuple[selectors.SelectorKey, int]]


class HookedSelector(selectors.DefaultSelector):
    """A selector that adds ``after_read``, event-loop handles, behind whatever was ready."""

    def __init__(self) -> None:
        super().__init__()
        self.after_read: _Ready = []
        self.meter = TurnMeter()
        self._left: _Ready = []

    def select(self, timeout: float | None = None) -> _Ready:
        """As :meth:`selectors.BaseSelector.select`; seconds. Counts how long turns take."""
        self.meter.end()
        events = self._still_ready() if self._left else []
        if not events:
            events = super().select(timeout)
        if len(events) > READY_MAX:
            events, self._left = events[:READY_MAX], events[READY_MAX:]
        if events and self.after_read:
            events.extend(self.after_read)
        self.meter.begin()
        return events

    def postpone(self, fd: int) -> None:
        """Take a descriptor that is ready for reading as ready in the next turn."""
        key = self.get_map().get(fd)
        if key is not None:
            self._left.append((key, selectors.EVENT_READ))

    def _still_ready(self) -> _Ready:
        """What was left over, without what is no longer watched in the same way."""
        left, self._left = self._left, []
        watched = self.get_map()
        return [(key, mask) for key, mask in left if watched.get(key.fd) is key]


class RouterLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on a :class:`HookedSelector`."""

    def __init__(self) -> None:
        self._hooked = HookedSelector()
        super().__init__(self._hooked)

    def time(self) -> float:
        """Monotonic seconds that count while the machine is suspended.

        So what ended meanwhile has ended when it wakes. A wait that was under way is over at most
        by its remainder later, for the kernel's own timeouts stand still.
        """
        return running_time()

    @property
    def turn_figures(self) -> TurnFigures:
        """How long its turns took so far."""
        return self._hooked.meter.figures()

    @property
    def turn_meter(self) -> TurnMeter:
        """What measures its turns."""
        return self._hooked.meter

    def read_next_turn(self, fd: int) -> None:
        """Called by a reader: its socket comes first in the next turn."""
        self._hooked.postpone(fd)

    def run_after_reads(self, callback: Callable[[], Any]) -> None:
        """Call ``callback`` in each turn in which sockets were ready, after their readers."""
        handle = asyncio.Handle(callback, (), self)
        key = selectors.SelectorKey(-1, -1, selectors.EVENT_READ, (handle, None))
        self._hooked.after_read.append((key, selectors.EVENT_READ))

    def stop_after_reads(self, callback: Callable[[], Any]) -> None:
        """Undo :meth:`run_after_reads`."""
        hooks = self._hooked.after_read
        hooks[:] = [hook for hook in hooks if hook[0].data[0]._callback != callback]


def turn_figures() -> TurnFigures | None:
    """How long the running loop's turns took; None if it does not measure them."""
    loop = asyncio.get_running_loop()
    return loop.turn_figures if isinstance(loop, RouterLoop) else None


def turn_meter() -> TurnMeter | None:
    """What measures the running loop's turns; None if nothing does."""
    loop = asyncio.get_running_loop()
    return loop.turn_meter if isinstance(loop, RouterLoop) else None


def new_event_loop() -> asyncio.AbstractEventLoop:
    """What to run a router in: ``asyncio.Runner(loop_factory=new_event_loop)``."""
    sys.setswitchinterval(SWITCH_S)
    return RouterLoop()
