"""The half of a tunnel that accepts streams from I2P and connects to a local service."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import Counter
from typing import TypeVar

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.tunnel_models import TcpServerSection
from i2ptunnel.relay.channel import I2pSession, I2pStream
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, end_task

ServerT = TypeVar("ServerT", bound=TcpServerSection)


class ServerTunnel(Tunnel[ServerT]):
    """Base of ``server`` and ``httpserver``."""

    def __init__(self, model: ServerT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._accepting: asyncio.Task[None] | None = None
        self._clients: Counter[bytes] = Counter()  # destination hash -> open streams

    @property
    def is_ready(self) -> bool:
        is_up = self._accepting is not None and not self._accepting.done()
        return is_up and self.session is not None and self.session.is_ready

    @property
    def connections_open(self) -> int:
        return self._clients.total()

    async def start(self) -> None:
        self.failed.clear()
        self.last_error = None
        session = await self._open_session()
        self._accepting = asyncio.create_task(self._accept(session))

    async def stop(self) -> None:
        accepting, self._accepting = self._accepting, None
        await end_task(accepting)
        await self._release_session()

    @abstractmethod
    async def serve(self, stream: I2pStream) -> None:
        """Serve one stream to its end; Unavailable resets it."""

    async def connect_target(self, target: Endpoint) -> LocalChannel:
        """A connection to the local service; raises Unavailable ``target_unreachable``."""
        try:
            channel = await LocalChannel.connect(target, self.model.target_timeout)
        except Unavailable as error:
            self.note_failure(error)
            raise
        self.last_error = None
        return channel

    async def _accept(self, session: I2pSession) -> None:
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    self._admit(await session.accept(), group)
            except Unavailable as error:
                self.last_error = str(error)
                self.failed.set()

    def _admit(self, stream: I2pStream, group: asyncio.TaskGroup) -> None:
        client = stream.remote.hash
        if (
            self._clients.total() >= self.model.max_connections
            or self._clients[client] >= self.model.max_connections_per_client
        ):
            self.counts["connections_refused"] += 1
            stream.reset()
            return
        self.counts["connections"] += 1
        self._clients[client] += 1
        group.create_task(self._serve_stream(stream, client))

    async def _serve_stream(self, stream: I2pStream, client: bytes) -> None:
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
        finally:
            self._clients[client] -= 1
            if self._clients[client] <= 0:
                del self._clients[client]
