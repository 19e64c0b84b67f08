"""The console as a service: a listener that loads the pages when the first visitor comes.

Until then it costs a socket and a few figures every ten seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.base.errors import Unavailable
from i2ptunnel.commands import Program
from i2ptunnel.config.router_model import ConsoleSection
from i2ptunnel.console.context import Console, url_of
from i2ptunnel.console.history import STEP_S
from i2ptunnel.passwords import PasswordGuard, sealed_password
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.tls import own_server_context
from i2ptunnel.tunnels.base import end_task

if TYPE_CHECKING:
    from i2ptunnel.console.server import WebServer

CERTIFICATE_FILE = "console.pem"
_LIMITS = ListenerLimits(connections=64, connections_per_client=48)


class ConsoleService:
    """A service (:mod:`i2ptunnel.services`)."""

    def __init__(self, section: ConsoleSection, program: Program, take: Take = take_none) -> None:
        self._section = section
        self._program = program
        self.console = Console(section, program)
        self._listener = Listener(section.listen, self._serve, _LIMITS, section.allow, take=take)
        self._web: WebServer | None = None
        self._loading = asyncio.Lock()
        self._sampling: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return url_of(self._section, self._listener.port)

    async def start(self) -> None:
        """Listen; raises Unavailable or FileFault."""
        self.console.close_entry()  # of a program that was killed
        if self._section.password_file is not None:
            sealed = await asyncio.to_thread(sealed_password, self._section.password_file)
            self.console.password = PasswordGuard(sealed, time.monotonic)
        if self._section.tls:
            certificate = self._program.loaded.data_dir / CERTIFICATE_FILE
            self._listener.tls = await own_server_context(certificate, self._section.listen.host)
        self._listener.start()
        self._sampling = asyncio.create_task(self._sample(), name="console history")

    async def stop(self) -> None:
        """May be called in any state."""
        sampling, self._sampling = self._sampling, None
        await self._listener.stop()
        await end_task(sampling)
        self.console.close_entry()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach the listener any more."""
        self._listener.check()
        if self._sampling is None or self._sampling.done():
            raise Unavailable("the history of the console has ended", "closed")

    def status(self) -> dict[str, Any]:
        """Where it listens, and how many are connected."""
        return {
            "listen": str(self._section.listen),
            "connections_open": self._listener.open_connections,
            "sessions": self.console.access.open_sessions,
        }

    async def open(self) -> dict[str, Any]:
        """See :meth:`i2ptunnel.console.context.Console.open`."""
        return await self.console.open(self.url)

    async def _sample(self) -> None:
        history, program = self.console.history, self._program
        while True:
            own = program.manager.counts[0]
            transit = program.router.status().transit_tunnels
            history.sample(time.monotonic(), program.router.traffic(), own, transit)
            await asyncio.sleep(STEP_S)

    async def _serve(self, accepted: Accepted) -> None:
        # For those who come at once, the pages and their libraries are loaded once, and beside the
        # loop.
        async with self._loading:
            if self._web is None:
                make = await asyncio.to_thread(_load)
                self._web = make(self.console)
        await self._web.serve(accepted)


def _load() -> Callable[[Console], WebServer]:
    from i2ptunnel.console.server import WebServer
    from i2ptunnel.console.site import make_site
    from i2ptunnel.console.view import make_environment

    environment = make_environment()
    return lambda console: WebServer(make_site(console, environment))
