"""``sockstunnel``: a SOCKS 4, 4a and 5 proxy into I2P, and through outproxies beyond it.

No name is ever looked up in DNS: ``.i2p`` hosts go into I2P, others to an outproxy as they are, or
nowhere.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from typing import Any

from core.api import SystemEntropy
from core.base.errors import Unavailable
from core.base.socks_client import RESOLVE, RESOLVE_PTR
from i2ptunnel.config.client_models import SocksSection
from i2ptunnel.naming.address import Address
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host
from i2ptunnel.protocols.sites import site_outside
from i2ptunnel.protocols.socks import (
    REPLY_OF_CODE,
    ConnectRequest,
    Request,
    ResolveRequest,
    SocksReply,
    SocksServer,
    SocksSignal,
    UdpRequest,
)
from i2ptunnel.protocols.virtual_addresses import VirtualAddresses, is_virtual
from i2ptunnel.relay.channel import Channel, finish_politely
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.tunnels.base import TunnelContext, read_users
from i2ptunnel.tunnels.client_base import HEADER_TIMEOUT_S
from i2ptunnel.tunnels.outproxy import OutproxyChoice, OutproxyRefused
from i2ptunnel.tunnels.proxy_base import ProxyTunnel, Visit
from i2ptunnel.tunnels.socks_http import FilteredConnection
from i2ptunnel.tunnels.socks_udp import UdpRelay

_NOT_HTTP = Page(
    403,
    "Forbidden",
    "This is a SOCKS proxy",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.",
)
_HTTP_START = re.compile(rb"[A-Z]{3,20} (/|http://)")
_HTTP_BEGUN = re.compile(rb"[A-Z]{1,20}( (h(t(t(p(:/?)?)?)?)?)?)?")


class SocksProxy(ProxyTunnel[SocksSection]):
    """CONNECT, UDP ASSOCIATE, RESOLVE and RESOLVE_PTR."""

    LIVE_OPTIONS = ProxyTunnel.LIVE_OPTIONS | {
        "address_names",
        "filter_http",
        "min_rate",
        "outproxies",
        "port_outproxies",
        "udp",
    }

    def __init__(self, model: SocksSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._users: dict[str, str] = {}
        self._read_live_options()
        self._names = VirtualAddresses(SystemEntropy().randbelow)
        self._udp = UdpRelay(self, self.name_behind)

    def prepare(self) -> None:
        """Reads the users' passwords; raises TunnelFault."""
        self._users = read_users(self.model.auth)

    def on_update(self) -> None:
        """Renews the outproxies, also those of single ports, and the names of addresses."""
        self._read_live_options()
        super().on_update()

    def _read_live_options(self) -> None:
        self._outproxies = OutproxyChoice(self.model.outproxies)
        self._port_outproxies = {
            port: OutproxyChoice(urls) for port, urls in self.model.port_outproxies
        }
        self._address_names = dict(self.model.address_names)

    def outproxy_choices(self) -> Sequence[OutproxyChoice]:
        """One for all ports, and those of single ports."""
        return (self._outproxies, *self._port_outproxies.values())

    async def stop(self) -> None:
        """UDP associations end first."""
        await self._udp.stop()
        await super().stop()

    async def serve(self, accepted: Accepted) -> None:
        """SOCKS 4, 4a or 5: the handshake, then what was asked for."""
        server = SocksServer(self._users, wants_names=self.model.isolate != "none")
        try:
            async with asyncio.timeout(HEADER_TIMEOUT_S):
                request = await self._negotiate(accepted.channel, server)
        except TimeoutError:
            accepted.channel.reset()
            return
        if request is None:
            await finish_politely(accepted.channel)
            return
        accepted.establish()
        try:
            if isinstance(request, ConnectRequest):
                await self._serve_connect(accepted, server, request)
            elif isinstance(request, UdpRequest):
                await self._serve_udp(accepted, server, request)
            else:
                await self._serve_resolve(accepted, server, request)
        except _Refused as refused:
            server.fail(refused.reply)
            await accepted.channel.write(server.data_to_send())
            await finish_politely(accepted.channel)

    async def _negotiate(self, channel: Channel, server: SocksServer) -> Request | None:
        """The request, or None when the client was answered already."""
        while True:
            event = server.next_event()
            reply = server.data_to_send()
            if reply:
                await channel.write(reply)
            if not isinstance(event, SocksSignal):
                return event
            if event is SocksSignal.HTTP:
                await channel.write(render(_NOT_HTTP))
            if event is not SocksSignal.NEED_DATA:
                return None
            data = await channel.read()
            if not data:
                return None
            server.receive_data(data)

    def name_behind(self, host: str, client: str | None) -> str:
        """The host a client means: some addresses stand for names."""
        host = normalise_host(host)
        if host in self._address_names:
            return self._address_names[host]
        return self._names.name_of(client, host) or host

    async def _serve_connect(
        self, accepted: Accepted, server: SocksServer, request: ConnectRequest
    ) -> None:
        host = self.name_behind(request.host, server.credential)
        kind = kind_of(host)
        if kind is HostKind.OUTSIDE and request.port:
            stream = await self._open(accepted, self._connect_outside(server, host, request.port))
        elif kind is HostKind.I2P and request.port:
            address = await self._resolve(host)
            visit = await self.visit_to(server.credential, host, address)
            stream = await self._open(accepted, self.connect_for(visit, address, request.port))
            if self.model.filter_http:
                await self._answer(accepted, server, stream)
                await self._serve_filtered(accepted, server, stream, visit, address, request.port)
                return
        else:
            raise _Refused(SocksReply.NOT_ALLOWED)
        await self._answer(accepted, server, stream)
        local = PrefixedChannel(server.take_rest(), accepted.channel)
        await pump(local, stream, idle_timeout_s=self.model.idle_timeout)

    async def _open(self, accepted: Accepted, opening: Coroutine[Any, Any, Channel]) -> Channel:
        try:
            return await unless_lost(accepted.channel, opening)
        except Unavailable as error:
            raise _Refused.of(error) from None

    async def _answer(self, accepted: Accepted, server: SocksServer, stream: Channel) -> None:
        server.succeed()
        try:
            await accepted.channel.write(server.data_to_send())
        except BaseException:
            stream.reset()
            raise

    async def _connect_outside(self, server: SocksServer, host: str, port: int) -> Channel:
        visit = Visit(server.credential, site_outside(host))
        choice = self._port_outproxies.get(port, self._outproxies)
        way = await self.reach_outside(choice, visit, host, port, is_tunnel=True)
        return way.channel

    async def _resolve(self, host: str) -> Address:
        try:
            return await self.context.resolver.resolve(host)
        except Unavailable as error:
            raise _Refused.of(error) from None

    async def _serve_filtered(
        self,
        accepted: Accepted,
        server: SocksServer,
        stream: Channel,
        visit: Visit,
        address: Address,
        port: int,
    ) -> None:
        """Like a plain connection, unless the client begins with an HTTP request."""
        client = PrefixedChannel(server.take_rest(), accepted.channel)
        try:
            said, heard = await _first_words(client, stream)
        except BaseException:
            stream.reset()
            raise
        if not _HTTP_START.match(said):
            local = PrefixedChannel(said, accepted.channel) if said else client
            await pump(
                local, PrefixedChannel(heard, stream), idle_timeout_s=self.model.idle_timeout
            )
            return
        self.counts["http_filtered"] += 1
        connection = FilteredConnection(self, visit, address, port)
        await connection.run(accepted, PrefixedChannel(said, accepted.channel), stream)

    async def _serve_udp(
        self, accepted: Accepted, server: SocksServer, request: UdpRequest
    ) -> None:
        if not self.model.udp or not accepted.client:
            raise _Refused(SocksReply.COMMAND_NOT_SUPPORTED)
        try:
            await self._udp.serve(accepted, server, request.port)
        except Unavailable as error:
            raise _Refused.of(error) from None

    async def _serve_resolve(
        self, accepted: Accepted, server: SocksServer, request: ResolveRequest
    ) -> None:
        try:
            found = await self._look_up(server, request)
        except Unavailable as error:
            raise _Refused.of(error) from None
        try:
            server.succeed(found)
        except ValueError:  # SOCKS 4 has room for IPv4 only
            raise _Refused(SocksReply.ADDRESS_TYPE_NOT_SUPPORTED) from None
        await accepted.channel.write(server.data_to_send())
        await finish_politely(accepted.channel)

    async def _look_up(self, server: SocksServer, request: ResolveRequest) -> str:
        host, client = normalise_host(request.host), server.credential
        if request.is_reverse:
            name = self.name_behind(host, client)
            if name != host:
                return name
        elif kind_of(host) is HostKind.I2P:
            await self._resolve(host)
            return self._names.address_of(client, host)
        if is_virtual(host) or kind_of(host) is not HostKind.OUTSIDE:
            raise _Refused(SocksReply.NOT_ALLOWED)
        visit = Visit(client, site_outside(host))
        command = RESOLVE_PTR if request.is_reverse else RESOLVE
        return await self.resolve_outside(self._outproxies, visit, host, command)


