"""``httpclient``: the HTTP proxy for browsers.

Every request of a connection is read, routed and filtered on its own, so one connection may fetch
from several sites and no request reaches a site unfiltered. Names outside I2P are never looked up
here: they go to an outproxy, or nowhere.
"""

from __future__ import annotations

import asyncio

from core.base.errors import Unavailable
from core.data.identity import hash_to_b32
from i2ptunnel.config.tunnel_models import HttpClientSection
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols.address_helper import split_helper
from i2ptunnel.protocols.error_pages import Page, bad_request, render
from i2ptunnel.protocols.hosts import HostKind, normalise_host
from i2ptunnel.protocols.http1 import (
    NEED_DATA,
    Headers,
    HttpFault,
    RequestHead,
    RequestReader,
    ResponseHead,
    ResponseReader,
)
from i2ptunnel.protocols.http_filter import USER_AGENT_OUTSIDE, filter_request, filter_response
from i2ptunnel.protocols.proxy_target import ProxyTarget, read_target
from i2ptunnel.protocols.users import is_authorised
from i2ptunnel.relay.channel import Channel, CountedChannel, finish_politely
from i2ptunnel.relay.http_exchange import (
    LEFT_GRACE_S,
    Exchange,
    Front,
    OpenBack,
    ResponseNotStarted,
)
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.rewound import Rewound
from i2ptunnel.tunnels.base import TunnelContext, read_users
from i2ptunnel.tunnels.client_base import HEADER_TIMEOUT_S, ClientTunnel
from i2ptunnel.tunnels.outproxy import Outproxy, OutproxyChoice

_KEEP_ALIVE_TIMEOUT_S = 120.0
_OWN_HOST = "proxy.i2p"
_REALM = "I2P HTTP Proxy"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class _Answer(Exception):
    """The request is answered with a page of ours. ``link``: an address the page offers."""

    def __init__(self, page: Page, link: str = "") -> None:
        super().__init__(page.title)
        self.page = page
        self.link = link


