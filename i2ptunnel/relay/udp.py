"""UDP sockets of this machine, and what tunnels of datagrams need from a client session."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from core.base.errors import Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from i2ptunnel.config.network_kinds import Endpoint, IpNetwork
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.channel import I2pSession

UdpAddress = tuple[str, int]
PacketHandler = Callable[[bytes, UdpAddress], None]


class I2pDatagram(Protocol):
    """A datagram from I2P, as ``core.api.Datagram``. ``version`` 0 is raw."""

    @property
    def source(self) -> Destination | None:
        """The sender's destination; None for formats that only have its hash, or nothing."""
        ...

    @property
    def source_hash(self) -> bytes | None:
        """32 bytes, None for a raw datagram."""
        ...

    @property
    def payload(self) -> bytes:
        """Without the headers of the format."""
        ...

    @property
    def version(self) -> int:
        """0 raw, 1 to 3 as the datagram specification numbers them."""
        ...

    @property
    def from_port(self) -> int:
        """The sender's I2P port; 0 if none was given."""
        ...

    @property
    def to_port(self) -> int:
        """Our I2P port; 0 if none was given."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """Of versions 2 and 3; empty for others."""
        ...

    @property
    def is_authentic(self) -> bool:
        """Whether the sender is proven by a signature or its ratchet session."""
        ...


class DatagramSession(I2pSession, Protocol):
    """A local destination that can send and receive datagrams."""

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
        """Hand it over; False if it cannot go now and is lost.

        Raises Unavailable ``bad_datagram`` for what could never go.
        """
        ...

    async def receive_datagram(self) -> I2pDatagram:
        """The next one; raises Unavailable when the session ends."""
        ...

    async def lookup(
        self, target: bytes | BlindedTarget, timeout_s: float = 60.0, /
    ) -> Destination:
        """The destination of a hash or encrypted address; raises Unavailable."""
        ...


class UdpSocket(asyncio.DatagramProtocol):
    """One socket; ``handler`` is called for each packet from a network in ``allow``."""

    def __init__(self, handler: PacketHandler, allow: Sequence[IpNetwork] = ()) -> None:
        self._handler = handler
        self._allow = tuple(allow)
        self._transport: asyncio.DatagramTransport | None = None
        self._is_full = False
        #: packets not taken: from strangers, or because the system did not keep up
        self.refused = 0
        self.dropped = 0

    @classmethod
    async def bind(
        cls,
        endpoint: Endpoint,
        handler: PacketHandler,
        allow: Sequence[IpNetwork] = (),
        take: Take = take_none,
    ) -> UdpSocket:
        """Take an address; raises Unavailable ``cannot_listen``. ``take``: a socket made there."""
        host = "127.0.0.1" if endpoint.host == "localhost" else endpoint.host
        loop = asyncio.get_running_loop()
        made = take(endpoint, socket.SOCK_DGRAM)
        where: dict[str, Any] = {"local_addr": (host, endpoint.port)} if made is None else {}
        try:
            _, udp = await loop.create_datagram_endpoint(
                lambda: cls(handler, allow), sock=made, **where
            )
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {endpoint}: {_reason(error)}", "cannot_listen"
            ) from None
        return udp

    @classmethod
    async def connect(
        cls,
        target: Endpoint,
        handler: PacketHandler,
        local_host: str | None = None,
        is_own: Callable[[Any], bool] | None = None,
    ) -> UdpSocket:
        """A socket that only talks to ``target``; raises Unavailable ``target_unreachable``.

        ``is_own``: whether a connected socket leads to a listener of this program: refused.
        """
        loop = asyncio.get_running_loop()
        local = (local_host, 0) if local_host is not None else None
        try:
            transport, udp = await loop.create_datagram_endpoint(
                lambda: cls(handler), local_addr=local, remote_addr=(target.host, target.port)
            )
        except OSError as error:
            raise Unavailable(
                f"the target cannot be reached: {_reason(error)}", "target_unreachable"
            ) from None
        if is_own is not None and is_own(transport.get_extra_info("socket")):
            transport.abort()
            raise Unavailable("the target is a listener of this program", "target_unreachable")
        return udp

    @property
    def port(self) -> int:
        """The local port."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        # CPython 3.11: its transport is one in all but the class it names
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """By asyncio: counts those from outside of the allowed networks as refused."""
        host, port = address[0].partition("%")[0], int(address[1])
        if self._allow:
            source = ipaddress.ip_address(host)
            if not any(source in network for network in self._allow):
                self.refused += 1
                return
        self._handler(data, (host, port))

    def pause_writing(self) -> None:
        """By asyncio: the system's buffer is full, what is sent now is dropped."""
        self._is_full = True

    def resume_writing(self) -> None:
        """By asyncio: there is room again."""
        self._is_full = False

    def error_received(self, error: Exception) -> None:
        """ICMP says that nobody listens there: not for long, perhaps."""

    def send(self, data: bytes, address: UdpAddress | None = None) -> None:
        """Send or drop; never waits."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._is_full:
            self.dropped += 1
            return
        if data:
            transport.sendto(data, address)
        else:
            self._send_empty(transport, address)

    def _send_empty(self, transport: asyncio.DatagramTransport, address: UdpAddress | None) -> None:
        """CPython before 3.13: a transport sends no empty packets."""
        sock = transport.get_extra_info("socket")
        try:
            with socket.socket(fileno=os.dup(sock.fileno())) as same:
                same.setblocking(False)
                if address is None:
                    same.send(b"")
                else:
                    same.sendto(b"", address)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Free the address."""
        if self._transport is not None:
            self._transport.abort()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "unknown host"
