"""What the SAM bridge is given to work with, and what its parts share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.api import ClientSession, SessionConfig
from core.base.ports import Entropy
from core.data.identity import Destination
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.channel import Traffic


class SessionOpener(Protocol):
    """What the bridge needs of the router."""

    async def open_session(self, config: SessionConfig) -> ClientSession:
        """A session whose tunnels are built from now on; raises I2PError.

        Unavailable ``in_use``: one of this destination is open, of whatever tunnel or program.
        """


class Naming(Protocol):
    """What the bridge needs of the address books."""

    @property
    def resolver(self) -> Resolver:
        """Turns names into addresses."""

    def destination_of(self, destination_hash: bytes) -> Destination | None:
        """The whole destination behind a hash, if an address book has it."""

    def session(self) -> AbstractAsyncContextManager[Any]:
        """Lends a ready session, for lookups of programs that have none; raises Unavailable."""


@dataclass(frozen=True, slots=True)
class SamContext:
    """``own_doors``: the listeners that nobody may be led to.

    ``is_shut_in``: the program may reach nothing on this machine and leave nothing on its disk, so
    nothing is forwarded to an address, and no session outlives the bridge.
    """

    data_dir: Path
    entropy: Entropy
    router: SessionOpener
    naming: Naming
    own_doors: Callable[[], OwnDoors] = OwnDoors
    budget: ConnectionBudget = field(default_factory=ConnectionBudget)
    is_shut_in: bool = False


@dataclass(slots=True)
class Figures:
    """Since the start, for status and metrics."""

    streams: int = 0
    """Streams that are open now."""
    streams_total: int = 0
    sessions_total: int = 0
    requests_refused: int = 0
    datagrams_sent: int = 0
    datagrams_received: int = 0
    datagrams_dropped: int = 0
    traffic: Traffic = field(default_factory=Traffic)
