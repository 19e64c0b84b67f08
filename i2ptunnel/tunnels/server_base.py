"""The half of a tunnel that accepts streams from I2P and connects to a local service."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from core.api import share_turn
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection, TcpServerSection
from i2ptunnel.config.tunnel_kinds import Targets, targets_of
from i2ptunnel.relay.backends import Backends
from i2ptunnel.relay.channel import I2pSession, I2pStream
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.slots import Slot, Slots
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, end_task
from i2ptunnel.tunnels.gate import Refusal, ServerGate

#: clients that are being told that they may not come in, at the same time; more are reset
_TURNED_AWAY_MAX = 64
_BUSY_RETRY_S = 10.0


@dataclass(slots=True, eq=False)
class Visitor:
    """A stream that is being served."""

    stream: I2pStream
    task: asyncio.Task[None] | None = None
    has_begun: bool = False


ServerT = TypeVar("ServerT", bound=TcpServerSection)


class ServerTunnel(Tunnel[ServerT]):
    """Base of ``server``, ``httpserver`` and ``ircserver``."""

    LIVE_OPTIONS = Tunnel.LIVE_OPTIONS | {
        "max_connections",
        "max_connections_per_client",
        "idle_timeout",
        "limits",
    }

    def __init__(self, model: ServerT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.gate = ServerGate(model, context.logger)
        target: Targets | None = getattr(model, "target", None)
        self.backends = self._make_backends(targets_of(target))
        self.port_backends = {port: self._make_backends((to,)) for port, to in model.ports}
        self._accepting: asyncio.Task[None] | None = None
        self._slots: Slots[Visitor] = Slots()
        self._turned_away = 0

    def _make_backends(self, targets: tuple[Endpoint, ...]) -> Backends:
        model = self.model
        return Backends(
            targets,
            model.target_timeout,
            model.target_tls,
            model.unique_local,
            model.health_check,
            None if model.source is None else str(model.source),
            self.context.own_doors,
            may_offer=isinstance(model, ServerTunnelSection),
        )

    @property
    def is_ready(self) -> bool:
        """Whether it accepts and its session is ready; the service behind may be down."""
        is_up = self._accepting is not None and not self._accepting.done()
        return is_up and self.session is not None and self.session.is_ready

    @property
    def connections_open(self) -> int:
        """Streams that are served or wait for a place."""
        return len(self._slots)

    @property
    def open_connections(self) -> int:
        """Each stream has a connection to the target."""
        return len(self._slots)

    @property
    def half_open_connections(self) -> int:
        """Those that are idle."""
        return self._slots.idle

    def drop_half_open(self) -> bool:
        """Close the one that is idle for longest; False if none is."""
        slot = self._slots.idlest()
        if slot is not None:
            self._evict(slot)
        return slot is not None

    @property
    def local_end(self) -> str:
        """The targets."""
        return ", ".join(str(backend.endpoint) for backend in self.backends.all)

    def status(self) -> dict[str, Any]:
        """With the state of each target, if there are several."""
        known = super().status()
        targets = self.backends.status()
        known["last_error"] = known["last_error"] or self.gate.fault
        return {**known, "targets": targets} if targets else known

    def on_update(self) -> None:
        """Limits hold for the next visitor."""
        self.gate.set_limits(self.model.limits)

    async def start(self) -> None:
        """Raises TunnelFault also for an access list that cannot be read."""
        self.failed.clear()
        self.last_error = None
        await self.gate.open()
        for backends in (self.backends, *self.port_backends.values()):
            backends.prepare()
        self.context.budget.join(self)
        session = await self._open_session()
        self._accepting = asyncio.create_task(self._accept(session))
        self._accepting.add_done_callback(self._on_accepting_done)

    async def stop(self) -> None:
        """Ends the visitors before the session."""
        accepting, self._accepting = self._accepting, None
        await end_task(accepting)
        self.context.budget.leave(self)
        await self._release_session()

    @abstractmethod
    async def serve(self, stream: I2pStream, slot: Slot[Visitor]) -> None:
        """Serve one stream to its end; Unavailable resets it.

        ``slot``: while the visitor asks for nothing it is idle, and may be closed for others.
        """

    async def turn_away(self, stream: I2pStream, refusal: Refusal) -> None:
        """Tell a client that it may not come in, as the protocol can."""
        stream.reset()

    async def connect_target(self, stream: I2pStream) -> LocalChannel:
        """A connection to the service for the stream's port.

        Raises Unavailable (``target_unreachable``, ``tls_failed``).
        """
        backends = self.port_backends.get(stream.local_port, self.backends)
        try:
            channel = await backends.connect(stream.remote.hash)
        except Unavailable as error:
            self.note_failure(error)
            raise
        self.last_error = None
        return channel

    async def _accept(self, session: I2pSession) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self.gate.keep()),
                group.create_task(self.backends.keep(self._serving_of(session))),
            ]
            try:
                while True:
                    stream = await session.accept()
                    await share_turn()
                    self._admit(stream, group)
            except Unavailable as error:
                self.last_error = str(error)
                self.failed.set()
            finally:
                for helper in helpers:
                    helper.cancel()

    def _serving_of(self, session: I2pSession) -> Callable[[bool], None] | None:
        """Whom to tell whether the service answers: who has others with the same address."""
        if not self.model.multihomed and self.model.meta is None:
            return None
        tell: Callable[[bool], None] | None = getattr(session, "set_serving", None)
        return tell

    def _on_accepting_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.last_error = "an internal error"
            self.context.logger.error("internal error: %s", type(task.exception()).__name__)
            self.context.logger.debug("internal error", exc_info=task.exception())
            self.failed.set()

    def _admit(self, stream: I2pStream, group: asyncio.TaskGroup) -> None:
        client = stream.remote.hash
        refusal = self.gate.admit(client)
        if refusal is None and not self._make_room(client):
            refusal = Refusal("busy", _BUSY_RETRY_S)
        if refusal is None and not self.context.budget.take(self):
            refusal = Refusal("busy", _BUSY_RETRY_S)
        if refusal is None:
            self.counts["connections"] += 1
            slot = self._slots.take(client, Visitor(stream))
            task = slot.owner.task = group.create_task(self._serve_stream(stream, slot))
            # Not at the end of the task: one that is cancelled at once never begins.
            task.add_done_callback(lambda _: self._end(slot))
            return
        self.counts["connections_refused"] += 1
        self.counts[f"refused_{refusal.reason}"] += 1
        if refusal.retry_after_s is None or self._turned_away >= _TURNED_AWAY_MAX:
            stream.reset()
            return
        self._turned_away += 1
        group.create_task(self._turn_away(stream, refusal))

    def _make_room(self, client: bytes) -> bool:
        model = self.model
        has_room, victim = self._slots.has_room(
            client, model.max_connections, model.max_connections_per_client
        )
        if victim is not None:
            self._evict(victim)
        return has_room

    def _evict(self, slot: Slot[Visitor]) -> None:
        self._end(slot)
        self.counts["connections_evicted"] += 1
        if slot.owner.task is not None:
            slot.owner.task.cancel()
        if not slot.owner.has_begun:
            slot.owner.stream.reset()

    async def _turn_away(self, stream: I2pStream, refusal: Refusal) -> None:
        try:
            await self.turn_away(stream, refusal)
        except Unavailable:
            stream.reset()
        except BaseException:
            stream.reset()
            raise
        finally:
            self._turned_away -= 1

    def _end(self, slot: Slot[Visitor]) -> None:
        if not slot.is_free:
            self.context.budget.give_back()
        slot.free()

    async def _serve_stream(self, stream: I2pStream, slot: Slot[Visitor]) -> None:
        slot.owner.has_begun = True
        try:
            await self.serve(stream, slot)
        except Unavailable:
            stream.reset()
        except Exception as error:
            # A bug of ours ends this connection only.
            self.context.logger.error("internal error: %s", type(error).__name__)
            self.context.logger.debug("internal error", exc_info=True)
            stream.reset()
        except BaseException:
            if slot.is_free and slot.is_idle:
                await stream.close()  # in order: nothing was under way
            else:
                stream.reset()
            raise
