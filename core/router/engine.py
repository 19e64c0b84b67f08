"""The router as one pure object: it owns every machine and carries their events.

The socket driver feeds :class:`~core.transport.links.Links` and then calls :meth:`RouterEngine.run`
once, which works until nothing is left to do: messages from links go to the room that understands
them, tunnels hand over what came through them, client sessions send, and everything for other
routers ends up in the links again, to be written in one go.

What a message may do depends on the way it came: see "Who may say what" in docs/ARCHITECTURE.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from core.base.ports import AdjustableClock, Entropy
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.client.config import SessionConfig
from core.client.hosted import HostedConfig, HostedEngine
from core.client.local_destination import LocalDestination
from core.client.session import ClientEngine
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.garlic.router import RouterGarlic
from core.nat.mapping import PortMapping
from core.netdb.facade import NetDb
from core.netdb.ports import NetDbConfig
from core.peers.book import PeerBook
from core.router.bobs import BobSearch
from core.router.clock import ClockWatch, Dated
from core.router.config import RouterConfig
from core.router.floodfill_election import RouterFloodfill
from core.router.identity import RouterKeys
from core.router.inbox import Inbox
from core.router.netdb_events import NetDbEvents
from core.router.netdb_sender import NetDbSender
from core.router.observer import Nobody, Observer
from core.router.own_info import OwnInfo
from core.router.pending_sends import PendingSends
from core.router.ports import EXPLORATORY, LinkView, Sealer, TunnelView
from core.router.server_delay import ServerDelay
from core.router.session_opener import SessionOpener
from core.router.sessions import Sessions
from core.router.stats import RouterStats
from core.router.transports import (
    EndpointFactory,
    find_endpoint,
    introduces,
    ntcp2_only,
    own_addresses,
    reachability,
)
from core.router.tunnel_events import TunnelEvents
from core.transport import events as link_events
from core.transport.bandwidth import Bandwidth
from core.transport.blocklist import Blocklist
from core.transport.context import TransportContext
from core.transport.links import Links
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.records import LinkLimits
from core.transport.ssu2.endpoint import Ssu2Endpoint
from core.tunnel.candidates import no_asn
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.manager import TunnelManager
from core.tunnel.records import HopIdentity
from core.tunnel.selection import HopSelector
from core.tunnel.shape import TunnelShape
from core.tunnel.transit import TransitHops

logger = logging.getLogger("core.router")

ROUNDS_MAX = 100


class RouterEngine:
    """See the module. ``port``: where NTCP2 listens, 0 if it does not.

    ``make_endpoints``: the transports; by default NTCP2 alone.
    """

    def __init__(
        self,
        config: RouterConfig,
        keys: RouterKeys,
        port: int,
        wall: AdjustableClock,
        entropy: Entropy,
        now: float,
        link_limits: LinkLimits | None = None,
        make_endpoints: EndpointFactory | None = None,
    ) -> None:
        self.config = config
        self.keys = keys
        self._own_hash = keys.hash
        self.stats = RouterStats()
        self.observer: Observer = Nobody()
        self.clients = Sessions()
        self.clock = ClockWatch(wall, now)
        self.port_mapping = PortMapping()
        """What the home router forwards, it says: candidates, to be tried by others."""
        self._wall = wall
        self._entropy = entropy
        self._now = now
        self._shares = FairShares(STRANGERS_SHARE)
        self._is_published = False
        self._control_at = now
        self._bandwidth = Bandwidth(float(config.outbound_bytes_s), float(config.inbound_bytes_s))
        blocklist = Blocklist(config.blocked_routers, config.blocked_addresses)
        transport = TransportContext(
            keys.hash,
            lambda: self.router_info.raw,
            config.network_id,
            wall,
            entropy,
            self._find_router,
            link_limits or LinkLimits(),
            self._bandwidth,
            reachability(config, blocklist),
            own=own_addresses(config),
            blocklist=blocklist,
        )
        self.own = transport.own
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
                is_floodfill=bool(config.floodfill) and not config.hidden,
            ),
            wall,
            entropy,
            LinkView(self.links, lambda: self._now),
            tunnel_view,
            self._shares,
            config.asn_of,
        )
        self.netdb.set_own_router_info(self.router_info)
        self.pending_sends = PendingSends(self.links, self.netdb)
        self._bobs = BobSearch(self.ssu2, self.netdb, self.links)
        self.peers = PeerBook(is_banned=self._is_banned, was_heard=self.links.was_heard)
        dispatcher = self._dispatcher = TunnelDispatcher(
            keys.hash, wall, entropy, self._bandwidth.shared_headroom
        )
        self.transit = TransitHops(
            HopIdentity(keys.hash, keys.crypto),
            dispatcher,
            sealer,
            wall,
            entropy,
            config.transit_limits,
            is_banned=lambda router: self._is_banned(router, self._now),
            shares=self._shares,
            can_reach=self.pending_sends.can_reach,
            is_network_small=lambda: self.netdb.is_small,
        )
        self.floodfill = RouterFloodfill(
            config, self.netdb, self.links, self.transit, self.clock, now
        )
        self.own.may_introduce = introduces(config, self.floodfill.is_active)
        selector = HopSelector(
            keys.hash,
            self.netdb,
            self.peers,
            entropy,
            lambda info: self.links.can_dial(info, self._now),
            allow_private=config.allow_private_addresses,
            asn_of=config.asn_of or no_asn,
            is_barred=blocklist.blocks,
            own_family=None if config.family is None else config.family.name,
        )
        self.tunnels = TunnelManager(dispatcher, self.transit, selector, sealer, wall, entropy)
        tunnel_view.tunnels = self.tunnels
        self.netdb_sender = NetDbSender(self.tunnels, wall, entropy)
        garlic = RouterGarlic(keys.crypto, wall, self._shares)
        self.inbox = Inbox(
            garlic, self.netdb, self.tunnels, dispatcher, self.clients, wall, self.stats
        )
        self._opener = SessionOpener(
            self.tunnels, self.netdb, self.inbox, self.clients, wall, entropy, self._shares
        )
        self._tunnel_events = TunnelEvents(
            self.tunnels, self.netdb, self.peers, self.inbox, self.clients
        )
        self._netdb_events = NetDbEvents(
            self.netdb,
            self.netdb_sender,
            self.pending_sends,
            self.inbox,
            self.clients,
            self.tunnels,
            self.links,
            self.publish,
            self._send,
        )

    # What the owner asks

    def start(self, now: float) -> None:
        """Begin to build tunnels and to publish; stored RouterInfos should be loaded by now."""
        self._now = now
        self.netdb.start(now)
        self.tunnels.add_pool(
            EXPLORATORY,
            self.config.exploratory_inbound,
            self.config.exploratory_outbound,
            now,
            is_exploratory=True,
        )

    def delay_servers(self, off_s: float, now: float) -> bool:
        """The router was off for so long: whether servers wait (:class:`ServerDelay`)."""
        delay = ServerDelay(self.config.server_delay_s, off_s, now, self._entropy)
        self._opener.delay = delay
        return delay.is_on

    def load_routers(self, infos: Iterable[RouterInfo], proven: Set[bytes]) -> None:
        """Take back what an earlier run had stored; ``proven``: who was known to exist."""
        infos = list(infos)
        self.netdb.load_routers(infos, proven)
        known = [info.hash for info in infos if info.hash in proven]
        self.peers.prove(one for one in known if self.netdb.is_proven(one))

    def open_client(self, config: SessionConfig, keys: PrivateKeys, now: float) -> ClientEngine:
        """A new session; Unavailable ("in_use") if its destination is open already."""
        return self._opener.open(config, keys, now)

    def host(
        self,
        config: HostedConfig,
        destination: Destination,
        now: float,
        first: HostedEngine | None = None,
    ) -> HostedEngine:
        """A destination whose keys are a client's; Unavailable ("in_use") as above.

        ``first``: another one of the client, whose tunnels it shares.
        """
        return self._opener.host(config, destination, now, first)

    def close_client(self, client: LocalDestination, now: float) -> None:
        """Drop the session and its tunnels; closing twice does no harm."""
        self._opener.close(client, now)

    def reshape_client(
        self, client: LocalDestination, inbound: TunnelShape, outbound: TunnelShape, now: float
    ) -> None:
        """Other tunnels for a session that is open; they change as old ones end."""
        self.tunnels.reshape(client.owner, inbound, outbound, now)

    def touch(self, client: LocalDestination) -> None:
        """The application asked something of the client: it gets a turn in the next run."""
        self.clients.touch(client)

    def reconfigure(self, config: RouterConfig, now: float) -> None:
        """Take other limits of bandwidth and transit, block others, or hide; nothing else may
        differ."""
        blocked = config.blocked_routers, config.blocked_addresses
        if blocked != (self.config.blocked_routers, self.config.blocked_addresses):
            self.links.block(*blocked, now)
            self.tunnels.selector.reconsider()
        self.config = config
        self._bandwidth.configure(float(config.outbound_bytes_s), float(config.inbound_bytes_s))
        self.transit.configure(config.transit_limits)
        self._own_info.config = config
        self.floodfill.configure(config, now)
        self._note_role()
        self.own.hide(config.is_out_of_reach, now)
        self.publish(now)

    def stop_transit(self) -> None:
        """Decline new transit tunnels from now on."""
        self.transit.limits.accepts = False

    @property
    def ntcp2(self) -> Ntcp2Endpoint | None:
        """The NTCP2 transport, for its socket driver; None if there is none."""
        return find_endpoint(self.endpoints, Ntcp2Endpoint)

    @property
    def ssu2(self) -> Ssu2Endpoint | None:
        """The SSU2 transport, for its socket driver; None if there is none."""
        return find_endpoint(self.endpoints, Ssu2Endpoint)

    @property
    def introducer_count(self) -> int:
        """How many routers introduce others to us."""
        traversal = None if self.ssu2 is None else self.ssu2.traversal
        return 0 if traversal is None else traversal.introducer_count

    def network_changed(self, is_ipv6: bool, now: float) -> None:
        """This machine is behind another gateway, or has another address there."""
        self.own.votes.network_changed(is_ipv6)
        if self.ssu2 is not None and self.ssu2.traversal is not None:
            self.ssu2.traversal.network_changed(is_ipv6, now)
        self.own.refresh(now)
        self._publish_news(now)

    # The turn

    def run(self, now: float) -> None:
        """Carry everything as far as it goes."""
        self._now = now
        self.links.handle_timer(now)
        if now >= self.clock.due_at:
            self._check_clock(now)
        if now >= self._control_at:
            self._handle_timers(now)
        clients, dispatcher = self.clients, self._dispatcher
        clients.touch_due(now)
        for _ in range(ROUNDS_MAX):
            self._drain_links(now)
            if dispatcher.delivered:
                self.inbox.receive_deliveries(dispatcher.take_delivered(), now)
            if clients.touched:
                self._run_clients(now)
            self.tunnels.flush(now)
            is_busy = self._tunnel_events.drain(self.observer, now)
            is_busy |= self._netdb_events.drain(self.observer, now)
            for router_hash, messages, source in dispatcher.take_outgoing():
                self._send(router_hash, messages, now, source)
            if not (is_busy or dispatcher.delivered or clients.touched or self.links.has_events):
                break

    def next_timer(self) -> float:
        """When :meth:`run` has something to do without new input."""
        # Publishing, which moves the deadline of our own RouterInfo, moves the netDb's as well.
        if self.tunnels.is_rescheduled or self.netdb.is_rescheduled:
            # Looking at every deadline costs as much as a message.
            times = (self._own_info.due_at, self.tunnels.next_timer(), self.netdb.next_timer())
            self._control_at = min(time for time in times if time is not None)
        earliest = min(self._control_at, self.clock.due_at)
        due = self.links.next_timer()
        if due is not None and due < earliest:
            earliest = due
        return self.clients.next_timer(earliest)

    def _handle_timers(self, now: float) -> None:
        self.tunnels.handle_timer(now)
        self.netdb.handle_timer(now)
        if self._own_info.due_at <= now:
            self.publish(now)

    def publish(self, now: float) -> None:
        """Sign a new RouterInfo and give it to the floodfills."""
        known = self.netdb.router_count, self.netdb.served_lease_set_count
        self.router_info = self._own_info.sign(now, known)
        self.netdb.publish_router_info(self.router_info, now)

    def _note_role(self) -> None:
        """Whether we are a floodfill decides what we publish, and whether we introduce others."""
        self._own_info.is_elected = self.floodfill.is_active
        self.own.may_introduce = introduces(self.config, self.floodfill.is_active)

    def _publish_news(self, now: float) -> None:
        if self._own_info.has_news(now):
            self.publish(now)

    def _check_clock(self, now: float) -> None:
        dated: list[Dated] = [self.links, self.netdb, self.tunnels, self.peers, *self.clients]
        self.floodfill.note_late(now - self.clock.due_at)
        self.own.refresh(now)
        self._bobs.handle_timer(now)
        if self.clock.check(now, dated) or self._own_info.is_outdated:
            self.clients.touch_all()
            self.publish(now)
        elif self.floodfill.check(self.router_info, self._own_info.congestion.letter, now):
            self._note_role()
            self.publish(now)
        elif self._is_congestion_news(now):
            self.publish(now)
        else:
            self._publish_news(now)
        self.netdb.is_clock_wrong = self.clock.is_wrong(now)

    def _is_congestion_news(self, now: float) -> bool:
        transit = self.transit.load(now)
        load = max(transit, self.links.load)
        return self._own_info.congestion.update(load, now, refuses=transit >= 1.0)

    def _run_clients(self, now: float) -> None:
        for client in self.clients.take_touched():
            client.run(now)
            for tunnel in client.suspects:
                self.tunnels.note_suspect(tunnel, now)
            client.suspects.clear()
            if client.control:
                control, client.control = client.control, []
                for clove in control:
                    self.inbox.receive_clove(clove, client.owner, now)

    # Links

    def _is_banned(self, router_hash: bytes, now: float) -> bool:
        return self.links.bans.reason(router_hash, now) is not None

    def _find_router(self, router_hash: bytes) -> RouterInfo | None:
        return self.netdb.get_router(router_hash)

    def _drain_links(self, now: float) -> None:
        while (event := self.links.next_event()) is not None:
            if type(event) is link_events.MessagesReceived:
                if self.observer.wants_messages:
                    self.observer.on_messages(event.router_hash, event.messages, now)
                self.inbox.receive_link_messages(event.messages, event.router_hash, now)
            else:
                self._on_link_event(event, now)

    def _on_link_event(self, event: link_events.Event, now: float) -> None:
        self.observer.on_link_event(event, now)
        match event:
            case link_events.RouterInfoReceived(sender, info, flood):
                self.netdb.receive_router_info(info, sender, now, flood=flood)
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
                    self.tunnels.note_link_lost(router_hash, now)
            case link_events.PeerSilent(router_hash):
                self.peers.note_silent(router_hash, now)
                self.tunnels.note_peer_silent(router_hash, now)
                self.links.ask(now)
            case link_events.PeerFailed(router_hash):
                is_its = event.is_peers_fault
                self.peers.note_connect_failed(router_hash, now, is_peers_fault=is_its)
                self.netdb.router_failed(router_hash, now)
                self.tunnels.note_peer_failed(router_hash, now, is_peers_fault=is_its)
            case link_events.AddressesChanged():
                self.own.refresh(now)
                self._publish_news(now)
            case link_events.LinkWanted(router_hash):
                self.pending_sends.send(router_hash, [], now)
            case link_events.NetworkRestored():
                self._network_restored(now)
            case link_events.SkewMeasured(seconds, router_hash, is_outbound):
                if is_outbound:
                    self.clock.note_skew(router_hash, seconds, now)

    def _network_restored(self, now: float) -> None:
        """What failed without a network says nothing, and what was published may be lost."""
        self.peers.forgive_connect_failures()
        self.clock.doubted_at = now  # time servers may be reached again, too
        self._bobs.hurry(now)
        self.tunnels.network_restored(now)
        self.publish(now)
        for client in self.clients:
            client.republish(now)
        self.clients.touch_all()

    def _send(
        self, router_hash: bytes, messages: list[bytes], now: float, source: Source | None = None
    ) -> None:
        """``source``: the stranger's tunnel that they come out of."""
        if router_hash == self._own_hash:
            self.inbox.receive_link_messages(messages, router_hash, now)
        else:
            self.pending_sends.send(router_hash, messages, now, source)
