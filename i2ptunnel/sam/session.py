"""One session of a program: a destination of its own, or a subsession of one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.api import ClientSession, DatagramReceiver, LastingKeys
from core.data.private_keys import PrivateKeys
from i2ptunnel.sam.protocol.requests import SessionRequest
from i2ptunnel.sam.protocol.session_options import SessionOptions
from i2ptunnel.sam.protocol.versions import WITH_PORTS, Version
from i2ptunnel.sam.streams import IncomingStreams


class Control(Protocol):
    """The control socket that a session lives and dies with."""

    async def write(self, data: bytes) -> None:
        """Lines and datagrams for the program; raises Unavailable."""

    def end(self) -> None:
        """The session has ended: close the connection."""


@dataclass(slots=True, eq=False)
class SamSession:
    """``client``: the program's address, empty for Unix sockets; ``user``: who it logged in as.

    ``control`` None: the program's connection is gone, and the session waits for it to come back
    (``i2ptunnel.resume``). ``target``: the address that datagrams are forwarded to.
    """

    request: SessionRequest
    version: Version
    client: str
    user: str
    keys: PrivateKeys
    options: SessionOptions
    parent: SamSession | None = None
    control: Control | None = None
    core: ClientSession | None = None
    target: str = ""
    incoming: IncomingStreams | None = None
    receiver: DatagramReceiver | None = None
    delivering: asyncio.Task[None] | None = None
    children: dict[str, SamSession] = field(default_factory=dict)
    used_at: float = field(default_factory=time.monotonic)
    is_closed: bool = False
    #: what it keeps over restarts besides its keys; None: it does not come back
    lasting: LastingKeys | None = field(default=None, repr=False)
    #: the connections of its streams, and of ACCEPTs that wait
    carriers: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def id(self) -> str:
        """Unique on the bridge."""
        return self.request.id

    @property
    def has_ports(self) -> bool:
        """Whether the program knows lines with ports."""
        return self.version >= WITH_PORTS

    @property
    def root(self) -> SamSession:
        """The session whose destination and control socket it has."""
        return self if self.parent is None else self.parent

    @property
    def is_orphan(self) -> bool:
        """Whether its program's control socket is gone."""
        return self.root.control is None

    @property
    def is_in_use(self) -> bool:
        """Whether it, or a subsession, has streams, or ACCEPTs that wait."""
        return bool(self.carriers) or any(child.is_in_use for child in self.children.values())
