"""One GET of a feed, over a stream through I2P: conditional, bounded in size and time.

Framing is h11's. What is sent is what every I2P proxy sends, with the site's b32 address as Host.
A body that ends early is a fault, never a short feed; ``x-i2p-gzip`` and ``gzip`` are unpacked as
they arrive, so a small answer cannot become a large one beyond the limit.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import h11

from core.api import share_turn
from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedTarget
from i2ptunnel.naming.address import Address
from i2ptunnel.naming.names import normalise

BODY_BYTES_MAX = 8 * 1024 * 1024
URL_CHARACTERS_MAX = 1024
CONNECT_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 90.0
TOTAL_TIMEOUT_S = 900.0
REDIRECTS_MAX = 3
_HEAD_BYTES_MAX = 64 * 1024
_READ_BYTES = 65536
_INTERIM_MAX = 16
_VALIDATOR_CHARACTERS_MAX = 256
_TARGET = re.compile(r"[!-~]+")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_GZIP = frozenset(("x-i2p-gzip", "gzip", "x-gzip"))


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
    except h11.RemoteProtocolError:
        raise FetchFault("the answer is not proper HTTP, or it ends early") from None
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


class _Body:
    """Collects a body within :data:`BODY_BYTES_MAX`, unpacked."""

    def __init__(self, encoding: str) -> None:
        if encoding not in ("", "identity") and encoding not in _GZIP:
            raise FetchFault("the feed comes in an unknown encoding")
        self._unpacker = zlib.decompressobj(31) if encoding in _GZIP else None
        self._content = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self._unpacker is not None:
            try:
                room = BODY_BYTES_MAX - len(self._content)
                data = self._unpacker.decompress(data, room + 1)
            except zlib.error:
                raise FetchFault("the feed is packed wrongly") from None
        if len(self._content) + len(data) > BODY_BYTES_MAX or self.size > BODY_BYTES_MAX:
            raise FetchFault(f"the feed is larger than {BODY_BYTES_MAX >> 20} MiB")
        self._content += data

    def finish(self) -> bytearray:
        if self._unpacker is not None and not self._unpacker.eof and self.size:
            raise FetchFault("the feed ends early")
        return self._content


class _Exchange:
    """One request and its response."""

    def __init__(self, url: FeedUrl, host: str, etag: str, last_modified: str) -> None:
        self._target = url.target
        self._host = host if url.port == 80 else f"{host}:{url.port}"
        self._etag, self._last_modified = etag, last_modified
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES_MAX)
        self._body: _Body | None = None
        self._content: bytearray | None = None

    def result(self) -> Fetched:
        size = 0 if self._body is None else self._body.size
        return Fetched(self._content, self._etag, self._last_modified, size)

    async def run(self, stream: FeedStream) -> str | None:
        """The place it redirects to, None when there is a result. Raises FetchFault."""
        await stream.write(self._request())
        response = await self._next(stream)
        for _ in range(_INTERIM_MAX):
            if not isinstance(response, h11.InformationalResponse):
                break
            response = await self._next(stream)
        if not isinstance(response, h11.Response):
            raise FetchFault("the feed ends early")
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in response.headers
        }
        if response.status_code in _REDIRECTS and headers.get("location"):
            return headers["location"]
        if response.status_code == 304 and (self._etag or self._last_modified):
            return None
        if response.status_code != 200:
            raise FetchFault(f"the feed's server answers with status {response.status_code}")
        self._body = _Body(headers.get("content-encoding", "").strip().lower())
        while not isinstance(event := await self._next(stream), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise FetchFault("the feed ends early")
            self._body.add(bytes(event.data))
        self._content = self._body.finish()
        self._etag = _validator(headers.get("etag", ""))
        self._last_modified = _validator(headers.get("last-modified", ""))
        return None

    async def _next(self, stream: FeedStream) -> object:
        await share_turn()
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(READ_TIMEOUT_S):
                self._connection.receive_data(await stream.read(_READ_BYTES))
            await share_turn()
        return event

    def _request(self) -> bytes:
        headers = [
            ("Host", self._host),
            ("User-Agent", "MYOB/6.66 (AN/ON)"),
            ("Accept-Encoding", "x-i2p-gzip, identity"),
            ("X-Accept-Encoding", "x-i2p-gzip;q=1.0, identity;q=0.5, deflate;q=0, gzip;q=0, *;q=0"),
        ]
        if self._etag:
            headers.append(("If-None-Match", self._etag))
        if self._last_modified:
            headers.append(("If-Modified-Since", self._last_modified))
        headers.append(("Connection", "close"))
        request = h11.Request(method="GET", target=self._target, headers=headers)
        data = self._connection.send(request) or b""
        return data + (self._connection.send(h11.EndOfMessage()) or b"")


def _validator(text: str) -> str:
    """A validator worth keeping, else nothing."""
    text = text.strip()
    good = text.isascii() and text.isprintable() and len(text) <= _VALIDATOR_CHARACTERS_MAX
    return text if good else ""
