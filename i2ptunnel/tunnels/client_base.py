"""The half of a tunnel that listens locally and connects into I2P.

The listener is open from the start: programs that come early wait a little, and are then told that
it does not work yet.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable
from typing import TypeVar

from core.api import begin_stage
from core.base.errors import Unavailable
from i2ptunnel.config.client_models import ListeningSection
from i2ptunnel.naming.address import Address
from i2ptunnel.relay.channel import CountedChannel, I2pSession
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.tls import own_server_context, server_context
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, end_task, wait_for_tunnels

HEADER_TIMEOUT_S = 15.0
READY_WAIT_S = 20.0
#: codes of Unavailable with which nothing was sent: another destination may be tried
_NOT_THERE = ("lease_set_not_found", "blinded_lookup_failed", "encryption_unsupported")

ListeningT = TypeVar("ListeningT", bound=ListeningSection)


class ClientTunnel(Tunnel[ListeningT]):
    """Base of ``client``, ``httpclient`` and ``sockstunnel``."""

    #: what a connection beyond the limits gets to read
    BUSY_ANSWER = b""
    RESTARTS_ON_FAULT = True
    LIVE_OPTIONS = Tunnel.LIVE_OPTIONS | {
        "max_connections",
        "max_connections_per_client",
        "allow",
        "idle_timeout",
        "connect_timeout",
    }

    def __init__(self, model: ListeningT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.listener = Listener(
            model.listen,
            self._on_accepted,
            self._limits(),
            model.allow,
            self.BUSY_ANSWER,
            context.budget,
            context.sockets.of(context.name, model.listen),
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it listens, its socket is in place and its session is ready."""
        is_up = self._serving is not None and not self._serving.done() and self.fault() is None
        return is_up and self.session is not None and self.session.is_ready

    def fault(self) -> str | None:
        """A Unix socket whose file was removed: nobody can connect any more."""
        if self._serving is None or self.listener.is_in_place:
            return None
        return f"the socket {self.model.listen} was removed"

    @property
    def connections_open(self) -> int:
        """As the listener counts them, half-open ones included."""
        return self.listener.open_connections

    @property
    def local_end(self) -> str:
        """The listener."""
        return str(self.model.listen)

    async def start(self) -> None:
        """Listens before the session is open, so that programs wait instead of being refused."""
        self.failed.clear()
        self.last_error = None
        self.prepare()
        await self._prepare_tls()
        self.listener.bind()
        self._serving = asyncio.create_task(self.listener.serve())
        self._serving.add_done_callback(self._on_serving_done)
        try:
            await self._open_session()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Local connections end before the session does."""
        serving, self._serving = self._serving, None
        await end_task(serving)
        self.listener.close()
        await self._release_session()

    def prepare(self) -> None:
        """Read what is needed besides the model; raises TunnelFault."""

    def on_update(self) -> None:
        """Limits and allowed networks hold for the next connection."""
        self.listener.change(self._limits(), self.model.allow)

    def _limits(self) -> ListenerLimits:
        return ListenerLimits(self.model.max_connections, self.model.max_connections_per_client)

    async def _prepare_tls(self) -> None:
        """The listener's certificate, made here unless there is one; raises I2PError."""
        section = self.model.tls
        if section is None:
            return
        if section.certificate is not None:
            self.listener.tls = server_context(section.certificate, section.key)
            return
        certificate = self.context.data_dir / f"{self.name}.pem"
        host = self.model.listen.host
        self.listener.tls = await own_server_context(certificate, host)

    def counters(self) -> dict[str, int]:
        """With what the listener refused, evicted, and could not accept."""
        seen = self.listener.counters
        self.counts["connections_refused"] = seen.refused
        self.counts["connections_evicted"] = seen.evicted
        self.counts["out_of_descriptors"] = seen.exhausted
        return super().counters()

    @abstractmethod
    async def serve(self, accepted: Accepted) -> None:
        """Serve one local connection to its end; Unavailable resets it."""

    async def connect(
        self,
        address: Address,
        port: int,
        initial: bytes = b"",
        *,
        secret: str = "",
        client_key: bytes | None = None,
        session: I2pSession | None = None,
    ) -> CountedChannel:
        """A stream to a destination; ``initial`` travels with its first packets.

        ``secret`` and ``client_key`` open an encrypted lease set. ``session``: another one than the
        tunnel's own. Raises Unavailable.
        """
        is_own = session is None
        session = session or self.session
        timeout_s = self.model.connect_timeout
        try:
            if session is None:
                raise Unavailable("the I2P session is not open yet", "tunnels_not_ready")
            begin_stage("tunnels")
            await wait_for_tunnels(session, self.context.facts, min(READY_WAIT_S, timeout_s))
            targets = (address.target(secret, client_key), *address.others)
            for target in targets:
                try:
                    stream = await session.connect(
                        target, port=port, timeout_s=timeout_s, initial=initial
                    )
                    break
                except Unavailable as error:
                    # Nothing was sent yet: the name's next destination may be there.
                    if error.code not in _NOT_THERE or target is targets[-1]:
                        raise
        except Unavailable as error:
            self.note_failure(error)
            if error.code == "closed" and is_own:
                self.failed.set()
            raise
        self.last_error = None
        self.traffic.sent += len(initial)
        return self.counted(stream)

    def _on_accepted(self, accepted: Accepted) -> Awaitable[None]:
        self.counts["connections"] += 1
        return self.serve(accepted)

    def _on_serving_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.last_error = "the listener ended"
            self.failed.set()
