"""The built-in web server of ``docroot``: files, and nothing else.

GET and HEAD, one byte range, ``index.html`` for directories (whose address ends in a slash, so that
links in it work). No listings, no files whose name begins with a dot, nothing outside the directory
(links that lead out are not followed), no date and no software name in the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from core.base.errors import Unavailable
from i2ptunnel.protocols import compression
from i2ptunnel.protocols.error_pages import NOT_FOUND, bad_request, render
from i2ptunnel.protocols.http1 import END, Headers, RequestHead, ResponseHead
from i2ptunnel.relay.http_exchange import Front

_CHUNK_BYTES = 262144
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TEXT_TYPES = ("text/", "application/javascript", "application/json", "image/svg+xml")


class _IsDirectory(Exception):
    """The address of a directory without the slash; the argument is the right path."""


@dataclass(slots=True)
class _Found:
    file: BinaryIO
    size: int
    tag: str
    content_type: str


class FileSite:
    """The files below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def answer(
        self, front: Front, head: RequestHead, target: str, wants_gzip: bool = False
    ) -> bool:
        """Send the file of ``target`` (a path); True if another request may follow."""
        while (await front.next_event()) is not END:
            pass  # a body has no meaning here
        if head.method not in ("GET", "HEAD"):
            page = bad_request(405, "only GET and HEAD are offered")
            await front.channel.write(render(page, method=head.method))
            return False
        try:
            found = await asyncio.to_thread(self._open, target)
        except _IsDirectory as directory:
            return await self._redirect(front, head, str(directory))
        if found is None:
            await front.channel.write(render(NOT_FOUND, method=head.method))
            return False
        try:
            return await self._send(front, head, found, wants_gzip)
        finally:
            found.file.close()

    @staticmethod
    async def _redirect(front: Front, head: RequestHead, path: str) -> bool:
        keep_alive = _is_kept(head)
        headers = Headers([("Location", path), ("Content-Length", "0")])
        headers.add("Connection", "keep-alive" if keep_alive else "close")
        await front.channel.write(ResponseHead(301, "Moved Permanently", 1, headers).write())
        return keep_alive

    async def _send(self, front: Front, head: RequestHead, found: _Found, wants_gzip: bool) -> bool:
        keep_alive = _is_kept(head)
        headers = Headers([("ETag", found.tag), ("Accept-Ranges", "bytes")])
        headers.add("Connection", "keep-alive" if keep_alive else "close")
        if found.tag in head.headers.words("if-none-match"):
            await front.channel.write(ResponseHead(304, "Not Modified", 1, headers).write())
            return keep_alive
        start, stop, status = _range_of(head, found)
        if status == 416:
            headers.add("Content-Range", f"bytes */{found.size}")
            headers.add("Content-Length", "0")
            await front.channel.write(
                ResponseHead(416, "Range Not Satisfiable", 1, headers).write()
            )
            return keep_alive
        headers.add("Content-Type", found.content_type)
        headers.add("Content-Length", str(stop - start))
        headers.add("X-Content-Type-Options", "nosniff")
        if status == 206:
            headers.add("Content-Range", f"bytes {start}-{stop - 1}/{found.size}")
        response = ResponseHead(status, "Partial Content" if status == 206 else "OK", 1, headers)
        coder = None
        if wants_gzip and head.method == "GET" and compression.is_worth_it(response):
            coder = compression.GzipCoder()
            keep_alive = False
            compression.announce(headers)
            headers.remove("connection")
            headers.add("Connection", "close")
        pending = response.write()
        if head.method == "GET":
            found.file.seek(start)
            left = stop - start
            while left:
                piece = await asyncio.to_thread(found.file.read, min(left, _CHUNK_BYTES))
                if not piece:
                    # The file became shorter than what was announced.
                    raise Unavailable("the file changed while it was sent", "stream_reset")
                left -= len(piece)
                coded = await asyncio.to_thread(coder.data, piece) if coder else piece
                await front.channel.write(pending + coded)
                pending = b""
            if coder is not None:
                pending += coder.end()
        if pending:
            await front.channel.write(pending)
        return keep_alive

    def _open(self, target: str) -> _Found | None:
        path = self._locate(target)
        if path is None:
            return None
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            os.close(handle)
            return None
        digest = hashlib.sha256(f"{info.st_mtime_ns}-{info.st_size}-{path}".encode()).hexdigest()
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if content_type.startswith(_TEXT_TYPES):
            content_type += "; charset=utf-8"
        return _Found(os.fdopen(handle, "rb"), info.st_size, f'"{digest[:16]}"', content_type)

    def _locate(self, target: str) -> Path | None:
        """The file a request target means, or None."""
        raw = unquote_to_bytes(target.partition("?")[0].partition("#")[0])
        try:
            parts = [part for part in raw.decode().split("/") if part]
        except UnicodeDecodeError:
            return None
        if any(part.startswith(".") or "\0" in part for part in parts):
            return None
        try:
            root = self._root.resolve(strict=True)
            path = root.joinpath(*parts).resolve(strict=True)
            if path.is_dir() and path.is_relative_to(root):
                if not raw.endswith(b"/") and (path / "index.html").is_file():
                    raise _IsDirectory(_directory_path(target))
                path = (path / "index.html").resolve(strict=True)
        except (OSError, RuntimeError):
            return None
        return path if path.is_relative_to(root) else None


def _is_kept(head: RequestHead) -> bool:
    return head.version_minor == 1 and "close" not in head.headers.words("connection")


def _directory_path(target: str) -> str:
    """The same address with the slash; never one that begins like another host."""
    path, mark, query = target.partition("#")[0].partition("?")
    return "/" + path.strip("/") + "/" + mark + query


def _range_of(head: RequestHead, found: _Found) -> tuple[int, int, int]:
    """(start, stop, status): 206 for a range that can be served, 416 for one that cannot."""
    wanted = head.headers.get("range")
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if_range = head.headers.get("if-range")
    if not match or head.method != "GET" or (if_range is not None and if_range != found.tag):
        return 0, found.size, 200
    first, last = match[1], match[2]
    if first:
        start = int(first)
        stop = min(int(last) + 1, found.size) if last else found.size
    elif last:
        start, stop = max(0, found.size - int(last)), found.size
    else:
        return 0, found.size, 200
    return (start, stop, 206) if start < stop else (0, 0, 416)
