"""What the I2CP server needs of its owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from core.client.hosted import HostedConfig
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.io.hosted import HostedSession
from core.router.config import RouterConfig

#: Finds who is behind a name of the address books; None: nobody.
ResolveName = Callable[[str], Awaitable["bytes | BlindedTarget | Destination | None"]]

#: Finds a destination, with the options of its lease set, for a client that has no session.
#: Raises Unavailable.
SearchNetwork = Callable[
    ["bytes | BlindedTarget", float], Awaitable[tuple[Destination, Mapping[str, str]]]
]

#: Whether a user name and a password belong together.
IsUser = Callable[[str, str, str], Awaitable[bool]]


class ByteChannel(Protocol):
    """The connection of a client."""

    async def read(self, limit: int) -> bytes:
        """Bytes as they come; empty at the end. Raises Unavailable."""

    async def write(self, data: bytes) -> None:
        """Waits while much is unsent. Raises Unavailable."""


class HostRouter(Protocol):
    """What the server asks of the router."""

    config: RouterConfig

    def host(
        self, config: HostedConfig, destination: Destination, first: HostedSession | None = None
    ) -> HostedSession:
        """A destination of a client, perhaps with the tunnels of another one of it.

        Raises Unavailable ("in_use").
        """
