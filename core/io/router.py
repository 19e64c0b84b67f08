"""The router as a service: engine, sockets, files and timers in one asyncio loop.

One turn of the loop: the socket driver has fed a batch, the engine runs until nothing is left, the
client sessions wake whoever waits, and the driver writes each link once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace

from core.base import native
from core.base.errors import LocalError
from core.client.config import SessionConfig
from core.client.hosted import HostedConfig
from core.client.local_destination import LocalDestination
from core.crypto.signing import SigningType
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.io.alarm import Alarm
from core.io.counters import DATABASE_COUNTERS, GARBAGE_COUNTERS, TIME_COUNTERS
from core.io.database import Database
from core.io.descriptors import DescriptorBudget, count_open
from core.io.files import (
    DataDirectoryLock,
    FileFault,
    check_data_directory,
    make_directory,
    write_atomic,
)
from core.io.garbage import GarbageCollection
from core.io.hosted import HostedSession
from core.io.interfaces import complete
from core.io.last_run import off_for_s
from core.io.links import LinkDrivers
from core.io.listeners import ListenerStore
from core.io.loop import turn_meter
from core.io.machine_load import MachineLoad
from core.io.peer_records import PeerRecords
from core.io.room_log import RoomLog
from core.io.router_keys import load_keys
from core.io.session import ClientSession
from core.io.status import (
    BandwidthMeter,
    ClockStatus,
    LinkedRouter,
    RouterStatus,
    TrafficTotals,
    TunnelPath,
    count_links,
    linked_routers,
    port_mapping_status,
    published_addresses,
    tunnel_paths,
)
from core.io.stored import PROVEN_SPACE, RELIABLE_SPACE, StoredRouters, stored_port
from core.io.surroundings import Surroundings
from core.io.system import SystemEntropy, SystemWallClock
from core.io.tracing import RouterLog, TraceFile
from core.router.config import RouterConfig
from core.router.counters import CounterTree, Tree
from core.router.engine import RouterEngine
from core.router.transports import configured, own_hosts
from core.transport.bans import Ban
from core.tunnel.shape import TunnelShape

logger = logging.getLogger("core.io.router")

KEY_FILE = "router.keys"
INFO_FILE = "router.info"
DATABASE_FILE = "state.sqlite"
SAVE_INTERVAL_S = 5.0
GOODBYE_S = 0.6
SAVE_MORE_S = 0.1

Handle = ClientSession | HostedSession


class Router:
    """One I2P router. ``start`` it, open sessions, ``stop`` it; all from one event loop."""

    def __init__(
        self,
        config: RouterConfig,
        listeners: ListenerStore | None = None,
        trace: TraceFile | None = None,
    ) -> None:
        """``listeners`` keeps the listening socket over a restart, if there is such a place.

        ``trace``: where traces of links, tunnels and streams go; the router closes it.
        """
        self._trace = trace
        self.log = RouterLog(trace)
        self.config = config
        self.descriptors = DescriptorBudget.of_process()
        self._listener_store = listeners
        self._lock = DataDirectoryLock(config.data_dir)
        self._garbage = GarbageCollection()
        self._sessions: dict[LocalDestination, Handle] = {}
        self._saver: asyncio.TimerHandle | None = None
        self._written_info: bytes = b""
        self._started_at = 0.0
        self._port = 0
        self._rooms = RoomLog()
        self._is_running = False
        self._bandwidth = BandwidthMeter()

    # Life

    async def start(self) -> None:
        """Load or create the identity, listen, and begin to build tunnels.

        Raises FileFault (a damaged key file, a data directory in use) or OSError (the address).
        Nothing is left open then.
        """
        config = self.config = complete(self.config)
        self._loop = asyncio.get_running_loop()
        make_directory(config.data_dir)
        check_data_directory(config.data_dir)
        self._lock.acquire()
        try:
            self._entropy = SystemEntropy()
            self._wall = SystemWallClock()
            keys = load_keys(config.data_dir / KEY_FILE, self._entropy)
            self._own_hash = keys.hash
            off_s = off_for_s(config.data_dir, DATABASE_FILE, self._wall.now())
            self._database = Database(config.data_dir / DATABASE_FILE)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._started_at = self.now()
            port = self._port = config.port or stored_port(
                self._database, config.data_dir / INFO_FILE, self._own_hash, self._entropy
            )
            self._engine = RouterEngine(
                config,
                keys,
                port,
                self._wall,
                self._entropy,
                self._started_at,
                self.descriptors.link_limits(),
                configured(config, keys, port),
            )
            self._counters = CounterTree(self._engine)
            self._engine.observer = self.log
            self._stored = StoredRouters(self._database)
            self._engine.load_routers(self._stored.first(), self._stored.proven)
            self._engine.netdb.load_reliable(self._stored.reliable)
            self._peer_records = PeerRecords(
                config.data_dir, self._engine.peers, self._wall, self._started_at
            )
            self._peer_records.load(self._started_at)
            self._drivers = LinkDrivers(self._engine, config, self._turn)
            self._surroundings = Surroundings(
                config, port, self._engine, self._entropy, self._loop, self._drivers.schedule
            )
            self._machine_load = MachineLoad(turn_meter())
            self._alarm = Alarm(self._loop, self._drivers.schedule)
            await self._drivers.start(port, self._listener_store)
        except BaseException:
            self._database.close()
            self._lock.release()
            raise
        self._is_running = True
        logger.info("router code: %s", native.description())
        self._write_info()
        self._engine.start(self.now())
        self._stored.load_rest(lambda infos: self._engine.load_routers(infos, self._stored.proven))
        if self._engine.delay_servers(off_s, self.now()):
            logger.info(
                "the router was off for %d min: servers are published within %d s "
                "(router.server_delay)",
                off_s / 60,
                config.server_delay_s,
            )
        self._surroundings.start()
        self._saver = self._loop.call_later(SAVE_INTERVAL_S, self._save)
        self._drivers.schedule()
        self._garbage.start()

    async def stop(self) -> None:
        """Close sessions, tell peers, flush the database. Safe to call twice."""
        if not self._is_running:
            return
        for session in list(self._sessions.values()):
            await session.close()
        self._is_running = False
        self._stored.stop()
        self._garbage.stop()
        leaving = asyncio.create_task(self._surroundings.stop())
        self._engine.stop_transit()
        if self._saver is not None:
            self._saver.cancel()
        try:
            self._engine.links.shutdown(self.now())
            await self._drivers.stop(GOODBYE_S)
            await leaving
            self._alarm.cancel()
            while self._save_changes():
                pass
            await self._peer_records.save(self.now())
            self._database.close()
        finally:
            self._drivers.close()
            self._lock.release()
            if self._trace is not None:
                self._trace.close()

    # What applications use

    def now(self) -> float:
        """The loop's clock, which every engine call takes."""
        return self._loop.time()

    @property
    def hash(self) -> bytes:
        """Our router hash."""
        return self._engine.keys.hash

    @property
    def port(self) -> int:
        """Where we listen for other routers; 0 if we do not."""
        return self._port if self.config.listens_tcp or self.config.listens_udp else 0

    @property
    def router_info(self) -> RouterInfo:
        """What we publish at present."""
        return self._engine.router_info

    async def open_session(self, config: SessionConfig) -> ClientSession:
        """A client session, whose tunnels are built now. Unavailable ("in_use"): there is one."""
        if not self._is_running:
            raise LocalError("the router is not running")
        # Blinding hides a Red25519 key completely, an Ed25519 key nearly (red25519.md).
        kind = SigningType.ED25519 if config.encrypted is None else SigningType.REDDSA
        keys = config.keys or PrivateKeys.generate_destination(self._entropy, kind)
        engine = self._engine.open_client(config, keys, self.now())
        session = ClientSession(self, engine)
        self._sessions[engine] = session
        self.log.sessions[engine.owner] = config.name
        self._drivers.schedule()
        return session

    def host(
        self, config: HostedConfig, destination: Destination, first: HostedSession | None = None
    ) -> HostedSession:
        """A destination whose keys are a client's. Unavailable ("in_use"): it is open already.

        ``first``: another one of the client, whose tunnels it shares.
        """
        if not self._is_running:
            raise LocalError("the router is not running")
        sharing = None if first is None else first.engine
        engine = self._engine.host(config, destination, self.now(), sharing)
        session = HostedSession(self, engine)
        self._sessions[engine] = session
        self.log.sessions[engine.owner] = config.name
        self._drivers.schedule()
        return session

    def import_routers(self, infos: Iterable[RouterInfo]) -> int:
        """Add RouterInfos from files to the netDb; returns how many were taken."""
        count = self._engine.netdb.import_routers(infos)
        self._drivers.schedule()
        return count

    def reconfigure(self, config: RouterConfig) -> None:
        """Take other limits of bandwidth and transit, block others, hide, or be a floodfill, while
        running; the rest of ``config`` takes effect when the router is started anew."""
        self.config = replace(
            self.config,
            inbound_bytes_s=config.inbound_bytes_s,
            outbound_bytes_s=config.outbound_bytes_s,
            share=config.share,
            transit=config.transit,
            transit_tunnels_max=config.transit_tunnels_max,
            hidden=config.hidden,
            floodfill=config.floodfill,
            blocked_routers=config.blocked_routers,
            blocked_addresses=config.blocked_addresses,
        )
        self._engine.reconfigure(self.config, self.now())
        self._drivers.schedule()

    def own_hosts(self) -> list[str]:
        """The addresses under which this machine is seen, if that is known; the surest first."""
        return own_hosts(self.config, self._engine.port_mapping, self._engine.own)

    async def save(self) -> None:
        """Return when everything learned so far is on the disk."""
        while self._save_changes():
            await asyncio.sleep(0)
        await self._peer_records.save(self.now())
        await asyncio.to_thread(self._database.flush)

    def routers(self) -> list[RouterInfo]:
        """Every RouterInfo we know."""
        return list(self._engine.netdb.routers())

    def tier(self, router_hash: bytes) -> str | None:
        """Where a router stands by what we measured, a key of ``status().tiers``; None if it is
        not proven to exist."""
        peers = self._engine.peers
        return peers.tier(router_hash, self.now()).word if peers.is_proven(router_hash) else None

    def linked_routers(self) -> list[LinkedRouter]:
        """Every router with a link that stands, for display."""
        return linked_routers(self._engine.links.connected_sessions(), self.now())

    def tunnel_paths(self) -> list[TunnelPath]:
        """Every live tunnel of our own, for display; the router's own ones last."""
        sessions = ((session.name, engine) for engine, session in self._sessions.items())
        return tunnel_paths(sessions, self._engine.tunnels.exploratory, self.now())

    def bans(self) -> list[Ban]:
        """Whom the router refuses for a while, besides those whom the user has blocked."""
        return self._engine.links.bans.current(self.now())

    def traffic(self) -> TrafficTotals:
        """What the links have carried; cheap enough for every second."""
        stats = self._engine.links.stats
        transit = self._engine.tunnels.dispatcher.meter.total_bytes
        return TrafficTotals(stats.bytes_received, stats.bytes_sent, transit)

    def counters(self) -> Tree:
        """Every total since the start: room -> counter -> its value, or label -> value."""
        tree = self._counters.read()
        process = {one.name: one.read(self._database) for one in DATABASE_COUNTERS}
        process |= {one.name: one.read(self._garbage) for one in GARBAGE_COUNTERS}
        servers = self._surroundings.time_servers.client
        process |= {one.name: one.read(servers) for one in TIME_COUNTERS}
        return {**tree, "process": process}

    def status(self) -> RouterStatus:
        """How the router is."""
        engine, now = self._engine, self.now()
        exploratory = engine.tunnels.exploratory
        return RouterStatus(
            router_hash=engine.keys.hash,
            version=engine.router_info.options["router.version"],
            published=published_addresses(engine.router_info),
            floodfill=engine.router_info.is_floodfill,
            floodfill_why=engine.floodfill.why,
            reachability=engine.own.status(now),
            introducers=engine.introducer_count,
            uptime_s=now - self._started_at,
            routers=engine.netdb.router_count,
            floodfills=engine.netdb.floodfill_count,
            links=count_links(engine.links.connected_sessions()),
            cut_off=engine.links.is_cut_off,
            links_inbound=engine.links.inbound_count,
            links_outbound=engine.links.outbound_count,
            links_evicted=engine.links.stats.links_evicted,
            links_refused=dict(engine.links.stats.refused),
            descriptors=count_open(),
            descriptors_limit=self.descriptors.limit,
            exploratory_inbound=len(exploratory.live_inbound(now)) if exploratory else 0,
            exploratory_outbound=len(exploratory.live_outbound(now)) if exploratory else 0,
            tiers=engine.peers.tier_counts(now),
            builds_started=engine.tunnels.builder.started,
            builds_succeeded=engine.tunnels.builder.succeeded,
            transit_tunnels=len(engine.transit),
            transit_accepted=engine.transit.accepted,
            build_requests_waiting=len(engine.tunnels.requests),
            bytes_received=engine.links.stats.bytes_received,
            bytes_sent=engine.links.stats.bytes_sent,
            bandwidth=self._bandwidth.read(engine, now),
            clock_skew_s=round(engine.clock.skew_s(now, engine.netdb.dated_ahead_s), 3),
            port_mapping=port_mapping_status(self._surroundings.port_mappings.mapping, now),
            clock=ClockStatus(round(engine.clock.correction_s, 3), engine.clock.source),
            storage=self._database.failure,
        )

    # What sessions use

    def touch(self, engine: LocalDestination) -> None:
        """Give a session's engine a turn in this loop iteration."""
        if self._is_running:
            self._engine.touch(engine)
            self._drivers.schedule()

    def reshape_session(
        self, engine: LocalDestination, inbound: TunnelShape, outbound: TunnelShape
    ) -> None:
        """Called by ``ClientSession.reshape``."""
        self._engine.reshape_client(engine, inbound, outbound, self.now())
        self._drivers.schedule()

    def close_session(self, session: Handle, engine: LocalDestination) -> None:
        """Called by the session when it closes."""
        self._sessions.pop(engine, None)
        self._counters.keep(engine)
        self.log.sessions.pop(engine.owner, None)
        self._engine.close_client(engine, self.now())
        self._drivers.schedule()

    # The turn

    def _turn(self) -> None:
        engine = self._engine
        engine.run(self.now())
        for session in list(self._sessions.values()):
            session._drain()
        if engine.router_info.raw is not self._written_info:
            self._write_info()
        self._surroundings.check()
        self._alarm.set(engine.next_timer())

    # Disk

    def _write_info(self) -> None:
        self._written_info = self._engine.router_info.raw
        try:
            write_atomic(self.config.data_dir / INFO_FILE, self._written_info)
        except FileFault as fault:
            logger.error("%s", fault)

    def _save(self) -> None:
        self._peer_records.save_if_due(self.now())
        self._bandwidth.read(self._engine, self.now())
        self._engine.transit.machine_load = self._machine_load.read()
        delay_s = SAVE_MORE_S if self._save_changes() else SAVE_INTERVAL_S
        if self._trace is not None:
            self._trace.flush()
        if logger.isEnabledFor(logging.DEBUG):
            paths = sum(path.session is not None for path in self.tunnel_paths())
            self._rooms.tell(self.status(), sessions=len(self._sessions), client_tunnels=paths)
        self._saver = self._loop.call_later(delay_s, self._save)

    def _save_changes(self) -> bool:
        """True if there is more to save."""
        changes = self._engine.netdb.take_changes()
        self._database.save_routers(
            [(info.hash, info.published_ms, info.raw) for info in changes.stored],
            changes.removed,
        )
        proven: dict[bytes, bytes | None] = dict.fromkeys(changes.proven, b"1")
        reliable = {one: b"1" if is_so else None for one, is_so in changes.reliable.items()}
        for space, values in ((PROVEN_SPACE, proven), (RELIABLE_SPACE, reliable)):
            self._database.save_space(space, values | dict.fromkeys(changes.removed))
        return changes.has_more
