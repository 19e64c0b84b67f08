"""The destinations that a session talks to, and the searches for their lease sets.

What always holds: a ratchet key stands for a destination only if it is in a lease set signed by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from core.base.ports import Entropy, WallClock
from core.client.blinded import (
    NOT_FOUND,
    BlindedLookups,
    BlindedOutcome,
    target_in,
    why_unusable,
)
from core.client.events import ClientStats, Event, LeaseSetFound
from core.client.frequent_destinations import FrequentDestinations
from core.client.meta_targets import REFRESH_S, MetaTargets
from core.client.ports import StreamPaths
from core.client.remote import ACTIVE_S, Remote
from core.data.blinded_address import BlindedTarget
from core.data.certificate import CryptoType
from core.data.lease_set import LeaseSet, LeaseSet2
from core.data.lease_set_variants import AnyLeaseSet, MetaLeaseSet
from core.garlic.elgamal_sessions import ElGamalSessions
from core.garlic.sessions import RatchetSessions
from core.netdb.facade import NetDb
from core.netdb.leases import PUBLISHED_AHEAD_MAX_MS, is_newer

REMOTES_MAX = 4096


def ratchet_type(lease_set: object, static: bytes) -> int | None:
    """The encryption type of the ratchet key ``static`` in a lease set; None if it is not there."""
    for crypto_type, key in getattr(lease_set, "ratchet_keys", ()):
        if key == static:
            return int(crypto_type)
    return None


def _keys_of(lease_set: object) -> list[bytes]:
    keys = [key for _, key in getattr(lease_set, "ratchet_keys", ())]
    elgamal: bytes | None = getattr(lease_set, "elgamal_key", None)
    return keys if elgamal is None else [*keys, elgamal]


class Remotes:
    """``by_hash``: all of them by destination hash; ``by_static``: by each X25519 and ElGamal key
    of their lease set, where that is known.

    ``owner`` is the hash that the netDb knows this session by. ``on_forget`` is called with each
    that is dropped.
    """

    def __init__(
        self,
        owner: bytes,
        netdb: NetDb,
        ratchet: RatchetSessions,
        elgamal: ElGamalSessions,
        streams: StreamPaths,
        stats: ClientStats,
        events: deque[Event],
        wall: WallClock,
        entropy: Entropy,
    ) -> None:
        self.by_hash: dict[bytes, Remote] = {}
        self.by_static: dict[bytes, Remote] = {}
        self.on_forget: list[Callable[[Remote], None]] = []
        self._owner = owner
        self._netdb = netdb
        self._ratchet = ratchet
        self._elgamal = elgamal
        self._streams = streams
        self._stats = stats
        self._events = events
        self._wall = wall
        self._entropy = entropy
        self._lookups: dict[int, Remote] = {}
        self._blinded = BlindedLookups(netdb, owner, wall)
        self._metas = MetaTargets(netdb, owner, wall, entropy)
        self._followers: dict[bytes, dict[bytes, None]] = {}
        """Entry of a meta lease set that is looked for -> for which targets."""
        self._wanted: set[bytes | BlindedTarget] = set()
        self._frequent = FrequentDestinations()

    @property
    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self._wall.now() * 1000)

    @property
    def _types(self) -> set[int]:
        """The encryption types that we can use."""
        types = set(self._ratchet.keys)
        return types | {int(CryptoType.ELGAMAL)} if self._elgamal.can_be_answered else types

    # What the application asks

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find the lease set of a destination hash, or one that is published encrypted.

        LeaseSetFound follows, at once if a usable one is known. Where several machines have one
        address, it brings the lease set of one of them.
        """
        age_s = self._metas.age_s(target, now) if isinstance(target, bytes) else None
        if isinstance(target, bytes) and age_s is not None:
            self._wanted.add(target)
            if age_s >= REFRESH_S:
                self.look_up(self.get(target, now), now)
            self._resolve(target, now)
            return
        destination = target if isinstance(target, bytes) else self._blinded.destination_of(target)
        remote = None if destination is None else self.get(destination, now)
        if remote is not None:
            remote.is_caller = False
            self._frequent.note_visit(remote.hash, now)
            if remote.static is not None and not remote.is_lease_set_old(self.wall_ms):
                self._events.append(LeaseSetFound(target, remote.lease_set))
                return
        self._wanted.add(target)
        if isinstance(target, BlindedTarget):
            self._search(target, now)
        elif remote is not None:
            self.look_up(remote, now)

    # What is known

    def get(self, destination_hash: bytes, now: float) -> Remote:
        """What is known of a destination, from now on; room is made for it."""
        remote = self.by_hash.get(destination_hash)
        if remote is None:
            if len(self.by_hash) >= REMOTES_MAX:
                # Who came to us goes before whom we look for, then who was silent for longest.
                self._forget(min(self.by_hash.values(), key=Remote.worth))
            remote = Remote(destination_hash, heard_at=now, since=now)
            remote.blinded = self._blinded.target_of(destination_hash)
            self.by_hash[destination_hash] = remote
            known = self._netdb.get_lease_set(destination_hash, self._owner)
            if known is not None:
                self._adopt(remote, known, now)
        return remote

    def _forget(self, remote: Remote) -> None:
        self.by_hash.pop(remote.hash, None)
        for tell in self.on_forget:
            tell(remote)
        self._forget_keys(remote)
        if remote.lookup is not None:
            self._lookups.pop(remote.lookup, None)
        self._followers.pop(remote.hash, None)

    def _forget_keys(self, remote: Remote) -> None:
        for key in _keys_of(remote.lease_set):
            if self.by_static.get(key) is remote:
                del self.by_static[key]

    def _choose_key(self, remote: Remote, lease_set: object) -> tuple[int, bytes] | None:
        """(type, key) to encrypt with: the publisher's favourite among those of types we have.

        A session that is there already goes on under its key. None: there is no such key.
        """
        ours = self._ratchet.keys
        offered: tuple[tuple[int, bytes], ...] = getattr(lease_set, "ratchet_keys", ())
        keys = [one for one in offered if one[0] in ours]
        if remote.static is not None and self._ratchet.has_session(remote.static):
            for one in keys:
                if one[1] == remote.static:
                    return one
        if keys:
            return keys[0]
        # The last resort, and only if it could be answered: its owner has nothing but ElGamal.
        elgamal: bytes | None = getattr(lease_set, "elgamal_key", None)
        if elgamal is None or not self._elgamal.can_be_answered:
            return None
        return int(CryptoType.ELGAMAL), elgamal

    def doubt(self, remote: Remote, now: float, *, at_once: bool = False) -> None:
        """It may have lost what it knew of our sessions."""
        if remote.static is None:
            return
        if remote.is_elgamal:
            self._elgamal.doubt(remote.static)
        else:
            self._ratchet.doubt(remote.static, now, at_once=at_once)

    def answer_with(self, remote: Remote, static: bytes) -> None:
        """It has sent something with this one of its keys: answer so, unless a session is there."""
        if remote.static == static or remote.lease_set is None:
            return
        if remote.static is not None and self._ratchet.has_session(remote.static):
            return
        crypto_type = ratchet_type(remote.lease_set, static)
        if crypto_type is not None and crypto_type in self._ratchet.keys:
            remote.static, remote.crypto_type = static, crypto_type

    def _adopt(self, remote: Remote, lease_set: object, now: float) -> None:
        chosen = self._choose_key(remote, lease_set)
        if chosen is None or not isinstance(lease_set, (LeaseSet, LeaseSet2)):
            return  # no key for us, or an encrypted lease set we cannot read
        known = remote.lease_set
        if known is not None and is_newer(known, lease_set):
            return
        if remote.static is not None and remote.static != chosen[1]:
            remote.known_lease_set_s = remote.offered_lease_set_s = 0
        self._forget_keys(remote)
        remote.adopt(lease_set, chosen, now)
        for key in _keys_of(lease_set):
            other = self.by_static.get(key)
            if other is not None and other is not remote:
                other.shares_key = remote.shares_key = True
            self.by_static[key] = remote
        if known is not None and is_newer(lease_set, known):
            remote.offers = remote.offered_lease_set_s = 0
            if remote.may_have_lost_us:
                self.doubt(remote, now, at_once=True)
            self._streams.path_changed(remote.hash, now)

    def receive_lease_set(self, lease_set: AnyLeaseSet, now: float) -> None:
        """A lease set came along with a message; whose key it names is known from now on."""
        if self._netdb.remember_lease_set(lease_set, self._owner, now):
            is_caller = lease_set.hash not in self.by_hash
            remote = self.get(lease_set.hash, now)
            remote.is_caller |= is_caller
            self._adopt(remote, lease_set, now)

    def clock_changed(self) -> None:
        """The wall clock was set, or the machine slept."""
        for remote in self.by_hash.values():
            remote.clock_changed(self.wall_ms + PUBLISHED_AHEAD_MAX_MS)

    def keep_house(self, now: float) -> None:
        """Look up what is visited often, drop what nothing was heard of for long."""
        for destination_hash in self._frequent.current(now):
            remote = self.get(destination_hash, now)
            if remote.is_lease_set_old(self.wall_ms):
                self.look_up(remote, now)
        for remote in list(self.by_hash.values()):
            is_idle = now - max(remote.heard_at, remote.sent_at) > 2 * ACTIVE_S
            if is_idle and not remote.waiting and not self._streams.has_streams(remote.hash):
                self._forget(remote)

    # Searches

    def lookup_finished(self, request: int, result: object, now: float) -> None:
        """The netDb's answer to a lookup of ours."""
        if request in self._blinded:
            outcome = self._blinded.finished(request, result)
            if outcome is not None:
                self._search_ended(outcome, now)
            return
        remote = self._lookups.pop(request, None)
        if remote is None:
            return
        if isinstance(result, MetaLeaseSet) or (result is None and self._metas.has(remote.hash)):
            remote.lookup = None
            if result is not None:
                self._metas.note_found(remote.hash, now)
            if remote.waiting and self._metas.choose(remote.hash, now) is None:
                self._drop_waiting(remote)
                for tell in self.on_forget:
                    tell(remote)
            followers = self._followers.pop(remote.hash, {})
            for target in dict.fromkeys((remote.hash, *followers)):
                if target in self._wanted:
                    self._resolve(target, now)
            return
        if result is not None:
            self._adopt(remote, result, now)
        self._lookup_ended(remote, remote.hash, why_unusable(result, self._types), now)

    def look_up(self, remote: Remote, now: float) -> None:
        """Search for its lease set, unless that is under way."""
        if remote.lookup is not None:
            return
        target = remote.blinded or target_in(remote.lease_set)
        if target is not None:
            remote.lookup = 0
            remote.blinded = target
            self._search(target, now)
            return
        remote.lookup = self._netdb.lookup_lease_set(
            remote.hash,
            self._owner,
            now,
            fresh=remote.lease_set is not None or self._metas.has(remote.hash),
        )
        self._lookups[remote.lookup] = remote

    def note_unreachable(self, destination_hash: bytes, now: float) -> None:
        """A stream to it did not come about: if others have the same address, take one of them.

        It may have begun anew, with another lease set, until its turn comes again.
        """
        self._metas.failed(destination_hash, now)
        remote = self.by_hash.get(destination_hash)
        if remote is not None:
            self.look_up(remote, now)

    def machine_of(self, target: bytes, now: float) -> bytes | None:
        """The machine to send to, of those that have an address together.

        None if it is the address of one destination, or not known to be another one, or if all that
        are known have failed: then the list is looked for once more.
        """
        age_s = self._metas.age_s(target, now)
        if age_s is None:
            return None
        if age_s >= REFRESH_S:
            self.look_up(self.get(target, now), now)
        return self._metas.choose(target, now)

    def drop_unsent(self, count: int) -> None:
        """So many payloads are lost, for there is nobody to send them to."""
        self._stats.no_lease_set += count

    def _drop_waiting(self, remote: Remote) -> None:
        self.drop_unsent(len(remote.waiting))
        remote.waiting.clear()

    def _resolve(self, target: bytes, now: float) -> None:
        """Tell the lease set of one of the machines behind ``target``, or look for it."""
        entry = self._metas.choose(target, now)
        if entry is None:
            self._tell(target, None, NOT_FOUND)
            return
        remote = self.get(entry, now)
        remote.is_caller = False
        if remote.static is not None and not remote.is_lease_set_old(self.wall_ms):
            self._tell(target, remote.lease_set, "")
            return
        self._followers.setdefault(entry, {})[target] = None
        self.look_up(remote, now)

    def _search(self, target: BlindedTarget, now: float) -> None:
        if not self._blinded.start(target, now):
            self._search_ended(BlindedOutcome(target, None, NOT_FOUND), now)

    def _search_ended(self, outcome: BlindedOutcome, now: float) -> None:
        """A search for an encrypted lease set ended; the destination may be new to us."""
        target, lease_set = outcome.target, outcome.lease_set
        why = outcome.why or why_unusable(lease_set, self._types)
        if lease_set is not None and self._netdb.remember_lease_set(lease_set, self._owner, now):
            remote = self.get(lease_set.hash, now)
            remote.blinded = target
            # A correspondent may have sent a newer one along in the meantime.
            newest = self._netdb.get_lease_set(lease_set.hash, self._owner)
            self._adopt(remote, newest or lease_set, now)
        for remote in self.by_hash.values():
            if remote.blinded == target:
                self._lookup_ended(remote, target, why, now)
        self._tell(target, None, why)

    def _lookup_ended(
        self, remote: Remote, target: bytes | BlindedTarget, why: str, now: float
    ) -> None:
        remote.lookup = None
        is_usable = (
            remote.static is not None
            and remote.choose_lease(self.wall_ms, self._entropy) is not None
        )
        found = remote.lease_set if is_usable else None
        for wanted in dict.fromkeys((remote.hash, target)):
            self._tell(wanted, found, "" if is_usable else why)
        if found is None:
            self._frequent.forget(remote.hash)
            self._drop_waiting(remote)
            self._metas.failed(remote.hash, now)
        followers = self._followers.pop(remote.hash, {})
        for follower in followers:
            if found is not None:
                self._tell(follower, found, "")
            else:
                self._resolve(follower, now)

    def _tell(self, target: bytes | BlindedTarget, found: AnyLeaseSet | None, why: str) -> None:
        if target in self._wanted:
            self._wanted.discard(target)
            self._events.append(LeaseSetFound(target, found, why))
