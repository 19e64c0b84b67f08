"""A foreign router in place of ours: what the application asks of a ``Router``, over I2CP.

No router of ours runs: no links, no network database, no transit. The data directory is locked all
the same, for its keys belong to one program.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from core.base.errors import Retry, Unavailable
from core.client.config import SessionConfig
from core.data.router_info import RouterInfo
from core.io.descriptors import DescriptorBudget, count_open
from core.io.files import DataDirectoryLock, check_data_directory, make_directory
from core.io.garbage import GarbageCollection
from core.io.i2cp_client import I2cpAddress, I2cpSessions
from core.io.router import Router
from core.io.session import ClientSession
from core.io.status import (
    BandwidthStatus,
    ClockStatus,
    I2cpStatus,
    LinkCounts,
    LinkedRouter,
    PortMappingStatus,
    RouterStatus,
    TrafficTotals,
    TunnelPath,
)
from core.io.tracing import RouterLog, TraceFile
from core.router.config import RouterConfig
from core.router.counters import Tree
from core.transport.bans import Ban
from core.transport.reachability_votes import ReachabilityStatus

logger = logging.getLogger("core.i2cp")


class ForeignRouter:
    """``start`` it, open sessions, ``stop`` it; all from one event loop.

    ``config``: only ``data_dir`` matters.
    """

    port = 0
    """We listen for no other router."""
    hash = b""

    def __init__(
        self, config: RouterConfig, address: I2cpAddress, trace: TraceFile | None = None
    ) -> None:
        self.config = config
        self.descriptors = DescriptorBudget.of_process()
        self._address = address
        self._trace = trace
        self._lock = DataDirectoryLock(config.data_dir)
        self._garbage = GarbageCollection()
        self._sessions = I2cpSessions(address, RouterLog(trace), self._tell)
        self._told: tuple[bool, str] | None = None
        self._started_at = 0.0
        self._is_running = False

    async def start(self) -> None:
        """Lock the data directory. Raises FileFault."""
        make_directory(self.config.data_dir)
        check_data_directory(self.config.data_dir)
        self._lock.acquire()
        self._started_at = asyncio.get_running_loop().time()
        self._is_running = True
        self._garbage.start()

    async def stop(self) -> None:
        """Close all sessions. Safe to call twice."""
        if not self._is_running:
            return
        self._is_running = False
        self._garbage.stop()
        await self._sessions.close()
        self._lock.release()
        if self._trace is not None:
            self._trace.close()

    async def open_session(self, config: SessionConfig) -> ClientSession:
        """A session, perhaps not connected yet. Unavailable ("in_use"): its destination is open."""
        return await self._sessions.open(config)

    def has_session(self, destination_hash: bytes) -> bool:
        """Whether a session of this destination is open here."""
        return any(engine.owner == destination_hash for engine in self._sessions.engines)

    def i2cp_status(self) -> I2cpStatus:
        """How the connections to the router are."""
        engines = self._sessions.engines
        connected = [one for one in engines if one.network.connection is not None]
        failures = [one.failure for one in engines if one.failure]
        return I2cpStatus(
            address=str(self._address),
            sessions=len(engines),
            connected=len(connected),
            ready=sum(engine.is_ready for engine in engines),
            version=next((one.router_version for one in engines if one.router_version), None),
            last_error=failures[0] if failures else None,
        )

    def status(self) -> RouterStatus:
        """Zeros, but for what is known of this program."""
        return RouterStatus(
            router_hash=b"",
            version="",
            published=(),
            floodfill=False,
            floodfill_why="no router of ours runs",
            reachability=ReachabilityStatus("disabled", "disabled", {}, "no router of ours runs"),
            introducers=0,
            uptime_s=asyncio.get_running_loop().time() - self._started_at,
            routers=0,
            floodfills=0,
            links=LinkCounts(0, 0, 0, 0),
            cut_off=False,
            links_inbound=0,
            links_outbound=0,
            links_evicted=0,
            links_refused={},
            descriptors=count_open(),
            descriptors_limit=self.descriptors.limit,
            exploratory_inbound=0,
            exploratory_outbound=0,
            tiers={},
            builds_started=0,
            builds_succeeded=0,
            transit_tunnels=0,
            transit_accepted=0,
            build_requests_waiting=0,
            bytes_received=0,
            bytes_sent=0,
            bandwidth=BandwidthStatus(0.0, 0.0, 0.0, 0.0, 0.0),
            clock_skew_s=0.0,
            clock=ClockStatus(0.0, None),
            port_mapping=PortMappingStatus((), None),
            i2cp=self.i2cp_status(),
        )

    def traffic(self) -> TrafficTotals:
        """Nothing: the links are the foreign router's."""
        return TrafficTotals(0, 0, 0)

    def counters(self) -> Tree:
        """Every total of the sessions: room -> counter -> its value, or label -> value."""
        return self._sessions.counters.read(self._sessions.engines)

    def linked_routers(self) -> list[LinkedRouter]:
        """None that we know."""
        return []

    def tier(self, router_hash: bytes) -> str | None:
        """No router has been measured."""
        return None

    def bans(self) -> list[Ban]:
        """None: this program refuses no router."""
        return []

    def tunnel_paths(self) -> list[TunnelPath]:
        """None that we know."""
        return []

    def routers(self) -> list[RouterInfo]:
        """None that we know."""
        return []

    @property
    def router_info(self) -> RouterInfo:
        """Raises Unavailable: there is none."""
        raise _no_router()

    def import_routers(self, infos: Iterable[RouterInfo]) -> int:
        """Raises Unavailable: there is no network database."""
        raise _no_router()

    def own_hosts(self) -> list[str]:
        """None: nobody sees this machine as a router."""
        return []

    def reconfigure(self, config: RouterConfig) -> None:
        """Nothing of it matters here."""

    async def save(self) -> None:
        """There is nothing to save."""

    def _tell(self) -> None:
        """Log that the router is there, or why it is not, once for each change."""
        status = self.i2cp_status()
        told = status.connected > 0, status.last_error or ""
        if not self._is_running or told == self._told or not status.sessions:
            return
        self._told = told
        if status.connected:
            logger.info("connected to the router at %s by I2CP", status.address)
        else:
            logger.warning("%s; it is tried again", status.last_error)


def _no_router() -> Unavailable:
    return Unavailable(
        "this program runs no router of its own: router.i2cp names another one",
        "no_router",
        Retry.NEVER,
    )


AnyRouter = Router | ForeignRouter
"""What carries the sessions of an application."""
