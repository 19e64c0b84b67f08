"""Who is told what happens in a router, and may not change it: the debug log and traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.netdb.events import Event as NetDbEvent
from core.transport.events import Event as LinkEvent
from core.tunnel.events import TunnelEvent


class Observer(Protocol):
    """See the module. All times are monotonic seconds."""

    wants_messages: bool
    """Whether :meth:`on_messages` is called: for each batch of each link."""

    def on_link_event(self, event: LinkEvent, now: float) -> None:
        """A link was made, ended, or could not be made."""

    def on_messages(self, router_hash: bytes, messages: Sequence[bytes], now: float) -> None:
        """A link brought messages."""

    def on_tunnel_event(self, event: TunnelEvent, now: float) -> None:
        """A tunnel was built, tested or lost, or could not be built."""

    def on_netdb_event(self, event: NetDbEvent, now: float) -> None:
        """A lookup or a publication ended, or something is to be sent."""


class Nobody:
    """An observer to whom it is all the same."""

    wants_messages = False

    def on_link_event(self, event: LinkEvent, now: float) -> None:
        """Nothing."""

    def on_messages(self, router_hash: bytes, messages: Sequence[bytes], now: float) -> None:
        """Nothing."""

    def on_tunnel_event(self, event: TunnelEvent, now: float) -> None:
        """Nothing."""

    def on_netdb_event(self, event: NetDbEvent, now: float) -> None:
        """Nothing."""
