"""One GET of a feed, over a stream through I2P: conditional, bounded in size and time.

The exchange is that of ``i2ptunnel.http_get``. What is sent is what every I2P proxy sends, with the
b32 address of the site as Host.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedTarget
from i2ptunnel.http_get import HttpGet, HttpGetFault
from i2ptunnel.naming.address import Address
from i2ptunnel.naming.names import normalise

BODY_BYTES_MAX = 8 * 1024 * 1024
URL_CHARACTERS_MAX = 1024
CONNECT_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 90.0
TOTAL_TIMEOUT_S = 900.0
REDIRECTS_MAX = 3
_VALIDATOR_CHARACTERS_MAX = 256
_TARGET = re.compile(r"[!-~]+")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class FetchFault(I2PError):
    """A fetch that failed; the message is for the user and names no host."""


class FeedStream(Protocol):
    """A stream of ``core.api``, as far as it is needed here."""

    async def read(self, limit: int = ...) -> bytes:
        """At most ``limit`` bytes; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Waits while the send buffer is full."""
        ...

    async def close(self) -> None:
        """Ends our direction in order."""
        ...

    def reset(self) -> None:
        """Breaks it off; unsent data is lost."""
        ...


class FeedSession(Protocol):
    """A client session of ``core.api``, as far as it is needed here."""

    async def connect(
        self, target: bytes | BlindedTarget, *, port: int = 0, timeout_s: float = 60.0
    ) -> FeedStream:
        """A stream to a destination's hash or encrypted address; raises Unavailable."""
        ...


class NameLookup(Protocol):
    """A :class:`i2ptunnel.naming.resolver.Resolver`."""

    async def resolve(self, name: str) -> Address:
        """Raises NameFault for an unknown name."""
        ...


@dataclass(frozen=True, slots=True)
class FeedUrl:
    """``http://host.i2p[:port]/path``; ``target`` is path and query."""

    host: str
    port: int
    target: str

    def __str__(self) -> str:
        port = "" if self.port == 80 else f":{self.port}"
        return f"http://{self.host}{port}{self.target}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """``body`` is None when nothing changed. ``size`` counts its bytes as they were sent."""

    body: bytearray | None
    etag: str
    last_modified: str
    size: int = 0


def read_feed_url(text: str) -> FeedUrl:
    """A feed's URL; raises FetchFault that says what would be right."""
    right = "write a URL like http://site.i2p/hosts.txt"
    if len(text) > URL_CHARACTERS_MAX or not text.isascii() or not text.isprintable():
        raise FetchFault(right)
    try:
        parts = urlsplit(text)
        port = 80 if parts.port is None else parts.port
    except ValueError:
        raise FetchFault(right) from None
    host = normalise(parts.hostname or "")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme != "http" or not host.endswith(".i2p") or parts.username is not None:
        raise FetchFault(right)
    if port == 0 or not _TARGET.fullmatch(target):
        raise FetchFault(right)
    return FeedUrl(host, port, target)


async def fetch(
    session: FeedSession,
    resolver: NameLookup,
    url: FeedUrl,
    etag: str = "",
    last_modified: str = "",
    *,
    total_timeout_s: float = TOTAL_TIMEOUT_S,
) -> Fetched:
    """Fetch a feed, unless it still has these validators. Raises FetchFault and Unavailable."""
    try:
        async with asyncio.timeout(total_timeout_s):
            for _ in range(REDIRECTS_MAX + 1):
                address = await resolver.resolve(url.host)
                exchange = _Exchange(url, address.host, etag, last_modified)
                stream = await _connect(session, address, url.port)
                try:
                    location = await exchange.run(stream)
                except BaseException:
                    stream.reset()
                    raise
                await stream.close()
                if location is None:
                    return exchange.result()
                url = read_feed_url(urljoin(str(url), location))
    except TimeoutError:
        raise FetchFault("the feed took too long") from None
    except HttpGetFault as fault:
        raise FetchFault(str(fault)) from None
    raise FetchFault("the feed redirects too often")


async def _connect(session: FeedSession, address: Address, port: int) -> FeedStream:
    """A stream to the first destination of a name that answers."""
    targets = [address.target(), *address.others]
    for target in targets[:-1]:
        try:
            return await session.connect(target, port=port, timeout_s=CONNECT_TIMEOUT_S)
        except Unavailable as error:
            if error.code in ("tunnels_not_ready", "closed"):
                raise
    return await session.connect(targets[-1], port=port, timeout_s=CONNECT_TIMEOUT_S)


class _Exchange:
    """One request and its response."""

    def __init__(self, url: FeedUrl, host: str, etag: str, last_modified: str) -> None:
        self._etag, self._last_modified = etag, last_modified
        headers = self._headers(host if url.port == 80 else f"{host}:{url.port}")
        self._get = HttpGet(
            url.target,
            headers,
            what="the feed",
            body_bytes_max=BODY_BYTES_MAX,
            read_timeout_s=READ_TIMEOUT_S,
        )
        self._content: bytearray | None = None

    def result(self) -> Fetched:
        return Fetched(self._content, self._etag, self._last_modified, self._get.size)

    async def run(self, stream: FeedStream) -> str | None:
        """The place it redirects to, None when there is a result. Raises FetchFault."""
        head = await self._get.head(stream)
        status, headers = head.status, head.headers
        if status in _REDIRECTS and headers.get("location"):
            return headers["location"]
        if status == 304 and (self._etag or self._last_modified):
            return None
        if status != 200:
            raise FetchFault(f"the feed's server answers with status {status}")
        self._content = await self._get.body(stream)
        self._etag = _validator(headers.get("etag", ""))
        self._last_modified = _validator(headers.get("last-modified", ""))
        return None

    def _headers(self, host: str) -> list[tuple[str, str]]:
        headers = [
            ("Host", host),
            ("User-Agent", "MYOB/6.66 (AN/ON)"),
            ("Accept-Encoding", "x-i2p-gzip, identity"),
            ("X-Accept-Encoding", "x-i2p-gzip;q=1.0, identity;q=0.5, deflate;q=0, gzip;q=0, *;q=0"),
        ]
        if self._etag:
            headers.append(("If-None-Match", self._etag))
        if self._last_modified:
            headers.append(("If-Modified-Since", self._last_modified))
        return [*headers, ("Connection", "close")]


def _validator(text: str) -> str:
    """A validator worth keeping, else nothing."""
    text = text.strip()
    good = text.isascii() and text.isprintable() and len(text) <= _VALIDATOR_CHARACTERS_MAX
    return text if good else ""
