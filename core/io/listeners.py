"""Where listening sockets outlive the process: what the router asks of such a place."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol


class ListenerStore(Protocol):
    """For instance systemd's descriptor store. A router that restarts is then never refused."""

    async def take(self, host: str | None, port: int) -> socket.socket | None:
        """The socket of an earlier process that listens exactly there, or None.

        All others are given up first. Without ``host`` none is wanted.
        """
        ...

    def keep(self, listeners: Sequence[socket.socket]) -> None:
        """Keep these for the next process."""
        ...
