"""From payloads to tunnel messages: cloves, ratchet, Garlic message, a lease's gateway.

Our lease set rides in front of the first message of a ratchet session and again after each change,
until the remote has acknowledged it (i2pd and Java: without it they cannot answer).

Who is not published is found by those only to whom it talks, and while it does: what a remote sends
brings it no new leases, or a site could follow a visitor for as long as that one is in I2P.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.client.events import ClientStats
from core.client.ports import LeaseSetSource
from core.client.remote import ACTIVE_S, Remote
from core.client.spread import WIDTH_MAX, Path, Trial
from core.data.lease_set_variants import ClearLeaseSet
from core.garlic.cloves import Clove, Delivery, write_clove, write_data_head
from core.garlic.elgamal_sessions import ElGamalSessions, ReplyPath
from core.garlic.sessions import MessageKind, RatchetSessions
from core.i2np.database import DatabaseStore
from core.i2np.message import MessageType, expiration_from, make_standard
from core.tunnel.delivery import DeliveryKind
from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import OutboundTunnel

OFFER_RETRY_S = 2.0
OFFERS_MAX = 6
#: What an acknowledgement stands for if no lease set of ours went along.
NO_LEASE_SET = 0
#: An acknowledgement names the second of our lease set, and above that the number of the
#: destination among those that share the ratchet sessions.
ACK_NUMBER_SHIFT = 40
ACK_DATE_MASK = (1 << ACK_NUMBER_SHIFT) - 1
_GARLIC = int(MessageType.GARLIC)
_TUNNEL = int(DeliveryKind.TUNNEL)


class LeaseSetOffers:
    """Which remotes should be told of our newest lease set, and which never."""

    __slots__ = ("_is_hidden", "_own", "callers_cut_at")

    def __init__(self, own: LeaseSetSource, *, is_hidden: bool) -> None:
        self._own = own
        self._is_hidden = is_hidden
        self.callers_cut_at = 0.0
        """Who came to us before this time may have been revoked."""

    def is_due(self, remote: Remote, now: float) -> bool:
        """True if the next message to the remote should carry it."""
        current = self._own.published_s
        if current == 0 or remote.known_lease_set_s >= current or not self.may_know(remote, now):
            return False
        if remote.offered_lease_set_s < current:
            return True
        return remote.offers < OFFERS_MAX and now - remote.offered_at >= OFFER_RETRY_S

    def may_know(self, remote: Remote, now: float) -> bool:
        """False if it came to us before a change of authorisation: it may have been revoked.

        False as well if we are not published and have not talked to it lately.
        """
        if self._is_hidden and now - remote.used_at >= ACTIVE_S:
            return False
        return not (remote.is_caller and remote.since < self.callers_cut_at)

    def note(self, remote: Remote, now: float) -> None:
        """It went out to the remote."""
        current = self._own.published_s
        remote.offers = remote.offers + 1 if remote.offered_lease_set_s == current else 1
        remote.offered_lease_set_s = current
        remote.offered_at = now
        if remote.heard_at >= remote.offered_since:
            remote.offered_since = now


class Outlet:
    """See the module. ``number``: of the destination, among those that share the ratchet."""

    __slots__ = (
        "_elgamal",
        "_entropy",
        "_mark",
        "_offers",
        "_own",
        "_pool",
        "_ratchet",
        "_stats",
        "_wall",
    )

    def __init__(
        self,
        pool: TunnelPool,
        ratchet: RatchetSessions,
        elgamal: ElGamalSessions,
        own: LeaseSetSource,
        offers: LeaseSetOffers,
        stats: ClientStats,
        wall: WallClock,
        entropy: Entropy,
        number: int = 0,
    ) -> None:
        self._mark = number << ACK_NUMBER_SHIFT
        self._pool = pool
        self._ratchet = ratchet
        self._elgamal = elgamal
        self._own = own
        self._offers = offers
        self._stats = stats
        self._wall = wall
        self._entropy = entropy

    def send(
        self,
        remote: Remote,
        payloads: Sequence[bytes],
        now: float,
        *,
        asks: bool = False,
        with_lease_set: bool = True,
    ) -> None:
        """Seal and send; ``remote.lease`` was chosen. No payloads: only what the ratchet owes.

        ``asks``: the remote should acknowledge it, as soon as it can. ``with_lease_set``: False
        leaves our lease set out although it is due; it goes along the next time.
        """
        if payloads:
            remote.used_at = now
        static = remote.static
        lease = remote.lease
        tunnel = self._outbound(remote, now)
        if tunnel is None or lease is None or static is None:
            self._stats.no_path += len(payloads)
            return
        count = max(1, len(payloads))
        ids = unpack(f">{2 * count}I", self._entropy.random_bytes(8 * count))
        expires_ms = expiration_from(self._wall.now())
        expires_s = expires_ms // 1000
        to_hash = remote.hash
        try:
            if remote.is_elgamal:
                cloves = [
                    _data_clove(to_hash, message_id, expires_s, payload)
                    for message_id, payload in zip(ids, payloads, strict=False)
                ]
                bodies = self._seal_elgamal(
                    remote, static, cloves, expires_s, now, asks=asks, with_lease_set=with_lease_set
                )
            else:
                blocks = [
                    (write_data_head(to_hash, message_id, expires_s, len(payload)), payload)
                    for message_id, payload in zip(ids, payloads, strict=False)
                ] or [(b"", b"")]
                bodies = self._seal(
                    remote, static, blocks, expires_s, now, asks=asks, with_lease_set=with_lease_set
                )
        except (DecodeError, LocalError):
            self._stats.malformed += 1
            return
        self._stats.messages_out += count
        remote.sent_at = now
        paths = self._paths(remote, (lease, tunnel), now)
        start = 0
        for number, size in remote.spread.shares(count):
            lease, tunnel = paths[number]
            gateway, tunnel_id = lease.gateway, lease.tunnel_id
            end = start + size
            deliveries = [
                (_TUNNEL, gateway, tunnel_id, make_standard(_GARLIC, message_id, expires_ms, body))
                for message_id, body in zip(
                    ids[count + start : count + end], bodies[start:end], strict=True
                )
            ]
            start = end
            tunnel.send(deliveries, now)

    def _seal(
        self,
        remote: Remote,
        static: bytes,
        blocks: list[tuple[bytes, bytes]],
        expires_s: int,
        now: float,
        *,
        asks: bool,
        with_lease_set: bool,
    ) -> list[bytes]:
        """Garlic bodies for ``blocks``; the first carries our lease set where it is due."""
        ratchet, offers, kind = self._ratchet, self._offers, remote.crypto_type
        sealed: list[bytes] = []
        start = 0
        while start < len(blocks):
            is_new = ratchet.next_kind(static, now) == MessageKind.NEW_SESSION
            has_offer = with_lease_set and (is_new or offers.is_due(remote, now))
            if not (has_offer or is_new or asks):
                break
            own = self._own.current
            data = b"".join(blocks[start])
            ack_key = None
            if asks or is_new:  # a new session is answered in any case
                ack_key = self._mark | NO_LEASE_SET
                asks = False
                remote.note_question(now)
            if has_offer and own is not None and offers.may_know(remote, now):
                data = write_clove(self._store_clove(own, expires_s)) + data
                ack_key = self._mark | self._own.published_s
                offers.note(remote, now)
            sealed.append(ratchet.seal_body(static, data, now, ack_key, kind))
            start += 1
        if start < len(blocks):
            sealed += ratchet.seal_bodies(static, blocks[start:] if start else blocks, now, kind)
        return sealed

    def _seal_elgamal(
        self,
        remote: Remote,
        static: bytes,
        messages: list[Clove],
        expires_s: int,
        now: float,
        *,
        asks: bool,
        with_lease_set: bool,
    ) -> list[bytes]:
        """As :meth:`_seal`, for a remote that has nothing but ElGamal: one body a message."""
        elgamal, offers = self._elgamal, self._offers
        public = elgamal.public
        own = None if public is None else self._own.for_elgamal(public)
        path = None if own is None else self._reply_path(own)
        bodies = []
        for cloves in [[message] for message in messages] or [[]]:
            ack_key = None
            is_new = elgamal.is_new(static)
            if asks or is_new:
                ack_key = self._mark | NO_LEASE_SET
                asks = False
                remote.note_question(now)
            is_due = is_new or offers.is_due(remote, now)
            if with_lease_set and is_due and own is not None and offers.may_know(remote, now):
                cloves.insert(0, self._store_clove(own, expires_s))
                ack_key = self._mark | self._own.published_s
                offers.note(remote, now)
            body = elgamal.seal(static, cloves, now, reply_path=path, ack_key=ack_key)
            bodies.append(len(body).to_bytes(4, "big") + body)
        return bodies

    def _reply_path(self, own: ClearLeaseSet) -> ReplyPath | None:
        """One of our inbound tunnels, for an acknowledgement."""
        if not own.leases:
            return None
        lease = own.leases[self._entropy.randbelow(len(own.leases))]
        return ReplyPath(lease.gateway, lease.tunnel_id)

    def _store_clove(self, own: ClearLeaseSet, expires_s: int) -> Clove:
        return Clove(
            Delivery.LOCAL,
            None,
            None,
            MessageType.DATABASE_STORE,
            int.from_bytes(self._entropy.random_bytes(4), "big"),
            expires_s,
            DatabaseStore.of_lease_set(own).write(),
        )

    def _paths(self, remote: Remote, first: Path, now: float) -> list[Path]:
        """All in use, with the one whose trial begins now; those that ended are replaced."""
        spread = remote.spread
        if not spread.is_active:
            return [first]
        wall_ms = int(self._wall.now() * 1000)
        for path in list(spread.extra):
            if not remote.is_lease_alive(path[0], wall_ms) or not self._pool.can_send_through(
                path[1], now
            ):
                spread.extra.remove(path)
                other = self._other_path(remote, [first, *spread.extra], wall_ms, now)
                if other is not None:
                    spread.extra.append(other)
        paths = [first, *spread.extra]
        if spread.wanted is not None:
            tried = self._tried(remote, paths, spread.wanted, wall_ms, now)
            if tried is None:
                spread.cannot(now)
            else:
                spread.begin(paths, now)
                remote.take(tried)
                return tried
        return paths

    def _tried(
        self, remote: Remote, paths: list[Path], trial: Trial, wall_ms: int, now: float
    ) -> list[Path] | None:
        """Other paths than these; None if there are none of the kind that is wanted."""
        if trial is Trial.NARROWER:
            return paths[1:] or None
        if trial is Trial.ALONE:
            return paths[-1:]
        other = self._other_path(remote, paths, wall_ms, now) if len(paths) < WIDTH_MAX else None
        return None if other is None else [*paths, other]

    def _other_path(
        self, remote: Remote, used: list[Path], wall_ms: int, now: float
    ) -> Path | None:
        """One that shares neither tunnel with those in use; with one lease only, that lease."""
        leases = [lease for lease, _ in used]
        tunnels = [tunnel for _, tunnel in used]
        tunnel = self._pool.pick_outbound(now, tunnels)
        lease = remote.other_lease(leases, wall_ms, self._entropy)
        if tunnel is None or (tunnel in tunnels and lease is None):
            return None
        return lease or leases[0], tunnel

    def _outbound(self, remote: Remote, now: float) -> OutboundTunnel | None:
        """The remote's tunnel while it works; staying with one keeps packets in order."""
        if remote.outbound is None or not self._pool.can_send_through(remote.outbound, now):
            remote.outbound = self._pool.pick_outbound(now)
        return remote.outbound


def _data_clove(to_hash: bytes, message_id: int, expires_s: int, payload: bytes) -> Clove:
    body = len(payload).to_bytes(4, "big") + payload
    return Clove(Delivery.DESTINATION, to_hash, None, MessageType.DATA, message_id, expires_s, body)
