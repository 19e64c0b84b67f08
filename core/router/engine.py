"""The router as one pure object: it owns every machine and carries their events.

The socket driver feeds :class:`~core.transport.links.Links` and then calls :meth:`RouterEngine.run`
once, which works until nothing is left to do: messages from links go to the room that understands
them, tunnels hand over what came through them, client sessions send, and everything for other
routers ends up in the links again, to be written in one go.

What a message may do depends on the way it came: see "Who may say what" in docs/ARCHITECTURE.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence, Set

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.client.config import SessionConfig
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.garlic.cloves import Clove, Delivery
from core.garlic.one_shot import OneShotKeys
from core.garlic.router import RouterGarlic
from core.i2np.database import (
    DatabaseSearchReply,
    DatabaseStore,
)
from core.i2np.message import (
    EXPIRED_GRACE_S,
    FUTURE_MAX_S,
    STANDARD_HEADER_BYTES,
    Message,
    MessageType,
    is_expired,
)
from core.netdb import events as netdb_events
from core.netdb.facade import NetDb
from core.netdb.ports import NetDbConfig
from core.peers.book import PeerBook
from core.router.clock import ClockWatch, Dated
from core.router.config import RouterConfig
from core.router.errands import Errands
from core.router.identity import RouterKeys
from core.router.inbox import Inbox
from core.router.observer import Nobody, Observer
from core.router.own_info import OwnInfo
from core.router.ports import EXPLORATORY, LinkView, Sealer, TunnelView, pool_name
from core.router.post import Post
from core.router.stats import RouterStats
from core.router.transports import EndpointFactory, ntcp2_of, ntcp2_only
from core.transport import events as link_events
from core.transport.bandwidth import Bandwidth
from core.transport.context import TransportContext
from core.transport.links import Links
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from core.tunnel import events as tunnel_events
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.manager import TunnelManager
from core.tunnel.records import HopIdentity
from core.tunnel.selection import HopSelector
from core.tunnel.shape import TunnelShape
from core.tunnel.transit import TransitHops, TransitLimits

logger = logging.getLogger("core.router")

ROUNDS_MAX = 100
GARLIC_HEADER_BYTES = STANDARD_HEADER_BYTES + 4


class RouterEngine:
    """See the module. ``port``: where NTCP2 listens, 0 if it does not.

    ``make_endpoints``: the transports; by default NTCP2 alone.
    """

    def __init__(
        self,
        config: RouterConfig,
        keys: RouterKeys,
        port: int,
        wall: WallClock,
        entropy: Entropy,
        now: float,
        link_limits: LinkLimits | None = None,
        make_endpoints: EndpointFactory | None = None,
    ) -> None:
        self.config = config
        self.keys = keys
        self.stats = RouterStats()
        self.observer: Observer = Nobody()
        self.clients: dict[bytes, ClientEngine] = {}
        self.clock = ClockWatch(wall, now)
        self._wall = wall
        self._entropy = entropy
        self._now = now
        self._one_shots: dict[object, OneShotKeys] = {EXPLORATORY: OneShotKeys()}
        self._shares = FairShares(STRANGERS_SHARE)
        self._dirty: set[ClientEngine] = set()
        self._is_published = False
        self._is_control_touched = True
        self._control_at = now
        transport = TransportContext(
            keys.hash,
            lambda: self.router_info.raw,
            config.network_id,
            wall,
            entropy,
            self._find_router,
            link_limits or LinkLimits(),
            Bandwidth(float(config.outbound_bytes_s), float(config.inbound_bytes_s)),
            Reachability(private=config.allow_private_addresses),
        )
        make_endpoints = make_endpoints or ntcp2_only(config, keys, port)
        self.endpoints = make_endpoints(transport)
        self._own_info = OwnInfo(keys, config, self.endpoints, wall, now)
        self.router_info = self._own_info.current
        self.links = Links(transport, self.endpoints)
        sealer = Sealer(wall, entropy)
        tunnel_view = TunnelView(lambda: self._now)
        self.netdb = NetDb(
            keys.hash,
            NetDbConfig(
                network_id=config.network_id,
                is_floodfill=config.floodfill,
            ),
            wall,
            entropy,
            LinkView(self.links, lambda: self._now),
            tunnel_view,
            self._shares,
        )
        self.netdb.set_own_router_info(self.router_info)
        self._post = Post(self.links, self.netdb)
        self.peers = PeerBook()
        dispatcher = TunnelDispatcher(keys.hash, wall, entropy)
        limits = TransitLimits(
            accepts=config.transit,
            tunnels_max=config.transit_tunnels_max,
            bytes_s=min(config.inbound_bytes_s, config.outbound_bytes_s) * config.share,
        )
        self.transit = TransitHops(
            HopIdentity(keys.hash, keys.crypto),
            dispatcher,
            sealer,
            wall,
            entropy,
            limits,
            is_banned=lambda router: self.links.bans.reason(router, self._now) is not None,
            shares=self._shares,
            can_reach=self._post.can_reach,
        )
        selector = HopSelector(
            keys.hash,
            self.netdb,
            self.peers,
            entropy,
            self.links.can_dial,
            allow_private=config.allow_private_addresses,
        )
        self.tunnels = TunnelManager(dispatcher, self.transit, selector, sealer, wall, entropy)
        tunnel_view.tunnels = self.tunnels
        self._errands = Errands(self.tunnels, wall, entropy)
        garlic = RouterGarlic(keys.crypto, wall, self._shares)
        self._inbox = Inbox(garlic, self.netdb, self.tunnels, wall, self.stats)

    # What the owner asks

    def start(self, now: float) -> None:
        """Begin to build tunnels and to publish; stored RouterInfos should be loaded by now."""
        self._now = now
        self._is_control_touched = True
        self.netdb.start(now)
        self.tunnels.add_pool(
            EXPLORATORY,
            self.config.exploratory_inbound,
            self.config.exploratory_outbound,
            now,
            is_exploratory=True,
        )

    def load_routers(self, infos: Iterable[RouterInfo], proven: Set[bytes]) -> None:
        """Take back what an earlier run had stored; ``proven``: who was known to exist."""
        self.netdb.load_routers(infos, proven)
        self.peers.prove(one for one in proven if self.netdb.is_proven(one))

    def open_client(self, config: SessionConfig, keys: PrivateKeys, now: float) -> ClientEngine:
        """A new client session; LocalError if its destination is open already."""
        if keys.hash in self.clients:
            raise LocalError("this destination is open already")
        self._is_control_touched = True
        order_key = config.lasting.peer_order if config.lasting else None
        pool = self.tunnels.add_pool(
            keys.hash, config.inbound, config.outbound, now, order_key=order_key
        )
        try:
            client = ClientEngine(
                config, keys, pool, self.netdb, self._wall, self._entropy, self._shares
            )
        except BaseException:
            self.tunnels.remove_pool(keys.hash, now)
            raise
        self.clients[keys.hash] = client
        self._one_shots[keys.hash] = OneShotKeys()
        self._dirty.add(client)
        return client

    def close_client(self, client: ClientEngine, now: float) -> None:
        """Drop the session and its tunnels; closing twice does no harm."""
        self._is_control_touched = True
        if self.clients.pop(client.owner, None) is None:
            return
        self._dirty.discard(client)
        del self._one_shots[client.owner]
        self.tunnels.remove_pool(client.owner, now)
        self.netdb.close_owner(client.owner)

    def reshape_client(
        self, client: ClientEngine, inbound: TunnelShape, outbound: TunnelShape, now: float
    ) -> None:
        """Other tunnels for a session that is open; they change as old ones end."""
        self._is_control_touched = True
        self.tunnels.reshape(client.owner, inbound, outbound, now)

    def touch(self, client: ClientEngine) -> None:
        """The application asked something of the client: it gets a turn in the next run."""
        self._dirty.add(client)

    def stop_transit(self) -> None:
        """Decline new transit tunnels from now on."""
        self.transit.limits.accepts = False

    @property
    def ntcp2(self) -> Ntcp2Endpoint:
        """The NTCP2 transport, for its socket driver; LocalError if there is none."""
        return ntcp2_of(self.endpoints)

    # The turn

    def run(self, now: float) -> None:
        """Carry everything as far as it goes."""
        self._now = now
        self.links.handle_timer(now)
        if now >= self.clock.due_at:
            self._check_clock(now)
        if now >= self._control_at:
            self._handle_timers(now)
        for client in self.clients.values():
            if client.next_timer() <= now:
                self._dirty.add(client)
        dispatcher = self.tunnels.dispatcher
        for _ in range(ROUNDS_MAX):
            self._drain_links(now)
            if dispatcher.delivered:
                self._drain_deliveries(now)
            if self._dirty:
                self._run_clients(now)
            self.tunnels.flush(now)
            is_busy = self._drain_tunnel_events(now) | self._drain_netdb_events(now)
            self._send_outgoing(now)
            if not (is_busy or dispatcher.delivered or self._dirty or self.links.has_events):
                break

    def next_timer(self) -> float:
        """When :meth:`run` has something to do without new input."""
        if self._is_control_touched:
            self._is_control_touched = False
            self._schedule_control()
        earliest = min(self._control_at, self.clock.due_at)
        due = self.links.next_timer()
        if due is not None and due < earliest:
            earliest = due
        for client in self.clients.values():
            deadline = client.next_timer()
            if deadline < earliest:
                earliest = deadline
        return earliest

    def _schedule_control(self) -> None:
        """Looking at every deadline costs as much as a message, so it is done after changes."""
        times = (self._own_info.due_at, self.tunnels.next_timer(), self.netdb.next_timer())
        self._control_at = min(time for time in times if time is not None)

    def _handle_timers(self, now: float) -> None:
        self._is_control_touched = True
        due = self.tunnels.next_timer()
        if due is not None and due <= now:
            self.tunnels.handle_timer(now)
        due = self.netdb.next_timer()
        if due is not None and due <= now:
            self.netdb.handle_timer(now)
        if self._own_info.due_at <= now:
            self.publish(now)

    def publish(self, now: float) -> None:
        """Sign a new RouterInfo and give it to the floodfills."""
        known = self.netdb.router_count, self.netdb.served_lease_set_count
        self.router_info = self._own_info.sign(now, known)
        self._is_control_touched = True
        self.netdb.publish_router_info(self.router_info, now)

    def _check_clock(self, now: float) -> None:
        clients = self.clients.values()
        dated: list[Dated] = [self.links, self.netdb, self.tunnels, self.peers, *clients]
        if self.clock.check(now, dated) or self._own_info.is_outdated:
            self._dirty.update(clients)
            self.publish(now)
        self.netdb.is_clock_wrong = self.clock.is_wrong(now)

    def _run_clients(self, now: float) -> None:
        dirty, self._dirty = self._dirty, set()
        for client in dirty:
            client.run(now)
            if client.used_netdb:
                client.used_netdb = False
                self._is_control_touched = True
            for tunnel in client.suspects:
                self._is_control_touched = True
                self.tunnels.note_suspect(tunnel, now)
            client.suspects.clear()
            if client.control:
                control, client.control = client.control, []
                for clove in control:
                    self._on_local_clove(clove, client.owner, now)

    # Links

    def _find_router(self, router_hash: bytes) -> RouterInfo | None:
        return self.netdb.get_router(router_hash)

    def _drain_links(self, now: float) -> None:
        while (event := self.links.next_event()) is not None:
            if type(event) is link_events.MessagesReceived:
                if self.observer.wants_messages:
                    self.observer.on_messages(event.router_hash, event.messages, now)
                self._on_link_messages(event.messages, event.router_hash, now)
            else:
                self._is_control_touched = True
                self._on_link_event(event, now)

    def _on_link_event(self, event: link_events.Event, now: float) -> None:
        self.observer.on_link_event(event, now)
        match event:
            case link_events.RouterInfoReceived(info, flood):
                self.netdb.receive_router_info(info, info.hash, now, flood=flood)
            case link_events.PeerConnected(router_hash, _, is_outbound):
                if is_outbound:
                    self.netdb.prove_router(router_hash)
                self.peers.note_connected(router_hash, now, is_outbound=is_outbound)
                self.tunnels.note_peer_connected(router_hash, now)
                if not self._is_published:
                    self._is_published = True
                    self.publish(now)
            case link_events.PeerDisconnected(router_hash, reason):
                self.peers.note_disconnected(router_hash)
                if reason != "idle_timeout":
                    self.tunnels.note_peer_failed(router_hash, now)
            case link_events.PeerFailed(router_hash):
                is_its = event.is_peers_fault
                self.peers.note_connect_failed(router_hash, now, is_peers_fault=is_its)
                self.netdb.router_failed(router_hash, now)
                self.tunnels.note_peer_failed(router_hash, now, is_peers_fault=is_its)
            case link_events.AddressesChanged():
                self.publish(now)
            case link_events.NetworkRestored():
                self._network_restored(now)
            case link_events.SkewMeasured(seconds, router_hash):
                self.clock.note_skew(router_hash, seconds, now)

    def _network_restored(self, now: float) -> None:
        """What failed without a network says nothing, and what was published may be lost."""
        self.peers.forgive_connect_failures()
        self.tunnels.network_restored(now)
        self.publish(now)
        for client in self.clients.values():
            client.republish(now)
            self._dirty.add(client)

    def _on_link_messages(self, messages: Sequence[bytes], from_router: bytes, now: float) -> None:
        tunnel_data: list[bytes] = []
        gateways: list[bytes] = []
        for message in messages:
            kind = message[:1]
            if kind == b"\x12":
                tunnel_data.append(message)
            elif kind == b"\x13":
                gateways.append(message)
            else:
                self._is_control_touched = True
                self._inbox.receive_link_message(message, from_router, now)
        dispatcher = self.tunnels.dispatcher
        if tunnel_data:
            dispatcher.receive_tunnel_data(tunnel_data, from_router, now)
        if gateways:
            wall_now = self._wall.now()
            oldest, newest = wall_now - EXPIRED_GRACE_S, wall_now + FUTURE_MAX_S
            fresh = [m for m in gateways if oldest <= int.from_bytes(m[5:9], "big") <= newest]
            self.stats.expired += len(gateways) - len(fresh)
            dispatcher.receive_tunnel_gateways(fresh, now)

    def _send(
        self,
        router_hash: bytes,
        messages: list[bytes],
        now: float,
        source: Source | None = None,
    ) -> None:
        """``source``: the stranger's tunnel that they come out of."""
        if router_hash == self.tunnels.dispatcher.router_hash:
            self._on_link_messages(messages, router_hash, now)
        elif not self._post.send(router_hash, messages, now, source):
            self._is_control_touched = True

    def _send_outgoing(self, now: float) -> None:
        dispatcher = self.tunnels.dispatcher
        if dispatcher.outgoing:
            outgoing, dispatcher.outgoing = dispatcher.outgoing, {}
            for router_hash, messages in outgoing.items():
                self._send(router_hash, messages, now)
        if dispatcher.transit_outgoing:
            transit, dispatcher.transit_outgoing = dispatcher.transit_outgoing, {}
            endpoints, dispatcher.transit_endpoints = dispatcher.transit_endpoints, {}
            for router_hash, messages in transit.items():
                source = dispatcher.source(endpoints.get(router_hash, 0))
                self._send(router_hash, messages, now, source)

    # Tunnels

    def _drain_deliveries(self, now: float) -> None:
        dispatcher = self.tunnels.dispatcher
        delivered, dispatcher.delivered = dispatcher.delivered, []
        wall_now = self._wall.now()
        oldest_ms = (wall_now - EXPIRED_GRACE_S) * 1000
        newest_ms = (wall_now + FUTURE_MAX_S) * 1000
        for owner, tunnel_id, data in delivered:
            if owner is None or data[:1] != b"\x0b" or len(data) < GARLIC_HEADER_BYTES:
                self._on_other_delivery(data, owner, tunnel_id, wall_now, now)
                continue
            # What _on_other_delivery does, for garlic to one of us: nearly everything.
            end = STANDARD_HEADER_BYTES + (data[13] << 8 | data[14])
            if end > len(data):
                self.stats.malformed += 1
            elif not oldest_ms <= int.from_bytes(data[5:13], "big") <= newest_ms:
                self.stats.expired += 1
            else:
                size = int.from_bytes(data[16:20], "big")
                garlic_end = min(end, GARLIC_HEADER_BYTES + size)
                self._on_own_garlic(data[GARLIC_HEADER_BYTES:garlic_end], owner, tunnel_id, now)

    def _on_other_delivery(
        self, data: bytes, owner: object, tunnel_id: int, wall_now: float, now: float
    ) -> None:
        try:
            message = Message.parse_standard(data)
        except DecodeError:
            self.stats.malformed += 1
            return
        if is_expired(message, wall_now):
            self.stats.expired += 1
        elif owner is not None:
            self._on_tunnel_message(message.type, message.message_id, message.body, owner, now)
        elif message.type == MessageType.GARLIC:
            self._is_control_touched = True
            self._inbox.receive_garlic(message.body, self.tunnels.dispatcher.source(tunnel_id), now)
        else:
            self.stats.forbidden += 1

    def _on_own_garlic(self, data: bytes, owner: object, tunnel_id: int, now: float) -> None:
        """Sealed for ``owner``, who has the keys of one answer or of a session."""
        one_shots = self._one_shots.get(owner)
        cloves = None if one_shots is None else one_shots.open(data, now)
        if cloves is not None:
            for clove in cloves:
                self._on_local_clove(clove, owner, now)
            return
        client = self._client(owner)
        if client is not None:
            client.receive_garlic(data, now, tunnel_id)
            self._dirty.add(client)

    def _on_local_clove(self, clove: Clove, owner: object, now: float) -> None:
        if clove.kind != Delivery.LOCAL:
            self.stats.forbidden += 1
            return
        self._on_tunnel_message(clove.message_type, clove.message_id, clove.body, owner, now)

    def _on_tunnel_message(
        self, kind: int, message_id: int, body: bytes, owner: object, now: float
    ) -> None:
        """A message that came through a tunnel of ``owner``: an answer, or not wanted."""
        netdb_owner = None if owner == EXPLORATORY else owner
        self._is_control_touched = True
        try:
            if kind == MessageType.DATABASE_STORE:
                self.netdb.receive_store(
                    DatabaseStore.parse(body), None, now, via_tunnel=True, owner=netdb_owner
                )
            elif kind == MessageType.DATABASE_SEARCH_REPLY:
                self.netdb.receive_search_reply(
                    DatabaseSearchReply.parse(body), now, owner=netdb_owner
                )
            elif kind == MessageType.DELIVERY_STATUS:
                self._inbox.receive_delivery_status(body, now)
            elif MessageType.TUNNEL_BUILD <= kind <= MessageType.SHORT_TUNNEL_BUILD_REPLY:
                self.tunnels.receive_build_message(kind, message_id, body, None, now)
            else:
                self.stats.forbidden += 1
        except DecodeError:
            self.stats.malformed += 1

    def _drain_tunnel_events(self, now: float) -> bool:
        is_busy = False
        while (event := self.tunnels.next_event()) is not None:
            is_busy = self._is_control_touched = True
            self.observer.on_tunnel_event(event, now)
            match event:
                case tunnel_events.RegisterReplyKey(owner, tag, key):
                    self._register_reply_key(owner, tag, key, now)
                case tunnel_events.LeasesChanged(owner):
                    self._on_leases_changed(owner, now)
                case tunnel_events.TunnelReady(owner) | tunnel_events.TunnelLost(owner):
                    self._on_tunnels_changed(owner)
                case tunnel_events.BuildFinished(_, _, hops, codes, elapsed_s, neighbour):
                    self.peers.note_build(hops, codes, now, neighbour, elapsed_s)
                    for router_hash, code in zip(hops, codes or (), strict=codes is not None):
                        if not code:
                            self.netdb.prove_router(router_hash)
                case tunnel_events.TunnelTested(_, hops, rtt_s):
                    self.peers.note_test(hops, rtt_s, now)
                case tunnel_events.RoutersWanted(_, wanted):
                    for router_hash in wanted:
                        self.netdb.lookup_router(router_hash, now, is_direct=False)
        return is_busy

    def _register_reply_key(self, owner: object, tag: bytes, key: bytes, now: float) -> None:
        one_shots = self._one_shots.get(owner)
        if one_shots is not None:
            one_shots.register(tag, key, now)

    def _client(self, owner: object) -> ClientEngine | None:
        """The session that an owner of tunnels or lookups is, if it is one."""
        return self.clients.get(owner) if isinstance(owner, bytes) else None

    def _on_tunnels_changed(self, owner: object) -> None:
        client = self._client(owner)
        if client is not None:
            client.tunnels_changed()
            self._dirty.add(client)

    def _on_leases_changed(self, owner: object, now: float) -> None:
        client = self._client(owner)
        if client is not None:
            client.leases_changed(now)
            self._dirty.add(client)

    # The network database

    def _drain_netdb_events(self, now: float) -> bool:
        is_busy = False
        while (event := self.netdb.next_event()) is not None:
            is_busy = self._is_control_touched = True
            self.observer.on_netdb_event(event, now)
            match event:
                case netdb_events.SendDirect(router, kind, body, source):
                    if source is None or self._post.can_reach(router, source, now):
                        self._send(router, [self._errands.direct(kind, body)], now)
                case netdb_events.SendThroughTunnel():
                    self._errands.through_tunnel(event, now)
                case netdb_events.SendToGateway():
                    if self._post.can_reach(event.gateway, event.source, now):
                        self._errands.to_gateway(event, now)
                case netdb_events.RegisterReplyKey(owner, tag, key):
                    self._register_reply_key(pool_name(owner), tag, key, now)
                case netdb_events.LookupFinished(request, _, _, owner, result):
                    client = self._client(owner)
                    if client is not None:
                        client.lookup_finished(request, result, now)
                        self._dirty.add(client)
                    else:
                        missing = self._post.looked_up(request, result is not None, now)
                        if missing is not None:
                            self.tunnels.note_peer_failed(missing, now)
                case netdb_events.PublishConfirmed(_, owner, _):
                    client = self._client(owner)
                    if client is not None:
                        client.publish_confirmed()
                        self._dirty.add(client)
                case netdb_events.RepublishDue(_, owner):
                    client = self._client(owner)
                    if client is not None:
                        client.republish(now)
                        self._dirty.add(client)
                    elif owner is None:
                        self.publish(now)
                case netdb_events.PublishFailed(_, owner, attempts):
                    logger.debug("publishing failed after %d floodfills", attempts)
        return is_busy
