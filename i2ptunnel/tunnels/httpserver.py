"""``httpserver``: a web site in I2P, from a local web server or straight from a directory."""

from __future__ import annotations

from core.base.errors import Unavailable
from core.data.encoding import b64encode
from i2ptunnel.config.tunnel_models import HttpServerSection
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols.error_pages import Page, bad_request, render
from i2ptunnel.protocols.http1 import HttpFault, RequestHead, RequestReader, ResponseHead
from i2ptunnel.protocols.http_server_filter import (
    filter_request,
    filter_response,
    visitor_headers,
)
from i2ptunnel.relay.channel import Channel, I2pStream, finish_politely
from i2ptunnel.relay.http_exchange import Exchange, Front, ResponseNotStarted
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.file_site import FileSite
from i2ptunnel.tunnels.server_base import ServerTunnel

_FIRST_BYTE_TIMEOUT_S = 15.0
# A head may need several packets, each with its own way through I2P.
_HEADER_TIMEOUT_S = 30.0
_KEEP_ALIVE_TIMEOUT_S = 120.0


class HttpServer(ServerTunnel[HttpServerSection]):
    """Serves requests one after the other, each filtered and on its own backend connection."""

    def __init__(self, model: HttpServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.counts.update(requests=0, requests_refused=0)
        self._site = FileSite(model.docroot) if model.docroot is not None else None

    @property
    def local_end(self) -> str:
        target = self.model.target
        return str(target) if target is not None else f"docroot:{self.model.docroot}"

    async def serve(self, stream: I2pStream) -> None:
        visitor = {}
        if self.model.i2p_headers:
            remote = stream.remote
            visitor = visitor_headers(b64encode(remote.hash), remote.b32, remote.b64)
        front = Front(self.counted(stream), RequestReader())
        idle_s = _FIRST_BYTE_TIMEOUT_S
        while (head := await self._next_head(front, idle_s)) is not None:
            self.counts["requests"] += 1
            if not await self._answer(front, head, visitor):
                break
            idle_s = _KEEP_ALIVE_TIMEOUT_S
        await finish_politely(front.channel)

    async def _next_head(self, front: Front, idle_s: float) -> RequestHead | None:
        try:
            event = await front.next_head(idle_s, _HEADER_TIMEOUT_S)
        except TimeoutError:
            if not front.reader.is_idle:
                await self._refuse(front, pages.TIMEOUT)
            return None
        except HttpFault as fault:
            await self._refuse(front, bad_request(fault.status, str(fault)))
            return None
        return event if isinstance(event, RequestHead) else None

    async def _refuse(self, front: Front, page: Page, method: str = "GET") -> None:
        self.counts["requests_refused"] += 1
        await front.channel.write(render(page, method=method))

    async def _answer(self, front: Front, head: RequestHead, visitor: dict[str, str]) -> bool:
        """True if another request may follow on this stream."""
        try:
            request = filter_request(head, visitor=visitor, hostname=self.model.hostname)
            if self._site is not None:
                return await self._site.answer(front, head)
            return await Exchange(front, head, request, self._open_back, _filter_response).run(
                self.model.idle_timeout
            )
        except HttpFault as fault:
            is_ours = fault.status == 502
            page = pages.BROKEN_RESPONSE if is_ours else bad_request(fault.status, str(fault))
        except ResponseNotStarted:
            page = pages.BACKEND_DOWN
        await self._refuse(front, page, head.method)
        return False

    async def _open_back(self, first: bytes) -> Channel:
        assert self.model.target is not None
        channel = await self.connect_target(self.model.target)
        try:
            await channel.write(first)
        except Unavailable:
            channel.reset()
            raise
        return channel


def _filter_response(head: ResponseHead, keep_alive: bool) -> ResponseHead:
    return filter_response(head, keep_alive=keep_alive)
