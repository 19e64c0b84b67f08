"""One bundle from one server: TCP straight or through a proxy, TLS, one GET.

The name of the server goes to the proxy as it is: nothing is asked of DNS here then. Every server
expects this very User-Agent, or sends a web page for people (reseed-tools). A redirect is refused:
nobody but the servers in the list is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from core.base.errors import system_reason
from i2ptunnel.http_get import HttpGet, HttpGetFault
from i2ptunnel.reseed.faults import ReseedFault, Trouble
from i2ptunnel.reseed.servers import Server
from i2ptunnel.reseed.trust import Trust

USER_AGENT = "Wget/1.11.4"
BUNDLE_BYTES_MAX = 1024 * 1024
"""Java: the same."""
CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 20.0
TOTAL_TIMEOUT_S = 60.0
_HAPPY_EYEBALLS_S = 0.25
#: OpenSSL's codes of a certificate that is not yet valid, and of one that has expired
_CLOCK_CODES = {9: "is not yet valid", 10: "has expired"}
_OFFLINE_ERRORS = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN))
_STATUS = {
    403: "refuses (403)",
    429: "has sent too many bundles to this address (429)",
}


@dataclass(frozen=True, slots=True)
class Way:
    """How servers are reached: ``proxy`` is a URL or None, ``source`` our own address or None."""

    trust: Trust
    proxy: str | None = None
    source: str | None = None


class _Stream:
    """An asyncio connection as ``http_get`` wants it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, limit: int = 65536, /) -> bytes:
        return await self._reader.read(limit)

    async def write(self, data: bytes, /) -> None:
        self._writer.write(data)
        await self._writer.drain()


async def fetch_bundle(
    server: Server,
    way: Way,
    *,
    on_request: Callable[[], Awaitable[None]],
    on_progress: Callable[[int], None] = lambda _: None,
    total_timeout_s: float = TOTAL_TIMEOUT_S,
) -> bytes:
    """The bundle, not yet checked; raises ReseedFault.

    ``on_request`` is awaited before the server is asked, which it will count. ``on_progress`` gets
    the bytes so far.
    """
    try:
        async with asyncio.timeout(total_timeout_s), _connected(server, way) as stream:
            await on_request()
            return await _get(server, stream, on_progress)
    except TimeoutError:
        raise ReseedFault("it took too long") from None
    except ssl.SSLError as error:
        raise ReseedFault(f"TLS failed ({error.reason or 'broken'})".lower()) from None
    except OSError as error:
        raise ReseedFault(f"the connection broke: {system_reason(error)}") from None


async def _get(server: Server, stream: _Stream, on_progress: Callable[[int], None]) -> bytes:
    headers = [
        ("Host", server.authority),
        ("User-Agent", USER_AGENT),
        ("Connection", "close"),
    ]
    get = HttpGet(
        server.target,
        headers,
        what="the bundle",
        body_bytes_max=BUNDLE_BYTES_MAX,
        read_timeout_s=READ_TIMEOUT_S,
        on_progress=on_progress,
    )
    try:
        head = await get.head(stream)
        if 300 <= head.status < 400:
            raise ReseedFault(f"sends us elsewhere ({head.status}), which is not followed")
        if head.status != 200:
            raise ReseedFault(_STATUS.get(head.status, f"answers with status {head.status}"))
        return bytes(await get.body(stream))
    except HttpGetFault as fault:
        raise ReseedFault(str(fault)) from None


@contextlib.asynccontextmanager
async def _connected(server: Server, way: Way) -> AsyncIterator[_Stream]:
    """A TLS connection, closed at the end."""
    context = way.trust.tls_context(server.host)
    reader, writer = await _open(server, way, context)
    try:
        yield _Stream(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _open(
    server: Server, way: Way, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if way.proxy is not None:
                sock = await _through_proxy(server, way.proxy)
                connecting = asyncio.open_connection(
                    sock=sock, ssl=context, server_hostname=server.host
                )
            else:
                connecting = asyncio.open_connection(
                    server.host,
                    server.port,
                    ssl=context,
                    local_addr=None if way.source is None else (way.source, 0),
                    happy_eyeballs_delay=None if way.source is not None else _HAPPY_EYEBALLS_S,
                )
            return await connecting
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            raise _why_not_connected(error) from None
        raise


async def _through_proxy(server: Server, url: str) -> socket.socket:
    parts = urlsplit(url)
    kind = ProxyType.SOCKS5 if parts.scheme == "socks5" else ProxyType.HTTP
    proxy = Proxy(
        kind,
        "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or "",
        parts.port or (1080 if parts.scheme == "socks5" else 80),
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        rdns=True,
    )
    try:
        return await proxy.connect(server.host, server.port, timeout=CONNECT_TIMEOUT_S)
    except ProxyError as error:
        text = str(error).lower() or "no reason given"
        raise ReseedFault(f"the proxy does not connect to it: {text}", Trouble.PROXY) from None
    except TimeoutError:
        raise ReseedFault("the proxy does not answer", Trouble.PROXY) from None
    except OSError as error:
        message = f"the proxy cannot be reached: {system_reason(error)}"
        raise ReseedFault(message, Trouble.PROXY) from None


def _why_not_connected(error: OSError) -> ReseedFault:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _CLOCK_CODES:
            said = _CLOCK_CODES[error.verify_code]
            return ReseedFault(f"its TLS certificate {said} by this machine's clock", Trouble.CLOCK)
        reason = error.verify_message or "unknown issuer"
        return ReseedFault(f"its TLS certificate is not trusted: {reason}", Trouble.TRUST)
    if isinstance(error, ssl.SSLError):
        return ReseedFault(f"TLS failed ({error.reason or 'broken'})".lower(), Trouble.TRUST)
    if isinstance(error, socket.gaierror):
        return ReseedFault("its name cannot be resolved", Trouble.OFFLINE)
    if isinstance(error, TimeoutError):
        return ReseedFault("no connection in time")
    is_offline = error.errno in _OFFLINE_ERRORS
    trouble = Trouble.OFFLINE if is_offline else Trouble.SERVER
    return ReseedFault(f"no connection: {system_reason(error)}", trouble)
