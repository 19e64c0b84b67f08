"""Finding lease sets that are published encrypted, under a key that changes every UTC day.

A search asks the netDb for the key of today. Near midnight it asks for the other day too: clocks
differ by a minute or so, and an owner may need a while to publish under the new key, while what it
published before is good until its leases end. The first lease set that opens is the answer.

i2pd: as an owner it publishes under the new key only when its tunnels change, and lets the outer
layer of the old one end at midnight; for those minutes nobody new can find it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from core.base.bounded import BoundedMap
from core.base.calendar import DAY_S, day_number
from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.crypto.blinding import BLINDABLE_TYPES
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.certificate import CryptoType
from core.data.lease_set import FLAG_BLINDED, LeaseSet, LeaseSet2
from core.data.lease_set_layers import ClientKeyRefused, ClientKeyRequired, open_lease_set
from core.data.lease_set_variants import EncryptedLeaseSet
from core.netdb.events import Owner
from core.netdb.facade import NetDb

SEARCHES_MAX = 256
KNOWN_MAX = 1024
#: The life of a lease set, with some clock difference.
YESTERDAY_S = 12 * 60.0
TOMORROW_S = 90.0

NOT_FOUND = "lease_set_not_found"
KEY_REQUIRED = "client_key_required"
KEY_REFUSED = "client_key_refused"
#: it is there, but none of its encryption keys is of a type we have
ENCRYPTION_UNSUPPORTED = "encryption_unsupported"


@dataclass(frozen=True, slots=True)
class BlindedOutcome:
    """The end of a search: the lease set inside, or why there is none (a code of Unavailable)."""

    target: BlindedTarget
    lease_set: LeaseSet2 | None
    why: str = ""


@dataclass(slots=True)
class _Search:
    target: BlindedTarget
    requests: set[int] = field(default_factory=set)
    why: str = NOT_FOUND


class BlindedLookups:
    """The searches of one client session, and which target is which destination."""

    def __init__(self, netdb: NetDb, owner: Owner, wall: WallClock) -> None:
        self._netdb = netdb
        self._owner = owner
        self._wall = wall
        self._searches: dict[BlindedTarget, _Search] = {}
        self._requests: dict[int, _Search] = {}
        self._destinations: BoundedMap[BlindedTarget, bytes] = BoundedMap(KNOWN_MAX)
        self._targets: dict[bytes, BlindedTarget] = {}

    def __contains__(self, request: int) -> bool:
        """Whether the netDb's answer number ``request`` belongs here."""
        return request in self._requests

    def destination_of(self, target: BlindedTarget) -> bytes | None:
        """The destination hash, if this target was found before."""
        return self._destinations.get(target)

    def target_of(self, destination_hash: bytes) -> BlindedTarget | None:
        """How this destination was found before: a stream to it may outlast all we know of it."""
        return self._targets.get(destination_hash)

    def _remember(self, target: BlindedTarget, destination_hash: bytes) -> None:
        gone = self._destinations.put(target, destination_hash)
        if gone is not None and self._targets.get(gone[1]) == gone[0]:
            del self._targets[gone[1]]
        self._targets[destination_hash] = target

    def start(self, target: BlindedTarget, now: float) -> bool:
        """Search, unless a search is under way; False if nothing could ever be found."""
        if target in self._searches:
            return True
        if len(self._searches) >= SEARCHES_MAX:
            return False
        try:
            keys = [target.store_key(day) for day in self._days()]
        except DecodeError:
            return False
        search = self._searches[target] = _Search(target)
        for key in keys:
            # Always asked anew: a cached one may be from before our key was authorised.
            request = self._netdb.lookup_lease_set(key, self._owner, now, fresh=True)
            search.requests.add(request)
            self._requests[request] = search
        return True

    def finished(self, request: int, result: object) -> BlindedOutcome | None:
        """The netDb's answer to ``request``; None while another one may still come."""
        search = self._requests.pop(request)
        search.requests.discard(request)
        lease_set = self._open(search, result)
        if lease_set is None and search.requests:
            return None
        for other in search.requests:
            del self._requests[other]
        del self._searches[search.target]
        if lease_set is None:
            return BlindedOutcome(search.target, None, search.why)
        self._remember(search.target, lease_set.hash)
        return BlindedOutcome(search.target, lease_set)

    def _open(self, search: _Search, result: object) -> LeaseSet2 | None:
        if not isinstance(result, EncryptedLeaseSet):
            return None
        try:
            inner = open_lease_set(result, search.target)
        except ClientKeyRequired:
            search.why = KEY_REQUIRED
        except ClientKeyRefused:
            search.why = KEY_REFUSED
        except DecodeError:
            pass
        else:
            return inner if isinstance(inner, LeaseSet2) else None
        return None

    def _days(self) -> list[int]:
        wall_s = self._wall.now()
        today = day_number(wall_s)
        into_day_s = wall_s - today * DAY_S
        if into_day_s < YESTERDAY_S:
            return [today, today - 1]
        if into_day_s >= DAY_S - TOMORROW_S:
            return [today, today + 1]
        return [today]


def why_unusable(found: object, ours: Container[int]) -> str:
    """Why the destination cannot be reached with what a lookup found, if that is so.

    ``ours``: the encryption types that we have keys of.
    """
    if not isinstance(found, (LeaseSet, LeaseSet2)):
        return NOT_FOUND
    types = [kind for kind, _ in found.ratchet_keys]
    if found.elgamal_key is not None:
        types.append(int(CryptoType.ELGAMAL))
    return NOT_FOUND if any(kind in ours for kind in types) else ENCRYPTION_UNSUPPORTED


def target_in(lease_set: object) -> BlindedTarget | None:
    """Where to look for the successor of a lease set that says it is published encrypted.

    Only what the lease set itself tells: without secret and client key.
    """
    if not isinstance(lease_set, LeaseSet2) or not lease_set.header.flags & FLAG_BLINDED:
        return None
    destination = lease_set.destination
    if destination.signing_type not in BLINDABLE_TYPES:
        return None
    return BlindedTarget(BlindedAddress.of(destination))
