"""One local destination: its lease set, ratchet sessions, streams and datagrams.

The owner (the router engine) feeds what comes out of this session's inbound tunnels, calls
``run`` once after each batch, and drains ``next_event`` and ``control``. Outgoing messages leave
through the session's tunnel pool by themselves.

Our lease set rides along until the remote has acknowledged it, and again after each change: a
remote that never saw it cannot answer (i2pd forgets such sessions after 3 seconds).

What always holds: a stream packet is believed to come from a destination only if the ratchet
session's key stands in a lease set signed by it.
"""

from __future__ import annotations

from collections import deque

from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.config import SessionConfig
from core.client.events import ClientStats, Event, ReadyChanged
from core.client.lease_publisher import LeasePublisher
from core.client.multiplexer import Multiplexer
from core.client.outlet import LeaseSetOffers, Outlet
from core.client.own_lease_set import OwnLeaseSet
from core.client.remote import Remote
from core.client.remotes import Remotes
from core.client.sending import Sending
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.lease_set_layers import ClientAuthorisation
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.garlic.cloves import Clove, Delivery
from core.garlic.sessions import Opened, RatchetSessions
from core.i2np.database import DatabaseStore
from core.i2np.message import MessageType
from core.netdb.facade import NetDb
from core.streaming.manager import StreamManager
from core.tunnel.pool import TunnelPool

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
        self.is_ready = False
        self._wall = wall
        self._events: deque[Event] = deque()
        self.own = OwnLeaseSet(
            keys,
            static,
            config.publish,
            wall,
            entropy,
            config.encrypted,
            is_multihomed=config.is_multihomed,
            said=config.lease_set_options,
        )
        self._offers = LeaseSetOffers(self.own, is_hidden=not config.publish)
        outlet = Outlet(pool, self.ratchet, self.own, self._offers, self.stats, wall, entropy)
        self._publisher = LeasePublisher(self.own, netdb, self.owner, publish=config.publish)
        self._remotes = Remotes(
            self.owner,
            netdb,
            self.ratchet,
            self.streams,
            self.stats,
            self._events,
            wall,
            entropy,
        )
        self._sending = Sending(
            pool,
            self.ratchet,
            self.streams,
            self._remotes,
            self.own,
            self._offers,
            outlet,
            entropy,
        )
        self.suspects = self._sending.suspects
        """Tunnels through which something seems to have been lost; the router tests them."""
        self._mux = Multiplexer(self.streams, self.datagrams, self._sending, self._events)
        self._housekeeping_at = 0.0
        self._check_at = 0.0

    @property
    def destination(self) -> Destination:
        """Our own public identity."""
        return self.keys.destination

    @property
    def why_not_ready(self) -> str:
        """What keeps the session from carrying traffic, for the user."""
        if self.pool.lacks_peers:
            return "too few of the explicit_peers are there and can be hops"
        return "the router is still building them"

    # What the application asks

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find the lease set of a destination hash, or one that is published encrypted.

        LeaseSetFound follows, at once if a usable one is known.
        """
        self._remotes.lookup(target, now)

    def ping(self, remote_hash: bytes, payload: bytes, to_port: int, now: float) -> None:
        """Send an echo request; a Pong event follows, or nothing."""
        self.streams.ping(remote_hash, now, payload=payload, to_port=to_port)
        self._sending.watch.note_datagram(self._remotes.get(remote_hash, now), now)

    # What arrives

    def receive_garlic(self, data: bytes, now: float, tunnel_id: int = 0) -> None:
        """The data of a Garlic message that came through one of our inbound tunnels."""
        opened = self.ratchet.open_data(data, now, (self.owner, tunnel_id))
        if opened is None:
            return
        self.stats.messages_in += 1
        if not isinstance(opened, Opened):
            sender, to_hash, data, start, end = opened
            remote = self._remotes.by_static.get(sender)
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
        remote = None if static is None else self._remotes.by_static.get(static)
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
        self._remotes.lookup_finished(request, result, now)

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
        self._publisher.is_confirmed = True

    def republish(self, now: float) -> None:
        """The published lease set gets old."""
        self.own.due_at = now

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: what is dated is made anew."""
        self.own.due_at = now
        self._check_at = self._housekeeping_at = 0.0
        ratchet = self.ratchet
        ratchet.refuse_before_s = min(ratchet.refuse_before_s, int(self._wall.now()))
        self._remotes.clock_changed()

    # The engine's turn

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""
        self._mux.handle_arrivals(now)
        self.ratchet.handle_timer(now)
        if self.own.due_at is not None and self.own.due_at <= now:
            self._renew_lease_set(now)
        self._mux.send(now)
        self._sending.help_troubled(now)
        self._sending.send_due_replies(now)
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
            self._mux.next_timer(),
            self.ratchet.next_timer(),
            self.own.due_at,
            self._sending.due_at,
            self._check_at if self._sending.watch.is_busy or not self.is_ready else None,
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
        self._remotes.receive_lease_set(lease_set, now)

    def _receive_data(self, body: bytes, remote: Remote | None) -> None:
        end = 4 + int.from_bytes(body[:4], "big")
        if len(body) < end:
            self.stats.malformed += 1
        else:
            self._receive_payload(body, 4, end, remote)

    def _receive_payload(self, data: bytes, start: int, end: int, remote: Remote | None) -> None:
        source = None if remote is None else remote.hash
        if not self._mux.receive(source, data, start, end):
            self.stats.malformed += 1

    # Inside: our lease set

    def _renew_lease_set(self, now: float) -> None:
        if self._publisher.renew(self.pool.live_inbound(now), now):
            self._check_at = 0.0
            self._sending.watch.lease_set_renewed(self._remotes.by_hash.values(), now)

    def _update_ready(self, now: float) -> None:
        is_ready = (
            self.own.current is not None
            and self._publisher.is_confirmed
            and self.pool.is_ready(now)
        )
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._events.append(ReadyChanged(is_ready))
