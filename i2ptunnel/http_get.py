"""One GET over a stream that is there already: framing by h11, bounded in size and in silence.

A body that ends early is a fault, never a short body; ``x-i2p-gzip`` and ``gzip`` are unpacked as
they arrive, so a small answer cannot become a large one beyond the limit. Whoever calls bounds the
whole time, and says what a status means.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import h11

from core.api import share_turn
from core.base.errors import I2PError

READ_TIMEOUT_S = 90.0
_HEAD_BYTES_MAX = 64 * 1024
_READ_BYTES = 65536
_INTERIM_MAX = 16
_GZIP = frozenset(("x-i2p-gzip", "gzip", "x-gzip"))


class HttpGetFault(I2PError):
    """An answer that cannot be used; the message is for the user and names no host."""


class BodyTooLarge(HttpGetFault):
    """The body is larger than it may be."""


class ByteStream(Protocol):
    """What the exchange needs of a connection."""

    async def read(self, limit: int = ..., /) -> bytes:
        """At most ``limit`` bytes as soon as there are some; nothing at the end."""

    async def write(self, data: bytes, /) -> None:
        """Send all of it, as fast as the other side reads."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """``headers``: names in lower case; of repeated ones the last."""

    status: int
    headers: dict[str, str]


class HttpGet:
    """One request and its response. ``what`` is fetched: ``the feed``, for messages."""

    def __init__(
        self,
        target: str,
        headers: Sequence[tuple[str, str]],
        *,
        what: str,
        body_bytes_max: int,
        read_timeout_s: float = READ_TIMEOUT_S,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """``on_progress`` gets the bytes of the body so far."""
        self._target, self._headers, self._what = target, headers, what
        self._body_bytes_max = body_bytes_max
        self._read_timeout_s = read_timeout_s
        self._on_progress = on_progress
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES_MAX)
        self._encoding = ""
        #: bytes of the body as they were sent
        self.size = 0

    async def head(self, stream: ByteStream) -> ResponseHead:
        """Send the request; the head of the answer. Raises HttpGetFault and TimeoutError."""
        request = h11.Request(method="GET", target=self._target, headers=list(self._headers))
        data = self._connection.send(request) or b""
        await stream.write(data + (self._connection.send(h11.EndOfMessage()) or b""))
        response = await self._next(stream)
        for _ in range(_INTERIM_MAX):
            if not isinstance(response, h11.InformationalResponse):
                break
            response = await self._next(stream)
        if not isinstance(response, h11.Response):
            raise HttpGetFault(f"{self._what} ends early")
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in response.headers
        }
        self._encoding = headers.get("content-encoding", "").strip().lower()
        return ResponseHead(response.status_code, headers)

    async def body(self, stream: ByteStream) -> bytearray:
        """The unpacked body, after :meth:`head`. Raises HttpGetFault and TimeoutError."""
        body = _Body(self._what, self._encoding, self._body_bytes_max)
        while not isinstance(event := await self._next(stream), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise HttpGetFault(f"{self._what} ends early")
            body.add(bytes(event.data))
            self.size = body.size
            if self._on_progress is not None:
                self._on_progress(body.size)
        return body.finish()

    async def _next(self, stream: ByteStream) -> object:
        await share_turn()
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(self._read_timeout_s):
                    self._connection.receive_data(await stream.read(_READ_BYTES))
                await share_turn()
        except h11.RemoteProtocolError:
            message = "the answer is not proper HTTP, or it ends early"
            raise HttpGetFault(message) from None
        return event


class _Body:
    """Collects a body within its limit, unpacked."""

    def __init__(self, what: str, encoding: str, bytes_max: int) -> None:
        if encoding not in ("", "identity") and encoding not in _GZIP:
            raise HttpGetFault(f"{what} comes in an unknown encoding")
        self._what, self._bytes_max = what, bytes_max
        self._unpacker = zlib.decompressobj(31) if encoding in _GZIP else None
        self._content = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self._unpacker is not None:
            try:
                room = self._bytes_max - len(self._content)
                data = self._unpacker.decompress(data, room + 1)
            except zlib.error:
                raise HttpGetFault(f"{self._what} is packed wrongly") from None
        if len(self._content) + len(data) > self._bytes_max or self.size > self._bytes_max:
            raise BodyTooLarge(f"{self._what} is larger than {self._bytes_max / (1 << 20):.3g} MiB")
        self._content += data

    def finish(self) -> bytearray:
        if self._unpacker is not None and not self._unpacker.eof and self.size:
            raise HttpGetFault(f"{self._what} ends early")
        return self._content
