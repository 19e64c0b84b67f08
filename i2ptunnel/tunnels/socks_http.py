"""HTTP inside of a SOCKS connection to an I2P host, filtered as the eepproxy does it.

The host is the one the client asked SOCKS for, whatever its requests say.
"""

from __future__ import annotations

import re

from i2ptunnel.config.client_models import SocksSection
from i2ptunnel.naming.address import Address
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols.address_helper import split_helper
from i2ptunnel.protocols.error_pages import bad_request, render
from i2ptunnel.protocols.http1 import HttpFault, RequestHead, RequestReader, ResponseHead
from i2ptunnel.protocols.http_filter import filter_request, filter_response
from i2ptunnel.relay.channel import Channel, finish_politely
from i2ptunnel.relay.channel_pool import ChannelPool
from i2ptunnel.relay.http_exchange import Exchange, ResponseNotStarted
from i2ptunnel.relay.http_front import Front
from i2ptunnel.relay.least_rate import LeastRateChannel
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.tunnels.proxy_base import IdentityPlace, ProxyTunnel, Visit

_HEADER_TIMEOUT_S = 15.0
_KEEP_ALIVE_TIMEOUT_S = 120.0


class FilteredConnection:
    """One connection; its streams are nobody else's."""

    def __init__(
        self, proxy: ProxyTunnel[SocksSection], visit: Visit, address: Address, port: int
    ) -> None:
        self._proxy = proxy
        self._visit = visit
        self._address = address
        self._port = port
        self._pool = ChannelPool()

    async def run(self, accepted: Accepted, client: Channel, stream: Channel) -> None:
        """Serve ``client``, whose first request is there already, with ``stream`` at first."""
        place = IdentityPlace(self._pool, None)
        place.give(stream)
        guarded = LeastRateChannel(client, self._proxy.model.min_rate, self._proxy.note_slow)
        reader = RequestReader(encodes_target=True)
        front = Front(guarded, reader, accepted.channel, least_rate=guarded)
        idle_s = _HEADER_TIMEOUT_S
        try:
            while (head := await self._next_head(front, idle_s)) is not None:
                if not await self._answer(front, head, place):
                    break
                idle_s = _KEEP_ALIVE_TIMEOUT_S
            await finish_politely(front.channel)
        finally:
            await self._pool.close()

    async def _next_head(self, front: Front, idle_s: float) -> RequestHead | None:
        try:
            event = await front.next_head(idle_s, _HEADER_TIMEOUT_S)
        except TimeoutError:
            return None
        except HttpFault as fault:
            await front.channel.write(render(bad_request(fault.status, str(fault))))
            return None
        return event if isinstance(event, RequestHead) else None

    async def _answer(self, front: Front, head: RequestHead, place: IdentityPlace) -> bool:
        try:
            request = self._filter(head)
            exchange = Exchange(
                front, head, request, self._open_back, _filter_response, place, unpacks=True
            )
            return await exchange.run(self._proxy.model.idle_timeout)
        except ResponseNotStarted as error:
            page = pages.PAGE_OF_CODE.get(error.code, pages.RESET)
        except HttpFault as fault:
            is_theirs = fault.status == 502
            page = pages.BROKEN_RESPONSE if is_theirs else bad_request(fault.status, str(fault))
        # The page appears below the site's own name, where a path is enough to come back.
        is_repeatable = head.method in ("GET", "HEAD") and re.match("/(?!/)", head.target)
        retry_url = head.target if is_repeatable else ""
        await front.channel.write(render(page, method=head.method, retry_url=retry_url))
        return False

    def _filter(self, head: RequestHead) -> RequestHead:
        path = head.target
        scheme, mark, rest = path.partition("://")
        if mark and scheme.lower() == "http":
            path = "/" + rest.partition("/")[2]
        if head.method == "CONNECT" or not path.startswith("/"):
            raise HttpFault(400, "not a path")
        port = "" if self._port == 80 else f":{self._port}"
        return filter_request(
            head,
            target=split_helper(path)[0],
            authority=head.headers.get("host") or "",
            host=self._address.host + port,
            keep_alive=True,
            accepts_gzip=True,
        )

    async def _open_back(self, first: bytes) -> Channel:
        return await self._proxy.connect_for(self._visit, self._address, self._port, first)


def _filter_response(head: ResponseHead, keep_alive: bool) -> ResponseHead:
    return filter_response(head, keep_alive=keep_alive)
