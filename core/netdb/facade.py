"""The network database of one router: the one object its owner talks to.

Feed it the netDb messages that arrive and the intents of other rooms, then drain ``next_event``.
All calls return at once and never raise on what peers send: it is dropped and counted.

How a message came decides what it may do:

* over a link, or as a clove sealed for this router (``via_tunnel`` False): stores may be
  unsolicited, reply fields are honoured;
* through an inbound tunnel (``via_tunnel`` True, ``owner`` as in ReplyPaths, None for exploratory
  tunnels): only what was asked for is taken, reply fields are ignored. Sealed answers (key and tag
  of a RegisterReplyKey event) belong to the owner named in that event.

Lookups (``receive_lookup``) must never be fed from tunnels in the clear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import replace

from core.base.ports import Entropy, WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.data.ip_family import AsnOf
from core.data.lease_set_variants import AnyLeaseSet
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseLookup, DatabaseSearchReply, DatabaseStore
from core.netdb.admission import Admission
from core.netdb.events import (
    Event,
    LookupFinished,
    LookupKind,
    Owner,
)
from core.netdb.explore import Explorer
from core.netdb.floodfill import Responder
from core.netdb.floodfills import Floodfills
from core.netdb.intake import Intake, NetDbStats
from core.netdb.leases import LeaseSets
from core.netdb.lookup import Lookups
from core.netdb.ports import NetDbConfig, PeerView, ReplyPaths
from core.netdb.publish import Publisher
from core.netdb.requests import NetDbRequests
from core.netdb.routing_key import day_number, distance, routing_key
from core.netdb.store import (
    EXPIRED_AT_ONCE,
    IMPORT_AGE_MAX_MS,
    Changes,
    RouterStore,
    Verdict,
)

HOUSEKEEPING_S = 60.0
HOUSEKEEPING_MORE_S = 0.5


class NetDb:
    """See the module. ``own_hash`` is this router; ``now`` is monotonic seconds everywhere."""

    def __init__(
        self,
        own_hash: bytes,
        config: NetDbConfig,
        wall: WallClock,
        entropy: Entropy,
        peers: PeerView,
        paths: ReplyPaths,
        shares: FairShares | None = None,
        asn_of: AsnOf | None = None,
    ) -> None:
        self.config = config
        self.stats = NetDbStats()
        self.own_hash = own_hash
        self._wall = wall
        self._entropy = entropy
        self._peers = peers
        self._events: deque[Event] = deque()
        self._store = RouterStore(own_hash, config, entropy)
        self._role = self._store.role
        self._lease_sets = LeaseSets(
            config.lease_sets_max, config.client_lease_sets_max, self._distance
        )
        self._floodfills = Floodfills(self._store, peers, wall)
        requests = NetDbRequests(own_hash, self._store, peers, paths, entropy, self._events)
        self._asked_with = requests.asked_with
        self._lookups = Lookups(self._store, self._floodfills, requests, self._events)
        self._publisher = Publisher(
            self._floodfills, requests, self._lookups, wall, entropy, self._events
        )
        self._explorer = Explorer(self._store, self._floodfills, requests, entropy, wall)
        self._responder = Responder(
            own_hash,
            self._role,
            self._store,
            self._lease_sets,
            self._floodfills,
            wall,
            self._events,
            FairShares(STRANGERS_SHARE) if shares is None else shares,
        )
        self._intake = Intake(
            own_hash,
            self._role,
            self._store,
            self._lease_sets,
            self._lookups,
            self._responder,
            wall,
            self._events,
            self.stats,
            Admission(asn_of),
        )
        self._requests = 0
        self._started_at: float | None = None
        self._next_housekeeping: float | None = None
        self._day = day_number(wall.now())
        self.is_rescheduled = True
        """Whether :meth:`next_timer` may have another answer than the last time it was asked."""
        self.dated_ahead_s = 0.0
        """By how much most known routers are dated ahead of our clock; 0 if they are not."""
        self.is_clock_wrong = False
        """Nobody is too old while we do not know what time it is; the owner knows."""

    # --- what the owner asks -------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin exploring and forgetting. RouterInfos from the disk should be there by now."""
        self._started_at = now
        self._next_housekeeping = now + HOUSEKEEPING_S
        self._day = day_number(self._wall.now())
        self.is_rescheduled = True
        if self.config.is_exploring:
            self._explorer.start(now)

    def load_routers(self, infos: Iterable[RouterInfo], proven: Set[bytes] = frozenset()) -> int:
        """Take back what ``take_changes`` had given out; returns how many."""
        is_first = self._store.is_small
        loaded = self._store.load(infos, self._wall.now(), proven)
        if is_first:
            self._look_at_dates()
        return loaded

    def load_reliable(self, floodfills: Iterable[bytes]) -> None:
        """Floodfills that were reliable in an earlier run; see ``take_changes``."""
        self._floodfills.load(floodfills)

    def import_routers(self, infos: Iterable[RouterInfo]) -> int:
        """Take RouterInfos of unknown origin (reseed, files), up to 30 days older than the newest.

        Dates in the future are taken too: our clock may be behind.
        """
        infos = list(infos)
        age_max_ms = IMPORT_AGE_MAX_MS + self._store.behind_ms(infos, self._wall.now())
        taken = [
            self._intake.add_router(info, age_max_ms=age_max_ms, is_import=True) for info in infos
        ]
        if self._store.is_small:
            self._look_at_dates()
        return sum(verdict.is_stored for verdict in taken)

    @property
    def is_floodfill(self) -> bool:
        """Whether a part of the network database is kept here for others."""
        return self._role.is_active

    def set_floodfill(self, is_floodfill: bool, now: float) -> None:
        """Take over the role of a floodfill, or give it up with what was kept for others."""
        if is_floodfill != self._role.is_active:
            self._role.is_active = is_floodfill
            self._role.since = now
            self._lease_sets.served.clear()

    def declared_floodfills(self) -> int:
        """How many known routers say that they are floodfills; looks at all of them."""
        return sum(info.is_floodfill for info in self._store.routers())

    def set_own_router_info(self, info: RouterInfo) -> None:
        """What is answered to those who ask for this router; a hidden one answers nothing."""
        self._responder.own_info = None if info.is_hidden else info

    def get_router(self, router_hash: bytes) -> RouterInfo | None:
        """The RouterInfo of another router, or None."""
        return self._store.get(router_hash)

    def routers(self) -> Iterable[RouterInfo]:
        """Every known RouterInfo. Do not feed the database while iterating."""
        return self._store.routers()

    def random_routers(
        self, count: int, accept: Callable[[RouterInfo], bool] | None = None
    ) -> list[RouterInfo]:
        """Up to ``count`` different routers that ``accept`` likes, uniformly chosen."""
        return self._store.random_routers(count, accept)

    @property
    def router_count(self) -> int:
        """How many RouterInfos are known."""
        return len(self._store)

    @property
    def is_small(self) -> bool:
        """Too few routers are known to be choosy."""
        return self._store.is_small

    @property
    def floodfill_count(self) -> int:
        """How many of these are floodfills."""
        return self._store.floodfill_count

    @property
    def served_lease_set_count(self) -> int:
        """How many lease sets are kept for others."""
        return len(self._lease_sets.served)

    @property
    def active_lookups(self) -> int:
        """How many lookups are under way."""
        return len(self._lookups)

    def closest_floodfills(
        self, key: bytes, count: int, exclude: Collection[bytes], now: float
    ) -> list[RouterInfo]:
        """The floodfills responsible for ``key`` today, nearest first, banned ones left out."""
        return self._floodfills.choose(key, count, {*exclude, self.own_hash}, now)

    def get_lease_set(self, key: bytes, owner: Owner) -> AnyLeaseSet | None:
        """A usable lease set that ``owner`` knows, or None."""
        return self._lease_sets.get_client(key, owner, self._wall_ms())

    def lookup_router(
        self, router_hash: bytes, now: float, *, is_direct: bool = True, published_min_ms: int = 0
    ) -> int:
        """Find a RouterInfo; LookupFinished with the returned number follows, perhaps at once.

        A known one is the answer unless it is older than ``published_min_ms``. ``is_direct``: ask
        over links where possible, else through exploratory tunnels.
        """
        self.is_rescheduled = True
        request = self._next_request()
        kind = LookupKind.ROUTER
        known = self._store.get(router_hash)
        if known is not None and known.published_ms >= published_min_ms:
            self._events.append(LookupFinished(request, kind, router_hash, None, known))
        elif router_hash == self.own_hash:
            own = self._responder.own_info
            self._events.append(LookupFinished(request, kind, router_hash, None, own))
        else:
            self._lookups.start(
                kind,
                router_hash,
                None,
                request,
                now,
                is_direct=is_direct,
                published_min_ms=published_min_ms,
            )
        return request

    def lookup_lease_set(self, key: bytes, owner: Owner, now: float, *, fresh: bool = False) -> int:
        """Find a lease set for ``owner``, through its tunnels; LookupFinished follows.

        ``fresh``: do not answer from what is known (its tunnels turned out to be dead). The same
        one is found again if several floodfills have none newer.
        """
        self.is_rescheduled = True
        request = self._next_request()
        kind = LookupKind.LEASE_SET
        known = self._lease_sets.get_client(key, owner, self._wall_ms())
        if known is not None and not fresh:
            self._events.append(LookupFinished(request, kind, key, owner, known))
        else:
            newer_ms = 0 if known is None else known.published_ms + 1
            self._lookups.start(
                kind, key, owner, request, now, is_paced=fresh, published_min_ms=newer_ms
            )
        return request

    def remember_lease_set(self, lease_set: AnyLeaseSet, owner: Owner, now: float) -> bool:
        """A correspondent of ``owner`` sent its lease set along; True if it is believed."""
        self.is_rescheduled = True
        return self._intake.take_client_lease_set(lease_set, owner, now)

    def publish_router_info(self, info: RouterInfo, now: float) -> None:
        """Publish our RouterInfo now; RepublishDue says when to sign the next one.

        One that says that we are hidden goes to nobody: only who has a link with us has it.
        """
        self.is_rescheduled = True
        self.set_own_router_info(info)
        if info.is_hidden:
            self._publisher.withdraw(info.hash)
        else:
            self._publisher.publish_router(info, now)

    def publish_lease_set(
        self, lease_set: AnyLeaseSet, owner: Owner, now: float, *, is_urgent: bool = False
    ) -> None:
        """Publish a lease set of ``owner``; call again whenever its leases change.

        ``is_urgent``: no lease of the one before works any more, so it must not wait its turn.
        """
        self.is_rescheduled = True
        self._publisher.publish_lease_set(lease_set, owner, now, is_urgent=is_urgent)

    def withdraw_lease_set(self, key: bytes) -> None:
        """Stop publishing what is stored under ``key``; floodfills keep it until it ends."""
        self.is_rescheduled = True
        self._publisher.withdraw(key)

    def close_owner(self, owner: Owner) -> None:
        """The owner is gone: stop publishing for it, forget what it knew and looked for."""
        self.is_rescheduled = True
        self._publisher.withdraw_owner(owner)
        self._lookups.cancel_owner(owner)
        self._lease_sets.forget_owner(owner)

    def prove_router(self, router_hash: bytes) -> None:
        """A link to the router is up, or it was a hop of a tunnel of ours: it exists."""
        self._store.prove(router_hash)

    def is_proven(self, router_hash: bytes) -> bool:
        """Whether the router is known and was proven to exist, now or in an earlier run."""
        return self._store.is_proven(router_hash)

    def router_failed(self, router_hash: bytes, now: float) -> None:
        """A SendDirect to the router failed (not dialled, not delivered)."""
        self._lookups.router_failed(router_hash, now)
        self._publisher.router_failed(router_hash, now)
        self._after(now)

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: drop what no longer counts."""
        wall_now = self._wall.now()
        self._store.drop_future(wall_now)
        self._lease_sets.clock_changed(int(wall_now * 1000))
        self._floodfills.forgive()
        self._look_at_dates()
        self._follow_day(now)
        self._next_housekeeping = now
        self.is_rescheduled = True

    def take_changes(self) -> Changes:
        """RouterInfos stored and removed since the last call, for the disk; many in several."""
        return replace(self._store.take_changes(), reliable=self._floodfills.take_changes())

    # --- what arrives --------------------------------------------------------------------------

    def receive_router_info(
        self, info: RouterInfo, sender: bytes | None, now: float, *, flood: bool = False
    ) -> Verdict:
        """A RouterInfo a transport was given; ``flood`` is the sender's wish to spread it."""
        verdict = self._intake.receive_router_info(info, sender, now, flood=flood)
        self._after(now)
        return verdict

    def receive_store(
        self,
        store: DatabaseStore,
        sender: bytes | None,
        now: float,
        *,
        via_tunnel: bool = False,
        owner: Owner = None,
        source: Source | None = None,
        reply_tag: bytes = b"",
    ) -> None:
        """A DatabaseStore came: an answer to us, or something to keep.

        ``source``: who is charged for it, if that is not the sender's link. ``reply_tag``: what an
        answer through a tunnel was sealed with; it tells whose answer it is.
        """
        if reply_tag:
            sender = self._asked_with(reply_tag)
        source = (sender, 0) if source is None else source
        self._intake.receive_store(store, sender, source, now, via_tunnel=via_tunnel, owner=owner)
        self._after(now)

    def receive_lookup(
        self,
        lookup: DatabaseLookup,
        sender: bytes | None,
        now: float,
        source: Source | None = None,
    ) -> None:
        """A DatabaseLookup came over a link (``sender``) or sealed for this router (None)."""
        self._responder.answer(lookup, sender, (sender, 0) if source is None else source, now)

    def receive_search_reply(
        self, reply: DatabaseSearchReply, now: float, *, owner: Owner = None
    ) -> None:
        """A DatabaseSearchReply came over a link, or through a tunnel of ``owner``."""
        is_ours = self._lookups.denied(reply, owner, now)
        if owner is None and self._explorer.answered(reply, now):
            is_ours = True
        if not is_ours:
            self.stats.unsolicited += 1
        self._after(now)

    def receive_delivery_status(self, token: int, now: float) -> bool:
        """A DeliveryStatus came; False if it does not belong to a store of ours."""
        is_ours = self._publisher.confirmed(token, now)
        self._after(now)
        return is_ours

    # --- time and events -----------------------------------------------------------------------

    def next_event(self) -> Event | None:
        """The next thing to do or to know, or None."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When ``handle_timer`` should be called; earlier or later does no harm."""
        self.is_rescheduled = False
        times = (
            self._lookups.next_timer(),
            self._publisher.next_timer(),
            self._explorer.next_timer(),
            self._next_housekeeping,
        )
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Do whatever is due."""
        self._lookups.handle_timer(now)
        self._publisher.handle_timer(now)
        self._explorer.handle_timer(now)
        if self._next_housekeeping is not None and now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_S
            self._keep_house(now)
        self._after(now)

    # --- inside --------------------------------------------------------------------------------

    def _wall_ms(self) -> int:
        return int(self._wall.now() * 1000)

    def _distance(self, key: bytes) -> int:
        """How far a key is from this router today."""
        return distance(routing_key(key, self._day), self.own_hash)

    def _next_request(self) -> int:
        self._requests += 1
        return self._requests

    def _after(self, now: float) -> None:
        """Carry what one part has for another; deadlines may have changed."""
        self.is_rescheduled = True
        for router_hash, named_by in self._explorer.take_fetches(now):
            self._lookups.fetch(router_hash, named_by, now, is_direct=True)
        while self._lookups.verified:
            self._publisher.verified(self._lookups.verified.pop(0), now)

    def _keep_house(self, now: float) -> None:
        wall_now = self._wall.now()
        uptime_s = now - self._started_at if self._started_at is not None else 0.0
        self._look_at_dates()
        if not self.is_clock_wrong:
            since = self._role.since
            floodfill_s = uptime_s if since is None else now - since
            gone = self._store.expire(wall_now, uptime_s, self._peers.is_connected, floodfill_s)
            if gone >= EXPIRED_AT_ONCE:
                self._next_housekeeping = now + HOUSEKEEPING_MORE_S
        self._lease_sets.expire(int(wall_now * 1000))
        self._follow_day(now)

    def _look_at_dates(self) -> None:
        self.dated_ahead_s = self._store.dated_ahead_s(self._wall.now())

    def _follow_day(self, now: float) -> None:
        day = day_number(self._wall.now())
        if day != self._day:
            self._day = day
            self._publisher.keyspace_moved(now)
