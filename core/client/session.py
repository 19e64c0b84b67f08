"""One local destination: its lease set, ratchet sessions, streams and datagrams.

The owner (the router engine) feeds what comes out of this session's inbound tunnels, calls
``run`` once after each batch, and drains ``next_event`` and ``control``. Outgoing messages leave
through the session's tunnel pool by themselves.

A packet's way out: stream packet, gzip header with ports, Data message, clove for the remote
destination, ratchet, Garlic message, outbound tunnel, gateway of one of the remote's leases.
Our lease set rides along until the remote has acknowledged it, and again after each change: a
remote that never saw it cannot answer (i2pd forgets such sessions after 3 seconds).

What always holds: a stream packet is believed to come from a destination only if the ratchet
session's key stands in a lease set signed by it; what cannot be sent is dropped and counted, the
stream layer sends it again.
"""

from __future__ import annotations

from collections import deque

from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.blinded import (
    NOT_FOUND,
    BlindedLookups,
    BlindedOutcome,
    target_in,
    why_unusable,
)
from core.client.config import SessionConfig
from core.client.events import (
    ClientStats,
    DatagramsArrived,
    Event,
    LeaseSetFound,
    ReadyChanged,
)
from core.client.outlet import LeaseSetOffers, Outlet
from core.client.own_lease_set import OwnLeaseSet
from core.client.path_watch import PathWatch
from core.client.payloads import wrap_datagram, wrap_packet
from core.client.regulars import Regulars
from core.client.remote import ACTIVE_S, STUCK_S, Remote
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.lease_set import LeaseSet2
from core.data.lease_set_layers import ClientAuthorisation
from core.data.lease_set_variants import AnyLeaseSet
from core.data.payload import PROTOCOL_STREAMING, unwrap
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.garlic.cloves import Clove, Delivery
from core.garlic.sessions import Opened, RatchetSessions
from core.i2np.database import DatabaseStore
from core.i2np.message import MessageType
from core.netdb.facade import NetDb
from core.netdb.leases import PUBLISHED_AHEAD_MAX_MS
from core.streaming.budgets import ACK_RESERVE
from core.streaming.events import PathSuspect
from core.streaming.manager import StreamManager
from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import OutboundTunnel

REMOTES_MAX = 4096
#: Clocks differ: what is dated so long before our start may still have been sent after it.
REPLAY_MARGIN_S = 5
#: A lease set of ours is of no use after this time, to whoever still has it.
LEASE_SET_LIFE_S = 660.0
_HOUSEKEEPING_S = 10.0
#: How often readiness and what remotes know of our leases are looked at while nothing changes.
_CHECK_S = 0.5


