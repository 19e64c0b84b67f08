"""How often something may be done, in virtual time.

A token bucket, a meter, a counter by key in windows, and fair shares of a budget.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

Source: TypeAlias = tuple[Hashable, ...]
"""Where something came from, from the outside in, as far as sources can be told apart: a link, the
tunnel that it came through or 0. What it costs is charged to that."""

SOURCES_MAX = 2048
KEYS_MAX = 8192
STRANGERS_SHARE = 0.15
"""The part of a core that work for strangers may take, so that our own traffic keeps 80 % of its
rate: the budget, in seconds of CPU per second, of one :class:`FairShares` for the whole router.
What a piece of work costs stands beside it, as pure Python takes on one core of 2024."""
_IDLE_S = 5.0
RATE_WINDOW_S = 15.0
_RATE_STEP_S = 0.5


class TokenBucket:
    """``rate`` units per second on average, and up to ``burst`` of them (a second's) at once.

    It may go into debt, because what was read cannot be unread: ask :meth:`balance` before a batch,
    :meth:`spend` what it really took, and wait until :meth:`ready_at` when nothing is left. Or
    :meth:`take` what is there, and nothing else.
    """

    __slots__ = ("_balance", "_burst", "_rate", "_updated_at")

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = rate if burst is None else burst
        self._balance = self._burst
        self._updated_at: float | None = None

    def configure(self, rate: float, burst: float | None = None) -> None:
        """Another rate from now on; what was saved up beyond the new burst is lost."""
        self._rate = rate
        self._burst = rate if burst is None else burst
        self._balance = min(self._balance, self._burst)

    @property
    def burst(self) -> float:
        """Units that can be saved up."""
        return self._burst

    def balance(self, now: float) -> float:
        """Units that may be spent now; zero or less means wait. A clock set back earns nothing."""
        updated_at, self._updated_at = self._updated_at, now
        if updated_at is not None and now > updated_at:
            earned = (now - updated_at) * self._rate
            self._balance = min(self._burst, self._balance + earned)
        return self._balance

    def take(self, now: float, cost: float = 1.0) -> bool:
        """True if ``cost`` units are there, which are then spent."""
        if self.balance(now) < cost:
            return False
        self._balance -= cost
        return True

    def spend(self, cost: float, now: float, debt_max: float = float("inf")) -> float:
        """Take ``cost`` units out, down to ``debt_max`` below zero; what is left."""
        self._balance = max(-debt_max, self.balance(now) - cost)
        return self._balance

    def ready_at(self, now: float, above: float = 0.0) -> float:
        """The time at which the balance is above ``above``; ``now`` if it is."""
        balance = self.balance(now) - above
        return now if balance > 0 else now + (1.0 - balance) / self._rate


class RateMeter:
    """Units per second, from a total that only grows: over about :data:`RATE_WINDOW_S`, or since
    the last reading if that was longer ago."""

    __slots__ = ("_rate", "_read_at", "_total")

    def __init__(self) -> None:
        self._rate = 0.0
        self._total = 0
        self._read_at: float | None = None

    def read(self, total: int, now: float) -> float:
        """The rate now. The first reading begins the measurement and is 0."""
        if self._read_at is None:
            self._total, self._read_at = total, now
        elapsed = now - self._read_at
        if elapsed >= _RATE_STEP_S:
            part = min(1.0, elapsed / RATE_WINDOW_S)
            self._rate += part * ((total - self._total) / elapsed - self._rate)
            self._total = total
            self._read_at = now
        return self._rate


class WindowCounter:
    """Counts actions by key in windows of ``period_s``; the first action begins a window.

    ``slides``: what the window before held counts, too, less and less. Too many keys begin a new
    window early, unless the owner asks :attr:`is_full` before.
    """

    __slots__ = ("_current", "_ends_at", "_keys_max", "_period_s", "_previous", "_slides")

    def __init__(self, period_s: float, *, slides: bool = False, keys_max: int = KEYS_MAX) -> None:
        self._period_s = period_s
        self._slides = slides
        self._keys_max = keys_max
        self._current: dict[Hashable, int] = {}
        self._previous: dict[Hashable, int] = {}
        self._ends_at = float("-inf")

    def count(self, key: Hashable, now: float) -> int:
        """Count one; how many there were with it."""
        if self.is_full(key):
            self._begin(now)
        counted = self.counted(key, now) + 1
        self._current[key] = self._current.get(key, 0) + 1
        return counted

    def counted(self, key: Hashable, now: float) -> int:
        """How many there were."""
        if now >= self._ends_at:
            self._begin(now)
        count = self._current.get(key, 0)
        if self._previous:
            rest = (self._ends_at - now) / self._period_s
            count += int(self._previous.get(key, 0) * rest)
        return count

    def _begin(self, now: float) -> None:
        is_next = self._slides and now < self._ends_at + self._period_s
        self._previous = self._current if is_next else {}
        self._current = {}
        self._ends_at = now + self._period_s

    def is_full(self, key: Hashable) -> bool:
        """Whether ``key`` would be one too many in this window."""
        return len(self._current) >= self._keys_max and key not in self._current

    def ends_in(self, now: float) -> float:
        """Seconds until the next window."""
        return max(0.0, self._ends_at - now)


class _Share:
    """What one source, or a group of them, may use. ``tokens`` may be owed, down to ``-room``."""

    __slots__ = ("at", "due", "members", "room", "tokens")

    def __init__(self, room: float, now: float) -> None:
        self.tokens = room
        self.room = room
        self.at = now
        self.due = 0.0
        #: the one that asked longest ago first
        self.members: dict[Hashable, _Share] = {}

    def earn(self, rate: float, burst_s: float, now: float) -> None:
        self.room = rate * burst_s
        self.tokens = min(self.room, self.tokens + max(0.0, now - self.at) * rate)
        self.at = now

    def member(self, name: Hashable, rate: float, burst_s: float, now: float) -> _Share:
        """The share of ``name``, which becomes the latest; idle ones are forgotten for new ones."""
        members = self.members
        share = members.pop(name, None)
        if share is None:
            while members:
                oldest = next(iter(members))
                if members[oldest].at + _IDLE_S > now and len(members) < SOURCES_MAX:
                    break
                del members[oldest]
            share = _Share(rate * burst_s / (len(members) + 1), now)
        members[name] = share
        return share

    def has_for(self, member: _Share, cost: float) -> bool:
        """Whether a member can pay; evenly fewer times, the less is left of half of its own.

        Evenly over all members: one that is new here cannot pay more than it would later.
        """
        enough = max(member.room / 2, cost)
        if member.tokens >= enough:
            return True
        self.due += max(0.0, member.tokens) / enough
        if self.due < 1:
            return False
        self.due -= 1
        return True


class FairShares:
    """A budget of ``rate`` units per second that nobody can use up for the others.

    Who asks is named by a path, from the outside in, such as (link, tunnel): members of a group
    share what the group has. Above one half of the budget everybody gets what they want. The other
    half is for those that stay within an equal share of their group. What exceeds a share is
    refused evenly and not first come first served, so whoever has to share a source with a flood
    gets through by trying again.

    ``burst_s``: how many seconds of the budget can be saved up. At most ``SOURCES_MAX`` members of
    a group are told apart; the one that asked longest ago is forgotten first. ``refused`` counts.
    """

    __slots__ = ("_burst_s", "_rate", "_root", "refused")

    def __init__(self, rate: float, burst_s: float = 1.0) -> None:
        self._rate = rate
        self._burst_s = burst_s
        self._root = _Share(rate * burst_s, 0.0)

    def take(self, path: Source, cost: float, now: float) -> bool:
        """True if ``path`` may use ``cost`` units now, which then count; ``path`` is not empty."""
        rate, burst_s = self._rate, self._burst_s
        root = share = self._root
        share.earn(rate, burst_s, now)
        groups: list[_Share] = []
        for name in path:
            groups.append(share)
            group, share = share, share.member(name, rate, burst_s, now)
            rate /= len(group.members)
            share.earn(rate, burst_s, now)
        is_allowed = groups[-1].has_for(share, cost)
        if is_allowed:
            # Also if its group has nothing left: else those that ask the most would save the most,
            # and take all that the group earns.
            share.tokens -= cost
        #: who pays; what one group has to spare costs those inside it nothing
        payers: list[_Share] = []
        for group in reversed(groups):
            if not is_allowed:
                is_allowed = group.tokens > group.room / 2
            else:
                is_allowed = group.tokens > (-group.room if group is root else 0.0)
            if not is_allowed:
                payers = []
            else:
                payers.append(group)
        if not is_allowed:
            return False
        for group in payers:
            group.tokens -= cost
        return True
