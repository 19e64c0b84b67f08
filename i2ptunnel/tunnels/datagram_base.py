"""What the tunnels of datagrams have in common: a session of their own and two loops.

A session gives its datagrams to one reader, so these tunnels never share theirs.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar, cast

from core.api import FileFault, share_turn
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import DestinationName
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.naming.address import Address
from i2ptunnel.relay.client_keys import read_client_key
from i2ptunnel.relay.udp import DatagramSession, I2pDatagram
from i2ptunnel.tunnels.base import SessionRequest, Tunnel, TunnelContext, end_task
from i2ptunnel.tunnels.gate import ServerGate

_RESOLVE_EVERY_S = 5.0
_READY_TIMEOUT_S = 60.0
_LOOKUP_TIMEOUT_S = 60.0

ModelT = TypeVar("ModelT", bound=TunnelSection)


class DatagramTunnel(Tunnel[ModelT]):
    """Base of ``streamrclient``, ``streamrserver``, ``udpclient`` and ``udpserver``."""

    def __init__(self, model: ModelT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.gate: ServerGate | None = None
        if isinstance(model, ServerSection):
            self.gate = ServerGate(model, context.logger)
        self._working: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its task runs and its session is ready."""
        is_up = self._working is not None and not self._working.done()
        return is_up and self.session is not None and self.session.is_ready

    def session_request(self) -> SessionRequest:
        """Never shared: a session hands its datagrams to one receiver."""
        return replace(super().session_request(), is_shared=False)

    async def start(self) -> None:
        """Takes the local sockets, then opens the session."""
        self.failed.clear()
        self.last_error = None
        if self.gate is not None:
            await self.gate.open()
        try:
            await self.open_local()
            session = cast(DatagramSession, await self._open_session())
        except BaseException:
            await self.stop()
            raise
        self._working = asyncio.create_task(self._work(session))
        self._working.add_done_callback(self._on_work_done)

    async def stop(self) -> None:
        """Says goodbye before the session is given back."""
        working, self._working = self._working, None
        await end_task(working)
        await self.say_goodbye()
        self.close_local()
        await self._release_session()

    @abstractmethod
    async def open_local(self) -> None:
        """Take the local sockets; raises I2PError."""

    @abstractmethod
    def close_local(self) -> None:
        """Give them back; may be called twice."""

    @abstractmethod
    async def receive(self, datagram: I2pDatagram) -> None:
        """One datagram from I2P."""

    @abstractmethod
    async def keep(self) -> None:
        """What there is to do at times, until cancelled."""

    async def say_goodbye(self) -> None:
        """Last words to the other side, while the session is still open."""

    def send(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int,
        from_port: int,
        to_port: int,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Send a datagram, or drop it when that does not work now."""
        session, pace = self.session, self.traffic.outbound
        is_too_much = pace is not None and not pace.admits(len(payload))
        if session is None or not session.is_ready or is_too_much:
            self.counts["datagrams_dropped"] += 1
            return
        try:
            is_sent = cast(DatagramSession, session).send_datagram(
                destination_hash,
                payload,
                version=version,
                from_port=from_port,
                to_port=to_port,
                options=options,
            )
        except Unavailable as error:
            if error.code == "bad_datagram":
                self.last_error = str(error)  # it will not get better by itself
            is_sent = False
        if not is_sent:
            self.counts["datagrams_dropped"] += 1
            return
        self.counts["datagrams_sent"] += 1
        self.traffic.sent += len(payload)

    def admits(self, client: bytes) -> bool:
        """Whether a new session of a destination may begin; counts it, and a refusal."""
        refusal = None if self.gate is None else self.gate.admit(client)
        if refusal is None:
            return True
        self.counts["connections_refused"] += 1
        self.counts[f"refused_{refusal.reason}"] += 1
        return False

    async def resolve(self, destination: DestinationName) -> Address:
        """The address of a destination; waits until it is known, for an encrypted one found."""
        while True:
            try:
                address = await self.context.resolver.resolve(destination.name)
                if address.blinded is not None:
                    address = await self._uncover(address, destination)
            except (Unavailable, FileFault) as error:
                self.last_error = str(error)
            else:
                self.last_error = None
                return address
            await asyncio.sleep(_RESOLVE_EVERY_S)

    async def _uncover(self, address: Address, destination: DestinationName) -> Address:
        """Find the encrypted lease set: from then on the session knows the destination."""
        key = destination.client_key
        if destination.client_key_file is not None:
            key = read_client_key(destination.client_key_file)
        session = self.session
        if session is None:
            raise Unavailable("the I2P session is not open yet", "tunnels_not_ready")
        await session.wait_ready(_READY_TIMEOUT_S)
        target = address.target(destination.secret, key)
        found = await cast(DatagramSession, session).lookup(target, _LOOKUP_TIMEOUT_S)
        return Address(found.hash)

    async def _work(self, session: DatagramSession) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keep())
            if self.gate is not None:
                group.create_task(self.gate.keep())
            while True:
                datagram = await session.receive_datagram()
                await share_turn()
                self.counts["datagrams_received"] += 1
                self.traffic.received += len(datagram.payload)
                pace = self.traffic.inbound
                if pace is not None and not pace.admits(len(datagram.payload)):
                    self.counts["datagrams_dropped"] += 1
                    continue
                sender = sender_of(datagram)
                if self.gate is not None and sender is not None and self.gate.is_denied(sender):
                    self.counts["datagrams_dropped"] += 1
                    continue
                try:
                    await self.receive(datagram)
                except Unavailable as error:
                    self.note_failure(error)

    def _on_work_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        _, other = _split(task.exception())
        if other is not None:
            self.context.logger.error("internal error: %s", type(other).__name__)
            self.context.logger.debug("internal error", exc_info=other)
        self.last_error = "the I2P session ended" if other is None else "an internal error"
        self.failed.set()


def _split(
    error: BaseException | None,
) -> tuple[BaseException | None, BaseException | None]:
    """(what was Unavailable, what else) in an exception or group of them."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(Unavailable)
    return (error, None) if isinstance(error, Unavailable) else (None, error)


def sender_of(datagram: I2pDatagram) -> bytes | None:
    """The hash of who sent a datagram, None if that is not known or not proven."""
    return datagram.source_hash if datagram.is_authentic else None
