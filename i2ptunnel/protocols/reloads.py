"""How often a page may load itself again before it leaves that to its reader.

A page that says "not ready yet" asks the browser to come again. A forgotten tab would do so for
ever. So each address has a budget; it is full again when nobody asked for a while. Pure.
"""

from __future__ import annotations

from core.base.bounded import BoundedMap

RELOADS_MAX = 24
FORGET_S = 300.0
#: addresses remembered; the one that was asked for longest ago goes
ADDRESSES_MAX = 256


class Reloads:
    """Counts the pages that reload themselves, by address (a hash of it is kept). Monotonic time.

    With a pause of 5 s between reloads, a page gives up after two minutes.
    """

    def __init__(self) -> None:
        self._counts: BoundedMap[int, tuple[int, float]] = BoundedMap(ADDRESSES_MAX)

    def may_reload(self, url: str, now: float) -> bool:
        """Whether the page for ``url`` may load itself again; uses up one reload."""
        key = hash(url)
        count, asked_at = self._counts.get(key, (0, now))
        if now - asked_at >= FORGET_S:
            count = 0
        self._counts.put(key, (min(count + 1, RELOADS_MAX + 1), now))
        return count < RELOADS_MAX
