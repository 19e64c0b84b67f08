"""``sockstunnel``: a SOCKS 4, 4a and 5 proxy into I2P. Addresses outside I2P are refused."""

from __future__ import annotations

import asyncio

from core.base.errors import Unavailable
from i2ptunnel.config.tunnel_models import SocksSection
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host
from i2ptunnel.protocols.socks import (
    REPLY_OF_CODE,
    ConnectRequest,
    SocksReply,
    SocksServer,
    SocksSignal,
)
from i2ptunnel.relay.channel import Channel, CountedChannel, finish_politely
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.rewound import Rewound
from i2ptunnel.tunnels.base import TunnelContext, read_users
from i2ptunnel.tunnels.client_base import HEADER_TIMEOUT_S, ClientTunnel

_NOT_HTTP = Page(
    403,
    "Forbidden",
    "This is a SOCKS proxy",
    "Enter this address as SOCKS host in the browser's settings, not as HTTP proxy.",
)


class SocksProxy(ClientTunnel[SocksSection]):
    """CONNECT to any ``.i2p`` host."""

    def __init__(self, model: SocksSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._users: dict[str, str] = {}

    def prepare(self) -> None:
        self._users = read_users(self.model.auth)

    async def serve(self, accepted: Accepted) -> None:
        server = SocksServer(self._users)
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
            stream = await unless_lost(accepted.channel, self._connect(request))
        except Unavailable as error:
            server.fail(REPLY_OF_CODE.get(error.code, SocksReply.GENERAL_FAILURE))
            await accepted.channel.write(server.data_to_send())
            await finish_politely(accepted.channel)
            return
        server.succeed()
        try:
            await accepted.channel.write(server.data_to_send())
        except Unavailable:
            stream.reset()
            raise
        local = Rewound(server.take_rest(), accepted.channel)
        await pump(local, stream, idle_timeout_s=self.model.idle_timeout)

    async def _negotiate(self, channel: Channel, server: SocksServer) -> ConnectRequest | None:
        """The request, or None when the client was answered already."""
        while True:
            event = server.next_event()
            reply = server.data_to_send()
            if reply:
                await channel.write(reply)
            if isinstance(event, ConnectRequest):
                return event
            if event is SocksSignal.HTTP:
                await channel.write(render(_NOT_HTTP))
            if event is not SocksSignal.NEED_DATA:
                return None
            data = await channel.read()
            if not data:
                return None
            server.receive_data(data)

    async def _connect(self, request: ConnectRequest) -> CountedChannel:
        host = normalise_host(request.host)
        if kind_of(host) is not HostKind.I2P or not request.port:
            raise Unavailable("only .i2p hosts are reached", "not_allowed")
        address = await self.context.resolver.resolve(host)
        return await self.connect(address, request.port)
