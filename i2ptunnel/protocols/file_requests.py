"""What a request for a file asks for: path, preconditions and ranges (RFC 3986, RFC 9110).

Pure: the file is described by :class:`Validators` and its size.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum
from urllib.parse import quote, unquote_to_bytes

from i2ptunnel.protocols.http1 import Headers, RequestHead

#: ranges in one request; a request for more gets the whole file
RANGES_MAX = 16
#: the only dot directory that is served, at the root only (RFC 8615)
WELL_KNOWN = ".well-known"
_RANGES_CHARACTERS_MAX = 1024
_RANGE = re.compile(r"([0-9]{0,40})-([0-9]{0,40})")
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# What browsers show or load into a page, not what they save.
_USED_IN_PAGES = (
    "text/",
    "application/atom+xml",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/rss+xml",
    "application/wasm",
    "application/xml",
    "image/svg+xml",
)
_TEXT_TYPES = ("text/", "application/javascript", "application/json", "image/svg+xml")
# Content codings that HTTP has registered; other compressions are file types of their own.
_CODINGS = {"gzip": "gzip", "br": "br", "compress": "compress"}
_PACKED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
}
# What some Python versions lack or name differently; the system's own table is not read.
_FURTHER_TYPES = {
    ".avif": "image/avif",
    ".deb": "application/vnd.debian.binary-package",
    ".flac": "audio/flac",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mkv": "video/x-matroska",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".su3": "application/octet-stream",
    ".torrent": "application/x-bittorrent",
    ".ttf": "font/ttf",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".zst": "application/zstd",
}


@dataclass(frozen=True, slots=True)
class SitePath:
    """A path without dot segments. ``parts`` are decoded; ``is_directory``: it ends in a slash."""

    parts: tuple[str, ...]
    is_directory: bool

    @property
    def is_hidden(self) -> bool:
        """Whether a part begins with a dot, but for ``/.well-known`` itself."""
        return is_hidden(self.parts)

    def written(self, *, as_directory: bool = False) -> str:
        """The path as it stands in a URL; it always begins with exactly one slash."""
        path = "/" + "/".join(quote(part, safe="!$&'()*+,;=:@~-._") for part in self.parts)
        return path + "/" if (as_directory or self.is_directory) and self.parts else path


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether one of the parts of a path below the root is not to be served."""
    shown = parts[1:] if parts and parts[0] == WELL_KNOWN else parts
    return any(part.startswith(".") for part in shown)


def read_path(target: str) -> SitePath | None:
    """The path of a request target after RFC 3986 5.2.4, None if it cannot name a file.

    Percent-encoded dots are dots; an encoded slash is none. ``..`` never leads above the root.
    Slashes in a row count as one.
    """
    path = target.partition("?")[0].partition("#")[0]
    found: list[str] = []
    is_directory = True
    for raw in path.split("/")[1:] if path.startswith("/") else path.split("/"):
        try:
            part = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            return None
        if "/" in part or "\0" in part:
            return None
        is_directory = part in ("", ".", "..")
        if part == "..":
            del found[-1:]
        elif part != ".":
            found.append(part)
    return SitePath(tuple(part for part in found if part), is_directory)


def _type_table() -> mimetypes.MimeTypes:
    table = mimetypes.MimeTypes(())
    for suffix, content_type in _FURTHER_TYPES.items():
        table.add_type(content_type, suffix)
    return table


_TYPES = _type_table()


def content_type_of(name: str) -> tuple[str, str | None]:
    """(``Content-Type``, ``Content-Encoding`` or None) for a file name.

    ``app.js.gz`` is a script in the coding gzip. ``a.tar.gz`` and ``Packages.gz`` are gzip files:
    Chromium unpacks whatever has a coding before it saves it, and a release that was signed would
    not be the same any more.
    """
    content_type, packing = _TYPES.guess_type(f"/{name}")
    coding = None
    if packing is not None:
        coding = _CODINGS.get(packing)
        if content_type is None or coding is None or not content_type.startswith(_USED_IN_PAGES):
            coding, content_type = None, _PACKED_TYPES.get(packing)
    content_type = content_type or "application/octet-stream"
    if content_type.startswith(_TEXT_TYPES):
        content_type += "; charset=utf-8"
    return content_type, coding


