"""DCC between IRC users: streams of the IRC tunnel's own destination, told apart by I2P port.

An offer of ours opens an I2P port for one connection, which leads to our client; an offer of
somebody else opens a local port for one connection, which leads to his I2P port. Both end after
half an hour unused. Connections only ever go to the client that the offer came from or went to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.api import share_turn
from core.base.errors import LocalError, Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import Channel, I2pSession, I2pStream
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.pump import pump

#: Java: 30 minutes, 10 of each at a time and 20 outgoing
EXPIRES_S = 1800.0
PENDING_MAX = 20
ACTIVE_MAX = 20
IDLE_TIMEOUT_S = 600.0
_CONNECT_TIMEOUT_S = 60.0
_TARGET_TIMEOUT_S = 10.0
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class _Offer:
    """An I2P port of ours, and what it leads to."""

    client: Endpoint
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Taken:
    """A local port, and the I2P port it leads to."""

    destination_hash: bytes
    i2p_port: int
    task: asyncio.Task[None]


class _Counted(Protocol):
    def __call__(self, stream: Channel) -> Channel: ...


class DccExchange:
    """All transfers of one tunnel. Use :meth:`serve` while its session is open."""

    def __init__(
        self,
        counts: Counter[str],
        counted: _Counted,
        logger: logging.Logger,
        random_below: Callable[[int], int],
    ) -> None:
        self._counts = counts
        self._counted = counted
        self._logger = logger
        self._random_below = random_below
        self._offers: dict[int, _Offer] = {}
        self._taken: dict[int, _Taken] = {}
        self._active: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._session: I2pSession | None = None

    async def serve(self, session: I2pSession) -> None:
        """Carry transfers until cancelled; raises Unavailable when the session ends."""
        ended: Unavailable | None = None
        try:
            async with asyncio.TaskGroup() as group:
                self._group, self._session = group, session
                try:
                    while True:
                        stream = await session.accept()
                        await share_turn()
                        self._on_stream(stream, group)
                except Unavailable as error:
                    ended = error
                finally:
                    self._group = self._session = None
                    for task in self._active:
                        task.cancel()
        finally:
            self._offers.clear()
        if ended is not None:
            raise ended

    def desk(self, client: str, listener: Endpoint) -> ClientDesk | None:
        """The desk for a client's IRC connection; ``client`` is its address, empty: Unix socket.

        None while there is no session, or if the client cannot be told an IPv4 address of ours.
        """
        if self._session is None:
            return None
        try:
            local = ipaddress.ip_address(listener.host) if listener.host else _LOOPBACK
        except ValueError:
            local = _LOOPBACK
        if not isinstance(local, ipaddress.IPv4Address) or local.is_unspecified:
            if client and not ipaddress.ip_address(client).is_loopback:
                return None
            local = _LOOPBACK
        return ClientDesk(self, client or str(_LOOPBACK), local, self._session.destination.b32)

    # What desks ask.

    def offer(self, client: Endpoint) -> int | None:
        """A new I2P port that leads to ``client`` once; None if PENDING_MAX offers wait."""
        now = asyncio.get_running_loop().time()
        for port in [port for port, offer in self._offers.items() if offer.expires_at <= now]:
            del self._offers[port]
        if len(self._offers) >= PENDING_MAX:
            self._counts["dcc_refused"] += 1
            return None
        port = 1024 + self._random_below(65536 - 1024)
        while port in self._offers:
            port = 1024 + self._random_below(65536 - 1024)
        self._offers[port] = _Offer(client, now + EXPIRES_S)
        self._counts["dcc_offers"] += 1
        return port

    def offered(self, i2p_port: int) -> Endpoint | None:
        """Where an I2P port of ours leads, None for an unknown one."""
        offer = self._offers.get(i2p_port)
        return offer.client if offer is not None else None

    def offer_of(self, client: Endpoint) -> int | None:
        """The newest I2P port that leads to ``client``."""
        ports = [port for port, offer in self._offers.items() if offer.client == client]
        return ports[-1] if ports else None

    def take(
        self, local: ipaddress.IPv4Address, client: str, destination_hash: bytes, i2p_port: int
    ) -> int | None:
        """A port of ``local`` that leads to the destination's I2P port once.

        Only ``client`` may connect. None, counted, if too many are open or the system has no port.
        """
        if self._group is None or len(self._taken) >= PENDING_MAX or self._is_busy:
            self._counts["dcc_refused"] += 1
            return None
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.bind((str(local), 0))
            sock.listen(1)
            sock.setblocking(False)
        except OSError:
            sock.close()
            self._counts["dcc_refused"] += 1
            return None
        port = int(sock.getsockname()[1])
        task = self._group.create_task(self._run_taken(sock, port, client))
        self._active.add(task)
        task.add_done_callback(self._active.discard)
        self._taken[port] = _Taken(destination_hash, i2p_port, task)
        self._counts["dcc_taken"] += 1
        return port

    def taken(self, local_port: int) -> int | None:
        """The I2P port behind a local port that :meth:`take` returned."""
        taken = self._taken.get(local_port)
        return taken.i2p_port if taken is not None else None

    def taken_port(self, i2p_port: int) -> int | None:
        """The newest local port that leads to an I2P port."""
        ports = [port for port, taken in self._taken.items() if taken.i2p_port == i2p_port]
        return ports[-1] if ports else None

    # Transfers.

    @property
    def _is_busy(self) -> bool:
        """Whether there are as many transfers as may be, not counting ports nobody came to yet."""
        return len(self._active) - len(self._taken) >= ACTIVE_MAX

    def _on_stream(self, stream: I2pStream, group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        offer = self._offers.pop(stream.local_port, None)
        if offer is None or offer.expires_at <= now or self._is_busy:
            self._counts["dcc_refused"] += 1
            stream.reset()
            return
        task = group.create_task(self._run_offered(stream, offer.client))
        self._active.add(task)
        task.add_done_callback(self._active.discard)

    async def _run_offered(self, stream: I2pStream, client: Endpoint) -> None:
        try:
            local = await LocalChannel.connect(client, _TARGET_TIMEOUT_S)
        except Unavailable:
            self._counts["dcc_failed"] += 1
            stream.reset()
            return
        except BaseException:
            stream.reset()
            raise
        await self._pump(local, stream)

    async def _run_taken(self, sock: socket.socket, port: int, client: str) -> None:
        taken = None
        try:
            with sock:
                async with asyncio.timeout(EXPIRES_S):
                    accepted = await self._accept_from(sock, client)
        except (OSError, TimeoutError):
            return
        finally:
            taken = self._taken.pop(port, None)
        local = await LocalChannel.of_socket(accepted)
        try:
            if taken is None or self._session is None:
                raise LocalError("a DCC port without its entry")
            stream = await self._session.connect(
                taken.destination_hash, port=taken.i2p_port, timeout_s=_CONNECT_TIMEOUT_S
            )
        except Unavailable:
            self._counts["dcc_failed"] += 1
            local.reset()
            return
        except BaseException:
            local.reset()
            raise
        await self._pump(local, stream)

    @staticmethod
    async def _accept_from(sock: socket.socket, client: str) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            accepted, address = await loop.sock_accept(sock)
            if address[0] == client:
                return accepted
            accepted.close()

    async def _pump(self, local: LocalChannel, stream: I2pStream) -> None:
        try:
            await pump(local, self._counted(stream), idle_timeout_s=IDLE_TIMEOUT_S)
        except Exception as error:
            # A bug of ours ends this transfer only.
            self._logger.error("internal error: %s", type(error).__name__)
            self._logger.debug("internal error", exc_info=True)


class ClientDesk:
    """What one IRC connection's filter asks (``i2ptunnel.protocols.irc_dcc.DccDesk``)."""

    def __init__(
        self, exchange: DccExchange, client: str, listen_address: ipaddress.IPv4Address, b32: str
    ) -> None:
        self._exchange = exchange
        self._client = client
        self._listen_address = listen_address
        self._b32 = b32

    @property
    def b32(self) -> str:
        """As it was when the client connected."""
        return self._b32

    @property
    def listen_address(self) -> ipaddress.IPv4Address:
        """Of the IRC listener, as this client sees it."""
        return self._listen_address

    def offer(self, kind: str, client_port: int) -> int | None:
        """Chats and files are treated alike."""
        return self._exchange.offer(Endpoint(self._client, client_port))

    def take(self, kind: str, destination_hash: bytes, i2p_port: int) -> int | None:
        """Only this client may use the port."""
        return self._exchange.take(self._listen_address, self._client, destination_hash, i2p_port)

    def i2p_port_of(self, client_port: int) -> int | None:
        """Of the newest offer with that port."""
        return self._exchange.offer_of(Endpoint(self._client, client_port))

    def client_port_of(self, i2p_port: int) -> int | None:
        """None also for an offer of another client."""
        client = self._exchange.offered(i2p_port)
        return client.port if client is not None and client.host == self._client else None

    def remote_port_of(self, local_port: int) -> int | None:
        """For RESUME, which names the port that the client knows."""
        return self._exchange.taken(local_port)

    def local_port_of(self, remote_port: int) -> int | None:
        """For ACCEPT, which names the port that the other side knows."""
        return self._exchange.taken_port(remote_port)
