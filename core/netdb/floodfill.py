"""Answering the network: acknowledgements, lookups, and the floodfill's duty to pass stores on.

Lookups are answered with the entry or with the three nearest floodfills; exploratory ones with
routers that are not floodfills. Only lease sets that were stored here are served. A new entry with
a reply token is flooded over links, without a token, to the three floodfills nearest to it, and
before midnight to two of the coming day (Java and i2pd: the same numbers); a lease set also to one
floodfill that is known to be reliable, if none of the nearest is.

What strangers may cost is shared out by where they come from (:class:`FairShares`), so that nobody
keeps others from being answered; beside it there are limits per asker (reply address) and key. What
is over them is dropped and counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from core.base.ports import WallClock
from core.base.rates import FairShares, Source, WindowCounter
from core.data.router_info import RouterInfo
from core.i2np.database import (
    LOOKUP_ANY,
    LOOKUP_LEASE_SET,
    LOOKUP_ROUTER_INFO,
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import MessageType
from core.netdb.events import Event, SendDirect, SendToGateway
from core.netdb.floodfills import Floodfills
from core.netdb.leases import LeaseSets, end_ms
from core.netdb.ports import FloodfillRole
from core.netdb.routing_key import is_next_day_near
from core.netdb.store import RouterStore

REPLY_FLOODFILLS = 3
EXPLORATION_PEERS = 16
FLOOD_COPIES = 3
NEXT_DAY_COPIES = 2
FLOOD_AGE_MAX_MS = 3600_000
TOKEN_UNWANTED = 0xFFFFFFFF

LOOKUPS_PER_ASKER = 60
LOOKUPS_PER_ASKER_PLAIN = 20
"""For routers that are no floodfill; Java: 14 and 3 in two minutes."""
LOOKUP_COST_S = 80e-6
STORE_COST_S = 150e-6
"""CPU time of an answer, and of verifying, keeping and acknowledging (measured in pure Python)."""
FLOODED_PER_S = 100.0
FLOODED_BURST_S = 3.0
"""Entries passed on, from all sources together: each goes to three floodfills."""
FLOODS_PER_KEY = 3
FLOOD_WINDOW_S = 90.0
WINDOW_S = 60.0


@dataclass(slots=True)
class ResponderStats:
    """What was answered and what was not."""

    found: int = 0
    not_found: int = 0
    acknowledged: int = 0
    flooded: int = 0
    throttled: int = 0
    refused: int = 0


class Responder:
    """The serving side of one router. ``own_info`` is set as soon as the router has one."""

    def __init__(
        self,
        own_hash: bytes,
        role: FloodfillRole,
        store: RouterStore,
        lease_sets: LeaseSets,
        floodfills: Floodfills,
        wall: WallClock,
        events: deque[Event],
        shares: FairShares,
    ) -> None:
        self.own_info: RouterInfo | None = None
        self.stats = ResponderStats()
        self._own_hash = own_hash
        self._role = role
        self._store = store
        self._lease_sets = lease_sets
        self._floodfills = floodfills
        self._wall = wall
        self._events = events
        self._askers = WindowCounter(WINDOW_S)
        self._floods = WindowCounter(FLOOD_WINDOW_S)
        self._shares = shares
        self._flood_shares = FairShares(FLOODED_PER_S, FLOODED_BURST_S)

    def takes_store_of(self, source: Source, now: float) -> bool:
        """Whether another unsolicited store from there is looked at."""
        if self._shares.take(("store", *source), STORE_COST_S, now):
            return True
        self.stats.throttled += 1
        return False

    def note_flooded(self, sender: bytes) -> None:
        """A router passed a new lease set on to us."""
        if (info := self._store.get(sender)) is not None and info.is_floodfill:
            self._floodfills.flooded(sender)

    def acknowledge(self, store: DatabaseStore, source: Source) -> None:
        """Send the DeliveryStatus that ``store`` asks for, if it does."""
        token = store.reply_token
        if not token or token == TOKEN_UNWANTED:
            return
        body = DeliveryStatus(token, int(self._wall.now() * 1000)).write()
        if store.reply_tunnel_id:
            self._events.append(
                SendToGateway(
                    store.reply_gateway,
                    store.reply_tunnel_id,
                    MessageType.DELIVERY_STATUS,
                    body,
                    source=source,
                )
            )
        elif store.reply_gateway != self._own_hash:
            self._events.append(
                SendDirect(store.reply_gateway, MessageType.DELIVERY_STATUS, body, source)
            )
        self.stats.acknowledged += 1

    def flood(
        self,
        store: DatabaseStore,
        published_ms: int,
        sender: bytes | None,
        source: Source,
        now: float,
    ) -> None:
        """Pass a new entry on, if we are a floodfill. ``published_ms`` counts for RouterInfos."""
        wall_now = self._wall.now()
        if not self._role.is_active:
            return
        if store.is_router_info and published_ms < wall_now * 1000 - FLOOD_AGE_MAX_MS:
            return
        if self._floods.count(store.key, now) > FLOODS_PER_KEY or not self._flood_shares.take(
            source, 1.0, now
        ):
            self.stats.throttled += 1
            return
        body = DatabaseStore(store.key, store.store_type, store.data).write()
        exclude = {self._own_hash, store.key}
        if sender is not None:
            exclude.add(sender)
        targets = self._floodfills.choose(store.key, FLOOD_COPIES, exclude, now)
        if not store.is_router_info and not any(
            self._floodfills.is_reliable(info.hash) for info in targets
        ):
            known = self._floodfills.nearest_reliable(store.key, exclude, now)
            targets += [] if known is None else [known]
        if is_next_day_near(wall_now, is_lease_set=not store.is_router_info):
            exclude.update(info.hash for info in targets)
            targets += self._floodfills.choose(store.key, NEXT_DAY_COPIES, exclude, now, 1)
        for info in targets:
            self._events.append(SendDirect(info.hash, MessageType.DATABASE_STORE, body))
            self.stats.flooded += 1

    def answer(
        self, lookup: DatabaseLookup, sender: bytes | None, source: Source, now: float
    ) -> None:
        """Answer a lookup; ``sender`` is the router of the link it came over, None in garlic."""
        if not any(lookup.key) or not self._may_answer(lookup, sender, source, now):
            self.stats.refused += 1
            return
        excluded = {*lookup.excluded, lookup.from_hash, self._own_hash}
        wall_now = self._wall.now()
        if lookup.is_exploratory:
            if not self._role.is_active:
                self.stats.refused += 1
                return
            peers = self._store.closest_others(lookup.key, EXPLORATION_PEERS, excluded, wall_now)
            self._search_reply(lookup, peers, source)
            return
        found = self._find(lookup, int(wall_now * 1000))
        if found is not None:
            self.stats.found += 1
            self._reply(lookup, MessageType.DATABASE_STORE, found.write(), source)
            return
        near = self._floodfills.choose(lookup.key, REPLY_FLOODFILLS, excluded, now)
        self._search_reply(lookup, [info.hash for info in near], source)

    def _may_answer(
        self, lookup: DatabaseLookup, sender: bytes | None, source: Source, now: float
    ) -> bool:
        if lookup.reply_tunnel_id is None:
            # An answer over a link goes back to who asked, never to a third party.
            if sender is not None and sender != lookup.from_hash:
                return False
            if lookup.from_hash == self._own_hash:
                return False
        elif lookup.reply_tunnel_id == 0 or (lookup.reply_key and not lookup.is_ecies):
            # Sealing for ElGamal and AES is not supported, and a plain answer was not wanted.
            return False
        # With the source: nobody uses up the lookups of somebody else's reply address.
        asker = (source, lookup.from_hash, lookup.reply_tunnel_id)
        most = LOOKUPS_PER_ASKER if self._role.is_active else LOOKUPS_PER_ASKER_PLAIN
        is_within = self._askers.count(asker, now) <= most
        if is_within and self._shares.take(("lookup", *source), LOOKUP_COST_S, now):
            return True
        self.stats.throttled += 1
        return False

    def _find(self, lookup: DatabaseLookup, wall_ms: int) -> DatabaseStore | None:
        if lookup.lookup_type in (LOOKUP_ANY, LOOKUP_ROUTER_INFO):
            own = self.own_info
            info = own if lookup.key == self._own_hash else self._store.get(lookup.key)
            if info is not None and (info is own or not info.is_hidden):
                return DatabaseStore.of_router_info(info)
        if lookup.lookup_type in (LOOKUP_ANY, LOOKUP_LEASE_SET) and self._role.is_active:
            lease_set = self._lease_sets.served.want(lookup.key)
            if lease_set is not None and end_ms(lease_set) > wall_ms:
                return DatabaseStore.of_lease_set(lease_set)
        return None

    def _search_reply(self, lookup: DatabaseLookup, peers: list[bytes], source: Source) -> None:
        self.stats.not_found += 1
        body = DatabaseSearchReply(lookup.key, tuple(peers), self._own_hash).write()
        self._reply(lookup, MessageType.DATABASE_SEARCH_REPLY, body, source)

    def _reply(
        self, lookup: DatabaseLookup, message_type: int, body: bytes, source: Source
    ) -> None:
        if lookup.reply_tunnel_id is None:
            self._events.append(SendDirect(lookup.from_hash, message_type, body, source))
            return
        key = lookup.reply_key
        tag = lookup.reply_tags[0] if key and lookup.reply_tags else None
        self._events.append(
            SendToGateway(
                lookup.from_hash, lookup.reply_tunnel_id, message_type, body, key, tag, source
            )
        )
