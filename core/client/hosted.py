"""A destination that lives here and belongs to somebody else: an I2CP client.

The client signs the lease set and gives the key that opens what is sent to it; streams and
datagrams are its own. Payloads are handed through as they are. So there are no acknowledgements to
be seen, and whether messages arrive is asked as for datagrams (``path_watch.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.base.bounded import BoundedMap
from core.base.calendar import seconds_to_midnight
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.events import LeaseSetFound, ReadyChanged
from core.client.local_destination import LocalDestination
from core.client.own_lease_set import MIDNIGHT_MARGIN_S, SETTLE_S, leases_of, newest_leases
from core.crypto.x25519 import KEY_LENGTH
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.certificate import CryptoType
from core.data.encryption_keys import EncryptionKeys
from core.data.identity import Destination
from core.data.lease_set import Lease, LeaseSet, LeaseSet2
from core.data.lease_set_layers import open_lease_set
from core.data.lease_set_variants import (
    AnyLeaseSet,
    ClearLeaseSet,
    EncryptedLeaseSet,
    SingleLeaseSet,
)
from core.garlic.suites import SUITES
from core.i2cp.data_messages import Status
from core.netdb.facade import NetDb
from core.tunnel.pool import TunnelPool
from core.tunnel.shape import TunnelShape
from core.tunnel.tunnels import InboundTunnel

#: What arrived and nobody has taken yet; then it is dropped.
INBOX_BYTES_MAX = 2 * 1024 * 1024
#: Destinations that are looked up for payloads, and payloads that wait for each.
SEARCHED_MAX = 256
WAITING_MAX = 64
#: i2pd: 10 s, Java: 60 s for the client's answer.
SIGNING_TIMEOUT_S = 60.0
#: What fits into one garlic message, with its head.
PAYLOAD_BYTES_MAX = 61_000

_STATUS_OF = {
    "encryption_unsupported": Status.UNSUPPORTED_ENCRYPTION,
    "lease_set_not_found": Status.NO_LEASE_SET,
}


@dataclass(frozen=True, slots=True)
class HostedConfig:
    """What the client asks for. ``secret``, ``client_key``: what opens its encrypted lease set."""

    name: str
    inbound: TunnelShape = field(default_factory=TunnelShape)
    outbound: TunnelShape = field(default_factory=TunnelShape)
    publish: bool = True
    secret: str = field(default="", repr=False)
    client_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LeaseSetWanted:
    """The client should sign a lease set over these: :meth:`HostedEngine.take_lease_set`."""

    leases: tuple[Lease, ...]


@dataclass(frozen=True, slots=True)
class StatusKnown:
    """What became of a message that was sent with a nonce."""

    nonce: int
    status: Status


@dataclass(frozen=True, slots=True)
class SigningFailed:
    """The client did not answer."""


HostedEvent = LeaseSetWanted | StatusKnown | SigningFailed | LeaseSetFound | ReadyChanged


class _NoStreams:
    """The streams of a client are its own."""

    def has_streams(self, remote_hash: bytes) -> bool:
        """See StreamPaths."""
        return False

    def probe(self, remote_hash: bytes) -> bool:
        """See StreamPaths."""
        return False

    def path_changed(self, remote_hash: bytes, now: float) -> None:
        """See StreamPaths."""


class HostedLeaseSet:
    """The :class:`~core.client.ports.LeaseSetSource` of a client's destination.

    ``not_before``: the client is asked for the first one at this time at the earliest, see
    :class:`core.router.server_delay.ServerDelay`.
    """

    def __init__(
        self,
        destination: Destination,
        config: HostedConfig,
        wall: WallClock,
        not_before: float = 0.0,
    ) -> None:
        self.current: ClearLeaseSet | None = None
        self.is_urgent = False
        self.due_at: float | None = None
        self.wanted: tuple[Lease, ...] | None = None
        """Leases over which the client is to sign, until it was asked."""
        self.asked_at: float | None = None
        """When the client was asked, until it answers."""
        self._destination = destination
        self._config = config
        self._wall = wall
        self._not_before = not_before
        self._published: SingleLeaseSet | None = None

    @property
    def published(self) -> SingleLeaseSet | None:
        """What to store in the netDb."""
        return self._published

    @property
    def published_s(self) -> int:
        """The second in which the newest one was made; 0 if there is none."""
        return 0 if self._published is None else _second_of(self._published)

    @property
    def is_encrypted(self) -> bool:
        """True if it is published as an encrypted lease set."""
        return isinstance(self._published, EncryptedLeaseSet)

    def for_elgamal(self, public: bytes) -> ClearLeaseSet | None:
        """The client's own, if it has that key: nobody else can sign."""
        current = self.current
        return current if current is not None and current.elgamal_key == public else None

    def configure(self, config: HostedConfig) -> None:
        """The client has told other options: what opens its lease set may be another."""
        self._config = config

    def tunnels_changed(self, now: float) -> None:
        """Ask for one soon: at once for the first tunnel, else after others had time to join."""
        due = max(now, self._not_before) if self._published is None else now + SETTLE_S
        self.due_at = due if self.due_at is None else min(self.due_at, due)

    def build(self, tunnels: Iterable[InboundTunnel], now: float) -> None:
        """Ask the client for one over ``tunnels``: it comes later, by :meth:`take`."""
        self.due_at = None
        leases = newest_leases(leases_of(tunnels), self._wall.now())
        if leases:
            self.wanted = tuple(leases)

    def take(self, lease_set: AnyLeaseSet, now: float) -> tuple[tuple[int, bytes], ...]:
        """The client's newest one; returns the public keys that messages to it are sealed with.

        DecodeError if it is not the destination's, not signed, or older than the one before.
        """
        if not isinstance(lease_set, (LeaseSet, LeaseSet2, EncryptedLeaseSet)):
            raise DecodeError("lease sets of this type are not taken")
        if not lease_set.verify():
            raise DecodeError("the lease set has a wrong signature")
        inner = self._inner_of(lease_set)
        if inner is not None and inner.destination != self._destination:
            raise DecodeError("the lease set is another destination's")
        known = self._published
        is_same_form = known is not None and known.store_type == lease_set.store_type
        if is_same_form and _second_of(lease_set) < self.published_s:
            raise DecodeError("the lease set is older than the one before")
        before = () if self.current is None else self.current.leases
        after = () if inner is None else inner.leases
        self.is_urgent = not set(before) & set(after)
        self.current, self._published = inner, lease_set
        self.asked_at = None
        if self.is_encrypted:
            # Under the key of the new day the client has to sign another one.
            self.due_at = now + seconds_to_midnight(self._wall.now()) + MIDNIGHT_MARGIN_S
        return () if inner is None else inner.encryption_keys

    def _inner_of(self, lease_set: SingleLeaseSet) -> ClearLeaseSet | None:
        """None if it is encrypted for others only: then nobody is told it along with messages."""
        if not isinstance(lease_set, EncryptedLeaseSet):
            return lease_set
        try:
            address = BlindedAddress.of(self._destination)
            target = BlindedTarget(address, self._config.secret, self._config.client_key)
            inner = open_lease_set(lease_set, target)
        except (DecodeError, LocalError):
            return None
        return inner if isinstance(inner, LeaseSet2) else None


