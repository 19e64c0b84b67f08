"""Counters of the engine; whatever it drops is counted in exactly one of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RouterStats:
    """What the engine dropped, by reason."""

    malformed: int = 0
    expired: int = 0
    unknown_type: int = 0
    forbidden: int = 0