class ClientEngine:
    """See the module. ``owner`` names this session to the tunnel pool and the netDb."""

    def __init__(
        self,
        config: SessionConfig,
        keys: PrivateKeys,
        pool: TunnelPool,
        netdb: NetDb,
        wall: WallClock,
        entropy: Entropy,
        shares: FairShares | None = None,
    ) -> None:
        lasting = config.lasting
        static = X25519Key(lasting.encryption) if lasting else X25519Key.generate(entropy)
        self.config = config
        self.keys = keys
        self.owner = keys.hash
        self.pool = pool
        self.stats = ClientStats()
        self.streams = StreamManager(keys, config.streaming, wall, entropy)
        self.datagrams = DatagramManager(keys, wall)
        # The key may have been ours before: what was sent to us then must not be taken again.
        since = int(wall.now()) - REPLAY_MARGIN_S if lasting else 0
        self.ratchet = RatchetSessions(static, wall, entropy, refuse_before_s=since, shares=shares)
        self.control: list[Clove] = []
        """Messages for this session that are the router's business (netDb answers, tests)."""
        self.suspects: list[OutboundTunnel] = []
        """Tunnels through which something seems to have been lost; the router tests them."""
        self.used_netdb = False
        """Something was asked of the netDb, whose deadlines the router should look at."""
        self.is_ready = False
        self._netdb = netdb
        self._wall = wall
        self._entropy = entropy
        self.own = OwnLeaseSet(
            keys,
            static,
            config.publish,
            wall,
            entropy,
            config.encrypted,
            is_multihomed=config.is_multihomed,
        )
        self._offers = LeaseSetOffers(self.own, is_hidden=not config.publish)
        self._outlet = Outlet(pool, self.ratchet, self.own, self._offers, self.stats, wall, entropy)
        self._watch = PathWatch(
            self, self.own, self._offers, self.ratchet, self.streams, self._outlet
        )
        self._published_key: bytes | None = None
        self._is_publish_confirmed = not config.publish
        self._remotes: dict[bytes, Remote] = {}
        self._by_static: dict[bytes, Remote] = {}
        self._lookups: dict[int, Remote] = {}
        self._blinded = BlindedLookups(netdb, self.owner, wall)
        self._wanted: set[bytes | BlindedTarget] = set()
        self._regulars = Regulars()
        self._arrived: list[tuple[object, int, int, bytes]] = []
        self._datagrams_in: list[tuple[bytes | None, int, int, int, bytes]] = []
        self._events: deque[Event] = deque()
        self._housekeeping_at = 0.0
        self._retry_at: float | None = None
        self._troubled: set[Remote] = set()
        self._check_at = 0.0

    @property
    def destination(self) -> Destination:
        return self.keys.destination

    # What the application asks

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find the lease set of a destination hash, or one that is published encrypted.

        LeaseSetFound follows, at once if a usable one is known.
        """
        destination = target if isinstance(target, bytes) else self._blinded.destination_of(target)
        remote = None if destination is None else self._remote(destination, now)
        if remote is not None:
            remote.is_caller = False
            self._regulars.note_visit(remote.hash, now)
            if remote.static is not None and not remote.is_lease_set_old(self._wall_ms()):
                self._events.append(LeaseSetFound(target, remote.lease_set))
                return
        self._wanted.add(target)
        if isinstance(target, BlindedTarget):
            self._search(target, now)
        elif remote is not None:
            self._look_up(remote, now)

    def ping(self, remote_hash: bytes, payload: bytes, to_port: int, now: float) -> None:
        """Send an echo request; a Pong event follows, or nothing."""
        self.streams.ping(remote_hash, now, payload=payload, to_port=to_port)
        self._watch.note_datagram(self._remote(remote_hash, now), now)

    # What arrives

    def receive_garlic(self, data: bytes, now: float, tunnel_id: int = 0) -> None:
        """The data of a Garlic message that came through one of our inbound tunnels."""
        opened = self.ratchet.open_data(data, now, (self.owner, tunnel_id))
        if opened is None:
            return
        self.stats.messages_in += 1
        if not isinstance(opened, Opened):
            sender, to_hash, data, start, end = opened
            remote = self._by_static.get(sender)
            if remote is not None:
                remote.heard_at = now
                if remote.is_suspect:
                    remote.heard(now)
            if to_hash == self.owner:
                self._receive_payload(data, start, end, remote)
            return
        static, cloves, acks = opened[:3]
        for clove in cloves:
            if clove.message_type == MessageType.DATABASE_STORE and clove.kind == Delivery.LOCAL:
                self._receive_store(clove, static, now)
        # only now: the lease set that came along says whose key this is
        remote = None if static is None else self._by_static.get(static)
        if remote is not None:
            remote.heard(now)
            for acknowledged in acks:
                remote.known_lease_set_s = max(remote.known_lease_set_s, acknowledged)
                remote.failed_paths = 0  # it heard us
        for clove in cloves:
            kind = clove.message_type
            if kind == MessageType.DATA:
                if clove.kind != Delivery.DESTINATION or clove.to_hash == self.owner:
                    self._receive_data(clove.body, remote)
            elif clove.kind == Delivery.LOCAL and kind != MessageType.DATABASE_STORE:
                self.control.append(clove)

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
        if result is not None:
            self._adopt(remote, result, now)
        self._lookup_ended(remote, remote.hash, why_unusable(result))

    def leases_changed(self, now: float) -> None:
        """Our inbound tunnels are others than before."""
        self.own.tunnels_changed(now)

    def tunnels_changed(self) -> None:
        """A tunnel came or went."""
        self._check_at = 0.0

    def authorise(self, authorisation: ClientAuthorisation | None, now: float) -> None:
        """Change who may read our encrypted lease set, and publish it anew.

        Who was revoked is out as soon as the leases it knows have ended: destinations that came to
        us until then are told no new ones, they have to look for them like everybody else.
        LocalError if the lease set is not encrypted.
        """
        self.own.authorise(authorisation, now)
        self._offers.callers_cut_at = now + LEASE_SET_LIFE_S

    def publish_confirmed(self) -> None:
        """A floodfill holds our lease set."""
        self._check_at = 0.0
        self._is_publish_confirmed = True

    def republish(self, now: float) -> None:
        """The published lease set gets old."""
        self.own.due_at = now

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: what is dated is made anew."""
        self.own.due_at = now
        self._check_at = self._housekeeping_at = 0.0
        ratchet = self.ratchet
        ratchet.refuse_before_s = min(ratchet.refuse_before_s, self._wall_ms() // 1000)
        for remote in self._remotes.values():
            remote.clock_changed(self._wall_ms() + PUBLISHED_AHEAD_MAX_MS)

    # The engine's turn

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""
        if self._datagrams_in:
            datagrams, self._datagrams_in = self._datagrams_in, []
            for mailbox in self.datagrams.receive_datagrams(datagrams):
                self._events.append(DatagramsArrived(mailbox))
        if self._arrived:
            batch, self._arrived = self._arrived, []
            self.streams.receive_packets(batch, now)
        deadline = self.streams.next_timer()
        if deadline is not None and deadline <= now:
            self.streams.handle_timer(now)
        self.ratchet.handle_timer(now)
        if self.own.due_at is not None and self.own.due_at <= now:
            self._renew_lease_set(now)
        self._drain_streams(now)
        self._send_packets(now)
        self._send_due_replies(now)
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + _HOUSEKEEPING_S
            self._keep_house(now)
        if now >= self._check_at:
            self._check_at = now + _CHECK_S
            self._update_ready(now)
            self._watch.check(self._remotes.values(), now)

    def next_event(self) -> Event | None:
        """The next thing the application should know."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float:
        """When :meth:`run` has something to do without new input."""
        earliest = self._housekeeping_at
        for deadline in (
            self.streams.next_timer(),
            self.ratchet.next_timer(),
            self.own.due_at,
            self._retry_at,
            self._check_at if self._watch.is_busy or not self.is_ready else None,
        ):
            if deadline is not None and deadline < earliest:
                earliest = deadline
        return earliest

    # Inside: receiving

    def _receive_store(self, clove: Clove, static: bytes | None, now: float) -> None:
        """A lease set that came along binds the session's key to a destination."""
        try:
            store = DatabaseStore.parse(clove.body)
            if store.is_router_info:
                self.control.append(clove)
                return
            lease_set = store.lease_set()
        except DecodeError:
            self.stats.malformed += 1
            return
        if static is None or getattr(lease_set, "x25519_key", None) != static:
            self.stats.foreign_lease_set += 1
            return
        self.used_netdb = True
        if self._netdb.remember_lease_set(lease_set, self.owner, now):
            is_caller = lease_set.hash not in self._remotes
            remote = self._remote(lease_set.hash, now)
            remote.is_caller |= is_caller
            self._adopt(remote, lease_set, now)

    def _receive_data(self, body: bytes, remote: Remote | None) -> None:
        end = 4 + int.from_bytes(body[:4], "big")
        if len(body) < end:
            self.stats.malformed += 1
        else:
            self._receive_payload(body, 4, end, remote)

    def _receive_payload(self, data: bytes, start: int, end: int, remote: Remote | None) -> None:
        try:
            protocol, from_port, to_port, payload = unwrap(data, start=start, end=end)
        except DecodeError:
            self.stats.malformed += 1
            return
        source = None if remote is None else remote.hash
        if protocol == PROTOCOL_STREAMING:
            self._arrived.append((source, from_port, to_port, payload))
        else:
            self._datagrams_in.append((source, protocol, from_port, to_port, payload))

    # Inside: remotes

    def _remote(self, destination_hash: bytes, now: float) -> Remote:
        remote = self._remotes.get(destination_hash)
        if remote is None:
            if len(self._remotes) >= REMOTES_MAX:
                # Who came to us goes before whom we look for, then who was silent for longest.
                self._forget(min(self._remotes.values(), key=Remote.worth))
            remote = Remote(destination_hash, heard_at=now, since=now)
            remote.blinded = self._blinded.target_of(destination_hash)
            self._remotes[destination_hash] = remote
            known = self._netdb.get_lease_set(destination_hash, self.owner)
            if known is not None:
                self._adopt(remote, known, now)
        return remote

    def _forget(self, remote: Remote) -> None:
        self._remotes.pop(remote.hash, None)
        self._troubled.discard(remote)
        self._watch.forget(remote)
        if remote.static is not None:
            self._by_static.pop(remote.static, None)
        if remote.lookup is not None:
            self._lookups.pop(remote.lookup, None)

    def _adopt(self, remote: Remote, lease_set: object, now: float) -> None:
        static = getattr(lease_set, "x25519_key", None)
        if static is None or not isinstance(lease_set, LeaseSet2):
            return  # only ElGamal, or an encrypted lease set we cannot read
        known = remote.lease_set
        if known is not None and lease_set.published_ms < known.published_ms:
            return
        if remote.static is not None and remote.static != static:
            self._by_static.pop(remote.static, None)
            remote.known_lease_set_s = remote.offered_lease_set_s = 0
        remote.adopt(lease_set, static, now)
        self._by_static[static] = remote
        if known is not None and lease_set.published_ms > known.published_ms:
            remote.offers = remote.offered_lease_set_s = 0
            if remote.may_have_lost_us:
                self.ratchet.doubt(static, now, at_once=True)
            self.streams.path_changed(remote.hash, now)

    def is_reachable(self, remote: Remote, now: float) -> bool:
        """True if a message could be sent to it; asks for its lease set otherwise."""
        remote.begin_sending(now)
        wall_ms = self._wall_ms()
        if remote.is_lease_set_old(wall_ms):
            self._look_up(remote, now)
        return remote.static is not None and remote.choose_lease(wall_ms, self._entropy) is not None

    def _look_up(self, remote: Remote, now: float) -> None:
        if remote.lookup is not None:
            return
        self.used_netdb = True
        target = remote.blinded or target_in(remote.lease_set)
        if target is not None:
            remote.lookup = 0
            remote.blinded = target
            self._search(target, now)
            return
        remote.lookup = self._netdb.lookup_lease_set(
            remote.hash, self.owner, now, fresh=remote.lease_set is not None
        )
        self._lookups[remote.lookup] = remote

    def _search(self, target: BlindedTarget, now: float) -> None:
        self.used_netdb = True
        if not self._blinded.start(target, now):
            self._search_ended(BlindedOutcome(target, None, NOT_FOUND), now)

    def _search_ended(self, outcome: BlindedOutcome, now: float) -> None:
        """A search for an encrypted lease set ended; the destination may be new to us."""
        target, lease_set = outcome.target, outcome.lease_set
        why = outcome.why or why_unusable(lease_set)
        self.used_netdb = True
        if lease_set is not None and self._netdb.remember_lease_set(lease_set, self.owner, now):
            remote = self._remote(lease_set.hash, now)
            remote.blinded = target
            # A correspondent may have sent a newer one along in the meantime.
            newest = self._netdb.get_lease_set(lease_set.hash, self.owner)
            self._adopt(remote, newest or lease_set, now)
        for remote in self._remotes.values():
            if remote.blinded == target:
                self._lookup_ended(remote, target, why)
        self._tell(target, None, why)

    def _lookup_ended(self, remote: Remote, target: bytes | BlindedTarget, why: str) -> None:
        remote.lookup = None
        is_usable = (
            remote.static is not None
            and remote.choose_lease(self._wall_ms(), self._entropy) is not None
        )
        found = remote.lease_set if is_usable else None
        for wanted in {remote.hash, target}:
            self._tell(wanted, found, "" if is_usable else why)
        if found is None:
            self._regulars.forget(remote.hash)
            self.stats.no_lease_set += len(remote.waiting)
            remote.waiting.clear()

    def _tell(self, target: bytes | BlindedTarget, found: AnyLeaseSet | None, why: str) -> None:
        if target in self._wanted:
            self._wanted.discard(target)
            self._events.append(LeaseSetFound(target, found, why))

    # Inside: sending

    def _drain_streams(self, now: float) -> None:
        while (event := self.streams.next_event()) is not None:
            if isinstance(event, PathSuspect):
                remote = self._remotes.get(event.stream.remote_hash)
                if remote is not None:
                    self.change_path(remote, now)
                continue
            self._events.append(event)

    def change_path(self, remote: Remote, now: float) -> None:
        """What was sent to it lately did not arrive: another way, and a newer lease set."""
        if not remote.suspect_path(now):
            return
        if remote.may_have_lost_us and remote.static is not None:
            self.ratchet.doubt(remote.static, now)
        self._troubled.add(remote)
        if remote.outbound is not None:
            self.suspects.append(remote.outbound)
            remote.outbound = self.pool.pick_outbound(now, (remote.outbound,))
        remote.offers = remote.offered_lease_set_s = 0
        self._search_again(remote, now)

    def _search_again(self, remote: Remote, now: float) -> None:
        """Both sides may have lost all their tunnels: keep asking until one newer is published."""
        if remote.static is not None and now >= remote.search_at:
            remote.search_at = now + remote.next_search_s(now)
            self._look_up(remote, now)

    def _send_packets(self, now: float) -> None:
        for destination_hash, (count, round_trip_s) in self.streams.take_delivered().items():
            known = self._remotes.get(destination_hash)
            if known is not None and known.static is not None:
                known.delivered(count, round_trip_s, now)
                self.ratchet.note_delivered(known.static, count)
        for destination_hash in self.streams.remotes_to_serve():
            known = self._remotes.get(destination_hash)
            if known is not None and known.static is not None:
                self.streams.set_budget(destination_hash, self._budget(known, known.static, now))
        groups: dict[bytes, list[bytes]] = {}
        for packet in self.streams.packets_to_send(now):
            groups.setdefault(packet.remote_hash, []).append(wrap_packet(packet))
        awaited = set()
        for datagram in self.datagrams.datagrams_to_send():
            groups.setdefault(datagram.remote_hash, []).append(wrap_datagram(datagram))
            awaited.add(datagram.remote_hash)
        for destination_hash, payloads in groups.items():
            remote = self._remote(destination_hash, now)
            asks = destination_hash in awaited and self._watch.note_datagram(remote, now)
            if self.is_reachable(remote, now):
                spread = remote.spread
                spread.is_held = spread.is_active and self.streams.has_first_flight(
                    destination_hash
                )
                self._outlet.send(remote, payloads, now, asks=asks)
            else:
                remote.waiting.extend(payloads)
                self._troubled.add(remote)
        self._retry_at = None
        for destination_hash in self.streams.starved_remotes:
            known = self._remotes.get(destination_hash)
            if known is not None and known.static is not None:
                self._retry_by(now + (self.ratchet.new_session_wait(known.static, now) or STUCK_S))
        if self._troubled:
            self._help_troubled(now)

    def _help_troubled(self, now: float) -> None:
        """Remotes for which something waits, or whose paths failed, until they are well again."""
        for remote in list(self._troubled):
            if remote.waiting and self.is_reachable(remote, now):
                payloads = list(remote.waiting)
                remote.waiting.clear()
                self._outlet.send(remote, payloads, now)
            if remote.is_suspect:
                self._search_again(remote, now)
                self._retry_by(remote.search_at)
            elif not remote.waiting:
                self._troubled.discard(remote)

    def _retry_by(self, at: float) -> None:
        self._retry_at = at if self._retry_at is None else min(at, self._retry_at)

    def _budget(self, remote: Remote, static: bytes, now: float) -> int:
        """Stream packets that session and path take; a session's start has no room for acks.

        Where all that is under way may be lost, one more now and then finds out.
        """
        room = self.ratchet.can_send_existing(static, now)
        if room is not None:
            room = min(room, remote.under_way_max - self.streams.in_flight(remote.hash))
            return max(room, ACK_RESERVE + 1) if remote.is_stuck(now) else max(room, 0)
        room = self.ratchet.can_send(static, now)
        return room + ACK_RESERVE if room else 0

    def _send_due_replies(self, now: float) -> None:
        for static in self.ratchet.replies_due(now):
            remote = self._by_static.get(static)
            if remote is not None and self.is_reachable(remote, now):
                self._outlet.send(remote, [], now)

    # Inside: our lease set

    def _renew_lease_set(self, now: float) -> None:
        lease_set = self.own.build(self.pool.live_inbound(now), now)
        if lease_set is None:
            return
        self._check_at = 0.0
        self._watch.lease_set_renewed(self._remotes.values(), now)
        if not self.config.publish:
            return
        self.used_netdb = True
        outer = self.own.published
        key, self._published_key = self._published_key, outer.hash if outer else None
        if key is not None and key != self._published_key:
            self._netdb.withdraw_lease_set(key)
        if outer is not None:
            self._netdb.publish_lease_set(outer, self.owner, now, is_urgent=self.own.is_urgent)

    def _keep_house(self, now: float) -> None:
        for destination_hash in self._regulars.current(now):
            remote = self._remote(destination_hash, now)
            if remote.is_lease_set_old(self._wall_ms()):
                self._look_up(remote, now)
        for remote in list(self._remotes.values()):
            is_idle = now - max(remote.heard_at, remote.sent_at) > 2 * ACTIVE_S
            if is_idle and not remote.waiting and not self.streams.has_streams(remote.hash):
                self._forget(remote)

    def _update_ready(self, now: float) -> None:
        is_ready = (
            self.own.current is not None and self._is_publish_confirmed and self.pool.is_ready(now)
        )
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._events.append(ReadyChanged(is_ready))

    def _wall_ms(self) -> int:
        return int(self._wall.now() * 1000)
