"""Publishing our own entries (network-database, "Storage to Floodfills").

A RouterInfo goes over links to the two nearest floodfills, a lease set through a tunnel of its
owner to the nearest one, and if that is not known to be reliable, to the nearest one that is, where
others look for it, too (:mod:`core.netdb.floodfills`). Each store asks for an acknowledgement, and
the next floodfill is tried when none comes. 10 to 15 seconds later another floodfill, of another
subnet if there is one, is asked, through tunnels, whether it knows the entry; if not, the entry is
stored once more, somewhere else.

Lease sets that change often are held back to three stores in a minute (i2pd: one in 20 s; Java: a
floodfill passes on three stores of one key in 90 s).
At UTC midnight the keyspace moves, so everything is stored again within a minute.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Set
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from core.base.ports import Entropy, WallClock
from core.base.timers import TimerTable
from core.data.lease_set_variants import AnyLeaseSet
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.netdb.events import (
    Event,
    LookupKind,
    Owner,
    PublishConfirmed,
    PublishFailed,
    PublishVerified,
    RepublishDue,
)
from core.netdb.floodfills import Floodfills
from core.netdb.leases import end_ms
from core.netdb.lookup import Lookups
from core.netdb.lookup_state import Verified
from core.netdb.requests import NetDbRequests

#: i2pd: 1.6 s (RouterInfo) and 1.8 s (lease set); a direct store may have to dial first.
CONFIRM_DIRECT_S = 3.0
CONFIRM_TUNNEL_S = 2.2
LATE_CONFIRM_S = 60.0
BLOCKED_RETRY_S = 0.5
ATTEMPTS_MAX = 12
FAILED_RETRY_S = 5.0
NOBODY_RETRY_S = 1.0
ROUTER_COPIES = 2
LEASE_SET_COPIES = 1
RELIABLE_COPIES = 1
"""So many more of a lease set that no reliable floodfill has yet."""
VERIFY_DELAY_S = 10.0
VERIFY_SPREAD_S = 5.0
VERIFY_FAILURES_MAX = 3
PACE_BURST = 3
PACE_S = 20.0
#: Java: floods a key three times in 90 s at most, but stores and serves every newer one
URGENT_S = 4.0
ROUTER_LIFE_S = 38 * 60.0
ROUTER_LIFE_SPREAD_S = 4 * 60.0
LEASE_SET_DUE_S = 120.0
"""How long before its end a lease set should have been replaced."""
REMIND_S = 60.0
MOVED_SPREAD_S = 60.0
"""Floodfills of the new day have had what was stored in the ten minutes before it."""


class _Stage(Enum):
    PACED = "paced"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    VERIFYING = "verifying"
    RESTING = "resting"


class _Sent(NamedTuple):
    key: bytes
    generation: int
    floodfill: bytes
    sent_at: float
    until: float
    is_direct: bool


@dataclass(slots=True, eq=False)
class _Publication:
    key: bytes
    owner: Owner
    store: DatabaseStore
    is_router: bool
    published_ms: int
    due_at: float
    ends_at: float
    copies: int
    is_urgent: bool = False
    stage: _Stage = _Stage.SENDING
    generation: int = 0
    tried: set[bytes] = field(default_factory=set)
    confirmed_by: set[bytes] = field(default_factory=set)
    open_tokens: set[int] = field(default_factory=set)
    attempts: int = 0
    failures: int = 0
    verify_failures: int = 0
    paced: deque[float] = field(default_factory=deque)


class Publisher:
    """Everything this router publishes: its RouterInfo, and lease sets of local owners."""

    def __init__(
        self,
        floodfills: Floodfills,
        requests: NetDbRequests,
        lookups: Lookups,
        wall: WallClock,
        entropy: Entropy,
        events: deque[Event],
    ) -> None:
        self._floodfills = floodfills
        self._requests = requests
        self._lookups = lookups
        self._wall = wall
        self._entropy = entropy
        self._events = events
        self._entries: dict[bytes, _Publication] = {}
        self._tokens: dict[int, _Sent] = {}
        self._timers: TimerTable[bytes] = TimerTable()

    def publish_router(self, info: RouterInfo, now: float) -> None:
        """Publish our RouterInfo, replacing the one before."""
        spread = self._entropy.randbelow(1000) / 1000 * ROUTER_LIFE_SPREAD_S
        age_s = max(0.0, self._wall.now() - info.published_ms / 1000)
        entry = _Publication(
            key=info.hash,
            owner=None,
            store=DatabaseStore.of_router_info(info),
            is_router=True,
            published_ms=info.published_ms,
            due_at=now + max(REMIND_S, ROUTER_LIFE_S + spread - age_s),
            ends_at=math.inf,
            copies=ROUTER_COPIES,
        )
        self._begin(entry, now)

    def publish_lease_set(
        self, lease_set: AnyLeaseSet, owner: Owner, now: float, *, is_urgent: bool = False
    ) -> None:
        """Publish a lease set of a local owner, replacing the one before.

        ``is_urgent``: nothing in the one before leads to us any more.
        """
        left_s = end_ms(lease_set) / 1000 - self._wall.now()
        entry = _Publication(
            key=lease_set.hash,
            owner=owner,
            store=DatabaseStore.of_lease_set(lease_set),
            is_router=False,
            published_ms=lease_set.published_ms,
            due_at=now + max(left_s - LEASE_SET_DUE_S, 0.0),
            ends_at=now + left_s,
            copies=LEASE_SET_COPIES,
            is_urgent=is_urgent,
        )
        self._begin(entry, now)

    def withdraw(self, key: bytes) -> None:
        """Stop publishing ``key``; floodfills keep what they have until it ends."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._timers.stop(key)
            for token in entry.open_tokens:
                self._tokens.pop(token, None)

    def withdraw_owner(self, owner: Owner) -> None:
        """Stop publishing everything of ``owner``."""
        for key in [k for k, entry in self._entries.items() if entry.owner == owner]:
            self.withdraw(key)

    def confirmed(self, token: int, now: float) -> bool:
        """A DeliveryStatus came; True if it acknowledges one of our stores."""
        sent = self._tokens.pop(token, None)
        if sent is None:
            return False
        self._floodfills.answered(sent.floodfill, now - sent.sent_at)
        entry = self._entries.get(sent.key)
        if entry is None or entry.generation != sent.generation:
            return True
        entry.open_tokens.discard(token)
        entry.confirmed_by.add(sent.floodfill)
        self._events.append(PublishConfirmed(entry.key, entry.owner, sent.floodfill))
        if entry.stage is _Stage.SENDING:
            self._step(entry, now)
        return True

    def verified(self, outcome: Verified, now: float) -> None:
        """A verification that was started here has ended."""
        entry = self._entries.get(outcome.key)
        if entry is None or entry.stage is not _Stage.VERIFYING:
            return
        if outcome.result is not None:
            entry.verify_failures = 0
            self._events.append(PublishVerified(entry.key, entry.owner))
            self._rest(entry, now)
            return
        entry.verify_failures += 1
        if entry.verify_failures > VERIFY_FAILURES_MAX:
            self._rest(entry, now)
            return
        # Those who acknowledged it did not pass it on: tell others, in other subnets.
        entry.tried = set(self._elsewhere(entry, entry.tried, now))
        entry.confirmed_by.clear()
        entry.attempts = 0
        entry.stage = _Stage.SENDING
        self._step(entry, now)

    def router_failed(self, router_hash: bytes, now: float) -> None:
        """A store over a link did not get through: go on with the next floodfill."""
        for token, sent in list(self._tokens.items()):
            if sent.floodfill != router_hash or not sent.is_direct:
                continue
            entry = self._entries.get(sent.key)
            if entry is not None and token in entry.open_tokens:
                del self._tokens[token]
                entry.open_tokens.discard(token)
                self._floodfills.failed(router_hash, now)
                if entry.stage is _Stage.SENDING:
                    self._step(entry, now)

    def keyspace_moved(self, now: float) -> None:
        """The routing keys have changed: other floodfills are responsible now.

        Each entry is stored again at a moment of its own: that those of one router are always
        stored together would tell that they belong together.
        """
        for entry in self._entries.values():
            entry.tried.clear()
            entry.verify_failures = 0
            self._reset(entry)
            wait_s = self._entropy.randbelow(1000) / 1000 * MOVED_SPREAD_S
            self._timers.set(entry.key, now + wait_s)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do, or None."""
        return self._timers.next()

    def handle_timer(self, now: float) -> None:
        """Store once more what was not confirmed, and what gets old."""
        for token in [t for t, s in self._tokens.items() if s.sent_at + LATE_CONFIRM_S <= now]:
            del self._tokens[token]
        for key in self._timers.pop_expired(now):
            entry = self._entries.get(key)
            if entry is not None:
                self._step(entry, now)

    def _begin(self, entry: _Publication, now: float) -> None:
        old = self._entries.get(entry.key)
        if old is not None:
            entry.generation = old.generation + 1
            entry.paced = old.paced
        self._entries[entry.key] = entry
        self._restart(entry, now)

    def _restart(self, entry: _Publication, now: float) -> None:
        self._reset(entry)
        self._step(entry, now)

    def _reset(self, entry: _Publication) -> None:
        entry.generation += 1
        entry.confirmed_by.clear()
        entry.open_tokens.clear()
        entry.attempts = 0
        entry.stage = _Stage.PACED

    def _step(self, entry: _Publication, now: float) -> None:
        if now >= entry.ends_at:
            self.withdraw(entry.key)
            return
        if entry.stage is _Stage.PACED:
            ready_at = self._pace(entry, now)
            if ready_at > now:
                self._timers.set(entry.key, ready_at)
                return
            entry.stage = _Stage.SENDING
        if entry.stage is _Stage.SENDING:
            self._send(entry, now)
        elif entry.stage is _Stage.CONFIRMED:
            self._verify(entry, now)
        elif entry.stage is _Stage.RESTING:
            self._remind(entry, now)
            self._timers.set(entry.key, entry.due_at)

    def _pace(self, entry: _Publication, now: float) -> float:
        """When the next round of stores may begin; takes the slot if that is now."""
        if entry.is_router:
            return now
        paced = entry.paced
        while paced and paced[0] <= now - PACE_BURST * PACE_S:
            paced.popleft()
        if len(paced) >= PACE_BURST:
            ready_at = paced[0] + PACE_BURST * PACE_S
            if entry.is_urgent:
                ready_at = min(ready_at, paced[-1] + URGENT_S)
            if ready_at > now:
                return ready_at
        paced.append(now)
        return now

    def _send(self, entry: _Publication, now: float) -> None:
        self._drop_silent(entry, now)
        while self._wants_more(entry):
            if entry.attempts >= ATTEMPTS_MAX:
                break
            exclude = {*entry.tried, self._requests.own_hash}
            floodfill = self._floodfills.next(entry.key, entry.tried, exclude, now)
            if floodfill is None:
                break
            if not self._send_to(floodfill, entry, now):
                self._timers.set(entry.key, now + BLOCKED_RETRY_S)
                return
        if entry.open_tokens:
            self._timers.set(
                entry.key, min(self._tokens[token].until for token in entry.open_tokens)
            )
        elif entry.confirmed_by:
            entry.stage = _Stage.CONFIRMED
            entry.failures = 0
            spread = self._entropy.randbelow(1000) / 1000 * VERIFY_SPREAD_S
            self._timers.set(entry.key, now + VERIFY_DELAY_S + spread)
        else:
            self._fail(entry, now)

    def _wants_more(self, entry: _Publication) -> bool:
        """Whether the entry is to be given to one more floodfill."""
        holders = [*entry.confirmed_by, *(self._tokens[one].floodfill for one in entry.open_tokens)]
        if len(holders) < entry.copies:
            return True
        floodfills = self._floodfills
        needs_reliable = not entry.is_router and floodfills.reliable_count > 0
        is_more = needs_reliable and len(holders) < entry.copies + RELIABLE_COPIES
        return is_more and not any(map(floodfills.is_reliable, holders))

    def _send_to(self, floodfill: RouterInfo, entry: _Publication, now: float) -> bool:
        """One store on its way, or the floodfill skipped; False if nothing can leave now."""
        is_direct = entry.is_router and self._requests.can_dial(floodfill)
        token: int | None
        if is_direct:
            token = self._requests.store_direct(floodfill, entry.store)
        else:
            token = self._requests.store_through_tunnel(floodfill, entry.store, entry.owner)
            if token is None and not entry.is_router:
                return False
        entry.tried.add(floodfill.hash)
        if token is not None:
            timeout = CONFIRM_DIRECT_S if is_direct else CONFIRM_TUNNEL_S
            entry.attempts += 1
            entry.open_tokens.add(token)
            self._tokens[token] = _Sent(
                entry.key, entry.generation, floodfill.hash, now, now + timeout, is_direct
            )
        return True

    def _drop_silent(self, entry: _Publication, now: float) -> None:
        for token in list(entry.open_tokens):
            sent = self._tokens.get(token)
            if sent is None or sent.until <= now:
                # The token stays known for a while: a late acknowledgement still counts.
                entry.open_tokens.discard(token)
                if sent is not None:
                    self._floodfills.failed(sent.floodfill, now)

    def _fail(self, entry: _Publication, now: float) -> None:
        retry_s = NOBODY_RETRY_S
        # Without any floodfill (a fresh start) this only waits for one to be heard of.
        if entry.attempts:
            self._events.append(PublishFailed(entry.key, entry.owner, entry.attempts))
            entry.failures += 1
            retry_s = FAILED_RETRY_S * min(entry.failures, 6)
        entry.attempts = 0
        entry.tried.clear()
        # Floodfills refuse what has become old in the meantime.
        self._remind(entry, now)
        self._timers.set(entry.key, now + retry_s)

    def _remind(self, entry: _Publication, now: float) -> None:
        if now >= entry.due_at:
            self._events.append(RepublishDue(entry.key, entry.owner))
            entry.due_at = now + REMIND_S

    def _verify(self, entry: _Publication, now: float) -> None:
        exclude = frozenset({*entry.confirmed_by, self._requests.own_hash})
        exclude = self._elsewhere(entry, exclude, now)
        others = self._floodfills.choose(entry.key, 1, exclude, now)
        if not others or not self._requests.has_tunnels(entry.owner):
            self._rest(entry, now)
            return
        entry.stage = _Stage.VERIFYING
        kind = LookupKind.VERIFY_ROUTER if entry.is_router else LookupKind.VERIFY_LEASE_SET
        self._lookups.verify(kind, entry.key, entry.owner, entry.published_ms, exclude, now)

    def _elsewhere(self, entry: _Publication, exclude: Set[bytes], now: float) -> frozenset[bytes]:
        """With those beside whom it was stored at: who is of the same people proves nothing.

        Unless nobody is left then.
        """
        apart = {*exclude, *self._floodfills.beside(entry.key, entry.confirmed_by, now)}
        is_somebody_left = self._floodfills.choose(entry.key, 1, apart, now)
        return frozenset(apart if is_somebody_left else exclude)

    def _rest(self, entry: _Publication, now: float) -> None:
        entry.stage = _Stage.RESTING
        entry.tried.clear()
        self._timers.set(entry.key, max(entry.due_at, now))
