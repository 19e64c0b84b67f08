"""Outproxies: which one a host outside I2P goes to, and how it is reached and asked.

An outproxy is inside I2P (HTTP or SOCKS 5, reached by a stream) or outside (Tor, Privoxy: reached
straight, SOCKS through python-socks). Host names always go to it as names: nothing is looked up
here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from core.base.authority import authority
from core.base.errors import DecodeError, Unavailable
from core.base.socks_client import CONNECT, ClientReply, SocksClient
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.proxy_parts import OutproxyUrl
from i2ptunnel.protocols.http1 import (
    NEED_DATA,
    Headers,
    HttpFault,
    RequestHead,
    ResponseHead,
    ResponseReader,
)
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.prefixed_channel import PrefixedChannel

#: a failed one stands behind the others for so long, twice as long after each further failure
_BACK_OFF_FIRST_S = 30.0
_BACK_OFF_MAX_S = 900.0

ReachI2p = Callable[[str, int], Awaitable[Channel]]


class OutproxyRefused(Unavailable):
    """The outproxy works, but does not reach what it was asked for. ``reply`` as in SOCKS 5."""

    def __init__(self, reply: int = 1) -> None:
        super().__init__("the outproxy cannot reach the address", "outproxy_refused")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Outside:
    """A way to a host outside. ``is_proxy``: what speaks there is an HTTP proxy, else the host."""

    channel: Channel
    is_proxy: bool
    authorization: str | None = field(default=None, repr=False)


def basic_authorization(url: OutproxyUrl) -> str | None:
    """The value of ``Proxy-Authorization``, if the outproxy wants to know who we are."""
    if url.user is None:
        return None
    return "Basic " + base64.b64encode(f"{url.user}:{url.password}".encode()).decode()


@dataclass(slots=True)
class _Health:
    failures: int = 0
    retry_at: float = 0.0


class OutproxyChoice:
    """A host keeps its outproxy as long as that one answers; the others follow in turn."""

    def __init__(self, urls: Sequence[OutproxyUrl]) -> None:
        self._urls = list(urls)
        self._health = {url: _Health() for url in self._urls}

    def __bool__(self) -> bool:
        return bool(self._urls)

    def in_order(self, host: str, now: float) -> list[OutproxyUrl]:
        """All of them, the one to try first in front: those that failed lately stand behind."""
        digest = hashlib.sha256(host.encode()).digest()
        first = int.from_bytes(digest[:4], "big") % len(self._urls)
        rotated = self._urls[first:] + self._urls[:first]
        return sorted(rotated, key=lambda url: self._health[url].retry_at > now)

    def doubtful(self, now: float) -> list[OutproxyUrl]:
        """Those that failed and whose time to be tried again has come."""
        return [url for url, one in self._health.items() if one.failures and one.retry_at <= now]

    def note(self, url: OutproxyUrl, now: float, *, works: bool) -> None:
        """What came of a connection to it."""
        health = self._health[url]
        if works:
            health.failures, health.retry_at = 0, 0.0
            return
        back_off_s = min(_BACK_OFF_FIRST_S * 2**health.failures, _BACK_OFF_MAX_S)
        health.failures = min(health.failures + 1, 16)
        health.retry_at = now + back_off_s


async def reach(
    url: OutproxyUrl, host: str, port: int, *, is_tunnel: bool, timeout_s: float, i2p: ReachI2p
) -> Outside:
    """A way to ``host:port`` through one outproxy.

    ``is_tunnel``: bytes are carried as they are; else HTTP requests, which an HTTP outproxy gets
    itself. Raises Unavailable (the outproxy cannot be reached) or OutproxyRefused.
    """
    if url.scheme == "http":
        authorization = basic_authorization(url)
        channel = await _open(url, timeout_s, i2p)
        if not is_tunnel:
            return Outside(channel, True, authorization)
        return Outside(await _connect_http(channel, host, port, authorization, timeout_s), False)
    if not url.is_i2p:
        return Outside(await _connect_local_socks(url, host, port, timeout_s), False)
    channel, _ = await ask_socks(url, host, port, CONNECT, timeout_s, i2p)
    return Outside(channel, False)


async def probe(url: OutproxyUrl, timeout_s: float, i2p: ReachI2p) -> None:
    """Whether an outproxy can be reached; raises Unavailable."""
    channel = await _open(url, timeout_s, i2p)
    await channel.close()


async def _open(url: OutproxyUrl, timeout_s: float, i2p: ReachI2p) -> Channel:
    if url.is_i2p:
        return await i2p(url.endpoint.host, url.endpoint.port)
    return await LocalChannel.connect(url.endpoint, timeout_s)


async def _connect_http(
    channel: Channel, host: str, port: int, authorization: str | None, timeout_s: float
) -> Channel:
    """Ask an HTTP proxy for CONNECT; only what it needs is sent."""
    target = authority(host, port)
    headers = Headers([("Host", target)])
    if authorization is not None:
        headers.add("Proxy-Authorization", authorization)
    reader = ResponseReader("CONNECT")
    try:
        await channel.write(RequestHead("CONNECT", target, 1, headers).write())
        async with asyncio.timeout(timeout_s):
            while (event := reader.next_event()) is NEED_DATA:
                reader.receive_data(await channel.read())
    except (HttpFault, TimeoutError):
        channel.reset()
        raise Unavailable("the outproxy does not answer as it should", "outproxy") from None
    except BaseException:
        channel.reset()
        raise
    if not isinstance(event, ResponseHead) or not 200 <= event.status < 300:
        channel.reset()
        raise OutproxyRefused
    return PrefixedChannel(reader.take_rest(), channel)


async def ask_socks(
    url: OutproxyUrl, host: str, port: int, command: int, timeout_s: float, i2p: ReachI2p
) -> tuple[Channel, ClientReply]:
    """Ask a SOCKS 5 outproxy; its channel and its reply, which is a good one."""
    client = SocksClient(host, port, command=command, user=url.user, password=url.password)
    channel = await _open(url, timeout_s, i2p)
    try:
        async with asyncio.timeout(timeout_s):
            while client.reply is None:
                data = client.data_to_send()
                if data:
                    await channel.write(data)
                data = await channel.read()
                if not data:
                    raise Unavailable("the outproxy ended the connection", "outproxy")
                client.receive_data(data)
    except (DecodeError, TimeoutError):
        channel.reset()
        raise Unavailable("the outproxy does not answer as it should", "outproxy") from None
    except BaseException:
        channel.reset()
        raise
    if client.reply.code != 0:
        channel.reset()
        raise OutproxyRefused(client.reply.code)
    return PrefixedChannel(client.take_rest(), channel), client.reply


class _UnixWay:
    """Lets python-socks reach its proxy through a Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def connect(self, *_: object, **__: object) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, self._path)
        except BaseException:
            sock.close()
            raise
        return sock


