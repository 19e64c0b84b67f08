"""``connectclient``: a proxy that knows CONNECT only, for programs that bring their own TLS."""

from __future__ import annotations

from i2ptunnel.config.client_models import ConnectClientSection, HttpClientSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.http1 import RequestHead
from i2ptunnel.relay.http_front import Front
from i2ptunnel.tunnels.adapt import adapt
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.httpclient import HttpProxy

_CONNECT_ONLY = Page(
    405,
    "Method Not Allowed",
    "This proxy supports CONNECT only",
    "Set it as the proxy for https, and an httpclient tunnel as the one for http.",
)


class ConnectProxy(HttpProxy):
    """The CONNECT half of the eepproxy."""

    def __init__(self, model: ConnectClientSection, context: TunnelContext) -> None:
        super().__init__(adapt(model, HttpClientSection), context)

    @property
    def type(self) -> str:
        """Its own, although its model becomes that of an HTTP proxy."""
        return ConnectClientSection.TYPE

    def update(self, model: TunnelSection) -> bool:
        """Takes its own model."""
        return super().update(adapt(model, HttpClientSection))

    def can_update(self, model: TunnelSection) -> bool:
        """Takes its own model."""
        return super().can_update(adapt(model, HttpClientSection))

    async def _next_head(self, front: Front, idle_s: float) -> RequestHead | None:
        head = await super()._next_head(front, idle_s)
        if head is None or head.method == "CONNECT":
            return head
        self.counts["requests_refused"] += 1
        await front.channel.write(render(_CONNECT_ONLY, method=head.method))
        return None
