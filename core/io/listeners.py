"""Where listening sockets outlive the process: what the router asks of such a place."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol


class ListenerStore(Protocol):
    """For instance systemd's descriptor store. A router that restarts is then never refused."""

    async def take(self, hosts: Sequence[str], port: int) -> dict[str, socket.socket]:
        """The sockets of an earlier process that listen exactly there, as far as there are some.

        All others are given up first.
        """
        ...

    def keep(self, listeners: Sequence[socket.socket]) -> None:
        """Keep these for the next process."""
        ...
