"""What accepting and dialling need of the NTCP2 driver."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from core.transport.ntcp2.commands import LinkId


class TcpDriver(Protocol):
    """See :class:`core.io.tcp.TcpTransport`."""

    def opened(self, link: LinkId, sock: socket.socket) -> None:
        """Serve a connection that has been accepted or made."""
        ...

    def schedule(self) -> None:
        """Give the router a turn soon."""
        ...

    def later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back after a time, unless the driver is stopped before."""
        ...

    def short_of_resources(self, error: OSError) -> None:
        """The system refused a descriptor, a port or memory."""
        ...
