"""Where the router's sockets outlive the process: what the router asks of such a place."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol


class ListenerStore(Protocol):
    """For instance systemd's descriptor store. Who calls a router that restarts is then never
    refused, and what it sends meanwhile waits for the next process."""

    async def take(
        self, hosts: Sequence[str], port: int, kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> dict[str, socket.socket]:
        """The sockets of an earlier process that are exactly there, as far as there are some.

        Those that listen, or with SOCK_DGRAM those that are bound. All others of the kind are given
        up first.
        """
        ...

    def keep(self, sockets: Sequence[socket.socket]) -> None:
        """Keep these, all of one kind, for the next process."""
        ...
