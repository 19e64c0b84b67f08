"""Our own lease set: built from the live inbound tunnels whenever they change.

An encrypted one has two forms: the inner one goes along with messages to whom we talk, the outer
one is published, and moves to another key at UTC midnight (encryptedleaseset.md).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.base.calendar import day_number, seconds_to_midnight
from core.base.errors import LocalError
from core.base.ports import Entropy, WallClock
from core.client.config import EncryptedLeaseSetOptions
from core.crypto.blinding import Blinding
from core.data.certificate import CryptoType
from core.data.lease_set import LEASES_MAX, Lease, LeaseSet2
from core.data.lease_set_layers import ClientAuthorisation, DailyKey, daily_key, seal_lease_set
from core.data.lease_set_variants import EncryptedLeaseSet
from core.data.mapping import write_mapping
from core.data.private_keys import PrivateKeys
from core.tunnel.constants import TUNNEL_LIFETIME_S
from core.tunnel.tunnels import InboundTunnel

logger = logging.getLogger("core.client")

#: Tunnels built within this time go into one lease set.
SETTLE_S = 0.5
#: When one is made anew after the first, however many there were in between. i2pd, Java: keep the
#: lease set they have if a new one has the same second or an earlier one. This destination may have
#: been restarted within one, and those that are made soon after each other have dates ahead.
FIRST_AGAIN_S = 4.0
#: The day must have changed for sure when the lease set of the new day is built.
MIDNIGHT_MARGIN_S = 0.25
#: So far a date may lie ahead because others were just before it.
DATE_AHEAD_MAX_S = 10
#: With other routers under the same keys: shortest time until the next one, twice that the longest.
MULTIHOMED_S = 40.0
#: A lease that ends later was dated before the wall clock was set back; its tunnel is dated anew.
LEASE_LIFE_MAX_S = 2 * TUNNEL_LIFETIME_S


def leases_of(tunnels: Iterable[InboundTunnel]) -> Iterator[Lease]:
    """The leases that lead into ``tunnels``."""
    for tunnel in tunnels:
        yield Lease(tunnel.gateway_hash, tunnel.gateway_tunnel_id, tunnel.expires_ms)


def newest_leases(offered: Iterable[Lease], wall_s: float) -> list[Lease]:
    """Those that have not ended, the one that lasts longest first, as many as there may be."""
    alive = (lease for lease in offered if 0 < lease.end_ms / 1000 - wall_s < LEASE_LIFE_MAX_S)
    return sorted(alive, key=lambda lease: -lease.end_ms)[:LEASES_MAX]


class OwnLeaseSet:
    """Builds lease sets with growing publication dates (peers keep the newest by its second).

    ``encryption_keys``: (type, public key), the favourite first. ``not_before``: the first
    lease set is made at this time at the earliest, see
    :class:`core.router.server_delay.ServerDelay`.

    LocalError if it is to be encrypted and ``keys`` cannot be blinded, or if ``said``, the options
    of each lease set, cannot be written.
    """

    __slots__ = (
        "_again_at",
        "_blinding",
        "_daily_key",
        "_daily_keys",
        "_encrypted",
        "_encryption_keys",
        "_entropy",
        "_for_elgamal",
        "_is_multihomed",
        "_is_published",
        "_keys",
        "_not_before",
        "_said",
        "_wall",
        "authorisation",
        "current",
        "due_at",
        "is_urgent",
    )

    def __init__(
        self,
        keys: PrivateKeys,
        encryption_keys: Sequence[tuple[int, bytes]],
        is_published: bool,
        wall: WallClock,
        entropy: Entropy,
        options: EncryptedLeaseSetOptions | None = None,
        *,
        is_multihomed: bool = False,
        said: Mapping[str, str] | None = None,
        not_before: float = 0.0,
    ) -> None:
        self._keys = keys
        self._not_before = not_before
        self._again_at = math.inf
        self._said = dict(said or {})
        write_mapping(self._said)
        self._is_multihomed = is_multihomed
        self._encryption_keys = encryption_keys
        self._is_published = is_published
        self._wall = wall
        self._entropy = entropy
        self.current: LeaseSet2 | None = None
        self._for_elgamal: LeaseSet2 | None = None
        self._encrypted: EncryptedLeaseSet | None = None
        self.is_urgent = False
        """True if no lease of the one before is left: whoever has that one cannot reach us. Also
        in the second that follows the first, for whoever has one of before the start.
        """
        self.due_at: float | None = None
        """Monotonic time at which a new one should be built."""
        self.authorisation: ClientAuthorisation | None = None
        self._blinding: Blinding | None = None
        self._daily_key: DailyKey | None = None
        self._daily_keys: dict[int, DailyKey] = {}
        if options is not None and is_published:
            destination = keys.destination
            self._blinding = Blinding(
                destination.signing_type, destination.signing_key, options.secret
            )
            self.authorisation = options.authorisation
            self._daily_keys = {key.day: key for key in options.daily_keys}
            if keys.offline is not None and not self._daily_keys:
                raise LocalError("an offline destination needs blinded keys made in advance")

    @property
    def is_encrypted(self) -> bool:
        """True if it is published as an encrypted lease set (type 5)."""
        return self._blinding is not None

    @property
    def published(self) -> LeaseSet2 | EncryptedLeaseSet | None:
        """What to store in the netDb for ``current``.

        None on a day for which no blinded key was made in advance: nothing can be published then.
        """
        return self._encrypted if self.is_encrypted else self.current

    def authorise(self, authorisation: ClientAuthorisation | None, now: float) -> None:
        """Encrypt for others, at once. LocalError if it is not published encrypted."""
        if not self.is_encrypted:
            raise LocalError("the lease set of this session is not encrypted")
        self.authorisation = authorisation
        self.due_at = now

    @property
    def published_s(self) -> int:
        """The second in which the current one was made; 0 if there is none."""
        return 0 if self.current is None else self.current.published_ms // 1000

    def use_encryption_keys(self, encryption_keys: Sequence[tuple[int, bytes]]) -> None:
        """What the next one publishes: (type, public key), the favourite first."""
        self._encryption_keys = encryption_keys

    def tunnels_changed(self, now: float) -> None:
        """Build soon: at once for the first tunnel, else after others had time to join."""
        due = max(now, self._not_before) if self.current is None else now + SETTLE_S
        self.due_at = due if self.due_at is None else min(self.due_at, due)

    def build(self, tunnels: Iterable[InboundTunnel], now: float) -> LeaseSet2 | None:
        """A new one over ``tunnels``; None if none of them is alive."""
        return self.build_over(leases_of(tunnels), now)

    def build_over(self, offered: Iterable[Lease], now: float) -> LeaseSet2 | None:
        """A new one of ``offered`` leases; None if all of them have ended."""
        self.due_at = None
        wall_s = self._wall.now()
        leases = newest_leases(offered, wall_s)
        if self.is_encrypted:
            self.due_at = now + seconds_to_midnight(wall_s) + MIDNIGHT_MARGIN_S
        if self._is_multihomed:
            again_s = MULTIHOMED_S + self._entropy.randbelow(int(MULTIHOMED_S))
            self.due_at = min(self.due_at or math.inf, now + again_s)
        if not leases:
            return None
        if self.current is None and self._is_published:
            self._again_at = now + FIRST_AGAIN_S
        is_again = now >= self._again_at
        if is_again:
            self._again_at = math.inf
        elif self._again_at < math.inf:
            self.due_at = min(self.due_at or math.inf, self._again_at)
        published_s = max(int(wall_s), self.published_s + 1)
        if self.published_s > wall_s + DATE_AHEAD_MAX_S:
            # Signed under a clock that was ahead: nobody took it, nor would take a newer one.
            published_s = int(wall_s)
        before = () if self.current is None else self.current.leases
        self.is_urgent = is_again or not set(before) & set(leases)
        self.current = self._sign(
            self._encryption_keys, leases, published_s * 1000, leases[0].end_ms
        )
        self._for_elgamal = None
        self._encrypted = self._encrypt(self.current)
        return self.current

    def _sign(
        self,
        encryption_keys: Sequence[tuple[int, bytes]],
        leases: Sequence[Lease],
        published_ms: int,
        expires_ms: int,
    ) -> LeaseSet2:
        return LeaseSet2.build(
            self._keys,
            encryption_keys,
            leases,
            published_ms,
            expires_ms,
            unpublished=not self._is_published,
            options=self._said,
            blinded=self.is_encrypted,
        )

    def for_elgamal(self, public: bytes) -> LeaseSet2 | None:
        """As ``current``, and with an ElGamal key: for those alone that know nothing better.

        Made when it is needed, signed beside the other one.
        """
        current = self.current
        if current is None or current.elgamal_key is not None:
            return current
        if self._for_elgamal is None:
            keys = (*self._encryption_keys, (int(CryptoType.ELGAMAL), public))
            self._for_elgamal = self._sign(
                keys, current.leases, current.published_ms, current.expires_ms
            )
        return self._for_elgamal

    def _encrypt(self, lease_set: LeaseSet2) -> EncryptedLeaseSet | None:
        if self._blinding is None:
            return None
        key = self._key_of(day_number(lease_set.published_ms // 1000))
        if key is None:
            logger.warning(
                "an encrypted destination is not published: no blinded key was made for today"
            )
            return None
        return seal_lease_set(lease_set, self._blinding, key, self._entropy, self.authorisation)

    def _key_of(self, day: int) -> DailyKey | None:
        if self._keys.offline is not None:
            return self._daily_keys.get(day)
        if self._daily_key is None or self._daily_key.day != day:
            assert self._blinding is not None
            self._daily_key = daily_key(self._keys, self._blinding, day)
        return self._daily_key
