"""UDP ASSOCIATE: packets of local programs as I2P datagrams (RFC 1928 section 7).

Each pair of a program's socket and a remote port is a session with an I2P port of its own, so that
answers find their way although raw datagrams do not say who sent them; formats and timeouts are
those of ``udpclient``. Packets come only from the machine that made the association, and the
association ends with the TCP connection that asked for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from core.api import SystemEntropy, share_turn
from core.base.errors import DecodeError, I2PError, Unavailable
from i2ptunnel.config.client_models import SocksSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.protocols.hosts import HostKind, kind_of
from i2ptunnel.protocols.socks import SocksServer
from i2ptunnel.protocols.socks_udp import UdpPacket, parse_packet, write_packet
from i2ptunnel.protocols.udp_sessions import RAW, UdpClientSessions, is_control
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.udp import DatagramSession, I2pDatagram, UdpAddress, UdpSocket
from i2ptunnel.tunnels.base import end_task, wait_for_tunnels
from i2ptunnel.tunnels.client_base import READY_WAIT_S
from i2ptunnel.tunnels.datagram_base import sender_of
from i2ptunnel.tunnels.isolation import Identity
from i2ptunnel.tunnels.proxy_base import ProxyTunnel, Visit

_SESSIONS_MAX = 1024
_QUEUE_PACKETS_MAX = 256
_DATAGRAM_VERSION = 1


@dataclass(frozen=True, slots=True)
class _Owner:
    """One program's socket, and the host and port as it named them."""

    association: _Association
    host: str
    port: int


def _association_of(owner: _Owner) -> _Association:
    return owner.association


class _Carrier:
    """A client session that carries datagrams, and what is under way on it."""

    def __init__(self, session: DatagramSession, identity: Identity | None) -> None:
        self.session = session
        self.identity = identity
        self.users = 0
        self.sessions: UdpClientSessions[_Owner] = UdpClientSessions(
            _SESSIONS_MAX, SystemEntropy().randbelow, group_of=_association_of
        )
        self.receiving: asyncio.Task[None] | None = None


class UdpRelay:
    """All associations of one SOCKS proxy. ``name_behind`` undoes virtual addresses."""

    def __init__(
        self,
        proxy: ProxyTunnel[SocksSection],
        name_behind: Callable[[str, str | None], str],
    ) -> None:
        self.proxy = proxy
        self.name_behind = name_behind
        self._carriers: dict[str | None, _Carrier] = {}
        self._lock = asyncio.Lock()
        self._number = 0

    async def stop(self) -> None:
        """Close all sessions."""
        for key in list(self._carriers):
            await self._end(key)

    async def serve(self, accepted: Accepted, server: SocksServer, port: int) -> None:
        """Carry packets until the client's TCP connection ends; raises Unavailable at first."""
        association = _Association(self, accepted.client, port, server.credential)
        host = accepted.channel.local_address.strip("[]") or "127.0.0.1"
        udp = await UdpSocket.bind(Endpoint(host, 0), association.on_packet)
        association.socket = udp
        sending = asyncio.create_task(association.send_on())
        self.proxy.counts["udp_associations"] += 1
        try:
            server.succeed(host, udp.port)
            await accepted.channel.write(server.data_to_send())
            while await accepted.channel.read():
                pass
        finally:
            udp.close()
            await end_task(sending)
            await association.leave()
        await accepted.channel.close()

    async def enter(self, key: str | None) -> _Carrier:
        """The carrier of a key, with one more user; raises Unavailable."""
        async with self._lock:
            carrier = self._carriers.get(key)
            if carrier is None:
                carrier = self._carriers[key] = await self._open(key)
                carrier.receiving = asyncio.create_task(self._receive(key, carrier))
            carrier.users += 1
        try:
            await wait_for_tunnels(carrier.session, self.proxy.context.facts, READY_WAIT_S)
        except BaseException:
            await self.leave(key, carrier)
            raise
        return carrier

    async def leave(self, key: str | None, carrier: _Carrier) -> None:
        """One user less; the last one ends it."""
        carrier.users -= 1
        if carrier.users <= 0 and self._carriers.get(key) is carrier:
            await self._end(key)

    async def _open(self, key: str | None) -> _Carrier:
        if key is not None:
            identity = await self.proxy.need_identities().obtain(key)
            return _Carrier(cast(DatagramSession, identity.session), identity)
        # Not the tunnel's own: a session gives its datagrams to one reader, and that one is shared.
        self._number += 1
        request = replace(
            self.proxy.session_request(),
            name=f"{self.proxy.name} udp {self._number}",
            keys_file=None,
            is_shared=False,
        )
        try:
            session: I2pSession = await self.proxy.context.open_session(request)
        except (I2PError, OSError) as error:
            raise Unavailable(str(error), "closed") from None
        return _Carrier(cast(DatagramSession, session), None)

    async def _end(self, key: str | None) -> None:
        carrier = self._carriers.pop(key)
        await end_task(carrier.receiving)
        if carrier.identity is not None and self.proxy.identities is not None:
            self.proxy.identities.release(carrier.identity)
        elif carrier.identity is None:
            await self.proxy.context.release_session(carrier.session)

    async def _receive(self, key: str | None, carrier: _Carrier) -> None:
        try:
            while True:
                datagram = await carrier.session.receive_datagram()
                await share_turn()
                self._deliver(carrier, datagram)
        except Unavailable:
            if self._carriers.get(key) is carrier:
                carrier.receiving = None
                await self._end(key)

    def _deliver(self, carrier: _Carrier, datagram: I2pDatagram) -> None:
        now = asyncio.get_running_loop().time()
        session = carrier.sessions.find(datagram.from_port, datagram.to_port)
        sender = sender_of(datagram)
        is_theirs = session is not None and sender in (None, session.remote_hash)
        if session is None or not is_theirs or (sender is None and datagram.version):
            self.proxy.counts["datagrams_dropped"] += 1
            return
        is_raw = sender is not None and datagram.version == RAW
        answer = session.receive(datagram.options, now, is_raw=is_raw)
        if answer is not None:
            carrier.session.send_datagram(
                session.remote_hash,
                b"",
                version=3,
                from_port=session.local_port,
                to_port=session.remote_port,
                options=answer,
            )
        if not is_control(datagram.payload, datagram.options):
            self.proxy.counts["datagrams_received"] += 1
            self.proxy.traffic.received += len(datagram.payload)
            owner = session.owner
            owner.association.receive(UdpPacket(owner.host, owner.port, datagram.payload))


