"""Iterative lookups (network-database, "RouterInfo and LeaseSet Lookup").

Floodfills near the key are asked, the nearest first. If an answer takes longer than answers
usually take, the next one is asked in parallel, up to three. "Not here, ask these" makes room for
the next at once, and unknown floodfills it names are fetched (through exploratory tunnels when the
lookup is a destination's). A silent floodfill keeps its chance: whatever arrives before the end is
taken, whoever sent it. Those that are silent are asked once more, unless others have an old lease
set and who asked asks again soon: what is published meanwhile is found then.

Who looks for a newer lease set than the one it has is answered with an old one only when several
floodfills had none newer: after a partition of the network some still keep what is long out of use.

A key that all who were asked have denied fails at once for a while, longer each time in a row.
"""

from __future__ import annotations

from collections import deque

from core.base.bounded import BoundedMap
from core.base.timers import TimerTable
from core.data.router_info import RouterInfo
from core.i2np.database import LOOKUP_LEASE_SET, LOOKUP_ROUTER_INFO, DatabaseSearchReply
from core.netdb.events import Event, LookupFinished, LookupKind, Owner
from core.netdb.floodfills import Floodfills
from core.netdb.lookup_state import (
    FETCH_LIMITS,
    LEASE_SET_KINDS,
    LIMITS,
    ROUTER_KINDS,
    Limits,
    Lookup,
    LookupId,
    Result,
    Verified,
    Wait,
)
from core.netdb.requests import NetDbRequests
from core.netdb.store import RouterStore

#: i2pd asks again after 1.6 s (lease sets) or 1.2 s, Java after 2 to 5 s.
TRY_TIMEOUT_S = 1.6
LATE_S = 2.5
"""How long after the last question an answer may still come, before asking a second time."""
BLOCKED_RETRY_S = 0.4
LOOKUPS_MAX = 512
REPLY_PEERS_MAX = 16
FETCHES_MAX = 6
"""Unknown floodfills that one lookup fetches: a liar cannot keep it busy."""
ASKS_KEPT = 3
"""Questions kept for nearer floodfills while these are fetched: who knows few would else have asked
all that are far away by then."""
STALE_ANSWERS_MAX = 3
"""So many floodfills that have no newer lease set are believed that there is none."""
RECENT_S = 30.0
DENIAL_WINDOW_S = 120.0
DENIAL_PAUSE_S = 1.0
DENIAL_PAUSE_MAX_S = 20.0
"""So long a key is not looked for after floodfills had nothing; twice that each time in a row.
A site that is up a moment later is found soon, and one that never is costs little (Java: three
denials are believed for two minutes).
"""
_MEMORY_MAX = 2048


