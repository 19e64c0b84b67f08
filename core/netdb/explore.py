"""Exploration: learning about routers nobody told us of (network-database, "Exploration").

A floodfill near a random key is asked for routers near that key; those we do not know are fetched
one after the other. While few floodfills are known, every other question asks for floodfills
instead. The fewer routers are known the more often, and ever less while nothing new turns up, so
a small private network is left in peace once it is known.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from core.base.ports import Entropy, WallClock
from core.i2np.database import LOOKUP_EXPLORATION, LOOKUP_ROUTER_INFO, DatabaseSearchReply
from core.netdb.floodfills import Floodfills
from core.netdb.lookup import REPLY_PEERS_MAX
from core.netdb.requests import NetDbRequests
from core.netdb.store import RouterStore

FIRST_S = 5.0
ANSWER_S = 10.0
FETCH_EVERY_S = 0.4
FETCHES_MAX = 64
FEW_FLOODFILLS = 20
QUIET_MAX = 5
REFRESH_AGE_MS = 3600_000
_EXCLUDED_COUNT = 16


@dataclass(slots=True)
class _Question:
    floodfill: bytes
    until: float


class Explorer:
    """Asks, listens, and says which routers to fetch next."""

    def __init__(
        self,
        store: RouterStore,
        floodfills: Floodfills,
        requests: NetDbRequests,
        entropy: Entropy,
        wall: WallClock,
    ) -> None:
        self._store = store
        self._floodfills = floodfills
        self._requests = requests
        self._entropy = entropy
        self._wall = wall
        self._questions: dict[bytes, _Question] = {}
        self._fetches: deque[tuple[bytes, bytes]] = deque()
        self._next_round: float | None = None
        self._next_fetch = 0.0
        self._quiet_rounds = 0
        self._rounds = 0
        self.learned = 0

    def start(self, now: float) -> None:
        """Begin; the first question leaves after a few seconds."""
        self._next_round = now + FIRST_S

    def answered(self, reply: DatabaseSearchReply, now: float) -> bool:
        """True if ``reply`` answers one of our questions."""
        question = self._questions.get(reply.key)
        if question is None or question.floodfill != reply.from_hash:
            return False
        del self._questions[reply.key]
        oldest = int(self._wall.now() * 1000) - REFRESH_AGE_MS
        fresh = 0
        for router_hash in reply.peers[:REPLY_PEERS_MAX]:
            known = self._store.get(router_hash)
            if known is not None and known.published_ms > oldest:
                continue
            if router_hash == self._requests.own_hash or len(self._fetches) >= FETCHES_MAX:
                continue
            fresh += known is None
            self._fetches.append((router_hash, reply.from_hash))
        if fresh:
            self._quiet_rounds = 0
            self.learned += fresh
        self._next_fetch = max(self._next_fetch, now)
        return True

    def take_fetches(self, now: float) -> list[tuple[bytes, bytes]]:
        """(router, who named it) to be fetched now; spaced out, so at most one for each call."""
        if not self._fetches or now < self._next_fetch:
            return []
        self._next_fetch = now + FETCH_EVERY_S
        return [self._fetches.popleft()]

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do, or None."""
        times = [question.until for question in self._questions.values()]
        if self._next_round is not None:
            times.append(self._next_round)
        if self._fetches:
            times.append(self._next_fetch)
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        """Give up questions nobody answered, and ask the next ones if it is time."""
        for key in [k for k, question in self._questions.items() if question.until <= now]:
            self._floodfills.failed(self._questions.pop(key).floodfill, now)
        if self._next_round is not None and now >= self._next_round:
            self._round(now)

    def _round(self, now: float) -> None:
        known = len(self._store)
        # i2pd: 800 / known keys in one round.
        for _ in range(min(max(800 // (known + 1), 1), 2)):
            self._ask(now)
        self._rounds += 1
        self._quiet_rounds = min(self._quiet_rounds + 1, QUIET_MAX)
        base = 10.0 if known < 25 else 30.0 if known < 120 else 55.0 if known < 2500 else 110.0
        base *= 1 << max(self._quiet_rounds - 1, 0) if known < 120 else 1
        self._next_round = now + base * (0.75 + self._entropy.randbelow(500) / 1000)

    def _ask(self, now: float) -> None:
        key = self._entropy.random_bytes(32)
        own = self._requests.own_hash
        near = self._floodfills.choose(key, 1, [own], now)
        if not near:
            return
        floodfill = near[0]
        wants_floodfills = self._store.floodfill_count < FEW_FLOODFILLS and self._rounds % 2 == 1
        if wants_floodfills:
            lookup_type = LOOKUP_ROUTER_INFO
            excluded = [
                info.hash for info in self._floodfills.choose(key, _EXCLUDED_COUNT, [own], now)
            ]
        else:
            lookup_type = LOOKUP_EXPLORATION
            wall_now = self._wall.now()
            excluded = self._store.closest_others(key, _EXCLUDED_COUNT, [], wall_now)
        way = self._requests.ask(floodfill, key, lookup_type, excluded, None, False)
        if way is not None:
            self._questions[key] = _Question(floodfill.hash, now + ANSWER_S)
