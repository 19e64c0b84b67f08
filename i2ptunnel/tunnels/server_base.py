"""The half of a tunnel that accepts streams from I2P and connects to a local service."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import Counter
from typing import Any, TypeVar

from core.api import share_turn
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.tunnel_kinds import Targets, targets_of
from i2ptunnel.config.tunnel_models import TcpServerSection
from i2ptunnel.relay.backends import Backends
from i2ptunnel.relay.channel import I2pSession, I2pStream
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, end_task
from i2ptunnel.tunnels.gate import Refusal, ServerGate

#: clients that are being told that they may not come in, at the same time; more are reset
_TURNED_AWAY_MAX = 64
_BUSY_RETRY_S = 10.0

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
        self._clients: Counter[bytes] = Counter()  # destination hash -> open streams
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
        )

    @property
    def is_ready(self) -> bool:
        is_up = self._accepting is not None and not self._accepting.done()
        return is_up and self.session is not None and self.session.is_ready

    @property
    def connections_open(self) -> int:
        return self._clients.total()

    @property
    def open_connections(self) -> int:
        """Each stream has a connection to the target."""
        return self._clients.total()

    @property
    def half_open_connections(self) -> int:
        return 0

    def drop_half_open(self) -> bool:
        return False

    @property
    def local_end(self) -> str:
        return ", ".join(str(backend.endpoint) for backend in self.backends.all)

    def status(self) -> dict[str, Any]:
        known = super().status()
        targets = self.backends.status()
        known["last_error"] = known["last_error"] or self.gate.fault
        return {**known, "targets": targets} if targets else known

    def on_update(self) -> None:
        self.gate.set_limits(self.model.limits)

    async def start(self) -> None:
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
        accepting, self._accepting = self._accepting, None
        await end_task(accepting)
        self.context.budget.leave(self)
        await self._release_session()

    @abstractmethod
    async def serve(self, stream: I2pStream) -> None:
        """Serve one stream to its end; Unavailable resets it."""

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
                group.create_task(self.backends.keep()),
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

    def _on_accepting_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.last_error = "an internal error"
            self.context.logger.error("internal error", exc_info=task.exception())
            self.failed.set()

    def _admit(self, stream: I2pStream, group: asyncio.TaskGroup) -> None:
        client = stream.remote.hash
        refusal = self.gate.admit(client)
        if refusal is None and (
            self._clients.total() >= self.model.max_connections
            or self._clients[client] >= self.model.max_connections_per_client
        ):
            refusal = Refusal("busy", _BUSY_RETRY_S)
        if refusal is None and not self.context.budget.take(self):
            refusal = Refusal("busy", _BUSY_RETRY_S)
        if refusal is None:
            self.counts["connections"] += 1
            self._clients[client] += 1
            task = group.create_task(self._serve_stream(stream))
            # Not at the end of the task: one that is cancelled at once never begins.
            task.add_done_callback(lambda _: self._forget(client))
            return
        self.counts["connections_refused"] += 1
        self.counts[f"refused_{refusal.reason}"] += 1
        if refusal.retry_after_s is None or self._turned_away >= _TURNED_AWAY_MAX:
            stream.reset()
            return
        self._turned_away += 1
        group.create_task(self._turn_away(stream, refusal))

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

    def _forget(self, client: bytes) -> None:
        self.context.budget.give_back()
        self._clients[client] -= 1
        if self._clients[client] <= 0:
            del self._clients[client]

    async def _serve_stream(self, stream: I2pStream) -> None:
        try:
            await self.serve(stream)
        except Unavailable:
            stream.reset()
        except Exception as error:
            # A bug of ours ends this connection only.
            self.context.logger.error("internal error: %s", type(error).__name__)
            self.context.logger.debug("internal error", exc_info=True)
            stream.reset()
        except BaseException:
            stream.reset()
            raise
