"""The built-in web server of ``docroot``: files, and nothing else.

GET and HEAD, preconditions and byte ranges (RFC 9110), ``index.html`` for directories (whose
address ends in a slash, so that links in it work). No listings, nothing outside the directory
(links that lead out are not followed), no ``Date`` and no software name in the answer. Names that
begin with a dot are hidden with all below them, but for ``/.well-known`` (RFC 8615).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.base.errors import Unavailable
from i2ptunnel.config.own_files import OwnFiles, name_of_open
from i2ptunnel.protocols import compression
from i2ptunnel.protocols.error_pages import NOT_FOUND, SITE_DOWN, bad_request, render
from i2ptunnel.protocols.file_requests import (
    SitePath,
    Span,
    Validators,
    Verdict,
    check_preconditions,
    content_type_of,
    is_hidden,
    read_path,
    read_ranges,
)
from i2ptunnel.protocols.http1 import END, Headers, RequestHead, ResponseHead
from i2ptunnel.relay.http_front import Front

_CHUNK_BYTES = 262144
_METHODS = "GET, HEAD"


class _IsDirectory(Exception):
    """The address of a directory without the slash."""


@dataclass(slots=True)
class _Found:
    file: BinaryIO
    size: int
    validators: Validators
    content_type: str
    coding: str | None


class FileSite:
    """The files below one directory, but for those of ``own``."""

    def __init__(self, root: Path, own: OwnFiles | None = None) -> None:
        self._root = root
        self._own = own or OwnFiles()

    def fault(self) -> str | None:
        """Why nothing can be served, or None."""
        if self._root.is_dir():
            return None
        return f"docroot {self._root}: there is no such directory"

    async def answer(
        self, front: Front, head: RequestHead, target: str, wants_gzip: bool = False
    ) -> bool:
        """Send the file of ``target`` (a path); True if another request may follow."""
        while (await front.next_event()) is not END:
            pass  # a body has no meaning here
        if head.method not in ("GET", "HEAD"):
            page = bad_request(405, "only GET and HEAD are offered")
            await front.channel.write(render(page, method=head.method, allowed=_METHODS))
            return False
        path = read_path(target)
        try:
            found = None if path is None else await asyncio.to_thread(self._open, path)
        except _IsDirectory:
            assert path is not None
            _, mark, query = target.partition("?")
            location = path.written(as_directory=True) + mark + query
            return await _redirect(front, head, location)
        if found is None:
            page = NOT_FOUND if self.fault() is None else SITE_DOWN
            await front.channel.write(render(page, method=head.method))
            return False
        try:
            return await self._send(front, head, found, wants_gzip)
        finally:
            found.file.close()

    async def _send(self, front: Front, head: RequestHead, found: _Found, wants_gzip: bool) -> bool:
        keep_alive = _is_kept(head)
        headers = Headers([("ETag", found.validators.tag)])
        headers.add("Connection", "keep-alive" if keep_alive else "close")
        verdict = check_preconditions(head, found.validators)
        if verdict is Verdict.NOT_MODIFIED:
            await front.channel.write(ResponseHead(304, "Not Modified", 1, headers).write())
            return keep_alive
        if verdict is Verdict.FAILED:
            headers.add("Content-Length", "0")
            await front.channel.write(ResponseHead(412, "Precondition Failed", 1, headers).write())
            return keep_alive
        headers.add("Accept-Ranges", "bytes")
        if (modified := found.validators.last_modified) is not None:
            headers.add("Last-Modified", modified)
        spans = read_ranges(head, found.size, found.validators)
        if spans is not None and not spans:
            headers.add("Content-Range", f"bytes */{found.size}")
            headers.add("Content-Length", "0")
            response = ResponseHead(416, "Range Not Satisfiable", 1, headers)
            await front.channel.write(response.write())
            return keep_alive
        headers.add("X-Content-Type-Options", "nosniff")
        if found.coding is not None:
            headers.add("Content-Encoding", found.coding)
        if spans is not None:
            await self._send_spans(front, headers, found, spans)
            return keep_alive
        headers.add("Content-Type", found.content_type)
        headers.add("Content-Length", str(found.size))
        response = ResponseHead(200, "OK", 1, headers)
        coder = None
        if wants_gzip and head.method == "GET" and compression.is_worth_it(response):
            coder = compression.GzipCoder()
            keep_alive = False
            compression.announce(headers)
            headers.remove("connection")
            headers.add("Connection", "close")
        if head.method == "HEAD":
            await front.channel.write(response.write())
            return keep_alive
        await _copy(front, found, Span(0, found.size), response.write(), coder)
        if coder is not None:
            await front.channel.write(coder.end())
        return keep_alive

    @staticmethod
    async def _send_spans(front: Front, headers: Headers, found: _Found, spans: list[Span]) -> None:
        """206: one span as it is, several as ``multipart/byteranges`` (RFC 9110 15.3.7)."""
        if len(spans) == 1:
            (span,) = spans
            headers.add("Content-Type", found.content_type)
            headers.add("Content-Range", _content_range(span, found.size))
            headers.add("Content-Length", str(span.stop - span.start))
            response = ResponseHead(206, "Partial Content", 1, headers)
            await _copy(front, found, span, response.write())
            return
        boundary = secrets.token_hex(16)
        parts = [
            (
                f"\r\n--{boundary}\r\nContent-Type: {found.content_type}\r\n"
                f"Content-Range: {_content_range(span, found.size)}\r\n\r\n"
            ).encode()
            for span in spans
        ]
        end = f"\r\n--{boundary}--\r\n".encode()
        size = sum(span.stop - span.start for span in spans) + sum(map(len, parts)) + len(end)
        headers.add("Content-Type", f"multipart/byteranges; boundary={boundary}")
        headers.add("Content-Length", str(size))
        prefix = ResponseHead(206, "Partial Content", 1, headers).write()
        for part, span in zip(parts, spans, strict=True):
            await _copy(front, found, span, prefix + part)
            prefix = b""
        await front.channel.write(end)

    def _open(self, wanted: SitePath) -> _Found | None:
        path = self._locate(wanted)
        if path is None:
            return None
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or not self._may_serve(handle):
            os.close(handle)
            return None
        digest = hashlib.sha256(f"{info.st_mtime_ns}-{info.st_size}-{path}".encode()).hexdigest()
        # A date that has not come yet, or is this second's, would not tell two versions apart.
        modified = int(info.st_mtime) if 0 <= info.st_mtime < time.time() - 1 else None
        return _Found(
            os.fdopen(handle, "rb"),
            info.st_size,
            Validators(f'"{digest[:16]}"', modified),
            *content_type_of(path.name),
        )

    def _may_serve(self, handle: int) -> bool:
        """Whether what was opened is a file of the site: links may have changed meanwhile."""
        name = name_of_open(handle)
        is_below = name is None or Path(os.path.realpath(self._root)) in Path(name).parents
        return is_below and not self._own.holds(handle)

    def _locate(self, wanted: SitePath) -> Path | None:
        """The file that a path means, or None. Raises :class:`_IsDirectory`."""
        if wanted.is_hidden:
            return None
        try:
            root = self._root.resolve(strict=True)
            path = root.joinpath(*wanted.parts).resolve(strict=True)
            if path.is_dir() and path.is_relative_to(root):
                if not wanted.is_directory and (path / "index.html").is_file():
                    raise _IsDirectory
                path = (path / "index.html").resolve(strict=True)
            elif wanted.is_directory:
                return None
        except (OSError, RuntimeError):
            return None
        if not path.is_relative_to(root) or is_hidden(path.relative_to(root).parts):
            return None
        return path


async def _redirect(front: Front, head: RequestHead, location: str) -> bool:
    keep_alive = _is_kept(head)
    headers = Headers([("Location", location), ("Content-Length", "0")])
    headers.add("Connection", "keep-alive" if keep_alive else "close")
    await front.channel.write(ResponseHead(301, "Moved Permanently", 1, headers).write())
    return keep_alive


async def _copy(
    front: Front,
    found: _Found,
    span: Span,
    prefix: bytes,
    coder: compression.GzipCoder | None = None,
) -> None:
    """Send ``prefix`` and a part of the file, together as far as that saves a packet.

    Raises Unavailable if the file became shorter than what was announced.
    """
    found.file.seek(span.start)
    left = span.stop - span.start
    while left:
        piece = await asyncio.to_thread(found.file.read, min(left, _CHUNK_BYTES))
        if not piece:
            raise Unavailable("the file changed while it was sent", "stream_reset")
        left -= len(piece)
        coded = await asyncio.to_thread(coder.data, piece) if coder else piece
        await front.channel.write(prefix + coded)
        prefix = b""
    if prefix:
        await front.channel.write(prefix)


def _content_range(span: Span, size: int) -> str:
    return f"bytes {span.start}-{span.stop - 1}/{size}"


def _is_kept(head: RequestHead) -> bool:
    return head.version_minor == 1 and "close" not in head.headers.words("connection")
