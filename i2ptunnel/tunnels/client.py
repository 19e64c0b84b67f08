"""``client``: a local port that is a service in I2P, for SSH, mail and whatever speaks TCP."""

from __future__ import annotations

import asyncio
from typing import Any

from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pump import pump
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.client_base import ClientTunnel
from i2ptunnel.tunnels.failover import DestinationChoice

#: programs that speak first do so at once; what they say saves a round trip in the first packet
_FIRST_WORDS_WAIT_S = 0.02


class PlainClient(ClientTunnel[ClientTunnelSection]):
    """Carries bytes as they are. Of several destinations, one that answers is used."""

    LIVE_OPTIONS = ClientTunnel.LIVE_OPTIONS | {"destination"}

    def __init__(self, model: ClientTunnelSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._choice = DestinationChoice(model.destination)

    def prepare(self) -> None:
        """Also reads client keys from files; raises TunnelFault."""
        super().prepare()
        self._choice.prepare()

    def can_update(self, model: ClientTunnelSection) -> bool:
        """Never with client keys in files, which are read at the start only."""
        has_files = any(destination.client_key_file for destination in model.destination)
        return not has_files and super().can_update(model)

    def on_update(self) -> None:
        """Other destinations start with a clean record of failures."""
        super().on_update()
        if self.model.destination != self._choice.destinations:
            self._choice = DestinationChoice(self.model.destination)

    async def serve(self, accepted: Accepted) -> None:
        """The first bytes go along with the SYN if there is one destination only."""
        accepted.establish()
        first = b""
        if len(self._choice.destinations) == 1:  # else two of them might get the same words
            first = await _first_words(accepted.channel)
        stream = await unless_lost(accepted.channel, self._choice.connect(self, initial=first))
        await pump(accepted.channel, stream, idle_timeout_s=self.model.idle_timeout)

    def status(self) -> dict[str, Any]:
        """With the state of each destination, if there are several."""
        destinations = self._choice.status()
        known = super().status()
        return {**known, "destinations": destinations} if destinations else known


async def _first_words(channel: Channel) -> bytes:
    """What a program says as soon as it is connected; empty if it waits for the other side."""
    try:
        async with asyncio.timeout(_FIRST_WORDS_WAIT_S):
            return await channel.read()
    except TimeoutError:
        return b""
