"""``httpserver``: a web site in I2P, from local web servers or straight from a directory."""

from __future__ import annotations

import asyncio
import time

from core.base.errors import Unavailable
from core.data.encoding import b64encode
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols.compression import GzipCoder, is_worth_it, wants_compression
from i2ptunnel.protocols.error_pages import Page, bad_request, render
from i2ptunnel.protocols.http1 import HttpFault, RequestHead, RequestReader, ResponseHead
from i2ptunnel.protocols.http_server_filter import (
    filter_request,
    filter_response,
    visitor_headers,
)
from i2ptunnel.protocols.throttle import PeriodLimit, PostThrottle
from i2ptunnel.protocols.visitor_rules import POST_METHODS, VisitorRules, too_many
from i2ptunnel.relay.channel import Channel, I2pStream, finish_politely
from i2ptunnel.relay.channel_pool import ChannelPool, PooledPlace
from i2ptunnel.relay.http_exchange import BodyCoder, Exchange, ResponseNotStarted
from i2ptunnel.relay.http_front import Front
from i2ptunnel.relay.least_rate import LeastRateChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.slots import Slot
from i2ptunnel.tunnels.base import TunnelContext, TunnelFault
from i2ptunnel.tunnels.file_site import FileSite
from i2ptunnel.tunnels.gate import Refusal
from i2ptunnel.tunnels.server_base import ServerTunnel, Visitor

_FIRST_BYTE_TIMEOUT_S = 15.0
# A head may need several packets, each with its own way through I2P.
_HEADER_TIMEOUT_S = 30.0
_KEEP_ALIVE_TIMEOUT_S = 120.0
#: ports whose service speaks for itself: HTTPS and SSH
_PLAIN_PORTS = frozenset((22, 443))


