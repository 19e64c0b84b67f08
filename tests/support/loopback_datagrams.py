"""Client sessions joined in memory that also carry datagrams (see ``loopback_session``)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.base.errors import Retry, Unavailable
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession


@dataclass(frozen=True)
class LoopbackDatagram:
    """What core.api says of a datagram."""

    source: Destination | None
    source_hash: bytes | None
    payload: bytes
    version: int
    from_port: int
    to_port: int
    options: Mapping[str, str] = field(default_factory=dict)
    is_authentic: bool = False


class DatagramLoopbackSession(LoopbackSession):
    """A destination with datagrams; ``sent`` keeps all it sent, with the receiver's hash."""

    def __init__(self, network: DatagramNetwork, keys: PrivateKeys) -> None:
        super().__init__(network, keys)
        self._datagrams: deque[LoopbackDatagram] = deque()
        self._datagram_arrived = asyncio.Event()
        self.sent: list[tuple[bytes, LoopbackDatagram]] = []

    def send_datagram(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int = 1,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> bool:
        self._check_open()
        datagram = LoopbackDatagram(
            self.destination if version in (1, 2) else None,
            self.destination.hash if version else None,
            payload,
            version,
            from_port,
            to_port,
            options or {},
            bool(version),
        )
        self.sent.append((destination_hash, datagram))
        other = self._network.sessions.get(destination_hash)
        if isinstance(other, DatagramLoopbackSession):
            other.deliver(datagram)
        return True

    def deliver(self, datagram: LoopbackDatagram) -> None:
        """As if it came from somewhere in I2P."""
        self._datagrams.append(datagram)
        self._datagram_arrived.set()

    async def receive_datagram(self) -> LoopbackDatagram:
        while not self._datagrams:
            if self.is_closed:
                raise Unavailable("the session is closed", "closed", Retry.NEVER)
            self._datagram_arrived.clear()
            await self._datagram_arrived.wait()
        return self._datagrams.popleft()

    async def close(self) -> None:
        await super().close()
        self._datagram_arrived.set()


class DatagramNetwork(LoopbackNetwork):
    """A network of sessions with datagrams."""

    def session(self, name: str | None = None) -> DatagramLoopbackSession:
        self._seed += 1
        keys = PrivateKeys.generate_destination(SeededEntropy(name or f"loopback {self._seed}"))
        session = DatagramLoopbackSession(self, keys)
        self.sessions[session.destination.hash] = session
        return session
