"""A SAM bridge over sessions that are joined in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.api import SessionConfig
from core.base.errors import Retry, Unavailable
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.interfaces_model import SamSection, Users
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.sam.context import SamContext
from tests.support.deterministic import SeededEntropy
from tests.support.loopback_datagrams import LoopbackDatagram
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession, LoopbackStream

_PROTOCOLS = (18, 17, 19, 20)


class _Receiver:
    def __init__(self, session: SamLoopbackSession, key: tuple[int, int]) -> None:
        self._session = session
        self._key = key
        self.waiting: deque[Any] = deque()
        self.arrived = asyncio.Event()

    async def receive(self) -> Any:
        while not self.waiting:
            if self._session.is_closed:
                raise Unavailable("the session is closed", "closed", Retry.NEVER)
            self.arrived.clear()
            await self.arrived.wait()
        return self.waiting.popleft()

    def close(self) -> None:
        self._session.receivers.pop(self._key, None)


class _Datagram(LoopbackDatagram):
    protocol: int = 18


class SamLoopbackSession(LoopbackSession):
    """With ports and datagrams as core.api has them."""

    def __init__(self, network: LoopbackNetwork, keys: PrivateKeys, config: SessionConfig) -> None:
        super().__init__(network, keys)
        self.config = config
        self.receivers: dict[tuple[int, int], _Receiver] = {}
        self._ports: dict[int | None, deque[LoopbackStream]] = {}
        self._changed = asyncio.Event()
        self.lookups = 0

    def _sort(self) -> None:
        while self._accepted:
            stream = self._accepted.popleft()
            port = stream.local_port if stream.local_port in self._ports else None
            if port in self._ports:
                self._ports[port].append(stream)
            else:
                stream.reset()

    async def accept(self, port: int | None = None) -> LoopbackStream:
        queue = self._ports.setdefault(port, deque())
        while True:
            self._sort()
            if queue:
                return queue.popleft()
            self._check_open()
            if self._ports.get(port) is not queue:
                raise Unavailable("no longer accepting", "closed", Retry.NEVER)
            self._arrived.clear()
            await self._arrived.wait()

    def stop_accepting(self, port: int | None = None) -> None:
        for stream in self._ports.pop(port, ()):
            stream.reset()
        self._arrived.set()

    def bind_datagrams(
        self, protocol: int = 0, port: int = 0, *, is_raw: bool = False
    ) -> _Receiver:
        if (protocol, port) in self.receivers:
            raise Unavailable("in use", "in_use")
        receiver = self.receivers[protocol, port] = _Receiver(self, (protocol, port))
        return receiver

    def send_datagram(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int = 1,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
        protocol: int | None = None,
    ) -> bool:
        self._check_open()
        number = _PROTOCOLS[version] if protocol is None else protocol
        datagram = _Datagram(
            self.destination if version in (1, 2) else None,
            self.destination.hash if version else None,
            payload,
            version,
            from_port,
            to_port,
        )
        object.__setattr__(datagram, "protocol", number)
        other = self._network.sessions.get(destination_hash)
        if isinstance(other, SamLoopbackSession):
            for key in ((number, to_port), (number, 0), (0, to_port), (0, 0)):
                if key in other.receivers:
                    other.receivers[key].waiting.append(datagram)
                    other.receivers[key].arrived.set()
                    break
        return True

    async def lookup(self, target: Any, timeout_s: float = 20.0) -> Destination:
        self.lookups += 1
        return await super().lookup(target, timeout_s)

    async def lookup_options(
        self, target: Any, timeout_s: float = 20.0
    ) -> tuple[Destination, Mapping[str, str]]:
        destination = await self.lookup(target)
        other = self._network.sessions[destination.hash]
        assert isinstance(other, SamLoopbackSession)
        return destination, other.config.lease_set_options

    async def close(self) -> None:
        await super().close()
        for receiver in self.receivers.values():
            receiver.arrived.set()


class SamNaming:
    """``hosts.txt``, destinations in ``known``, and a session that is lent for lookups."""

    def __init__(self, network: SamNetwork) -> None:
        self._network = network
        self.resolver = FileResolver(network.root / "hosts.txt")
        self.known: dict[bytes, Destination] = {}

    def destination_of(self, destination_hash: bytes) -> Destination | None:
        return self.known.get(destination_hash)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        session = await self._network.open_session(SessionConfig("lookups"))
        try:
            yield session
        finally:
            await session.close()


class SamNetwork(LoopbackNetwork):
    """Is the router for bridges."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.opened: list[SamLoopbackSession] = []
        self.naming = SamNaming(self)
        self._names = 0

    async def open_session(self, config: SessionConfig) -> Any:
        self._names += 1
        keys = config.keys or PrivateKeys.generate_destination(SeededEntropy(f"sam {self._names}"))
        if self.has_session(keys.hash):
            raise Unavailable("open already", "in_use")
        session = SamLoopbackSession(self, keys, config)
        self.sessions[keys.hash] = session
        self.opened.append(session)
        return session

    def has_session(self, destination_hash: bytes) -> bool:
        session = self.sessions.get(destination_hash)
        return session is not None and not session.is_closed

    @property
    def open_count(self) -> int:
        return sum(not session.is_closed for session in self.opened)

    @asynccontextmanager
    async def bridge(
        self,
        users: Users | None = None,
        own_doors: OwnDoors | None = None,
        section: SamSection | None = None,
        is_shut_in: bool = False,
        **options: Any,
    ) -> AsyncIterator[SamBridge]:
        """A bridge that listens at a free port of loopback."""
        free = Endpoint("127.0.0.1", 0)
        doors = own_doors or OwnDoors()
        bridge = SamBridge(
            section or SamSection(listen=free, udp=free, users=users, **options),
            SamContext(
                self.root,
                SeededEntropy("bridge"),
                self,
                self.naming,
                lambda: doors,
                is_shut_in=is_shut_in,
            ),
        )
        await bridge.start()
        try:
            yield bridge
        finally:
            await bridge.stop()
