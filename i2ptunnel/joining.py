"""How far the router is with joining the network: a line on the terminal until it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from i2ptunnel.health import Facts, State, assess

_EVERY_S = 0.5


def joining_line(facts: Facts) -> str:
    """For a terminal; empty where something else is told there, or nothing can come."""
    if facts.reseed.is_running or facts.is_stopping or not assess(facts).is_waiting:
        return ""
    tunnels = f"{facts.tunnels_ready} of {facts.tunnels} tunnels ready"
    if facts.i2cp is not None:
        return f"joining by {facts.i2cp.address}: {tunnels}"
    builds = f"{facts.builds_succeeded} of {facts.builds_started} builds"
    return f"joining: {facts.routers} routers, {facts.links} connected, {builds}, {tunnels}"


async def show_joining(facts: Callable[[], Facts], show: Callable[[str], None]) -> None:
    """Until all tunnels are ready for the first time; the line is gone at the end.

    While the reseeding goes on, the line is its own.
    """
    try:
        while assess(known := facts()).state is not State.READY:
            if not known.reseed.is_running:
                show(joining_line(known))
            await asyncio.sleep(_EVERY_S)
    finally:
        show("")
