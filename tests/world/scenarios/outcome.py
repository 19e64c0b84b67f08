"""What a scenario hands back, and what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.world.report import Table


@dataclass(frozen=True, slots=True)
class Wish:
    """``routers``: honest ones. ``minutes``: simulated, after all have joined."""

    routers: int
    minutes: int
    seed: str


@dataclass(slots=True)
class Outcome:
    """Tables, and curves (SVG) by the name of their file."""

    tables: list[Table]
    curves: dict[str, str] = field(default_factory=dict)
    trace_hash: str = ""
