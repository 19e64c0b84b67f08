"""The I2CP interface as a service: its listener, TLS, users and names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.api import ClientSession, I2cpServer, LookupService, Router, SystemWallClock
from core.base.errors import Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from i2ptunnel.config.interfaces_model import I2cpSection
from i2ptunnel.naming_service import NamingService
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.tls import own_server_context
from i2ptunnel.sam.users import UserStore

CERTIFICATE = "i2cp.pem"
#: beside the sessions there are connections for lookups
_MORE_CONNECTIONS = 64

_log = logging.getLogger("i2ptunnel.i2cp")


@dataclass(frozen=True, slots=True)
class I2cpContext:
    """What the interface is given to work with."""

    data_dir: Path
    router: Router
    naming: NamingService
    budget: ConnectionBudget


class I2cpService:
    """One life of the service: :meth:`start` once, :meth:`stop` once."""

    def __init__(self, section: I2cpSection, context: I2cpContext, take: Take = take_none) -> None:
        self._section = section
        self._context = context
        most = section.max_sessions + _MORE_CONNECTIONS
        limits = ListenerLimits(most, most if section.listen.is_loopback else most // 2)
        self._listener = Listener(
            section.listen, self._serve, limits, budget=context.budget, take=take
        )
        self._users = UserStore(section.users, may_disable=False)
        self._lookups = LookupService(self._resolve, self._search)
        self._server = I2cpServer(
            context.router,
            SystemWallClock(),
            self._lookups,
            None if section.users is None else self._users.check,
            section.max_sessions,
        )
        self._last_end = ""

    @property
    def port(self) -> int:
        """The TCP port it listens at."""
        return self._listener.port

    async def start(self) -> None:
        """Listen; raises Unavailable, FileFault or OSError."""
        self._users.load()
        if self._section.tls:
            certificate = self._context.data_dir / CERTIFICATE
            self._listener.tls = await own_server_context(certificate, self._section.listen.host)
        self._listener.start()

    async def stop(self) -> None:
        """End all connections and sessions; may be called in any state."""
        await self._listener.stop()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach the listener any more."""
        self._listener.check()

    def status(self) -> dict[str, Any]:
        """Where it listens and what is open."""
        return {
            "listen": str(self._section.listen),
            "sessions": self._server.sessions,
            "connections_open": self._listener.open_connections,
            "lookups_refused": self._lookups.refused,
            "last_disconnect": self._last_end or None,
        }

    async def _serve(self, accepted: Accepted) -> None:
        channel = accepted.channel
        try:
            reason = await self._server.serve(channel, accepted.establish, accepted.client)
        except Unavailable:
            channel.reset()
            return
        if reason:
            # A client that tries again and again is told of once.
            level = logging.DEBUG if reason == self._last_end else logging.WARNING
            _log.log(level, "an I2CP client was disconnected: %s", reason)
            self._last_end = reason
        await channel.close()

    async def _resolve(self, name: str) -> bytes | BlindedTarget | Destination | None:
        naming = self._context.naming
        address = await naming.resolver.resolve(name)
        if address.blinded is not None:
            return address.target()
        return naming.destination_of(address.hash) or address.hash

    async def _search(
        self, target: bytes | BlindedTarget, timeout_s: float
    ) -> tuple[Destination, Mapping[str, str]]:
        async with self._context.naming.session() as lent:
            return await cast(ClientSession, lent).lookup_options(target, timeout_s)
