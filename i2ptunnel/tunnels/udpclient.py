"""``udpclient``: local programs' UDP packets to one destination, as i2pd's tunnels carry them."""

from __future__ import annotations

import asyncio
import secrets

from i2ptunnel.config.client_models import UdpClientSection
from i2ptunnel.naming.address import Address
from i2ptunnel.protocols.udp_sessions import (
    PACKET_BYTES_MAX,
    RAW,
    UdpClientSessions,
    UdpSession,
    is_control,
)
from i2ptunnel.relay.udp import I2pDatagram, UdpAddress, UdpSocket
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.datagram_base import DatagramTunnel, sender_of

_EXPIRE_EVERY_S = 17.0


def _host_of(program: UdpAddress) -> str:
    return program[0]


class UdpClient(DatagramTunnel[UdpClientSection]):
    """Each local source address is a session with an I2P port of its own."""

    def __init__(self, model: UdpClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._socket: UdpSocket | None = None
        self._address: Address | None = None
        self._sessions: UdpClientSessions[UdpAddress] = UdpClientSessions(
            model.max_connections, secrets.randbelow, takes_raw=model.raw_packets, group_of=_host_of
        )

    @property
    def is_ready(self) -> bool:
        """Whether the destination's address is known, too."""
        return super().is_ready and self._address is not None

    @property
    def connections_open(self) -> int:
        """Local ports with a session."""
        return len(self._sessions)

    @property
    def local_end(self) -> str:
        """The listener."""
        return str(self.model.listen)

    def counters(self) -> dict[str, int]:
        """A connection is a session of a local port."""
        self.counts["connections"] = self._sessions.counters["sessions"]
        self.counts["connections_refused"] = self._sessions.counters["sessions_refused"]
        return super().counters()

    async def open_local(self) -> None:
        """Packets from outside of ``allow`` are not taken."""
        listen = self.model.listen
        take = self.context.sockets.of(self.name, listen)
        self._socket = await UdpSocket.bind(listen, self._on_packet, self.model.allow, take)

    def close_local(self) -> None:
        """Sessions expire by themselves."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def keep(self) -> None:
        """Finds the address first, then ends sessions that are idle."""
        self._address = await self.resolve(self.model.destination)
        while True:
            await asyncio.sleep(_EXPIRE_EVERY_S)
            self._sessions.expire(asyncio.get_running_loop().time())

    def _on_packet(self, data: bytes, source: UdpAddress) -> None:
        now = asyncio.get_running_loop().time()
        if self._address is None or len(data) > PACKET_BYTES_MAX:
            self.counts["datagrams_dropped"] += 1
            return
        session = self._sessions.obtain(
            source, source[1], self._address.hash, self.model.destination.port, now
        )
        if session is None:
            return
        version = session.choose(self.model.datagram_version, now)
        self.send(
            session.remote_hash,
            data,
            version=version,
            from_port=session.local_port,
            to_port=session.remote_port,
        )

    async def receive(self, datagram: I2pDatagram) -> None:
        """To the local port of the session; others than the destination are dropped."""
        sender = sender_of(datagram)
        is_peer = self._address is not None and sender == self._address.hash
        if is_peer and is_control(datagram.payload, datagram.options):
            latest = self._sessions.latest()
            if latest is not None:
                self._answer(latest, latest.acknowledge(datagram.options))
            return
        session = self._sessions.find(datagram.from_port, datagram.to_port)
        is_theirs = session is not None and sender in (None, session.remote_hash)
        if session is None or not is_theirs or (sender is None and datagram.version):
            self.counts["datagrams_dropped"] += 1
            return
        now = asyncio.get_running_loop().time()
        is_raw = sender is not None and datagram.version == RAW
        self._answer(session, session.receive(datagram.options, now, is_raw=is_raw))
        if self._socket is not None:
            self._socket.send(datagram.payload, session.owner)

    def _answer(self, session: UdpSession[UdpAddress], options: dict[str, str] | None) -> None:
        if options is not None:
            self.send(
                session.remote_hash,
                b"",
                version=3,
                from_port=session.local_port,
                to_port=session.remote_port,
                options=options,
            )
