"""What a router asks of its surroundings besides other routers: the time, and a mapped port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from core.base.ports import Entropy
from core.data.ip_family import Family
from core.io.network_watch import NetworkWatch
from core.io.port_mapping import PortMappings
from core.io.time_servers import TimeServers
from core.nat.mapping import PortMapping
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.transports import mapped_slots

logger = logging.getLogger("core.io.nat")


class Surroundings:
    """Time servers, and the home router's forwarding of ``port``. ``wake``: gives a turn."""

    def __init__(
        self,
        config: RouterConfig,
        port: int,
        engine: RouterEngine,
        entropy: Entropy,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
    ) -> None:
        versions = {4: Family.IPV4, 6: Family.IPV6}
        sources = {version: config.sources.get(family) for version, family in versions.items()}
        self._engine = engine
        self._loop = loop
        self._watch = NetworkWatch(
            {4 if family is Family.IPV4 else 6: one for family, one in config.sources.items()}
        )
        self._wake = wake
        self._seen: frozenset[str] = frozenset()
        self.time_servers = TimeServers(
            config.time_servers, sources[4], entropy, engine.clock, loop, wake
        )
        self.port_mappings = PortMappings(
            config.port_mapping,
            port,
            {one: sources[one] for one, family in versions.items() if family in config.binds},
            engine.keys.mapping_secret,
            entropy,
            loop,
            self._mapping_changed,
            private=config.allow_private_addresses,
        )

    def start(self) -> None:
        """Begin to ask; holds nothing up."""
        self.time_servers.start()
        self.port_mappings.start()

    async def stop(self) -> None:
        """Ask nobody any more, and take the mapping back; a moment at most."""
        self.time_servers.stop()
        await self.port_mappings.stop()

    def check(self) -> None:
        """After each turn: the clock jumped, the machine slept, the network was away, or other
        routers see us at another address."""
        if self.time_servers.check():
            self.port_mappings.recheck()
        now = self._loop.time()
        for version in self._watch.look(now):
            logger.info("this machine is in another network now (IPv%d)", version)
            self._engine.network_changed(version == 6, now)
            self.port_mappings.recheck()
        self._engine.own.has_local(self._watch.addresses)
        seen = self._engine.own.seen
        if seen != self._seen:
            self._seen = seen
            self.port_mappings.note_seen(seen)

    def _mapping_changed(self, mapping: PortMapping) -> None:
        ports = {way: f"{one.address}:{one.port}" for way, one in mapping.external.items()}
        logger.debug("mapped: %s; not mapped: %s", ports, mapping.reason or "nothing")
        self._engine.port_mapping = mapping
        self._engine.own.mapped(mapped_slots(mapping))
        self._wake()
