"""Connecting to the first of several destinations that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import DestinationName
from i2ptunnel.relay.channel import CountedChannel
from i2ptunnel.tunnels.client_base import ClientTunnel


async def connect_any(
    tunnel: ClientTunnel[Any], destinations: Sequence[DestinationName], default_port: int = 0
) -> CountedChannel:
    """A stream of ``tunnel`` to one of them; raises the last one's Unavailable."""
    last: Unavailable | None = None
    for destination in destinations:
        try:
            address = await tunnel.context.resolver.resolve(destination.name)
        except Unavailable as error:
            tunnel.note_failure(error)
            last = error
            continue
        try:
            return await tunnel.connect(address, destination.port or default_port)
        except Unavailable as error:
            last = error
    raise last or Unavailable("no destination is set", "unknown_name")
