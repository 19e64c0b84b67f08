"""One destination on this router below its payloads: tunnels, lease set, ratchet sessions, ways.

:class:`~core.client.session.ClientEngine` puts streams and datagrams on top. For I2CP, where those
are the client's, :class:`~core.client.hosted.HostedEngine` hands payloads through.

Our lease set rides along until the remote has acknowledged it, and again after each change: a
remote that never saw it cannot answer (i2pd forgets such sessions after 3 seconds).

Several destinations may share tunnels and ratchet sessions, as those of one I2CP client do: to
others they have one key. The first of them, which owns the tunnels, gets all that arrives and hands
it to the one it is for. Each has a lease set, remotes and ways of its own.

What always holds: a payload is believed to come from a destination only if the ratchet session's
key stands in a lease set signed by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.events import ClientStats, Event, ReadyChanged
from core.client.lease_publisher import LeasePublisher
from core.client.outlet import ACK_DATE_MASK, ACK_NUMBER_SHIFT, LeaseSetOffers, Outlet
from core.client.ports import LeaseSetSource, StreamPaths
from core.client.remote import Remote
from core.client.remotes import Remotes, ratchet_type
from core.client.sending import Sending
from core.crypto.elgamal import ElGamalKey
from core.data.blinded_address import BlindedTarget
from core.data.encryption_keys import EncryptionKeys
from core.garlic.cloves import Clove, Delivery
from core.garlic.elgamal_sessions import ElGamalSessions
from core.garlic.opened import RatchetCounters
from core.garlic.sessions import Opened, RatchetSessions
from core.i2np.database import DatabaseStore, DeliveryStatus
from core.i2np.message import MessageType, make_standard
from core.netdb.facade import NetDb
from core.tunnel.delivery import DeliveryKind
from core.tunnel.pool import TunnelPool

_HOUSEKEEPING_S = 10.0
#: How often readiness and what remotes know of our leases are looked at while nothing changes.
_CHECK_S = 0.5
_FOR_DESTINATIONS = (MessageType.DATA, MessageType.DATABASE_STORE)
#: What a sender may have passed back to itself: a DeliveryStatus message, wrapped once.
PASSED_BACK_BYTES_MAX = 1024


class LocalDestination:
    """See the module. ``owner`` names it to the tunnel pool and the netDb: its hash.

    ``refuse_before_s``: what was sent to us before this second is not taken.
    """

    def __init__(
        self,
        owner: bytes,
        keys: EncryptionKeys,
        own: LeaseSetSource,
        streams: StreamPaths,
        pool: TunnelPool,
        netdb: NetDb,
        wall: WallClock,
        entropy: Entropy,
        shares: FairShares | None,
        *,
        publish: bool,
        refuse_before_s: int = 0,
        stats: ClientStats | None = None,
        first: LocalDestination | None = None,
        spare_elgamal: Callable[[], ElGamalKey] | None = None,
    ) -> None:
        """``spare_elgamal``: makes the key that is told to those alone that have only ElGamal."""
        self.owner = owner
        self.pool = pool
        self.stats = ClientStats() if stats is None else stats
        self.first = self if first is None else first
        self.members: dict[bytes, LocalDestination] = {owner: self}
        """Of the first one: all that share its tunnels, by hash, itself among them."""
        self._joined = 0
        self._number = 0 if first is None else first._next_number()
        self.ratchet: RatchetSessions = (
            RatchetSessions(
                keys.ratchet, wall, entropy, refuse_before_s=refuse_before_s, shares=shares
            )
            if first is None
            else first.ratchet
        )
        self.elgamal: ElGamalSessions = (
            ElGamalSessions(wall, entropy, self.ratchet.counters, shares, spare_elgamal)
            if first is None
            else first.elgamal
        )
        if first is None:
            self.elgamal.refuse_before_s = refuse_before_s
            if keys.elgamal is not None:
                self.elgamal.use((keys.elgamal,))
        self.ratchet_counters = self.ratchet.counters if first is None else RatchetCounters()
        """Those of shared sessions count for the first destination alone."""
        self.control: list[Clove] = []
        """Messages for this session that are the router's business (netDb answers, tests)."""
        self.is_ready = False
        self._wall = wall
        self._events: deque[Event] = deque()
        self._lease_set = own
        self._offers = LeaseSetOffers(own, is_hidden=not publish)
        outlet = Outlet(
            pool,
            self.ratchet,
            self.elgamal,
            own,
            self._offers,
            self.stats,
            wall,
            entropy,
            self._number,
        )
        self._publisher = LeasePublisher(own, netdb, owner, publish=publish)
        self._remotes = Remotes(
            owner,
            netdb,
            self.ratchet,
            self.elgamal,
            streams,
            self.stats,
            self._events,
            wall,
            entropy,
        )
        self._sending = Sending(
            pool,
            self.ratchet,
            self.elgamal,
            streams,
            self._remotes,
            own,
            self._offers,
            outlet,
            entropy,
        )
        self.suspects = self._sending.suspects
        """Tunnels through which something seems to have been lost; the router tests them."""
        self._housekeeping_at = 0.0
        self._check_at = 0.0
        self.first.members[owner] = self

    @property
    def why_not_ready(self) -> str:
        """What keeps the session from carrying traffic, for the user."""
        if self.pool.lacks_peers:
            return "too few of the explicit_peers are there and can be hops"
        return "the router is still building them"

    # What is put on top

    def _take_payload(self, source: bytes | None, data: bytes, start: int, end: int) -> bool:
        """A payload arrived in ``data[start:end]``; False if it is malformed."""
        raise NotImplementedError

    def _handle_arrivals(self, now: float) -> None:
        """Handle what arrived and what is due, before our lease set is renewed."""

    def _send_payloads(self, now: float) -> None:
        """Send what there is to send, after it."""

    def _next_deadline(self) -> float | None:
        """When there is something to do above; None if never."""
        return None

    # What the application asks

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find the lease set of a destination hash, or one that is published encrypted.

        LeaseSetFound follows, at once if a usable one is known.
        """
        self._remotes.lookup(target, now)

    def note_unreachable(self, destination_hash: bytes, now: float) -> None:
        """A stream to it did not come about: the next lookup of an address that it shares with
        others brings one of these."""
        self._remotes.note_unreachable(destination_hash, now)

    def leave(self) -> None:
        """Share the tunnels of the first one no more."""
        self.first.members.pop(self.owner, None)

    def _next_number(self) -> int:
        self._joined += 1
        return self._joined

    # What arrives

    def receive_garlic(self, data: bytes, now: float, tunnel_id: int = 0) -> None:
        """The data of a Garlic message that came through one of our inbound tunnels."""
        elgamal = self.elgamal
        if elgamal.is_in_use and elgamal.is_ours(data):
            self._receive_elgamal(elgamal.open_existing(data, now), now)
            return
        opened = self.ratchet.open_data(data, now, (self.owner, tunnel_id))
        if opened is None:
            if elgamal.is_in_use:
                self._receive_elgamal(elgamal.open_new(data, now, (self.owner, tunnel_id)), now)
            return
        self.stats.messages_in += 1
        if not isinstance(opened, Opened):
            sender, to_hash, data, start, end = opened
            member = self.members.get(to_hash, self)
            remote = member._remote_of(sender, now)
            if remote is not None:
                remote.heard_at = now
                if remote.is_suspect:
                    remote.heard(now)
            if to_hash == member.owner:
                member._receive_payload(data, start, end, remote)
            return
        static, cloves, acks = opened[:3]
        targets = self._addressed(cloves, acks) if len(self.members) > 1 else [self]
        for clove in cloves:
            if clove.message_type == MessageType.DATABASE_STORE and clove.kind == Delivery.LOCAL:
                self._receive_store(clove, static, targets, now)
        for member in targets:
            member._receive_cloves(static, cloves, acks, now)
        for clove in cloves:
            kind = clove.message_type
            if clove.kind == Delivery.LOCAL and kind not in _FOR_DESTINATIONS:
                self.control.append(clove)

    def _receive_elgamal(self, cloves: Sequence[Clove] | None, now: float) -> None:
        """What came encrypted by ElGamal/AES: nothing says from whom."""
        if cloves is None:
            return
        self.stats.messages_in += 1
        targets = self._addressed(cloves, ()) if len(self.members) > 1 else [self]
        for clove in cloves:
            kind = clove.message_type
            if clove.kind == Delivery.LOCAL and kind == MessageType.DATABASE_STORE:
                self._receive_store(clove, None, targets, now)
            elif clove.kind == Delivery.LOCAL and kind == MessageType.DELIVERY_STATUS:
                self._receive_status(clove, now)
        for member in targets:
            member._receive_cloves(None, cloves, (), now)
        for clove in cloves:
            if clove.kind == Delivery.TUNNEL:
                self._pass_back(clove, now)
                break

    def _receive_status(self, clove: Clove, now: float) -> None:
        """Somebody has what we sent with ElGamal, or the router tests a tunnel."""
        try:
            status = DeliveryStatus.parse(clove.body)
        except DecodeError:
            self.stats.malformed += 1
            return
        delivered = self.elgamal.acknowledged(status.message_id, now)
        if delivered is None:
            self.control.append(clove)
            return
        for member in self.members.values():
            remote = member._remotes.by_static.get(delivered.public)
            if remote is None:
                continue
            acks = () if delivered.ack_key is None else (delivered.ack_key,)
            member._heard(remote, acks, now)

    def _pass_back(self, clove: Clove, now: float) -> None:
        """An acknowledgement for the sender of what came, through an outbound tunnel."""
        is_status = clove.message_type in (MessageType.GARLIC, MessageType.DELIVERY_STATUS)
        if not is_status or len(clove.body) > PASSED_BACK_BYTES_MAX:
            return
        tunnel = self.pool.pick_outbound(now)
        if tunnel is None or clove.to_hash is None or clove.tunnel_id is None:
            return
        ends_ms = clove.expiration_s * 1000
        message = make_standard(clove.message_type, clove.message_id, ends_ms, clove.body)
        tunnel.send([(int(DeliveryKind.TUNNEL), clove.to_hash, clove.tunnel_id, message)], now)

    def _addressed(self, cloves: Iterable[Clove], acks: Iterable[int]) -> list[LocalDestination]:
        """Whom of those that share our tunnels a message concerns; all if it does not say."""
        numbers = {ack >> ACK_NUMBER_SHIFT for ack in acks}
        hashes = {one.to_hash for one in cloves if one.kind == Delivery.DESTINATION}
        members = list(self.members.values())
        found = [one for one in members if one.owner in hashes or one._number in numbers]
        return found or members

    def _remote_of(self, static: bytes | None, now: float) -> Remote | None:
        """Whose ratchet key this is. i2pd: it tells its lease set once to all that share a key."""
        if static is None:
            return None
        remote = self._remotes.by_static.get(static)
        if remote is None and len(self.first.members) > 1:
            for member in self.first.members.values():
                known = member._remotes.by_static.get(static)
                if known is not None and known.lease_set is not None:
                    self._remotes.receive_lease_set(known.lease_set, now)
                    return self._remotes.by_static.get(static)
        return remote

    def _receive_cloves(
        self, static: bytes | None, cloves: Sequence[Clove], acks: Iterable[int], now: float
    ) -> None:
        # The lease set that came along says whose key this is.
        remote = self._remote_of(static, now)
        if remote is not None and static is not None:
            self._remotes.answer_with(remote, static)
            self._heard(remote, acks, now)
        for clove in cloves:
            if clove.message_type == MessageType.DATA and (
                clove.to_hash == self.owner
                or (clove.kind != Delivery.DESTINATION and self.first is self)
            ):
                self._receive_data(clove.body, remote)

    def _heard(self, remote: Remote, acks: Iterable[int], now: float) -> None:
        remote.heard(now)
        for acknowledged in acks:
            if acknowledged >> ACK_NUMBER_SHIFT == self._number:
                known_s = acknowledged & ACK_DATE_MASK
                remote.known_lease_set_s = max(remote.known_lease_set_s, known_s)
                remote.failed_paths = 0  # it heard us

    def lookup_finished(self, request: int, result: object, now: float) -> None:
        """The netDb's answer to a lookup of ours."""
        self._remotes.lookup_finished(request, result, now)

    def leases_changed(self, now: float) -> None:
        """Our inbound tunnels are others than before."""
        for member in self.members.values():
            member._lease_set.tunnels_changed(now)

    def tunnels_changed(self) -> None:
        """A tunnel came or went."""
        for member in self.members.values():
            member._check_at = 0.0

    def publish_confirmed(self) -> None:
        """A floodfill holds our lease set."""
        self._check_at = 0.0
        self._publisher.is_confirmed = True

    def republish(self, now: float) -> None:
        """The published lease set gets old."""
        self._lease_set.due_at = now

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: what is dated is made anew."""
        self._lease_set.due_at = now
        self._check_at = self._housekeeping_at = 0.0
        for sessions in (self.ratchet, self.elgamal):
            sessions.refuse_before_s = min(sessions.refuse_before_s, int(self._wall.now()))
        self._remotes.clock_changed()

    # The engine's turn

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""
        self._handle_arrivals(now)
        self.ratchet.handle_timer(now)
        if self._lease_set.due_at is not None and self._lease_set.due_at <= now:
            self._renew_lease_set(now)
        self._send_payloads(now)
        self._sending.help_troubled(now)
        if self.first is self:
            self._send_due_replies(now)
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + _HOUSEKEEPING_S
            self._remotes.keep_house(now)
        if now >= self._check_at:
            self._check_at = now + _CHECK_S
            self._update_ready(now)
            self._sending.watch.check(self._remotes.by_hash.values(), now)

    def next_event(self) -> Event | None:
        """The next thing the application should know."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float:
        """When :meth:`run` has something to do without new input."""
        earliest = self._housekeeping_at
        for deadline in (
            self._next_deadline(),
            self.ratchet.next_timer(),
            self._lease_set.due_at,
            self._sending.due_at,
            self._check_at if self._sending.watch.is_busy or not self.is_ready else None,
        ):
            if deadline is not None and deadline < earliest:
                earliest = deadline
        return earliest

    def _send_due_replies(self, now: float) -> None:
        """Send what the ratchet owes and nothing else has carried; who knows the remote does."""
        for static in self.ratchet.replies_due(now):
            for member in self.members.values():
                if member._sending.send_reply(static, now):
                    break

    # Inside: receiving

    def _receive_store(
        self, clove: Clove, static: bytes | None, targets: list[LocalDestination], now: float
    ) -> None:
        """A lease set that came along binds the session's key to a destination.

        For ``targets`` it is new, those of the others that know its destination keep step.
        """
        try:
            store = DatabaseStore.parse(clove.body)
            if store.is_router_info:
                self.control.append(clove)
                return
            lease_set = store.lease_set()
        except DecodeError:
            self.stats.malformed += 1
            return
        if static is None:
            # By ElGamal nobody proves anything: that of a destination which needs no more is taken.
            is_its_own = bool(getattr(lease_set, "elgamal_key", None))
        else:
            is_its_own = ratchet_type(lease_set, static) is not None
        if not is_its_own:
            self.stats.foreign_lease_set += 1
            return
        for member in self.members.values():
            if member in targets or lease_set.hash in member._remotes.by_hash:
                member._remotes.receive_lease_set(lease_set, now)

    def _receive_data(self, body: bytes, remote: Remote | None) -> None:
        end = 4 + int.from_bytes(body[:4], "big")
        if len(body) < end:
            self.stats.malformed += 1
        else:
            self._receive_payload(body, 4, end, remote)

    def _receive_payload(self, data: bytes, start: int, end: int, remote: Remote | None) -> None:
        source = None if remote is None or remote.shares_key else remote.hash
        if not self._take_payload(source, data, start, end):
            self.stats.malformed += 1

    # Inside: our lease set

    def _renew_lease_set(self, now: float) -> None:
        if self._publisher.renew(self.pool.live_inbound(now), now):
            self._check_at = 0.0
            self._sending.watch.lease_set_renewed(self._remotes.by_hash.values(), now)

    def _update_ready(self, now: float) -> None:
        is_ready = (
            self._lease_set.current is not None
            and self._publisher.is_confirmed
            and self.pool.is_ready(now)
        )
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._events.append(ReadyChanged(is_ready))