class _Association:
    """One client's. ``port``: the one it announced to send from; 0: the first one it does."""

    def __init__(self, relay: UdpRelay, client: str, port: int, credential: str | None) -> None:
        self._relay = relay
        self._client = client
        self._port = port
        self._credential = credential
        self._queue: asyncio.Queue[UdpPacket] = asyncio.Queue(_QUEUE_PACKETS_MAX)
        self._carriers: dict[str | None, _Carrier] = {}
        self.socket: UdpSocket | None = None

    def on_packet(self, data: bytes, source: UdpAddress) -> None:
        """A packet came to our socket."""
        counts = self._relay.proxy.counts
        host, port = source
        if host != self._client or (self._port and port != self._port):
            counts["datagrams_refused"] += 1
            return
        try:
            packet = parse_packet(data)
        except DecodeError:
            counts["datagrams_dropped"] += 1
            return
        self._port = port
        try:
            self._queue.put_nowait(packet)
        except asyncio.QueueFull:
            counts["datagrams_dropped"] += 1

    def receive(self, packet: UdpPacket) -> None:
        """Hand a packet to the program."""
        if self.socket is not None and self._port:
            self.socket.send(write_packet(packet), (self._client, self._port))

    async def send_on(self) -> None:
        """Send what the program sends, until cancelled."""
        while True:
            packet = await self._queue.get()
            try:
                await self._send(packet)
            except Unavailable as error:
                self._relay.proxy.note_failure(error)

    async def leave(self) -> None:
        """Give back what was used."""
        for key, carrier in self._carriers.items():
            await self._relay.leave(key, carrier)
        self._carriers.clear()

    async def _send(self, packet: UdpPacket) -> None:
        proxy = self._relay.proxy
        host = self._relay.name_behind(packet.host, self._credential)
        if kind_of(host) is not HostKind.I2P or not packet.port:
            proxy.counts["datagrams_refused"] += 1
            return
        address = await proxy.context.resolver.resolve(host)
        if address.blinded is not None:
            proxy.counts["datagrams_refused"] += 1
            return
        carrier = await self._carrier_of(await proxy.visit_to(self._credential, host, address))
        now = asyncio.get_running_loop().time()
        owner = _Owner(self, packet.host, packet.port)
        session = carrier.sessions.obtain(owner, self._port, address.hash, packet.port, now)
        if session is None:
            proxy.counts["datagrams_dropped"] += 1
            return
        is_sent = carrier.session.send_datagram(
            session.remote_hash,
            packet.payload,
            version=session.choose(_DATAGRAM_VERSION, now),
            from_port=session.local_port,
            to_port=session.remote_port,
        )
        proxy.counts["datagrams_sent" if is_sent else "datagrams_dropped"] += 1
        proxy.traffic.sent += len(packet.payload)

    async def _carrier_of(self, visit: Visit) -> _Carrier:
        key = self._relay.proxy.key_of(visit)
        carrier = self._carriers.get(key)
        if carrier is None:
            carrier = self._carriers[key] = await self._relay.enter(key)
        return carrier