class _Refused(Exception):
    """The request is answered with a reply code."""

    def __init__(self, reply: SocksReply) -> None:
        super().__init__(reply.name)
        self.reply = reply

    @classmethod
    def of(cls, error: Unavailable) -> _Refused:
        if isinstance(error, OutproxyRefused) and 1 <= error.reply <= 8:
            return cls(SocksReply(error.reply))
        return cls(REPLY_OF_CODE.get(error.code, SocksReply.GENERAL_FAILURE))


async def _first_words(client: Channel, stream: Channel) -> tuple[bytes, bytes]:
    """(what the client says first, what the server says first): one of them is empty.

    Long enough to see whether the client's words are a request of HTTP.
    """
    saying = asyncio.ensure_future(client.read())
    hearing = asyncio.ensure_future(stream.read())
    try:
        await asyncio.wait({saying, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (saying, hearing):
            if not task.done():
                task.cancel()
        await asyncio.gather(saying, hearing, return_exceptions=True)
    heard = b"" if hearing.cancelled() or hearing.exception() else hearing.result()
    said = b"" if saying.cancelled() else saying.result()
    while not heard and said and _HTTP_BEGUN.fullmatch(said):
        more = await client.read()
        if not more:
            break
        said += more
    return (b"", heard) if not said else (said, heard)
