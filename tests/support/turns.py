"""Runs a test on the router's own event loop and fails if one turn of it takes too long.

What counts is the CPU time of the loop's thread: other programs on the machine do not disturb it.
The time on the wall stands beside it in what a failure says. The garbage collector is off
meanwhile: a test process has a heap of its own, which says nothing about a router's.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

from core.io.loop import RouterLoop
from core.io.turns import TurnFigures

#: of one turn, in CPU time of the loop's thread
TURN_CPU_MAX_S = 0.05

T = TypeVar("T")


class LongTurn(AssertionError):
    """A turn of the loop took too long."""


def run_in_short_turns(
    main: Coroutine[Any, Any, T], *, cpu_max_s: float = TURN_CPU_MAX_S
) -> tuple[T, TurnFigures]:
    """What ``main`` returns, and how long the turns were; raises LongTurn."""
    loop = RouterLoop()
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            result = runner.run(main)
            figures = loop.turn_figures
    finally:
        gc.enable()
    if figures.longest_cpu_s > cpu_max_s:
        raise LongTurn(
            f"a turn of the loop took {figures.longest_cpu_s * 1000:.0f} ms of CPU time, "
            f"{figures.longest_wall_s * 1000:.0f} ms on the wall, of {figures.turns} turns"
        )
    return result, figures