class HttpProxy(ClientTunnel[HttpClientSection]):
    """The eepproxy."""

    BUSY_ANSWER = render(pages.BUSY)

    def __init__(self, model: HttpClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.counts.update(requests=0, requests_refused=0)
        self._users: dict[str, str] = {}
        self._extra_passed = frozenset(header.lower() for header in model.pass_headers)
        self._outproxies = OutproxyChoice(model.outproxies)

    def prepare(self) -> None:
        self._users = read_users(self.model.auth)

    async def serve(self, accepted: Accepted) -> None:
        front = Front(accepted.channel, RequestReader(), accepted.channel)
        idle_s = HEADER_TIMEOUT_S
        while (head := await self._next_head(front, idle_s)) is not None:
            accepted.establish()
            self.counts["requests"] += 1
            if not await self._answer(front, head):
                break
            accepted.relax()
            idle_s = _KEEP_ALIVE_TIMEOUT_S
        await finish_politely(front.channel)

    async def _next_head(self, front: Front, idle_s: float) -> RequestHead | None:
        """The next request, or None when there is none or it was refused."""
        try:
            event = await front.next_head(idle_s, HEADER_TIMEOUT_S)
        except TimeoutError:
            if not front.reader.is_idle:
                await front.channel.write(render(pages.TIMEOUT))
            return None
        except HttpFault as fault:
            self.counts["requests_refused"] += 1
            await front.channel.write(render(bad_request(fault.status, str(fault))))
            return None
        return event if isinstance(event, RequestHead) else None

    async def _answer(self, front: Front, head: RequestHead) -> bool:
        """True if another request may follow on this connection."""
        subject = link = ""
        try:
            if not is_authorised(self._users, head.headers.get("proxy-authorization")):
                raise _Answer(pages.AUTH_NEEDED)
            target = read_target(head)
            subject = target.authority
            return await self._route(front, head, target)
        except _Answer as answer:
            page, link = answer.page, answer.link
        except ResponseNotStarted as error:
            page = pages.PAGE_OF_CODE.get(error.code, pages.RESET)
        except HttpFault as fault:
            is_theirs = fault.status == 502
            page = pages.BROKEN_RESPONSE if is_theirs else bad_request(fault.status, str(fault))
        self.counts["requests_refused"] += 1
        await front.channel.write(
            render(page, subject=subject, method=head.method, realm=_REALM, link=link)
        )
        return False

    async def _route(self, front: Front, head: RequestHead, target: ProxyTarget) -> bool:
        if target.kind is HostKind.INVALID:
            raise HttpFault(400, "the address is not a proper host name")
        if target.kind is HostKind.LOCAL:
            raise _Answer(pages.LOCAL_HOST)
        ports = self.model.connect_ports
        if target.is_connect and ports and target.port not in ports:
            raise _Answer(pages.PORT_DENIED)
        if target.host == _OWN_HOST:
            is_root = not target.is_connect and target.path == "/"
            raise _Answer(pages.PROXY_IS_UP if is_root else pages.NOT_FOUND)
        if target.kind is HostKind.OUTSIDE:
            return await self._route_outside(front, head, target)
        path, helper = split_helper(target.path)
        if helper is not None:
            await self._check_helper(target.host, helper)
        address = await self._resolve(target.host)
        if target.is_connect:
            stream = await self._open_tunnel(front, address, target.port)
            return await self._tunnel(front, stream)
        host = hash_to_b32(address.hash) + (f":{target.port}" if target.port != 80 else "")
        request = filter_request(
            head,
            target=path,
            authority=target.authority,
            host=host,
            extra_passed=self._extra_passed,
        )

        async def open_back(first: bytes) -> Channel:
            return await self.connect(address, target.port, first)

        return await self._exchange(front, head, request, open_back)

    async def _resolve(self, host: str) -> Address:
        try:
            return await self.context.resolver.resolve(host)
        except NameFault as fault:
            raise _Answer(pages.PAGE_OF_CODE.get(fault.code, pages.UNKNOWN_NAME)) from None

    async def _check_helper(self, host: str, helper: str) -> None:
        """Pass if the helper says what we know already; else a page that names the b32 address."""
        try:
            offered = await self.context.resolver.resolve(normalise_host(helper))
        except NameFault:
            raise _Answer(pages.HELPER_BAD) from None
        link = f"http://{hash_to_b32(offered.hash)}/"
        try:
            known = await self.context.resolver.resolve(host)
        except NameFault:
            raise _Answer(pages.HELPER_NEW, link) from None
        if known.hash != offered.hash:
            raise _Answer(pages.HELPER_CONFLICT, link)

    async def _exchange(
        self, front: Front, asked: RequestHead, request: RequestHead, open_back: OpenBack
    ) -> bool:
        return await Exchange(front, asked, request, open_back, _filter_response).run(
            self.model.idle_timeout
        )

    async def _open_tunnel(self, front: Front, address: Address, port: int) -> CountedChannel:
        assert front.local is not None
        try:
            return await unless_lost(front.local, self.connect(address, port))
        except Unavailable as error:
            raise _Answer(pages.PAGE_OF_CODE.get(error.code, pages.CONNECT_TIMEOUT)) from None

    async def _tunnel(self, front: Front, stream: Channel, first: bytes = b"") -> bool:
        try:
            await front.channel.write(_ESTABLISHED)
        except Unavailable:
            stream.reset()
            raise
        local = Rewound(front.reader.take_rest(), front.channel)
        await pump(local, Rewound(first, stream), idle_timeout_s=self.model.idle_timeout)
        return False

    async def _route_outside(self, front: Front, head: RequestHead, target: ProxyTarget) -> bool:
        if not self._outproxies:
            raise _Answer(pages.NO_OUTPROXY)
        assert front.local is not None
        if target.is_connect:
            stream, first = await unless_lost(front.local, self._connect_through(target))
            return await self._tunnel(front, stream, first)
        request = filter_request(
            head,
            target=f"http://{target.authority}{target.path}",
            authority=target.authority,
            host=target.authority,
            user_agent=USER_AGENT_OUTSIDE,
            extra_passed=self._extra_passed,
        )
        outproxy, stream = await unless_lost(
            front.local, self._reach_outproxy(target.host), LEFT_GRACE_S
        )
        if outproxy.authorization is not None:
            request.headers.add("Proxy-Authorization", outproxy.authorization)

        async def open_back(first: bytes) -> Channel:
            await stream.write(first)
            return stream

        return await self._exchange(front, head, request, open_back)

    async def _reach_outproxy(self, host: str) -> tuple[Outproxy, CountedChannel]:
        """A stream to the host's outproxy, or to the next one that answers; raises _Answer."""
        for outproxy in self._outproxies.in_order(host):
            try:
                address = await self.context.resolver.resolve(normalise_host(outproxy.host))
                stream = await self.connect(address, outproxy.port)
            except Unavailable as error:
                if error.code in ("tunnels_not_ready", "closed"):
                    raise _Answer(pages.NOT_READY) from None
                self._outproxies.note(outproxy, works=False)
                continue
            self._outproxies.note(outproxy, works=True)
            return outproxy, stream
        raise _Answer(pages.OUTPROXY_FAILED)

    async def _connect_through(self, target: ProxyTarget) -> tuple[Channel, bytes]:
        """CONNECT through an outproxy: its stream, and what it already sent of the other side."""
        outproxy, stream = await self._reach_outproxy(target.host)
        headers = Headers([("Host", target.authority), ("User-Agent", USER_AGENT_OUTSIDE)])
        if outproxy.authorization is not None:
            headers.add("Proxy-Authorization", outproxy.authorization)
        reader = ResponseReader("CONNECT")
        event: object = None
        try:
            await stream.write(RequestHead("CONNECT", target.authority, 1, headers).write())
            async with asyncio.timeout(self.model.connect_timeout):
                while (event := reader.next_event()) is NEED_DATA:
                    reader.receive_data(await stream.read())
        except (Unavailable, HttpFault, TimeoutError):
            event = None
        except BaseException:
            stream.reset()
            raise
        if not isinstance(event, ResponseHead) or not 200 <= event.status < 300:
            stream.reset()
            raise _Answer(pages.OUTPROXY_FAILED)
        return stream, reader.take_rest()


def _filter_response(head: ResponseHead, keep_alive: bool) -> ResponseHead:
    return filter_response(head, keep_alive=keep_alive)
