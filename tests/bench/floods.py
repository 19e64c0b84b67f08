"""Floods of a whole router by strangers: what honest ones still get, and what it costs.

``python -m tests.bench.floods [seconds] [part of a name]``, in virtual time. The rates are ten
times those that once shut everybody out, or what fills the share of strangers if that is less.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.support.flooded_router import (
    Outcome,
    flood_builds,
    flood_lookups,
    flood_sessions,
    flood_stores,
)


def outcomes(seconds: float, wanted: str) -> Iterator[tuple[str, Outcome]]:
    """A line for each flood whose name contains ``wanted``."""
    for links in (1, 20):
        for shared in (False, True):
            way = f"over {links} links, honest ones over {'the same' if shared else 'others'}"
            for valid in (False, True):
                name = f"500 {'valid' if valid else 'forged'} stores/s {way}"
                if wanted in name:
                    yield name, flood_stores(500, seconds, links=links, valid=valid, shared=shared)
            name = f"4000 sealed lookups/s {way}"
            if wanted in name:
                yield name, flood_lookups(4000, seconds, links=links, garlic=True, shared=shared)
            name = f"8000 junk builds/s {way}"
            if wanted in name:
                yield name, flood_builds(8000, seconds, links=links, shared=shared)
            if not shared:
                name = f"8000 sound builds/s {way}"
                if wanted in name:
                    yield name, flood_builds(8000, seconds, links=links, sound=True)
        name = f"4000 lookups/s over {links} links"
        if wanted in name:
            yield name, flood_lookups(4000, seconds, links=links)
    for tunnels in (1, 4):
        for rate in (500, 3800, 5000):
            name = f"{rate} junk sessions/s through {tunnels} tunnels"
            if wanted in name:
                yield name, flood_sessions(rate, seconds, tunnels=tunnels)


if __name__ == "__main__":
    for name, outcome in outcomes(
        float(sys.argv[1]) if len(sys.argv) > 1 else 3.0, sys.argv[2] if len(sys.argv) > 2 else ""
    ):
        print(f"{name:70} {outcome}", flush=True)
