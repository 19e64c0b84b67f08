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
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from core.api import FileFault
from core.base.errors import DecodeError, I2PError, LocalError, Unavailable
from i2ptunnel.config.client_models import AuthSection, ClientSection, ListeningSection
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.server_models import ServerSection, TcpServerSection
from i2ptunnel.config.tunnel_parts import (
    EncryptedSection,
    MetaSection,
    StreamingSection,
    TunnelSection,
)
from i2ptunnel.health import Facts, State, assess_router, why_waiting_is_vain
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.activation import ActivatedSockets
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.channel import Channel, CountedChannel, I2pSession, Traffic
from i2ptunnel.text_files import first_line

ModelT = TypeVar("ModelT", bound=TunnelSection)

NOT_ENCRYPTED = EncryptedSection()
USUAL_STREAMING = StreamingSection()


class TunnelFault(I2PError):
    """A tunnel cannot start with what it was given. The message says what to do."""


@dataclass(frozen=True, slots=True)
class RestPolicy:
    """When a session may rest, in seconds without use; 0: never."""

    delay_open: bool = False
    reduce_after_s: float = 0.0
    reduce_to: int = 1
    close_after_s: float = 0.0
    new_keys: bool = False

    @property
    def is_any(self) -> bool:
        """Whether it ever rests."""
        return self.delay_open or self.reduce_after_s > 0 or self.close_after_s > 0


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Which client session a tunnel wants.

    ``keys_file`` is relative to the data directory (None: keys that are forgotten). ``is_shared``:
    the session may be used together with other tunnels of the same shape. ``publish``: others must
    be able to find it (servers), unless its lease set is ``encrypted``; only such ones can answer
    pings.
    """

    name: str
    inbound: ShapeSection
    outbound: ShapeSection
    keys_file: str | None
    is_shared: bool
    publish: bool
    rest: RestPolicy = RestPolicy()
    encrypted: EncryptedSection = NOT_ENCRYPTED
    answer_pings: bool = True
    streaming: StreamingSection = USUAL_STREAMING
    is_multihomed: bool = False
    encryption_types: tuple[int, ...] = ()
    meta: MetaSection | None = None


async def close_own_session(session: I2pSession) -> None:
    """The default for sessions that nobody shares."""
    await session.close()


def no_facts() -> Facts:
    """A router about which nothing is known, and nothing bad."""
    return Facts(routers=1, links=1)


async def wait_for_tunnels(
    session: I2pSession, facts: Callable[[], Facts], timeout_s: float
) -> None:
    """Until a session is ready, unless waiting is vain; raises Unavailable with what is wrong."""
    if session.is_ready:
        return
    vain = why_waiting_is_vain(facts())
    if vain is not None:
        raise Unavailable(f"no tunnels yet: {vain.words}", "tunnels_not_ready")
    try:
        await session.wait_ready(timeout_s)
    except Unavailable as error:
        health = assess_router(facts())
        if error.code != "tunnels_not_ready" or health.state is State.READY:
            raise
        raise Unavailable(f"no tunnels yet: {health.words}", error.code) from None


@dataclass(slots=True)
class TunnelContext:
    """What a tunnel is given.

    ``open_session`` loads or creates the keys and returns a session, perhaps not ready yet; it
    raises I2PError or OSError. Each session is given back once with ``release_session``.
    ``facts``: how the router is, for what the tunnel tells its users.
    ``own_files`` and ``own_doors`` are what must never be offered to I2P. ``budget``: the
    descriptors that all tunnels have together. ``sockets``: those that listen already.
    """

    name: str
    data_dir: Path
    open_session: Callable[[SessionRequest], Awaitable[I2pSession]]
    resolver: Resolver
    logger: logging.Logger
    release_session: Callable[[I2pSession], Awaitable[None]] = close_own_session
    facts: Callable[[], Facts] = no_facts
    own_files: OwnFiles = field(default_factory=OwnFiles)
    own_doors: OwnDoors = field(default_factory=OwnDoors)
    budget: ConnectionBudget = field(default_factory=ConnectionBudget)
    sockets: ActivatedSockets = field(default_factory=ActivatedSockets)


class Tunnel(ABC, Generic[ModelT]):
    """Base of all tunnel types."""

    #: options that take effect while the tunnel runs, without touching a connection
    LIVE_OPTIONS: ClassVar[frozenset[str]] = frozenset(("bandwidth",))
    #: whether a :meth:`fault` ends with a new start, and not by itself
    RESTARTS_ON_FAULT: ClassVar[bool] = False

    def __init__(self, model: ModelT, context: TunnelContext) -> None:
        self.model = model
        self.context = context
        self.session: I2pSession | None = None
        self.traffic = Traffic(model.bandwidth.inbound, model.bandwidth.outbound)
        #: figures since the tunnel was made: connections, connections_refused, …
        self.counts: Counter[str] = Counter()
        #: in words for the user, without hosts or addresses; None: nothing is wrong
        self.last_error: str | None = None
        #: set when a started tunnel cannot go on; cleared by ``start``
        self.failed = asyncio.Event()

    def update(self, model: ModelT) -> bool:
        """Take over changed options while running; False if that needs a new start."""
        if not self.can_update(model):
            return False
        self.model = model
        self.traffic.limit(model.bandwidth.inbound, model.bandwidth.outbound)
        self.on_update()
        return True

    def can_update(self, model: ModelT) -> bool:
        """Whether :meth:`update` would take it over."""
        changed = {
            field.name
            for field in fields(model)
            if getattr(model, field.name) != getattr(self.model, field.name)
        }
        return changed <= self.LIVE_OPTIONS

    def on_update(self) -> None:
        """The model is another one: renew what was made from the old one's live options."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self.context.name

    @property
    def type(self) -> str:
        """Its ``type`` in the configuration."""
        return self.model.TYPE

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """Whether traffic can flow now."""

    def fault(self) -> str | None:
        """What keeps a started tunnel from working whatever the router does, or None.

        In words for the user. It may go away by itself: the manager asks again and again.
        """
        return None

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
        """Our own address in I2P, while there is a session: the long one if it is encrypted."""
        if self.session is None:
            return None
        blinded = getattr(self.session, "blinded_address", None)
        return self.session.destination.b32 if blinded is None else str(blinded)

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
            **self._common_address(),
            **self.counters(),
        }

    def _common_address(self) -> dict[str, Any]:
        """What several machines have together, for ``status``."""
        common = getattr(self.session, "common_address", None)
        machines = getattr(self.session, "machines_up", None)
        if common is None or machines is None:
            return {}
        return {"meta": {"b32": common.b32, "machines_up": machines[0], "machines": machines[1]}}

    def counted(self, stream: Channel) -> CountedChannel:
        """The stream, with its bytes counted for this tunnel."""
        return CountedChannel(stream, self.traffic)

    def note_failure(self, error: Unavailable) -> None:
        """A connection did not come about."""
        self.counts["connections_failed"] += 1
        self.last_error = str(error)

    def note_slow(self) -> None:
        """A connection was broken off because the other side was too slow."""
        self.counts["connections_too_slow"] += 1

    def session_request(self) -> SessionRequest:
        """Servers are published under their own keys; clients share unless told otherwise."""
        model = self.model
        keys: str | None
        rest = RestPolicy(reduce_after_s=model.reduce_after, reduce_to=model.reduce_to)
        encrypted, answer_pings, is_multihomed, meta = NOT_ENCRYPTED, True, False, None
        if isinstance(model, ServerSection):
            is_multihomed, meta = model.multihomed, model.meta
            keys, is_shared, publish = model.keys or f"{self.name}.dat", False, True
            encrypted, answer_pings = model.encrypted, model.answer_pings
        elif isinstance(model, ClientSection):
            keys, is_shared, publish = model.keys, model.shared and model.keys is None, False
            rest = replace(
                rest,
                delay_open=model.delay_open,
                close_after_s=model.close_after,
                new_keys=model.new_keys,
            )
        else:
            raise LocalError(f"a model without session: {self.type}")
        streaming = USUAL_STREAMING
        if isinstance(model, (ListeningSection, TcpServerSection)):
            streaming = model.streaming
        return SessionRequest(
            self.name,
            model.inbound,
            model.outbound,
            keys,
            is_shared,
            publish,
            rest,
            encrypted,
            answer_pings,
            streaming,
            is_multihomed,
            model.encryption_types,
            meta,
        )

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
            password = _password_in(user.password_file)
        users[user.username] = password or ""
    return users


def _password_in(path: Path) -> str:
    try:
        line = first_line(path)
    except FileFault as fault:
        raise TunnelFault(f"password_file {path}: {fault.problem.lower()}") from None
    except DecodeError as error:
        raise TunnelFault(f"password_file {path}: {error}") from None
    if not line:
        raise TunnelFault(f"password_file {path}: the first line is empty")
    return line


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait for its end, whatever it ends with."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