@dataclass(slots=True)
class _Waiting:
    """Payloads for a destination that is looked up: each with its nonce, and whether our lease
    set may go along."""

    items: deque[tuple[bytes, int, bool]] = field(default_factory=deque)


class HostedEngine(LocalDestination):
    """See the module. ``inbox``: payloads that arrived, the oldest first."""

    def __init__(
        self,
        destination: Destination,
        config: HostedConfig,
        pool: TunnelPool,
        netdb: NetDb,
        wall: WallClock,
        entropy: Entropy,
        shares: FairShares | None = None,
        first: HostedEngine | None = None,
        not_before: float = 0.0,
    ) -> None:
        """``first``: the session whose tunnels and encryption key this one shares.

        ``not_before``: see :class:`HostedLeaseSet`.
        """
        self.config = config
        self.destination = destination
        self.own = HostedLeaseSet(destination, config, wall, not_before)
        self.inbox: deque[bytes] = deque()
        self.hosted_events: deque[HostedEvent] = deque()
        self._keys: EncryptionKeys | None = None
        self._key_holder = self if first is None else first
        self._given: dict[tuple[tuple[int, bytes], ...], EncryptionKeys] = {}
        """What came with the newest lease set: the client gives the same again with each."""
        self._inbox_bytes = 0
        self._waiting: BoundedMap[bytes, _Waiting] = BoundedMap(SEARCHED_MAX)
        super().__init__(
            destination.hash,
            # Until the client has told its own: nobody knows this one.
            EncryptionKeys.derive((CryptoType.X25519,), entropy.random_bytes(KEY_LENGTH)),
            self.own,
            _NoStreams(),
            pool,
            netdb,
            wall,
            entropy,
            shares,
            publish=config.publish,
            first=first,
        )
        if first is not None:
            self.own.tunnels_changed(0.0)  # there may be tunnels already

    # What the client says

    def take_lease_set(
        self, lease_set: AnyLeaseSet, private_keys: Iterable[tuple[int, bytes]], now: float
    ) -> None:
        """Use and publish the lease set that the client has signed.

        DecodeError if it cannot be used; then the one before stays.
        """
        given = tuple(private_keys)
        keys = self._given.get(given) or EncryptionKeys.of_private(given, SUITES)
        if not keys.public:
            raise DecodeError("no private key of an encryption type that this router has")
        if isinstance(lease_set, (LeaseSet, LeaseSet2)):
            keys.check(lease_set.encryption_keys)
        if not self._may_use(keys):
            raise DecodeError("a subsession has another encryption key than the first session")
        public = self.own.take(lease_set, now)
        if public:
            keys.check(public)
        self._given = {given: keys}
        self._key_holder._use(keys, now)
        self._publisher.publish(now)
        self._check_at = 0.0
        self._sending.watch.lease_set_renewed(self._remotes.by_hash.values(), now)

    def _may_use(self, keys: EncryptionKeys) -> bool:
        holder = self._key_holder
        if holder is self or holder._keys is None:
            return True
        return set(keys.private) <= set(holder._keys.private)

    def _use(self, keys: EncryptionKeys, now: float) -> None:
        """Open what arrives with these keys, for all that share the tunnels."""
        used = self._keys
        if used is not None and set(keys.private) <= set(used.private):
            return
        if used is None or _private(keys) != _private(used):
            self.ratchet.rekey(keys.ratchet)
        self.elgamal.use(() if keys.elgamal is None else (keys.elgamal,))
        for member in self.members.values():
            if used is not None and member is not self:
                member.republish(now)  # it has signed another one
        self._keys = keys

    def excuse(self) -> None:
        """The client has answered, with nothing that is of use: its lease set is not waited for."""
        self.own.asked_at = None

    def send(
        self,
        destination_hash: bytes,
        payload: bytes,
        nonce: int,
        now: float,
        *,
        with_lease_set: bool = True,
    ) -> Status | None:
        """Send a payload. The status if it is known at once, else StatusKnown tells it.

        ``with_lease_set``: ours may go along where it is due.
        """
        if len(payload) > PAYLOAD_BYTES_MAX:
            return Status.BAD_MESSAGE
        if self.own.published is None:
            return Status.BAD_LOCAL_LEASE_SET
        if not self.pool.is_ready(now):
            return Status.NO_LOCAL_TUNNELS
        remote = self._remotes.get(destination_hash, now)
        if self._sending.is_reachable(remote, now):
            self._pass_on(remote.hash, payload, now, with_lease_set)
            return Status.GUARANTEED_SUCCESS
        waiting = self._waiting.get(destination_hash)
        if waiting is None:
            waiting = _Waiting()
            gone = self._waiting.put(destination_hash, waiting)
            if gone is not None:
                self._settle(gone[1], Status.OVERFLOW)
            self.lookup(destination_hash, now)
        if len(waiting.items) >= WAITING_MAX:
            return Status.OVERFLOW
        waiting.items.append((payload, nonce, with_lease_set))
        return None

    def take_payload(self) -> bytes | None:
        """The oldest payload that arrived; None if there is none."""
        if not self.inbox:
            return None
        payload = self.inbox.popleft()
        self._inbox_bytes -= len(payload)
        return payload

    def next_hosted_event(self) -> HostedEvent | None:
        """The oldest event, or None."""
        return self.hosted_events.popleft() if self.hosted_events else None

    # On top of the ways

    def _take_payload(self, source: bytes | None, data: bytes, start: int, end: int) -> bool:
        size = end - start
        if self._inbox_bytes + size > INBOX_BYTES_MAX:
            self.stats.inbox_full += 1
            return True
        self.inbox.append(data[start:end])
        self._inbox_bytes += size
        return True

    def _send_payloads(self, now: float) -> None:
        own = self.own
        if own.wanted is not None and self.pool.is_ready(now):
            # i2cp.md: not before there is a tunnel in each direction.
            self.hosted_events.append(LeaseSetWanted(own.wanted))
            own.wanted = None
            own.asked_at = own.asked_at if own.asked_at is not None else now
        if own.asked_at is not None and now - own.asked_at >= SIGNING_TIMEOUT_S:
            own.asked_at = None
            self.hosted_events.append(SigningFailed())
        while (event := self.next_event()) is not None:
            if isinstance(event, LeaseSetFound):
                self._on_found(event, now)
                self.hosted_events.append(event)
            elif isinstance(event, ReadyChanged):
                self.hosted_events.append(event)

    def _next_deadline(self) -> float | None:
        asked_at = self.own.asked_at
        return None if asked_at is None else asked_at + SIGNING_TIMEOUT_S

    def _on_found(self, event: LeaseSetFound, now: float) -> None:
        """A destination that payloads wait for was found, or not."""
        if not isinstance(event.target, bytes):
            return
        waiting = self._waiting.pop(event.target)
        if waiting is None:
            return
        if event.lease_set is None:
            status = _STATUS_OF.get(event.why, Status.NO_LEASE_SET)
            self._settle(waiting, status)
            return
        if getattr(event.lease_set, "hash", event.target) != event.target:
            # i2cp.md: the client has to look up a machine behind the address, and send to that.
            self._settle(waiting, Status.META_LEASE_SET)
            return
        for payload, _, with_lease_set in waiting.items:
            self._pass_on(event.target, payload, now, with_lease_set)
        self._settle(waiting, Status.GUARANTEED_SUCCESS)

    def _pass_on(
        self, remote_hash: bytes, payload: bytes, now: float, with_lease_set: bool
    ) -> None:
        self._sending.send(
            remote_hash,
            [payload],
            now,
            is_datagram=True,
            in_order=False,
            with_lease_set=with_lease_set,
        )

    def _settle(self, waiting: _Waiting, status: Status) -> None:
        for _, nonce, _ in waiting.items:
            if nonce:
                self.hosted_events.append(StatusKnown(nonce, status))


def _second_of(lease_set: SingleLeaseSet) -> int:
    """When it was made; for one of type 1, which does not say so, when its last lease ends."""
    if isinstance(lease_set, LeaseSet):
        return lease_set.expires_ms // 1000
    return lease_set.published_ms // 1000


def _private(keys: EncryptionKeys) -> dict[int, bytes]:
    """Of the ratchet, whose sessions last as long as these."""
    return {kind: key.private for kind, key in keys.ratchet.items()}
