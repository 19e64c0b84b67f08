"""Names of hosts on the ordinary internet, found by the system without holding anything up.

Only for what has to leave directly, such as time servers: names of I2P never come here. The
system's resolver blocks, for half a minute if there is no network, so it runs on a thread that
nobody waits for at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

#: (address family, what ``connect`` takes)
Address = tuple[int, tuple[Any, ...]]
PENDING_MAX = 16


class Resolver:
    """Looks up one host at a time for each name; bounded."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pending: set[str] = set()

    def find(self, host: str, port: int, found: Callable[[list[Address]], None]) -> None:
        """Calls ``found`` later, in the loop, with the addresses for UDP; empty if there are none.

        Not at all if the same name is still looked for.
        """
        if host in self._pending or len(self._pending) >= PENDING_MAX:
            return
        self._pending.add(host)
        arguments = host, port, found
        threading.Thread(target=self._look_up, args=arguments, daemon=True, name="dns").start()

    def _look_up(self, host: str, port: int, found: Callable[[list[Address]], None]) -> None:
        addresses: list[Address] = []
        with contextlib.suppress(OSError, UnicodeError):
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
                addresses.append((family, address))
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._tell, host, addresses, found)

    def _tell(
        self, host: str, addresses: list[Address], found: Callable[[list[Address]], None]
    ) -> None:
        self._pending.discard(host)
        found(addresses)