class Lookups:
    """All lookups of one router. Finished requests become events, verifications ``verified``."""

    def __init__(
        self,
        store: RouterStore,
        floodfills: Floodfills,
        requests: NetDbRequests,
        events: deque[Event],
    ) -> None:
        self._store = store
        self._floodfills = floodfills
        self._requests = requests
        self._events = events
        self._active: dict[LookupId, Lookup] = {}
        self._timers: TimerTable[LookupId] = TimerTable()
        self._recent: BoundedMap[tuple[bytes, Owner], float] = BoundedMap(_MEMORY_MAX)
        self._denials: BoundedMap[LookupId, tuple[int, float]] = BoundedMap(_MEMORY_MAX)
        self.verified: list[Verified] = []
        self.found = 0
        self.failed = 0
        self.refused = 0

    def __len__(self) -> int:
        return len(self._active)

    def start(
        self,
        kind: LookupKind,
        key: bytes,
        owner: Owner,
        request: int,
        now: float,
        *,
        is_direct: bool = False,
        is_paced: bool = False,
        published_min_ms: int = 0,
    ) -> None:
        """Look for ``key``; LookupFinished with ``request`` follows in any case.

        ``is_paced``: the caller keeps distances between lookups that fail, so none is refused.
        """
        lookup = self._active.get((kind, key, owner))
        if lookup is None:
            is_denied = not is_paced and self._is_denied((kind, key, owner), now)
            if is_denied or len(self._active) >= LOOKUPS_MAX:
                self.refused += 1
                self._events.append(LookupFinished(request, kind, key, owner, None))
                return
            lookup = self._add(kind, key, owner, LIMITS[kind], now, is_direct, 0, None)
            lookup.is_paced = is_paced
        lookup.requests.append(request)
        lookup.is_paced &= is_paced
        # A fetch made for another lookup is promoted: it now deserves the full effort.
        lookup.limits = LIMITS[kind]
        lookup.depth = 0
        lookup.published_min_ms = max(lookup.published_min_ms, published_min_ms)
        lookup.deadline = max(lookup.deadline, now + LIMITS[kind].seconds)
        self._advance(lookup, now)

    def fetch(self, key: bytes, hint: bytes | None, now: float, *, is_direct: bool) -> None:
        """Get the RouterInfo of ``key`` if it can be had with little effort; nobody is told."""
        if (LookupKind.ROUTER, key, None) in self._active or len(self._active) >= LOOKUPS_MAX:
            return
        if self._is_denied((LookupKind.ROUTER, key, None), now):
            return
        lookup = self._add(LookupKind.ROUTER, key, None, FETCH_LIMITS, now, is_direct, 1, hint)
        self._advance(lookup, now)

    def verify(
        self,
        kind: LookupKind,
        key: bytes,
        owner: Owner,
        published_min_ms: int,
        exclude: frozenset[bytes],
        now: float,
    ) -> None:
        """Ask floodfills not in ``exclude``, through tunnels of ``owner``, for our own entry."""
        if (kind, key, owner) in self._active:
            return
        lookup = self._add(kind, key, owner, LIMITS[kind], now, False, 1, None)
        lookup.excluded = exclude
        lookup.published_min_ms = published_min_ms
        self._advance(lookup, now)

    def is_expected(self, key: bytes, owner: Owner, now: float) -> bool:
        """Whether a lease set of ``key`` through a tunnel of ``owner`` was asked for."""
        return any((kind, key, owner) in self._active for kind in LEASE_SET_KINDS) or (
            self._recent.get((key, owner), now) > now
        )

    def is_router_expected(self, key: bytes) -> bool:
        """Whether a RouterInfo of ``key`` was asked for."""
        return any((kind, key, None) in self._active for kind in ROUTER_KINDS)

    def arrived(self, result: Result, owner: Owner, sender: bytes | None, now: float) -> None:
        """A checked entry came in; ``sender`` is the router it came from, if that is known."""
        kinds = ROUTER_KINDS if isinstance(result, RouterInfo) else LEASE_SET_KINDS
        for kind in kinds:
            lookup = self._active.get((kind, result.hash, owner))
            if lookup is None:
                continue
            answering = self._answering(lookup, sender)
            if answering is not None:
                self._answered(lookup, answering, now)
            if result.published_ms >= lookup.published_min_ms:
                if kind in LEASE_SET_KINDS and answering is not None:
                    self._note_keeping(lookup, answering)
                self._finish(lookup, result, now)
            elif kind is LookupKind.LEASE_SET:
                self._note_stale(lookup, result, answering, now)
            elif answering is not None:
                lookup.denied.add(answering)
                self._advance(lookup, now)

    def denied(self, reply: DatabaseSearchReply, owner: Owner, now: float) -> bool:
        """ "Not here": True if it answers one of our questions to ``reply.from_hash``."""
        is_ours = False
        for kind in LookupKind:
            lookup = self._active.get((kind, reply.key, owner))
            # The sender's name proves nothing; one we did not ask, or twice, changes nothing.
            if lookup is None or reply.from_hash not in lookup.asked:
                continue
            is_ours = True
            if reply.from_hash in lookup.denied:
                continue
            self._answered(lookup, reply.from_hash, now)
            lookup.denied.add(reply.from_hash)
            if lookup.depth == 0:
                self._fetch_unknown(lookup, reply, now)
            self._advance(lookup, now)
        return is_ours

    def router_failed(self, router_hash: bytes, now: float) -> None:
        """A message over a link did not get through: do not wait for an answer."""
        hit = [
            lookup
            for lookup in self._active.values()
            if (wait := lookup.waits.get(router_hash)) is not None and wait.is_direct
        ]
        for lookup in hit:
            if lookup.is_done:
                continue
            del lookup.waits[router_hash]
            self._advance(lookup, now)
        if hit:
            self._floodfills.failed(router_hash, now)

    def cancel_owner(self, owner: Owner) -> None:
        """Drop every lookup of ``owner`` without a word."""
        for lookup in [entry for entry in self._active.values() if entry.owner == owner]:
            self._forget(lookup)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do, or None."""
        return self._timers.next()

    def handle_timer(self, now: float) -> None:
        """Ask the next floodfill where one did not answer in time."""
        for identifier in self._timers.pop_expired(now):
            lookup = self._active.get(identifier)
            if lookup is not None:
                self._advance(lookup, now)

    def _add(
        self,
        kind: LookupKind,
        key: bytes,
        owner: Owner,
        limits: Limits,
        now: float,
        is_direct: bool,
        depth: int,
        hint: bytes | None,
    ) -> Lookup:
        lookup = Lookup(
            kind=kind,
            key=key,
            owner=owner,
            limits=limits,
            deadline=now + limits.seconds,
            is_direct=is_direct,
            depth=depth,
            hint=hint,
            published_min_ms=0,
            excluded=frozenset(),
            width=limits.width,
        )
        self._active[lookup.id] = lookup
        return lookup

    def _advance(self, lookup: Lookup, now: float) -> None:
        """Give up on the silent, ask the next, or end; then set the timer."""
        if lookup.is_done:
            return
        self._drop_silent(lookup, now)
        if now >= lookup.deadline:
            self._finish(lookup, None, now)
            return
        if lookup.waits and now >= lookup.hedge_at and lookup.width < lookup.limits.width_max:
            lookup.width += 1
            lookup.hedge_at = now + self._floodfills.hedge_s
        wake_at = self._ask_next(lookup, now)
        if wake_at is None and not lookup.waits and not lookup.fetching:
            if not lookup.silent or (lookup.is_paced and lookup.stale_answers):
                self._finish(lookup, None, now)
                return
            wake_at = lookup.last_ask + LATE_S
            if now >= wake_at:
                if lookup.is_second_round:
                    self._finish(lookup, None, now)
                    return
                lookup.is_second_round = True
                lookup.asks = 0
                for router_hash in lookup.silent:
                    del lookup.asked[router_hash]
                lookup.silent.clear()
                wake_at = self._ask_next(lookup, now)
        times = [lookup.deadline, *(wait.until for wait in lookup.waits.values())]
        if wake_at is not None:
            times.append(wake_at)
        if lookup.waits and lookup.width < lookup.limits.width_max:
            times.append(lookup.hedge_at)
        self._timers.set(lookup.id, min(times))

    def _drop_silent(self, lookup: Lookup, now: float) -> None:
        for router_hash in [h for h, wait in lookup.waits.items() if wait.until <= now]:
            del lookup.waits[router_hash]
            lookup.silent.add(router_hash)
            self._floodfills.failed(router_hash, now)

    def _ask_next(self, lookup: Lookup, now: float) -> float | None:
        """Ask until enough questions are open. Returns when to try again if none could leave."""
        lookup_type = LOOKUP_ROUTER_INFO if lookup.kind in ROUTER_KINDS else LOOKUP_LEASE_SET
        asks_max = lookup.limits.asks - (ASKS_KEPT if lookup.fetching else 0)
        while len(lookup.waits) < lookup.width and lookup.asks < asks_max:
            floodfill = self._pick(lookup, now)
            if floodfill is None:
                # Nobody to ask yet: RouterInfos may be on their way.
                return None if lookup.asked else now + BLOCKED_RETRY_S
            way = self._requests.ask(
                floodfill, lookup.key, lookup_type, lookup.asked, lookup.owner, lookup.is_direct
            )
            if way is None:
                return now + BLOCKED_RETRY_S
            lookup.asks += 1
            lookup.asked[floodfill.hash] = lookup.last_ask = now
            lookup.waits[floodfill.hash] = Wait(now + TRY_TIMEOUT_S, way == "direct")
            lookup.hedge_at = now + self._floodfills.hedge_s
        return None

    def _pick(self, lookup: Lookup, now: float) -> RouterInfo | None:
        hint, lookup.hint = lookup.hint, None
        if hint is not None and hint not in lookup.asked and hint != self._requests.own_hash:
            info = self._store.get(hint)
            if info is not None and info.encryption_key is not None:
                return info
        exclude = {*lookup.asked, *lookup.excluded, self._requests.own_hash}
        latest = next(reversed(lookup.asked), b"")
        return self._floodfills.next(lookup.key, lookup.asked, exclude, now, latest)

    def _answering(self, lookup: Lookup, sender: bytes | None) -> bytes | None:
        """Who gave an unsigned-by-sender answer: known for links, else only if one is asked."""
        if sender is not None:
            return sender if sender in lookup.asked else None
        return next(iter(lookup.asked)) if len(lookup.asked) == 1 else None

    def _answered(self, lookup: Lookup, router_hash: bytes, now: float) -> None:
        lookup.waits.pop(router_hash, None)
        lookup.silent.discard(router_hash)
        self._floodfills.answered(router_hash, now - lookup.asked[router_hash])

    def _note_keeping(self, lookup: Lookup, answering: bytes) -> None:
        """The lease set is there: who had it, and who had not."""
        lacking = (lookup.denied | lookup.silent) - {answering}
        self._floodfills.found(answering, [one for one in lookup.asked if one in lacking])

    def _note_stale(
        self, lookup: Lookup, result: Result, answering: bytes | None, now: float
    ) -> None:
        """An answer that is older than what is looked for: go on, but not for ever."""
        assert not isinstance(result, RouterInfo)
        lookup.best = result
        lookup.stale_answers += 1
        if answering is not None:
            lookup.denied.add(answering)
        elif lookup.waits:
            # Who of those asked answered is not known; most likely who was asked first.
            del lookup.waits[next(iter(lookup.waits))]
        if lookup.stale_answers >= STALE_ANSWERS_MAX:
            self._finish(lookup, None, now)
        else:
            self._advance(lookup, now)

    def _fetch_unknown(self, lookup: Lookup, reply: DatabaseSearchReply, now: float) -> None:
        for router_hash in reply.peers[:REPLY_PEERS_MAX]:
            if (
                router_hash in self._store
                or router_hash in lookup.fetching
                or router_hash in (self._requests.own_hash, lookup.key)
            ):
                continue
            if lookup.fetches >= FETCHES_MAX:
                return
            lookup.fetches += 1
            # For a destination the replier is not asked again: the two questions, one through its
            # tunnels and one through the router's, would tell it that they belong together.
            hint = reply.from_hash if lookup.owner is None else None
            is_direct = lookup.is_direct and lookup.owner is None
            self.fetch(router_hash, hint, now, is_direct=is_direct)
            child = self._active.get((LookupKind.ROUTER, router_hash, None))
            if child is not None and child is not lookup:
                lookup.fetching.add(router_hash)
                child.parents.append(lookup)

    def _finish(self, lookup: Lookup, result: Result | None, now: float) -> None:
        self._forget(lookup)
        result = lookup.best if result is None else result
        if result is not None:
            self.found += 1
            self._denials.pop(lookup.id)
        else:
            self.failed += 1
            self._remember_failure(lookup, now)
        if lookup.kind in (LookupKind.VERIFY_ROUTER, LookupKind.VERIFY_LEASE_SET):
            self.verified.append(Verified(lookup.kind, lookup.key, lookup.owner, result))
        for request in lookup.requests:
            self._events.append(
                LookupFinished(request, lookup.kind, lookup.key, lookup.owner, result)
            )
        for parent in lookup.parents:
            parent.fetching.discard(lookup.key)
            self._advance(parent, now)

    def _forget(self, lookup: Lookup) -> None:
        lookup.is_done = True
        self._timers.stop(lookup.id)
        del self._active[lookup.id]

    def _remember_failure(self, lookup: Lookup, now: float) -> None:
        if lookup.kind is LookupKind.LEASE_SET:
            self._recent.put((lookup.key, lookup.owner), now + RECENT_S)
        if lookup.denied and not lookup.silent:
            count, at = self._denials.get(lookup.id, (0, now))
            count = count + 1 if now <= at + DENIAL_WINDOW_S else 1
            self._denials.put(lookup.id, (count, now))

    def _is_denied(self, identifier: LookupId, now: float) -> bool:
        count, at = self._denials.get(identifier, (0, 0.0))
        pause_s = min(DENIAL_PAUSE_S * 2 ** min(count - 1, 8), DENIAL_PAUSE_MAX_S)
        return count > 0 and now < at + pause_s
