"""``server``: a local TCP service in I2P."""

from __future__ import annotations

from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.relay.channel import I2pStream
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.slots import Slot
from i2ptunnel.tunnels.server_base import ServerTunnel, Visitor


class PlainServer(ServerTunnel[ServerTunnelSection]):
    """Carries bytes as they are."""

    async def serve(self, stream: I2pStream, slot: Slot[Visitor]) -> None:
        """Bytes both ways, nothing else; no timeout before the first of them."""
        slot.occupy()  # who is silent may be waiting for the service
        target = await self.connect_target(stream)
        await pump(target, self.counted(stream), idle_timeout_s=self.model.idle_timeout)
