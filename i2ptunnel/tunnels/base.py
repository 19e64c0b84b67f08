"""A client or server tunnel as its manager sees it, and what it is given to work with.

A tunnel is made from its model (``i2ptunnel.config.tunnel_models``) and a :class:`TunnelContext`.
``start()`` returns when the tunnel accepts local connections (client types) or serves (server
types) as soon as its session allows; it raises when that cannot work, and may then be called again.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.base.errors import LocalError
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.tunnel_models import ClientSection, ServerSection, TunnelSection
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.ports import I2pSession

ModelT = TypeVar("ModelT", bound=TunnelSection)


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


@dataclass(slots=True)
class Counters:
    """Figures of one tunnel since it was made."""

    connections: int = 0
    connections_open: int = 0
    connections_refused: int = 0
    connections_failed: int = 0
    bytes_to_i2p: int = 0
    bytes_from_i2p: int = 0
    extra: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Add one to a figure only some types have."""
        self.extra[what] = self.extra.get(what, 0) + 1

    def as_dict(self) -> dict[str, int]:
        """For ``status`` and metrics."""
        return {
            "connections": self.connections,
            "connections_open": self.connections_open,
            "connections_refused": self.connections_refused,
            "connections_failed": self.connections_failed,
            "bytes_to_i2p": self.bytes_to_i2p,
            "bytes_from_i2p": self.bytes_from_i2p,
            **self.extra,
        }


class Tunnel(ABC, Generic[ModelT]):
    """Base of all tunnel types."""

    def __init__(self, model: ModelT, context: TunnelContext) -> None:
        self.model = model
        self.context = context
        self.counters = Counters()
        #: in words for the user, without hosts or addresses; None: nothing is wrong
        self.last_error: str | None = None
        self.session: I2pSession | None = None

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
    def b32(self) -> str | None:
        """Our own address in I2P, while there is a session."""
        return self.session.destination.b32 if self.session is not None else None

    @abstractmethod
    async def start(self) -> None:
        """Raises I2PError or OSError with a sentence for the user."""

    @abstractmethod
    async def stop(self) -> None:
        """End all connections and give everything back; may be called in any state."""

    async def wait_ready(self, timeout_s: float) -> None:
        """Until :attr:`is_ready`, at most ``timeout_s``; raises Unavailable."""
        if self.session is not None:
            await self.session.wait_ready(timeout_s)

    def status(self) -> dict[str, Any]:
        """What ``status --json`` shows."""
        return {
            "name": self.name,
            "type": self.type,
            "ready": self.is_ready,
            "b32": self.b32,
            "last_error": self.last_error,
            **self.counters.as_dict(),
        }

    def _session_request(self) -> SessionRequest:
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
            self.session = await self.context.open_session(self._session_request())
        return self.session

    async def _release_session(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            await self.context.release_session(session)