async def _connect_local_socks(
    url: OutproxyUrl, host: str, port: int, timeout_s: float
) -> LocalChannel:
    kind = ProxyType.SOCKS4 if url.scheme == "socks4" else ProxyType.SOCKS5
    endpoint: Endpoint = url.endpoint
    proxy = Proxy(
        kind,
        endpoint.host or "localhost",
        endpoint.port or 1,
        username=url.user,
        password=url.password or None,
        rdns=True,
        forward=_UnixWay(endpoint.path) if endpoint.is_unix else None,  # type: ignore[arg-type]
    )
    try:
        sock = await proxy.connect(host, port, timeout=timeout_s)
    except ProxyError as error:
        code = error.error_code
        if code is not None:
            raise OutproxyRefused(code if kind is ProxyType.SOCKS5 else 1) from None
        raise Unavailable("the outproxy does not answer as it should", "outproxy") from None
    except OSError as error:  # its other errors too
        reason = getattr(error, "strerror", None) or "no answer"
        raise Unavailable(f"the outproxy cannot be reached: {reason.lower()}", "outproxy") from None
    except ValueError:
        raise OutproxyRefused(8) from None  # SOCKS 4 knows no IPv6
    try:
        return await LocalChannel.of_socket(sock)
    except BaseException:
        sock.close()
        raise