class HttpServer(ServerTunnel[HttpServerSection]):
    """Serves requests one after the other, each filtered on its way to a backend."""

    LIVE_OPTIONS = ServerTunnel.LIVE_OPTIONS | {
        "hostname",
        "hostnames",
        "i2p_headers",
        "compress",
        "keep_alive",
        "min_rate",
        "plain_ports",
        "posts",
        "reject_inproxies",
        "reject_referers",
        "reject_user_agents",
        "response_timeout",
    }

    def __init__(self, model: HttpServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.counts.update(requests=0, requests_refused=0)
        self._site: FileSite | None = None
        if model.docroot is not None:
            self._site = FileSite(model.docroot, context.own_files)
        self._idle_backs = ChannelPool()
        self._read_model()

    def _read_model(self) -> None:
        model, posts = self.model, self.model.posts
        self._hostnames = dict(model.hostnames)
        self._rules = VisitorRules(
            model.reject_inproxies, model.reject_referers, model.reject_user_agents
        )
        self._posts = PostThrottle(
            PeriodLimit(posts.period, posts.per_client, posts.total),
            posts.client_ban,
            posts.total_ban,
        )

    def on_update(self) -> None:
        """Renews host names, the rules for visitors and the limits of posts."""
        super().on_update()
        self._read_model()

    @property
    def is_ready(self) -> bool:
        """Also whether its directory is there."""
        return super().is_ready and self.fault() is None

    def fault(self) -> str | None:
        """Also that the directory is not there."""
        return None if self._site is None else self._site.fault()

    @property
    def local_end(self) -> str:
        """The target, or ``docroot:`` and the directory."""
        is_site = self._site is not None
        return f"docroot:{self.model.docroot}" if is_site else super().local_end

    async def start(self) -> None:
        """TunnelFault if the directory would offer files of this program."""
        if self.model.docroot is not None:
            wrong = await asyncio.to_thread(self.context.own_files.clash, self.model.docroot)
            if wrong is not None:
                raise TunnelFault(f"docroot is not offered: {wrong}")
        await super().start()

    async def stop(self) -> None:
        """Idle connections to the web server end, too."""
        await super().stop()
        await self._idle_backs.close()

    async def serve(self, stream: I2pStream, slot: Slot[Visitor]) -> None:
        """HTTP requests of one stream; on a port that is set to plain, bytes."""
        if self._is_plain(stream.local_port):
            slot.occupy()
            if stream.local_port not in self.port_backends:
                stream.reset()  # whoever comes here does not speak HTTP
                return
            target = await self.connect_target(stream)
            await pump(target, self.counted(stream), idle_timeout_s=self.model.idle_timeout)
            return
        guarded = LeastRateChannel(stream, self.model.min_rate, self.note_slow)
        front = Front(self.counted(guarded), RequestReader(), stream=stream, least_rate=guarded)
        visit = _Visit(self, stream, front)
        idle_s = _FIRST_BYTE_TIMEOUT_S
        while (head := await self._next_head(front, idle_s)) is not None:
            slot.occupy()
            self.counts["requests"] += 1
            may_go_on = await self._answer(visit, head)
            slot.relax()
            if not may_go_on:
                break
            idle_s = _KEEP_ALIVE_TIMEOUT_S
        await finish_politely(front.channel)

    def _is_plain(self, port: int) -> bool:
        return port in _PLAIN_PORTS or port in self.model.plain_ports

    async def turn_away(self, stream: I2pStream, refusal: Refusal) -> None:
        """With 429 and when to come again; a reset where no HTTP is spoken."""
        if self._is_plain(stream.local_port):
            stream.reset()
            return
        await stream.write(render(too_many(refusal.retry_after_s or 0)))
        await finish_politely(stream)

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

    def _unwanted(self, visit: _Visit, head: RequestHead) -> Page | None:
        page = self._rules.refusal(head)
        if page is None and head.method in POST_METHODS:
            wait_s = self._posts.admit(visit.stream.remote.hash, time.monotonic())
            page = None if wait_s is None else too_many(wait_s)
        return page

    async def _answer(self, visit: _Visit, head: RequestHead) -> bool:
        """True if another request may follow on this stream."""
        front, port = visit.front, visit.stream.local_port
        try:
            request = filter_request(
                head,
                visitor=visit.headers,
                hostname=self._hostnames.get(port, self.model.hostname),
                keep_alive=self.model.keep_alive,
            )
            page = self._unwanted(visit, head)
            if page is not None:
                await self._refuse(front, page, head.method)
                return False
            wants_gzip = self.model.compress and wants_compression(head)
            if self._site is not None and port not in self.port_backends:
                return await self._site.answer(front, head, request.target, wants_gzip)
            pool = PooledPlace(self._idle_backs, (port, visit.stream.remote.hash))
            return await Exchange(
                front,
                head,
                request,
                visit.open_back,
                _filter_response,
                pool if self.model.keep_alive else None,
                _compress if wants_gzip else None,
                answer_timeout_s=self.model.response_timeout,
            ).run(self.model.idle_timeout)
        except HttpFault as fault:
            is_ours = fault.status == 502
            page = pages.BROKEN_RESPONSE if is_ours else bad_request(fault.status, str(fault))
        except ResponseNotStarted as error:
            is_silent = error.code == "answer_timeout"
            page = pages.BACKEND_SILENT if is_silent else pages.BACKEND_DOWN
        await self._refuse(front, page, head.method)
        return False


class _Visit:
    """One stream of a visitor."""

    def __init__(self, server: HttpServer, stream: I2pStream, front: Front) -> None:
        self._server = server
        self.stream = stream
        self.front = front
        self.headers: dict[str, str] = {}
        if server.model.i2p_headers:
            remote = stream.remote
            self.headers = visitor_headers(b64encode(remote.hash), remote.b32, remote.b64)

    async def open_back(self, first: bytes) -> Channel:
        channel = await self._server.connect_target(self.stream)
        try:
            await channel.write(first)
        except Unavailable:
            channel.reset()
            raise
        return channel


def _filter_response(head: ResponseHead, keep_alive: bool) -> ResponseHead:
    return filter_response(head, keep_alive=keep_alive)


def _compress(head: ResponseHead) -> BodyCoder | None:
    return GzipCoder() if is_worth_it(head) else None
