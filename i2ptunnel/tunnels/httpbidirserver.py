"""``httpbidirserver``: a web site and an HTTP proxy that share one destination.

The sites that are visited through it see the same address as the visitors of the site. There are
no outproxies: they would learn whose they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.config.server_models import HttpBidirServerSection, HttpServerSection
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.tunnels.adapt import adapt
from i2ptunnel.tunnels.base import SessionRequest, Tunnel, TunnelContext
from i2ptunnel.tunnels.httpclient import HttpProxy
from i2ptunnel.tunnels.httpserver import HttpServer


class HttpBidirServer(Tunnel[HttpBidirServerSection]):
    """Both halves, on one session that this tunnel owns."""

    LIVE_OPTIONS = frozenset()

    def __init__(self, model: HttpBidirServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        inner = replace(context, open_session=self._lend, release_session=self._take_back)
        self.server = HttpServer(adapt(model, HttpServerSection), inner)
        self.proxy = HttpProxy(adapt(model, HttpClientSection, keys=None), inner)
        for half in (self.server, self.proxy):
            half.failed = self.failed
            half.traffic = self.traffic

    @property
    def is_ready(self) -> bool:
        """Both halves."""
        return self.server.is_ready and self.proxy.is_ready

    @property
    def connections_open(self) -> int:
        """Of both halves."""
        return self.server.connections_open + self.proxy.connections_open

    @property
    def local_end(self) -> str:
        """The proxy's listener and the server's target."""
        return f"{self.proxy.local_end} and {self.server.local_end}"

    async def start(self) -> None:
        """One session for both halves: visitors see the address that also browses."""
        self.last_error = None
        await self._open_session()
        try:
            await self.server.start()
            await self.proxy.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """The halves first; the session is given back once."""
        await self.proxy.stop()
        await self.server.stop()
        await self._release_session()

    def counters(self) -> dict[str, int]:
        """Sums of both halves, which count bytes in one place."""
        total = self.server.counters()
        for name, count in self.proxy.counters().items():
            if not name.startswith("bytes_"):  # counted once for both
                total[name] = total.get(name, 0) + count
        return total

    def status(self) -> dict[str, Any]:
        """With the first error there is: its own, the server's or the proxy's."""
        known = super().status()
        error = self.last_error or self.server.last_error or self.proxy.last_error
        return {**known, "last_error": error}

    async def _lend(self, request: SessionRequest) -> I2pSession:
        if self.session is None:
            raise Unavailable("the I2P session is closed", "closed")
        return self.session

    async def _take_back(self, session: I2pSession) -> None:
        """Nothing: :meth:`stop` gives it back."""
