"""Entries that arrive: which are kept, who is told, and what is answered.

How an entry came decides what is taken; see :mod:`core.netdb.facade`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.base.rates import Source
from core.data.lease_set_variants import AnyLeaseSet
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.netdb.admission import Admission
from core.netdb.events import AnswerForged, Event, LeaseSetStored, Owner, RouterInfoStored
from core.netdb.floodfill import Responder
from core.netdb.leases import LeaseSets, LeaseVerdict
from core.netdb.lookup import Lookups
from core.netdb.ports import FloodfillRole
from core.netdb.store import RouterStore, Verdict


@dataclass(slots=True)
class NetDbStats:
    """What was dropped, by reason."""

    malformed: int = 0
    unsolicited: int = 0
    refused: int = 0


class Intake:
    """See the module. All calls return at once and never raise on what peers send."""

    __slots__ = (
        "_admission",
        "_events",
        "_lease_sets",
        "_lookups",
        "_own_hash",
        "_responder",
        "_role",
        "_stats",
        "_store",
        "_wall",
    )

    def __init__(
        self,
        own_hash: bytes,
        role: FloodfillRole,
        store: RouterStore,
        lease_sets: LeaseSets,
        lookups: Lookups,
        responder: Responder,
        wall: WallClock,
        events: deque[Event],
        stats: NetDbStats,
        admission: Admission,
    ) -> None:
        self._own_hash = own_hash
        self._role = role
        self._store = store
        self._lease_sets = lease_sets
        self._lookups = lookups
        self._responder = responder
        self._wall = wall
        self._events = events
        self._stats = stats
        self._admission = admission

    def add_router(
        self,
        info: RouterInfo,
        *,
        age_max_ms: int | None = None,
        is_import: bool = False,
        unasked_at: float | None = None,
    ) -> Verdict:
        """A RouterInfo from anywhere; what is new becomes an event.

        ``unasked_at``: the monotonic time if neither did we look it up, nor is it of a router that
        we have a link with.
        """
        admits = None if unasked_at is None else partial(self._admission.admits, now=unasked_at)
        verdict = self._store.add(
            info,
            self._wall.now(),
            age_max_ms=age_max_ms,
            is_import=is_import,
            admits=admits,
        )
        if verdict.is_stored:
            self._events.append(RouterInfoStored(info, verdict is Verdict.NEW))
        return verdict

    def receive_router_info(
        self, info: RouterInfo, sender: bytes | None, now: float, *, flood: bool
    ) -> Verdict:
        """A RouterInfo a transport was given; ``flood`` is the sender's wish to spread it."""
        is_expected = sender == info.hash or self._lookups.is_router_expected(info.hash)
        known = self._store.get(info.hash)
        if not is_expected and _claims_role(info, known):
            self._stats.refused += 1
            return Verdict.UNASKED
        verdict = self.add_router(info, unasked_at=None if is_expected else now)
        known = self._store.get(info.hash)
        if verdict.is_stored or (verdict is Verdict.KNOWN and known is not None):
            self._lookups.arrived(known or info, None, sender, now)
        if flood and verdict.is_stored and sender == info.hash:
            store = DatabaseStore.of_router_info(info)
            self._responder.flood(store, info.published_ms, sender, (sender, 0), now)
        return verdict

    def receive_store(
        self,
        store: DatabaseStore,
        sender: bytes | None,
        source: Source,
        now: float,
        *,
        via_tunnel: bool,
        owner: Owner,
    ) -> None:
        """A DatabaseStore came: an answer to us, or something to keep."""
        try:
            if store.is_router_info:
                self._receive_router_store(store, sender, source, now, via_tunnel, owner)
            elif via_tunnel:
                self._receive_lease_set_answer(store, sender, owner, now)
            else:
                self._receive_lease_set_store(store, sender, source, now)
        except DecodeError:
            self._stats.malformed += 1

    def _receive_router_store(
        self,
        store: DatabaseStore,
        sender: bytes | None,
        source: Source,
        now: float,
        via_tunnel: bool,
        owner: Owner,
    ) -> None:
        is_expected = self._lookups.is_router_expected(store.key)
        if via_tunnel and (owner is not None or not is_expected):
            self._stats.unsolicited += 1
            return
        if not is_expected and not self._responder.takes_store_of(source, now):
            return
        if store.key == self._own_hash:
            # Ours, from a floodfill: proof that it was stored. It never replaces what we have.
            own = self._responder.own_info
            if is_expected and own is not None and (info := store.router_info()).verify():
                self._lookups.arrived(info, None, sender, now)
            return
        info = store.router_info()
        known = self._store.get(store.key)
        is_unasked = not is_expected and sender != info.hash
        if is_unasked and _claims_role(info, known):
            self._stats.refused += 1
            return
        verdict = self.add_router(info, unasked_at=now if is_unasked else None)
        known = self._store.get(store.key)
        if known is None or not (verdict.is_stored or verdict is Verdict.KNOWN):
            self._stats.refused += 1
            # Of an unknown type nobody can say whether it is right.
            if verdict is Verdict.BAD_SIGNATURE and info.identity.signature_length and via_tunnel:
                self._note_forged(sender)
            return
        self._lookups.arrived(known, None, sender, now)
        if not via_tunnel:
            self._responder.acknowledge(store, source)
            if store.reply_token and verdict.is_stored:
                self._responder.flood(store, info.published_ms, sender, source, now)

    def _receive_lease_set_answer(
        self, store: DatabaseStore, sender: bytes | None, owner: Owner, now: float
    ) -> None:
        if not self._lookups.is_expected(store.key, owner, now):
            self._stats.unsolicited += 1
            return
        self.take_client_lease_set(store.lease_set(), owner, now, sender, is_wanted=True)

    def take_client_lease_set(
        self,
        lease_set: AnyLeaseSet,
        owner: Owner,
        now: float,
        sender: bytes | None = None,
        *,
        is_wanted: bool = False,
    ) -> bool:
        """A lease set for ``owner``; True if it is believed. ``sender``: who was asked for it."""
        wall_ms = int(self._wall.now() * 1000)
        verdict = self._lease_sets.add_client(lease_set, owner, wall_ms, is_wanted=is_wanted)
        known = self._lease_sets.get_client(lease_set.hash, owner, wall_ms, is_wanted=is_wanted)
        if verdict.is_stored:
            self._events.append(LeaseSetStored(owner, lease_set))
        elif verdict is not LeaseVerdict.KNOWN:
            self._stats.refused += 1
            if verdict is LeaseVerdict.BAD_SIGNATURE and lease_set.signature:
                self._note_forged(sender)
        if known is None or not (verdict.is_stored or verdict is LeaseVerdict.KNOWN):
            return False
        if verdict.is_stored or is_wanted:
            self._lookups.arrived(known, owner, sender, now)
        return True

    def _note_forged(self, floodfill: bytes | None) -> None:
        """An answer through a tunnel is not genuine; known is who alone had the key to seal it."""
        if floodfill is not None:
            self._events.append(AnswerForged(floodfill))

    def _receive_lease_set_store(
        self, store: DatabaseStore, sender: bytes | None, source: Source, now: float
    ) -> None:
        if not self._role.is_active:
            self._stats.unsolicited += 1
            return
        if not self._responder.takes_store_of(source, now):
            return
        lease_set = store.lease_set()
        verdict = self._lease_sets.add_served(lease_set, int(self._wall.now() * 1000), source[0])
        if not (verdict.is_stored or verdict is LeaseVerdict.KNOWN):
            self._stats.refused += 1
            return
        self._responder.acknowledge(store, source)
        if verdict.is_stored:
            self._events.append(LeaseSetStored(None, lease_set))
            if sender is not None and not store.reply_token:
                self._responder.note_flooded(sender)
            if store.reply_token:
                self._responder.flood(store, lease_set.published_ms, sender, source, now)


def _claims_role(info: RouterInfo, known: RouterInfo | None) -> bool:
    """Whether it says that it is a floodfill, and did not before.

    Unasked, that is believed only from the router itself (Java: the same): anybody can invent
    floodfills around a key and have them passed on.
    """
    return info.is_floodfill and (known is None or not known.is_floodfill)