@dataclass(frozen=True, slots=True)
class Validators:
    """``tag``: a strong entity tag with its quotes. ``modified``: Unix seconds, None: unknown."""

    tag: str
    modified: int | None = None

    @property
    def last_modified(self) -> str | None:
        """The value of ``Last-Modified``."""
        return None if self.modified is None else formatdate(self.modified, usegmt=True)


class Verdict(Enum):
    """What the preconditions of a request come to."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


def check_preconditions(head: RequestHead, validators: Validators) -> Verdict:
    """RFC 9110 13.2.2, for GET and HEAD of a file that exists."""
    headers = head.headers
    if "if-match" in headers:
        if not _matches(headers, "if-match", validators.tag, is_weak=False):
            return Verdict.FAILED
    elif (
        (limit := _date(headers.get("if-unmodified-since"))) is not None
        and validators.modified is not None
        and validators.modified > limit
    ):
        return Verdict.FAILED
    if "if-none-match" in headers:
        if _matches(headers, "if-none-match", validators.tag, is_weak=True):
            return Verdict.NOT_MODIFIED
    elif (
        (since := _date(headers.get("if-modified-since"))) is not None
        and validators.modified is not None
        and validators.modified <= since
    ):
        return Verdict.NOT_MODIFIED
    return Verdict.SEND


def _matches(headers: Headers, name: str, tag: str, *, is_weak: bool) -> bool:
    """Whether ``*`` or one of the tags of a list stands for ``tag`` (RFC 9110 8.8.3.2)."""
    text = ",".join(headers.get_all(name)).strip()
    if text == "*":
        return True
    opaque = tag.removeprefix("W/")
    return any(
        f'"{found[2]}"' == opaque and (is_weak or not found[1])
        for found in _ENTITY_TAG.finditer(text)
    )


def _date(text: str | None) -> int | None:
    """The Unix seconds of an HTTP date (any of its three forms), None if it is none."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from ``start`` up to and without ``stop``."""

    start: int
    stop: int


def read_ranges(head: RequestHead, size: int, validators: Validators) -> list[Span] | None:
    """The spans to send; None: the whole file; empty: none can be served (416).

    Only GET has ranges. Spans that overlap or touch are joined; more than :data:`RANGES_MAX`, or
    more bytes than the file has, get the whole file (RFC 9110 14.2).
    """
    text = head.headers.get("range")
    if text is None or head.method != "GET" or not _may_resume(head.headers, validators):
        return None
    unit, equals, listed = text.partition("=")
    if unit.strip().lower() != "bytes" or not equals or len(listed) > _RANGES_CHARACTERS_MAX:
        return None
    spans: list[Span] = []
    is_any = False
    for word in filter(None, (part.strip() for part in listed.split(","))):
        match = _RANGE.fullmatch(word)
        if match is None or word == "-":
            return None
        is_any = True
        span = _span(match[1], match[2], size)
        if span is not None:
            spans.append(span)
    if not is_any or len(spans) > RANGES_MAX:
        return None
    if sum(span.stop - span.start for span in spans) > size:
        return None
    return _joined(spans)


def _span(first: str, last: str, size: int) -> Span | None:
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    return Span(start, stop) if start < stop else None


def _joined(spans: list[Span]) -> list[Span]:
    """In the order in which they were asked for, neighbours that meet made one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].start <= span.start <= found[-1].stop:
            last = found.pop()
            span = Span(last.start, max(last.stop, span.stop))
        found.append(span)
    return found


def _may_resume(headers: Headers, validators: Validators) -> bool:
    """Whether ``If-Range`` lets the ranges count: a strong tag, or exactly the date that we say."""
    text = headers.get("if-range")
    if text is None:
        return True
    text = text.strip()
    if text.startswith(('"', "W/")):
        return text == validators.tag
    return validators.modified is not None and _date(text) == validators.modified
