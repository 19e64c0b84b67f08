"""Whom not to talk to, and until when: bans of routers, back-off after failures.

Both tables are bounded; when one is full the entry that was touched longest ago goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from core.base.bounded import BoundedMap

BANS_MAX = 4096
BACKOFFS_MAX = 4096
#: the pause after a failure while failures are expected
EAGER_PAUSE_S = 3.0


class Ban(NamedTuple):
    """``key``: the hash of a router, or an address; ``left_s``: seconds until it ends."""

    key: bytes | str
    left_s: float
    reason: str


class BanList:
    """Keys (router hashes or address strings) with an expiry and a reason for the log."""

    __slots__ = ("_bans", "_is_blocked")

    def __init__(
        self,
        entries_max: int = BANS_MAX,
        is_blocked: Callable[[bytes], bool] | None = None,
    ) -> None:
        """``is_blocked``: whether the user wants nothing to do with a router."""
        self._is_blocked = is_blocked
        self._bans: BoundedMap[bytes | str, tuple[float, str]] = BoundedMap(entries_max)

    def __len__(self) -> int:
        return len(self._bans)

    def ban(self, key: bytes | str, until: float, reason: str) -> bool:
        """Ban ``key`` at least until then; True if it was not banned before (log it once)."""
        known = self._bans.get(key)
        self._bans.put(key, known if known is not None and known[0] > until else (until, reason))
        return known is None

    def reason(self, key: bytes | str, now: float) -> str | None:
        """Why ``key`` is banned, or None if it is not (any more)."""
        if self._is_blocked is not None and isinstance(key, bytes) and self._is_blocked(key):
            return "blocked"
        entry = self._bans.get(key)
        if entry is None:
            return None
        if now >= entry[0]:
            self._bans.pop(key)
            return None
        return entry[1]

    def current(self, now: float) -> list[Ban]:
        """Every ban that holds, without what the user has blocked."""
        return [
            Ban(key, until - now, reason)
            for key, (until, reason) in self._bans.items()
            if now < until
        ]

    def expire(self, now: float) -> None:
        """Drop every ban that is over."""
        for key in [key for key, (until, _) in self._bans.items() if now >= until]:
            self._bans.pop(key)


class Backoff:
    """Doubling pauses after failures, by what failed: a router, or a transport's way to it."""

    __slots__ = ("_eager_until", "_entries", "_pause_max_s")

    def __init__(self, pause_max_s: float = 600.0) -> None:
        self._entries: BoundedMap[Hashable, tuple[int, float]] = BoundedMap(BACKOFFS_MAX)
        self._pause_max_s = pause_max_s
        self._eager_until = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def failed(self, key: Hashable, base_s: float, now: float) -> float:
        """Note a failure; returns the pause in seconds: ``base_s`` doubled per failure in a row."""
        count, _ = self._entries.get(key, (0, 0.0))
        pause = min(self._pause_max_s, base_s * (1 << min(count, 16)))
        if now < self._eager_until:
            pause = min(pause, EAGER_PAUSE_S)
        self._entries.put(key, (count + 1, now + pause))
        return pause

    def hold(self, key: Hashable, until: float) -> None:
        """Do not try ``key`` before then, because it told us so."""
        count, _ = self._entries.get(key, (0, 0.0))
        self._entries.put(key, (count + 1, until))

    def pause(self, key: Hashable, until: float) -> None:
        """Do not try ``key`` before then, for a reason that is not its own."""
        count, known = self._entries.get(key, (0, 0.0))
        self._entries.put(key, (count, max(known, until)))

    def clear(self, eager_until: float = 0.0) -> None:
        """Everybody may be tried again, and until then again soon after a failure."""
        self._entries.clear()
        self._eager_until = eager_until

    def until(self, key: Hashable, now: float) -> float | None:
        """When ``key`` may be tried again, or None if now."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and now < entry[1] else None

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of ``key``."""
        self._entries.pop(key)

    def expire(self, now: float) -> None:
        """Forget those whose last pause ended long enough ago to start afresh."""
        over = [k for k, (_, until) in self._entries.items() if now >= until + self._pause_max_s]
        for key in over:
            self._entries.pop(key)
