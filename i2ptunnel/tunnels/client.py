"""``client``: a local port that is a service in I2P, for SSH, mail and whatever speaks TCP."""

from __future__ import annotations

from core.base.errors import Unavailable
from i2ptunnel.config.tunnel_models import ClientTunnelSection
from i2ptunnel.relay.channel import CountedChannel
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pump import pump
from i2ptunnel.tunnels.client_base import ClientTunnel


class PlainClient(ClientTunnel[ClientTunnelSection]):
    """Carries bytes as they are. Of several destinations, the first that answers is used."""

    async def serve(self, accepted: Accepted) -> None:
        accepted.establish()
        stream = await unless_lost(accepted.channel, self._connect_any())
        await pump(accepted.channel, stream, idle_timeout_s=self.model.idle_timeout)

    async def _connect_any(self) -> CountedChannel:
        last: Unavailable | None = None
        for destination in self.model.destination:
            try:
                address = await self.context.resolver.resolve(destination.name)
            except Unavailable as error:
                self.note_failure(error)
                last = error
                continue
            try:
                return await self.connect(address, destination.port)
            except Unavailable as error:
                last = error
        raise last or Unavailable("no destination is set", "unknown_name")
