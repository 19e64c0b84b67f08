"""Datagrams of sessions: from I2P to the program, and from its UDP packets into I2P."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable

from core.api import Datagram, DatagramReceiver
from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, Unavailable
from core.data.encoding import b64encode
from core.data.identity import Destination, b32_to_hash
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.udp import UdpAddress, UdpSocket
from i2ptunnel.sam.context import Figures
from i2ptunnel.sam.names import Names
from i2ptunnel.sam.protocol.datagrams import Arrived, forwarded_header, read_packet, received_line
from i2ptunnel.sam.protocol.requests import DATAGRAM_BYTES_MAX, DatagramRequest, Refused
from i2ptunnel.sam.session import SamSession

#: destinations whose hash is known without parsing them again
_KNOWN_MAX = 1024
#: packets that wait for a name to be looked up
_WAITING_MAX = 64
_B32_SUFFIX = ".b32.i2p"
_B32_CHARACTERS = 60

Write = Callable[[bytes], Awaitable[None]]


class UdpPort:
    """The bridge's UDP port, and sockets to forward from where that one cannot reach."""

    def __init__(
        self,
        endpoint: Endpoint | None,
        handler: Callable[[bytes, UdpAddress], None],
        take: Take = take_none,
    ) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self._take = take
        self._main: UdpSocket | None = None
        self._others: dict[int, UdpSocket] = {}

    @property
    def port(self) -> int:
        """The port that is bound, 0 if none is."""
        return 0 if self._main is None else self._main.port

    async def open(self) -> None:
        """Raises Unavailable ``cannot_listen``."""
        if self._endpoint is not None:
            self._main = await UdpSocket.bind(self._endpoint, self._handler, take=self._take)

    async def prepare(self, host: str) -> None:
        """Have a socket that can send to ``host``, an address; raises Unavailable."""
        version = ipaddress.ip_address(host).version
        if not self._is_near(host) and version not in self._others:
            anywhere = "0.0.0.0" if version == 4 else "::"
            self._others[version] = await UdpSocket.bind(Endpoint(anywhere, 0), _ignore)

    def send(self, packet: bytes, address: UdpAddress) -> None:
        """Send or drop; :meth:`prepare` came first."""
        version = ipaddress.ip_address(address[0]).version
        sock = self._main if self._is_near(address[0]) else self._others.get(version)
        if sock is not None:
            sock.send(packet, address)

    def close(self) -> None:
        """Free the addresses."""
        for sock in (self._main, *self._others.values()):
            if sock is not None:
                sock.close()
        self._main, self._others = None, {}

    def _is_near(self, host: str) -> bool:
        if self._endpoint is None or self._main is None:
            return False
        own = ipaddress.ip_address(
            "127.0.0.1" if self._endpoint.host == "localhost" else self._endpoint.host
        )
        other = ipaddress.ip_address(host)
        return own.version == other.version and own.is_loopback == other.is_loopback


def _ignore(packet: bytes, source: UdpAddress) -> None:
    """Nobody sends to the sockets that only forward."""


async def deliver(
    session: SamSession,
    receiver: DatagramReceiver,
    udp: UdpPort,
    write: Write,
    figures: Figures,
) -> None:
    """Carry what arrives to the program, until the session ends.

    By UDP to where it asked for, else with ``write`` to its control socket.
    """
    request, has_ports = session.request, session.has_ports
    is_raw = request.style.is_raw
    with contextlib.suppress(Unavailable):
        while True:
            arrived = _arrived(await receiver.receive())
            figures.datagrams_received += 1
            if request.port is not None:
                header = forwarded_header(
                    arrived, is_raw=is_raw, has_header=request.header, has_ports=has_ports
                )
                udp.send(header + arrived.payload, (session.target, request.port))
            else:
                line = received_line(arrived, is_raw=is_raw, has_ports=has_ports)
                await write(line + arrived.payload)


def _arrived(datagram: Datagram) -> Arrived:
    source = datagram.source.raw if datagram.source is not None else datagram.source_hash or b""
    return Arrived(
        datagram.payload,
        b64encode(source),
        datagram.from_port,
        datagram.to_port,
        datagram.protocol,
    )


class Sender:
    """Sends what programs give us for I2P, by UDP packets and by lines."""

    def __init__(
        self, find: Callable[[str], SamSession | None], names: Names, figures: Figures
    ) -> None:
        self._find = find
        self._names = names
        self._figures = figures
        self._known: BoundedMap[str, bytes] = BoundedMap(_KNOWN_MAX)
        self._waiting: set[asyncio.Task[None]] = set()

    def receive_packet(self, packet: bytes, source: UdpAddress) -> None:
        """One packet to the UDP port; what is wrong is dropped and counted."""
        try:
            name, request, payload = read_packet(packet)
            session = self._find(name)
            if session is None or not _may_send(session, source[0]):
                raise Refused("INVALID_ID")
            self.send(session, request, payload)
        except Refused:
            self._figures.datagrams_dropped += 1

    def send(self, session: SamSession, request: DatagramRequest, payload: bytes) -> None:
        """Send one; raises Refused. A name is looked up first, in the background."""
        style = session.request.style
        if style.version is None:
            raise Refused("I2P_ERROR", "the session has no datagrams")
        if not style.is_raw and (request.protocol is not None or len(payload) > DATAGRAM_BYTES_MAX):
            raise Refused("I2P_ERROR", "not for this style, or too large")
        target = self._hash_of(request.destination)
        if target is not None:
            self._send_to(session, target, request, payload)
        elif len(self._waiting) < _WAITING_MAX:
            task = asyncio.create_task(self._send_later(session, request, payload))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        else:
            self._figures.datagrams_dropped += 1

    async def close(self) -> None:
        """What waits is dropped."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    def _hash_of(self, destination: str) -> bytes | None:
        """The hash of a destination that is written out; None for names; raises Refused."""
        known = self._known.get(destination)
        if known is not None:
            return known
        try:
            if len(destination) == _B32_CHARACTERS and destination.endswith(_B32_SUFFIX):
                found = b32_to_hash(destination.removesuffix(_B32_SUFFIX))
            elif destination.endswith(".i2p"):
                return None
            else:
                found = Destination.from_base64(destination).hash
        except DecodeError:
            raise Refused("INVALID_KEY", "no destination") from None
        self._known.put(destination, found)
        return found

    async def _send_later(
        self, session: SamSession, request: DatagramRequest, payload: bytes
    ) -> None:
        try:
            found = await self._names.find(request.destination, session.core)
            self._send_to(session, found.hash, request, payload)
        except (Refused, Unavailable):
            self._figures.datagrams_dropped += 1

    def _send_to(
        self, session: SamSession, target: bytes, request: DatagramRequest, payload: bytes
    ) -> None:
        own, core = session.request, session.core
        protocol = None
        if own.style.is_raw:
            protocol = own.protocol if request.protocol is None else request.protocol
        try:
            is_sent = core is not None and core.send_datagram(
                target,
                payload,
                version=own.style.version or 0,
                from_port=own.from_port if request.from_port is None else request.from_port,
                to_port=own.to_port if request.to_port is None else request.to_port,
                protocol=protocol,
            )
        except Unavailable as error:
            raise Refused("I2P_ERROR", str(error)) from None
        if is_sent:
            self._figures.datagrams_sent += 1
        else:
            self._figures.datagrams_dropped += 1


def _may_send(session: SamSession, host: str) -> bool:
    """Only the program that owns a session sends for it: from its own address."""
    source = ipaddress.ip_address(host)
    own = ipaddress.ip_address(session.client or "127.0.0.1")
    return source == own or (source.is_loopback and own.is_loopback)
