"""``httpclient``: the HTTP proxy for browsers.

Every request of a connection is read, routed and filtered on its own, so one connection may fetch
from several sites and no request reaches a site unfiltered. Names outside I2P are never looked up
here: they go to an outproxy, or nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence

from core.api import begin_stage, noting_stages
from core.base.authority import authority
from core.base.errors import Unavailable
from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.health import Health, Sentence, assess_proxy
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols import own_pages
from i2ptunnel.protocols.address_helper import split_helper
from i2ptunnel.protocols.error_pages import Page, bad_request, render
from i2ptunnel.protocols.hosts import HostKind, normalise_host
from i2ptunnel.protocols.http1 import (
    REQUEST_LIMITS,
    HttpFault,
    RequestHead,
    RequestReader,
    ResponseHead,
)
from i2ptunnel.protocols.http_filter import USER_AGENT_OUTSIDE, filter_request, filter_response
from i2ptunnel.protocols.own_pages import ProxyStatus
from i2ptunnel.protocols.proxy_auth import ProxyAuth
from i2ptunnel.protocols.proxy_target import ProxyTarget, read_target
from i2ptunnel.protocols.reloads import Reloads
from i2ptunnel.protocols.request_headers import dropped_names
from i2ptunnel.protocols.sites import site_outside
from i2ptunnel.relay.channel import Channel, finish_politely
from i2ptunnel.relay.channel_pool import ChannelPool, PooledPlace
from i2ptunnel.relay.http_exchange import Exchange, OpenBack, ResponseNotStarted
from i2ptunnel.relay.http_front import Front
from i2ptunnel.relay.least_rate import LeastRateChannel
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.tunnels.base import TunnelContext, read_users
from i2ptunnel.tunnels.client_base import HEADER_TIMEOUT_S
from i2ptunnel.tunnels.http_answers import (
    Answer,
    Request,
    before_response,
    is_navigation,
    language_for,
    page_of_fault,
)
from i2ptunnel.tunnels.outproxy import OutproxyChoice
from i2ptunnel.tunnels.own_site import OwnSite
from i2ptunnel.tunnels.proxy_base import IdentityPlace, ProxyTunnel, Visit

_KEEP_ALIVE_TIMEOUT_S = 120.0
_REALM = "I2P HTTP Proxy"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CREDENTIAL_PAGES = frozenset(
    id(page) for page in (pages.SECRET_NEEDED, pages.KEY_NEEDED, pages.KEY_REFUSED)
)


class HttpProxy(ProxyTunnel[HttpClientSection]):
    """The eepproxy."""

    BUSY_ANSWER = render(pages.BUSY, has_home=True)
    LIVE_OPTIONS = ProxyTunnel.LIVE_OPTIONS | {
        "address_helper",
        "compression",
        "connect_ports",
        "https_outproxies",
        "jump_servers",
        "keep_alive",
        "max_upload",
        "min_rate",
        "outproxies",
        "pass_headers",
        "redirected",
    }

    def __init__(self, model: HttpClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.counts.update(requests=0, requests_refused=0)
        self._read_live_options()
        self._auth = ProxyAuth({}, (), _REALM, b"")
        self._site = OwnSite(context.resolver, self._own_status, self._extra_passed)
        self._pool = ChannelPool()
        self._reloads = Reloads()

    def prepare(self) -> None:
        """Reads the users' passwords, and draws the secret of the nonces."""
        users = read_users(self.model.auth)
        self._auth = ProxyAuth(users, self.model.auth_methods, _REALM, secrets.token_bytes(32))

    def on_update(self) -> None:
        """Renews the outproxies and the headers that are passed on."""
        self._read_live_options()
        self._site.extra_passed = self._extra_passed
        super().on_update()

    def _read_live_options(self) -> None:
        model = self.model
        self._extra_passed = frozenset(header.lower() for header in model.pass_headers)
        self._outproxies = OutproxyChoice(model.outproxies)
        self._https_outproxies = (
            OutproxyChoice(model.https_outproxies) if model.https_outproxies else self._outproxies
        )

    def outproxy_choices(self) -> Sequence[OutproxyChoice]:
        """One for plain requests, one for CONNECT."""
        return (self._outproxies, self._https_outproxies)

    async def stop(self) -> None:
        """Idle streams to sites end, too."""
        await self._pool.close()
        await super().stop()

    async def serve(self, accepted: Accepted) -> None:
        """Requests of one browser connection, one after the other, until it ends."""
        reader = RequestReader(
            REQUEST_LIMITS, body_bytes_max=self.model.max_upload, encodes_target=True
        )
        channel = LeastRateChannel(accepted.channel, self.model.min_rate, self.note_slow)
        front = Front(channel, reader, accepted.channel, least_rate=channel)
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
                await front.channel.write(render(pages.TIMEOUT, has_home=True))
            return None
        except HttpFault as fault:
            self.counts["requests_refused"] += 1
            page = bad_request(fault.status, str(fault))
            await front.channel.write(render(page, has_home=True))
            return None
        return event if isinstance(event, RequestHead) else None

    async def _answer(self, front: Front, head: RequestHead) -> bool:
        """True if another request may follow on this connection."""
        subject = ""
        language = language_for(head)
        challenges: list[str] = []
        target: ProxyTarget | None = None
        try:
            direct = self._answer_direct(front, head)
            if direct is not None:
                await front.channel.write(direct)
                return False
            now = asyncio.get_running_loop().time()
            verdict = self._auth.check(head, now)
            if not verdict.is_allowed:
                challenges = self._auth.challenges(now, is_stale=verdict.is_stale)
                raise Answer(pages.AUTH_NEEDED)
            target = read_target(head, takes_redirected=self.model.redirected)
            subject = target.authority
            request = Request(front, head, target, verdict.credential, language)
            try:
                with noting_stages() as request.stages:
                    return await self._route(request)
            except ResponseNotStarted as error:
                raise self._page_for(request, error) from None
        except Answer as raised:
            answer = raised
        except HttpFault as fault:
            answer = Answer(page_of_fault(fault))
        self.counts["requests_refused"] += 1
        url = f"http://{subject}{target.path}" if target is not None else head.target
        is_repeatable = (
            url.startswith("http://") and head.method in ("GET", "HEAD") and is_navigation(head)
        )
        if head.method == "POST" and is_navigation(head):
            answer.more += own_pages.paragraph(Sentence(pages.GO_BACK), language)
        await front.channel.write(
            render(
                answer.page,
                subject=subject,
                method=head.method,
                challenges=challenges,
                link=answer.link,
                language=language,
                more=answer.more,
                form_action=answer.form_action,
                reloads=is_repeatable and self._may_reload(answer.page, url),
                retry_url=url if is_repeatable else "",
                has_home=True,
            )
        )
        return False

    def _may_reload(self, page: Page, url: str) -> bool:
        now = asyncio.get_running_loop().time()
        return page.retry_after_s > 0 and self._reloads.may_reload(url, now)

    def _page_for(self, request: Request, error: Unavailable) -> Answer:
        """What to say when a way could not be opened."""
        page = pages.PAGE_OF_CODE.get(error.code, pages.RESET)
        if page is pages.NOT_READY:
            page = pages.not_ready(self._health(is_ready=False), request.language)
        is_asking = id(page) in _CREDENTIAL_PAGES and request.head.method in ("GET", "HEAD")
        if not is_asking or request.address is None or not is_navigation(request.head):
            return Answer(page, more=request.steps())
        form = self._site.credentials_form(request.address, request.url, request.language)
        targets = own_pages.form_targets([request.target.authority])
        return Answer(page, more=form, form_action=targets)

    def _health(self, *, is_ready: bool) -> Health:
        return assess_proxy(self.context.facts(), is_ready=is_ready)

    def _own_status(self) -> ProxyStatus:
        return ProxyStatus(
            self._health(is_ready=self.is_ready),
            self._own_address(),
            self.listener.tls is not None,
            bool(self._outproxies),
            self.counts["requests"],
            self.traffic.sent,
            self.traffic.received,
            self._site.names_state(),
        )

    def _own_address(self) -> str:
        listen = self.model.listen
        if listen.is_unix:
            return str(listen)
        return authority(listen.host, self.listener.port)

    def _answer_direct(self, front: Front, head: RequestHead) -> bytes | None:
        """The set-up pages, for a browser that opens the listener's address."""
        if not head.target.startswith("/") or front.local is None or self.model.listen.is_unix:
            return None
        address = front.local.local_address
        own = {self._own_address(), f"localhost:{self.listener.port}"}
        if address:
            own.add(f"{address}:{self.listener.port}")
        return self._site.answer_direct(head, frozenset(own))

    async def _route(self, request: Request) -> bool:
        target = request.target
        if target.kind is HostKind.INVALID:
            raise HttpFault(400, "the address is not a proper host name")
        if target.kind is HostKind.LOCAL:
            if self._is_own(target):
                raise Answer(pages.OWN_ADDRESS, pages.HOME)
            raise Answer(pages.LOCAL_HOST)
        ports = self.model.connect_ports
        if target.is_connect and ports and target.port not in ports:
            raise Answer(pages.PORT_DENIED)
        if target.host == own_pages.HOST:
            return await self._route_to_own_site(request)
        if target.kind is HostKind.OUTSIDE:
            return await self._route_outside(request)
        return await self._route_to_i2p(request)

    def _is_own(self, target: ProxyTarget) -> bool:
        """Whether somebody who uses the proxy asks for the proxy's own address."""
        if self.model.listen.is_unix or target.port != self.listener.port:
            return False
        return target.host in {self.model.listen.host, "127.0.0.1", "::1", "localhost"}

    async def _route_to_own_site(self, request: Request) -> bool:
        if request.target.is_connect or request.target.port != 80:
            raise Answer(pages.NOT_FOUND)
        answer = await self._site.answer(request.front, request.head, request.target.path)
        await request.front.channel.write(answer)
        return False

    async def _route_to_i2p(self, request: Request) -> bool:
        target = request.target
        path, helper = split_helper(target.path)
        if helper is not None and self.model.address_helper:
            await self._check_helper(request, helper, path)
        address = request.address = await self._resolve(target.host, request.language)
        visit = await self.visit_to(request.credential, target.host, address)
        if target.is_connect:
            assert request.front.local is not None
            opening = self.connect_for(visit, address, target.port)
            stream = await before_response(unless_lost(request.front.local, opening))
            return await self._tunnel(request.front, stream)
        filtered = filter_request(
            request.head,
            target=path,
            authority=target.authority,
            host=address.host + (f":{target.port}" if target.port != 80 else ""),
            extra_passed=self._extra_passed,
            keep_alive=self.model.keep_alive,
            accepts_gzip=self.model.compression,
        )

        async def open_back(first: bytes) -> Channel:
            channel = await self.connect_for(visit, address, target.port, first)
            begin_stage("server")
            return channel

        place = None
        if self.model.keep_alive:
            place = IdentityPlace(self._pool, (self.key_of(visit), address.host, target.port))
        return await self._exchange(
            request, filtered, open_back, place, unpacks=self.model.compression
        )

    async def lookup(self, host: str) -> Address:
        """Also knows names that the user accepted on a page without saving them."""
        return await self._site.resolve(host)

    async def _resolve(self, host: str, language: str) -> Address:
        if not host.endswith(".b32.i2p"):  # that is an address, and in no book
            begin_stage("name")
        try:
            return await self.lookup(host)
        except NameFault as fault:
            page = pages.PAGE_OF_CODE.get(fault.code, pages.UNKNOWN_NAME)
            more = ""
            if page is pages.UNKNOWN_NAME:
                more = await self._site.jump_links(self.model.jump_servers, host)
                page = page if more else pages.UNKNOWN_NAME_ALONE
                if (state := self._site.names_state()) is not None:
                    more += own_pages.paragraph(state, language)
            raise Answer(page, more=more) from None

    async def _check_helper(self, request: Request, helper: str, path: str) -> None:
        """Pass if the helper says what we know already; else a page with the choices."""
        host = request.target.host
        try:
            target = normalise_host(helper)
            offered = await self.context.resolver.resolve(target)
        except NameFault:
            url = f"http://{request.target.authority}{path}"
            more = own_pages.plain_name_link(url, request.language)
            raise Answer(pages.HELPER_BAD, more=more) from None
        link = f"http://{offered.host}/"
        url = f"http://{request.target.authority}{path}"
        try:
            known = await self._site.resolve(host)
        except NameFault:
            is_asking = request.head.method in ("GET", "HEAD") and is_navigation(request.head)
            if not is_asking or host.endswith(".b32.i2p"):
                raise Answer(pages.HELPER_NEW, link) from None
            form = self._site.helper_form(host, target, url, request.language)
            targets = own_pages.form_targets([request.target.authority])
            raise Answer(pages.HELPER_NEW, link, more=form, form_action=targets) from None
        if known.hash != offered.hash:
            port = "" if request.target.port == 80 else f":{request.target.port}"
            more = own_pages.conflict_choice(
                host,
                url,
                known.host,
                offered.host,
                f"http://{offered.host}{port}{path}",
                request.language,
            )
            raise Answer(pages.HELPER_CONFLICT, more=more)

    async def _exchange(
        self,
        request: Request,
        filtered: RequestHead,
        open_back: OpenBack,
        place: PooledPlace | None = None,
        *,
        unpacks: bool = False,
    ) -> bool:
        log = self.context.logger
        if log.isEnabledFor(logging.DEBUG):
            names = dropped_names(request.head.headers, filtered.headers)
            log.debug("request headers that are not passed on: %s", ", ".join(names) or "none")
        exchange = Exchange(
            request.front,
            request.head,
            filtered,
            open_back,
            _filter_response,
            place,
            unpacks=unpacks,
        )
        return await exchange.run(self.model.idle_timeout)

    async def _tunnel(self, front: Front, stream: Channel) -> bool:
        try:
            await front.channel.write(_ESTABLISHED)
        except Unavailable:
            stream.reset()
            raise
        front.release()
        local = PrefixedChannel(front.reader.take_rest(), front.channel)
        await pump(local, stream, idle_timeout_s=self.model.idle_timeout)
        return False

    async def _route_outside(self, request: Request) -> bool:
        target, front = request.target, request.front
        assert front.local is not None
        choice = self._https_outproxies if target.is_connect else self._outproxies
        reaching = self.reach_outside(
            choice,
            Visit(request.credential, site_outside(target.host)),
            target.host,
            target.port,
            is_tunnel=target.is_connect,
        )
        if target.is_connect:
            way = await before_response(unless_lost(front.local, reaching))
            return await self._tunnel(front, way.channel)
        way = await before_response(front.unless_gone(reaching))
        filtered = filter_request(
            request.head,
            target=request.url if way.is_proxy else target.path,
            authority=target.authority,
            host=target.authority,
            user_agent=USER_AGENT_OUTSIDE,
            extra_passed=self._extra_passed,
        )
        if way.authorization is not None:
            filtered.headers.add("Proxy-Authorization", way.authorization)

        async def open_back(first: bytes) -> Channel:
            await way.channel.write(first)
            return way.channel

        return await self._exchange(request, filtered, open_back)


def _filter_response(head: ResponseHead, keep_alive: bool) -> ResponseHead:
    return filter_response(head, keep_alive=keep_alive)
