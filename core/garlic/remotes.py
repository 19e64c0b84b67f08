"""All remotes of one local destination: their tags, what we owe them, and when they go.

Always holds: remotes and tags are bounded; who has no session goes first, then who was idle for
longest.
"""

from __future__ import annotations

from core.garlic.opened import RatchetCounters
from core.garlic.remote import Incoming, Remote
from core.garlic.session import RatchetSession
from core.garlic.tagset import TagTable

REPLY_DELAY_S = 1.0
"""Spec: after this time an owed reply is sent empty. i2pd: forgets us 3 s after its new session."""

REMOTES_MAX = 4096
TAGS_MAX = 262_144
_TAGS_CROWDED = TAGS_MAX // 2
_SWEEP_S = 10.0


class Remotes:
    """See the module. ``by_static`` and ``owed`` (when an answer is due) are for the hot path."""

    __slots__ = ("_counters", "_next_sweep", "by_static", "owed", "tags")

    def __init__(self, counters: RatchetCounters) -> None:
        self.tags = TagTable()
        self.by_static: dict[bytes, Remote] = {}
        self.owed: dict[bytes, float] = {}
        self._counters = counters
        self._next_sweep: float | None = None

    def add(self, static: bytes, now: float) -> Remote:
        """The remote with that key, made if there is none."""
        remote = self.by_static.get(static)
        if remote is None:
            remote = self.by_static[static] = Remote(static, now)
        return remote

    def drop(self, remote: Remote) -> None:
        """Forget everything about a remote."""
        remote.close()
        self.by_static.pop(remote.static, None)
        self.owed.pop(remote.static, None)

    def drop_session(self, remote: Remote, session: RatchetSession) -> None:
        """Forget one session, and the remote if it has nothing else."""
        remote.drop_session(session)
        if remote.is_empty:
            self.drop(remote)

    @property
    def is_crowded(self) -> bool:
        """Whether sessions should do with smaller windows."""
        return len(self.tags) > _TAGS_CROWDED

    def grew(self, remote: Remote, now: float) -> None:
        """Something was begun with ``remote``: others may have to go, and it ends some time."""
        if self._next_sweep is None:
            self._next_sweep = now + _SWEEP_S
        self.enforce_limits(remote)

    def enforce_limits(self, keep: Remote | None) -> None:
        """Drop the least worthy if there are too many, but not ``keep``."""
        remotes, tags = self.by_static, self.tags
        if len(remotes) <= REMOTES_MAX and len(tags) <= TAGS_MAX:
            return
        for remote in sorted(remotes.values(), key=Remote.worth):
            if (
                len(remotes) <= REMOTES_MAX - REMOTES_MAX // 16
                and len(tags) <= TAGS_MAX - TAGS_MAX // 16
            ):
                return
            if remote is not keep:
                self.drop(remote)
                self._counters.evicted += 1

    # ---- answers that are owed

    def owe(self, static: bytes, now: float) -> None:
        """The remote waits for an answer, if it does not yet."""
        if static not in self.owed:
            self.owed[static] = now + REPLY_DELAY_S

    def owe_at_once(self, static: bytes, now: float) -> None:
        """The remote should hear from us even if there is nothing to say.

        i2pd 2.58, 2.59: whatever it sends before comes in replies that nobody can open.
        """
        owed = dict(self.owed)
        owed.pop(static, None)
        self.owed.clear()
        self.owed[static] = now
        self.owed.update(owed)

    def settle(self, static: bytes, chosen: RatchetSession | Incoming, now: float) -> None:
        """Something was sent: nothing is owed any more, unless it had no room for all."""
        self.owed.pop(static, None)
        if isinstance(chosen, RatchetSession) and chosen.owes_reply:
            self.owed[static] = now + REPLY_DELAY_S

    def replies_due(self, now: float) -> list[bytes]:
        """Keys of remotes that have waited for long; each is named again a second later."""
        due = []
        for static, deadline in list(self.owed.items()):
            if deadline > now:
                break
            del self.owed[static]
            remote = self.by_static.get(static)
            if remote is not None and remote.is_waiting(now):
                due.append(static)
                self.owed[static] = now + REPLY_DELAY_S
        return due

    # ---- time

    def next_timer(self) -> float | None:
        """When :meth:`replies_due` or :meth:`handle_timer` has something to do."""
        sweep = self._next_sweep
        if self.owed:
            first = next(iter(self.owed.values()))
            return first if sweep is None else min(first, sweep)
        return sweep

    def handle_timer(self, now: float) -> None:
        """Forget what has expired; early and spurious calls do nothing."""
        if self._next_sweep is None or now < self._next_sweep:
            return
        for remote in list(self.by_static.values()):
            if remote.expire(now):
                self.drop(remote)
        self._next_sweep = now + _SWEEP_S if self.by_static else None
        self.enforce_limits(None)
