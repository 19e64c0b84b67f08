"""A client or server tunnel as its manager sees it, and what it is given to work with.

A tunnel is made from its model (``i2ptunnel.config.tunnel_models``) and a :class:`TunnelContext`.
``start()`` returns when the tunnel accepts local connections (client types) or serves as soon as
its session is ready (server types); it raises when that cannot work. A tunnel that cannot go on
sets ``failed`` and never restarts itself: the manager stops it and starts it again.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.base.errors import I2PError, LocalError, Unavailable
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.tunnel_models import (
    AuthSection,
    ClientSection,
    ServerSection,
    TunnelSection,
)
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.channel import Channel, CountedChannel, I2pSession, Traffic

ModelT = TypeVar("ModelT", bound=TunnelSection)

_PASSWORD_BYTES_MAX = 1024


class TunnelFault(I2PError):
    """A tunnel cannot start with what it was given. The message says what to do."""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Which client session a tunnel wants.

    ``keys_file`` is relative to the data directory (None: keys that are forgotten). ``is_shared``:
    the session may be used together with other tunnels of the same shape. ``publish``: others must
    be able to find it (servers).
    """

    name: str
    inbound: ShapeSection
    outbound: ShapeSection
    keys_file: str | None
    is_shared: bool
    publish: bool


async def close_own_session(session: I2pSession) -> None:
    """The default for sessions that nobody shares."""
    await session.close()


@dataclass(slots=True)
class TunnelContext:
    """What a tunnel is given.

    ``open_session`` loads or creates the keys and returns a session, perhaps not ready yet; it
    raises I2PError or OSError. Each session is given back once with ``release_session``.
    """

    name: str
    data_dir: Path
    open_session: Callable[[SessionRequest], Awaitable[I2pSession]]
    resolver: Resolver
    logger: logging.Logger
    release_session: Callable[[I2pSession], Awaitable[None]] = close_own_session


class Tunnel(ABC, Generic[ModelT]):
    """Base of all tunnel types."""

    def __init__(self, model: ModelT, context: TunnelContext) -> None:
        self.model = model
        self.context = context
        self.session: I2pSession | None = None
        self.traffic = Traffic()
        #: figures since the tunnel was made: connections, connections_refused, …
        self.counts: Counter[str] = Counter()
        #: in words for the user, without hosts or addresses; None: nothing is wrong
        self.last_error: str | None = None
        #: set when a started tunnel cannot go on; cleared by ``start``
        self.failed = asyncio.Event()

    @property
    def name(self) -> str:
        return self.context.name

    @property
    def type(self) -> str:
        return self.model.TYPE

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """Whether traffic can flow now."""

    @property
    @abstractmethod
    def connections_open(self) -> int:
        """Connections at this moment."""

    @property
    @abstractmethod
    def local_end(self) -> str:
        """The listener or the target, for ``status``."""

    @property
    def b32(self) -> str | None:
        """Our own address in I2P, while there is a session."""
        return self.session.destination.b32 if self.session is not None else None

    @abstractmethod
    async def start(self) -> None:
        """Raises I2PError or OSError with a sentence for the user; nothing is left open then."""

    @abstractmethod
    async def stop(self) -> None:
        """End all connections and give everything back; may be called in any state."""

    async def wait_ready(self, timeout_s: float) -> None:
        """Until the session of a started tunnel is ready; raises Unavailable."""
        if self.session is None:
            raise Unavailable("the tunnel is not started", "closed")
        await self.session.wait_ready(timeout_s)

    def counters(self) -> dict[str, int]:
        """Figures for ``status`` and metrics."""
        fixed = {
            "connections": self.counts["connections"],
            "connections_open": self.connections_open,
            "connections_refused": self.counts["connections_refused"],
            "connections_failed": self.counts["connections_failed"],
            "bytes_to_i2p": self.traffic.sent,
            "bytes_from_i2p": self.traffic.received,
        }
        return {**fixed, **{name: n for name, n in self.counts.items() if name not in fixed}}

    def status(self) -> dict[str, Any]:
        """What ``status --json`` shows."""
        return {
            "name": self.name,
            "type": self.type,
            "ready": self.is_ready,
            "local": self.local_end,
            "b32": self.b32,
            "last_error": self.last_error,
            **self.counters(),
        }

    def counted(self, stream: Channel) -> CountedChannel:
        """The stream, with its bytes counted for this tunnel."""
        return CountedChannel(stream, self.traffic)

    def note_failure(self, error: Unavailable) -> None:
        """A connection did not come about."""
        self.counts["connections_failed"] += 1
        self.last_error = str(error)

    def session_request(self) -> SessionRequest:
        """Servers are published under their own keys; clients share unless told otherwise."""
        model = self.model
        keys: str | None
        if isinstance(model, ServerSection):
            keys, is_shared, publish = model.keys or f"{self.name}.dat", False, True
        elif isinstance(model, ClientSection):
            keys, is_shared, publish = model.keys, model.shared and model.keys is None, False
        else:
            raise LocalError(f"a model without session: {self.type}")
        return SessionRequest(self.name, model.inbound, model.outbound, keys, is_shared, publish)

    async def _open_session(self) -> I2pSession:
        if self.session is None:
            self.session = await self.context.open_session(self.session_request())
        return self.session

    async def _release_session(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            await self.context.release_session(session)


def read_users(auth: tuple[AuthSection, ...]) -> dict[str, str]:
    """User name -> password, with the passwords in files read; raises TunnelFault."""
    users = {}
    for user in auth:
        password = user.password
        if user.password_file is not None:
            password = _first_line(user.password_file)
        users[user.username] = password or ""
    return users


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.read(_PASSWORD_BYTES_MAX).split(b"\n")[0].strip().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise TunnelFault(f"password_file {path}: {reason.lower()}") from None
    if not line:
        raise TunnelFault(f"password_file {path}: the first line is empty")
    return line


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait for its end, whatever it ends with."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
