"""``udpserver``: a local UDP service in I2P, as i2pd's tunnels carry it.

Every session has a socket of its own towards the service. If the service is on this machine, each
destination comes from its own address in 127.0.0.0/8, so the service can tell users apart, unless
``unique_local`` is off: some services answer 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.server_models import UdpServerSection
from i2ptunnel.protocols.udp_sessions import (
    PACKET_BYTES_MAX,
    RAW,
    UdpServerSessions,
    UdpSession,
    is_control,
)
from i2ptunnel.relay.udp import I2pDatagram, PacketHandler, UdpAddress, UdpSocket
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.datagram_base import DatagramTunnel, sender_of

_EXPIRE_EVERY_S = 17.0


class _Local:
    """The local side of a session. ``version``: the format its destination last used."""

    __slots__ = ("socket", "version")

    def __init__(self, socket: UdpSocket, version: int) -> None:
        self.socket = socket
        self.version = version


class UdpServer(DatagramTunnel[UdpServerSection]):
    """One session for each destination and pair of ports."""

    def __init__(self, model: UdpServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._target = model.target
        self._sessions: UdpServerSessions[_Local] = UdpServerSessions(
            model.max_connections, model.max_connections_per_client
        )

    @property
    def connections_open(self) -> int:
        """Senders with a local socket."""
        return len(self._sessions)

    @property
    def local_end(self) -> str:
        """The target."""
        return str(self.model.target)

    def counters(self) -> dict[str, int]:
        """A connection is a session of a sender."""
        self.counts["connections"] = self._sessions.counters["sessions"]
        return super().counters()

    async def open_local(self) -> None:
        """Look up the service's address once: a packet must not wait for that."""
        target = self.model.target
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
        except OSError:
            raise Unavailable("the target's host is unknown", "target_unreachable") from None
        self._target = Endpoint(str(found[0][4][0]), target.port)
        if self.context.own_doors.find(self._target, is_udp=True) is not None:
            raise Unavailable("the target is a listener of this program", "target_unreachable")

    def close_local(self) -> None:
        """Ends all sessions."""
        for local in self._sessions.clear():
            local.socket.close()

    async def keep(self) -> None:
        """Ends sessions that are idle."""
        while True:
            await asyncio.sleep(_EXPIRE_EVERY_S)
            for local in self._sessions.expire(asyncio.get_running_loop().time()):
                local.socket.close()

    async def receive(self, datagram: I2pDatagram) -> None:
        """To the target, from a socket of its own for each sender and port."""
        if is_control(datagram.payload, datagram.options):
            self._on_control(datagram)
            return
        session = await self._session_of(datagram)
        if session is None:
            self.counts["datagrams_dropped"] += 1
            return
        if datagram.version != RAW:
            session.owner.version = datagram.version
        now = asyncio.get_running_loop().time()
        is_raw = datagram.version == RAW and sender_of(datagram) is not None
        self._answer(session, session.receive(datagram.options, now, is_raw=is_raw))
        session.owner.socket.send(datagram.payload)

    def _on_control(self, datagram: I2pDatagram) -> None:
        """i2pd: a question whether its packets arrive, which names no session.

        It waits with its first packet, too, until there was an answer.
        """
        sender = sender_of(datagram)
        if sender is None:
            return
        session: UdpSession[_Local] | UdpSession[None] | None = self._sessions.latest_of(sender)
        if session is None:
            session = UdpSession(sender, datagram.to_port, datagram.from_port, None, 0.0)
        self._answer(session, session.acknowledge(datagram.options))

    def _answer(self, session: UdpSession[Any], options: dict[str, str] | None) -> None:
        if options is not None:
            self.send(
                session.remote_hash,
                b"",
                version=3,
                from_port=session.local_port,
                to_port=session.remote_port,
                options=options,
            )

    async def _session_of(self, datagram: I2pDatagram) -> UdpSession[_Local] | None:
        sender, ports = sender_of(datagram), (datagram.from_port, datagram.to_port)
        if datagram.version == RAW:
            return self._sessions.find_raw(sender, *ports)
        if sender is None:
            return None
        session = self._sessions.find(sender, *ports)
        if session is not None:
            return session
        if not self.admits(sender):
            return None
        now = asyncio.get_running_loop().time()
        if not self._sessions.has_room(sender):
            idlest = self._sessions.make_room(sender, now)
            if idlest is None:
                self.counts["connections_refused"] += 1
                return None
            idlest.socket.close()
        local = _Local(await self._open_socket(sender, ports), datagram.version)
        return self._sessions.add(sender, *ports, local, now)

    async def _open_socket(self, sender: bytes, ports: tuple[int, int]) -> UdpSocket:
        handler = self._answers_to(sender, ports)
        address = ipaddress.ip_address(self._target.host)
        if self.model.unique_local and address.version == 4 and address.is_loopback:
            own = f"127.{sender[0]}.{sender[1]}.{1 + sender[2] % 254}"
            try:
                return await UdpSocket.connect(self._target, handler, own)
            except Unavailable:
                pass  # systems other than Linux have 127.0.0.1 only
        return await UdpSocket.connect(self._target, handler)

    def _answers_to(self, sender: bytes, ports: tuple[int, int]) -> PacketHandler:
        def on_packet(data: bytes, _: UdpAddress) -> None:
            session = self._sessions.find_raw(sender, *ports)
            if session is None or len(data) > PACKET_BYTES_MAX:
                self.counts["datagrams_dropped"] += 1
                return
            now = asyncio.get_running_loop().time()
            self.send(
                sender,
                data,
                version=session.choose(session.owner.version, now),
                from_port=session.local_port,
                to_port=session.remote_port,
            )

        handler: Callable[[bytes, UdpAddress], None] = on_packet
        return handler
