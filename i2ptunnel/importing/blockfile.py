"""Java I2P's address books in ``hostsdb.blockfile`` (specs/blockfile.md), read only.

Pages of 1024 bytes, numbered from 1. Page 2 is the skip list of skip lists: name -> page. Only the
spans of a skip list are walked, which hold every entry in order; its levels are for searching.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.wire import Reader
from core.data.identity import Destination
from core.data.mapping import parse_mapping

PAGE_BYTES = 1024
FILE_BYTES_MAX = 256 * 1024 * 1024
#: destinations of all books; the network has some thousand names
ENTRIES_MAX = 1_000_000
_MAGIC = bytes.fromhex("3141de493250")
_SKIP_LIST, _SPAN, _CONTINUATION = b"SkipList", b"Span", b"CONT"
_META_PAGE = 2
_INFO = "%%__INFO__%%"
BOOKS = ("privatehosts.txt", "userhosts.txt", "hosts.txt")


@dataclass(frozen=True, slots=True)
class BlockfileEntry:
    """A name with one of its destinations. ``notes`` are the user's."""

    book: str
    name: str
    destination: Destination
    notes: str = ""


class Blockfile:
    """The file in memory; DecodeError for what is no such file.

    ``faults``: parts that are damaged, and what is lost with them; the rest is read.
    """

    def __init__(self, data: bytes) -> None:
        if not data.startswith(_MAGIC) or data[6:7] != b"\x01":
            raise DecodeError("this is no blockfile of version 1")
        self._data = data
        self.faults: list[str] = []
        self._lists = {
            key.decode("utf-8", "replace"): int.from_bytes(value[-4:], "big")
            for key, value in self._walk(_META_PAGE)
        }

    def entries(self) -> Iterator[BlockfileEntry]:
        """Every destination of every name, book by book. A damaged entry is left out."""
        version = self._version()
        for book in BOOKS:
            if book not in self._lists:
                continue
            try:
                for key, value in self._walk(self._lists[book]):
                    yield from self._read(book, key.decode("utf-8", "replace"), value, version)
            except DecodeError as error:
                self.faults.append(f"{book}: {error}; what follows it is lost")

    def _read(self, book: str, name: str, value: bytes, version: int) -> Iterator[BlockfileEntry]:
        try:
            yield from _read_entry(book, name, value, version)
        except DecodeError as error:
            self.faults.append(f"{book}: {name}: {error}")

    def _version(self) -> int:
        for _, value in self._walk(self._lists[_INFO]) if _INFO in self._lists else ():
            text = parse_mapping(Reader(value)).get("version", "")
            if text.isdecimal():
                return int(text)
        return 4

    def _page(self, number: int, magic: bytes) -> bytes:
        start = (number - 1) * PAGE_BYTES
        page = self._data[start : start + PAGE_BYTES]
        if number < 1 or len(page) < PAGE_BYTES or not page.startswith(magic):
            raise DecodeError(f"page {number} is damaged")
        return page

    def _walk(self, list_page: int) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of every entry of a skip list."""
        span = int.from_bytes(self._page(list_page, _SKIP_LIST)[8:12], "big")
        seen: set[int] = set()
        count = 0
        while span:
            if span in seen:
                raise DecodeError(f"page {span} comes twice")
            seen.add(span)
            page = self._page(span, _SPAN)
            pairs = _Pairs(self, page, seen)
            for _ in range(int.from_bytes(page[18:20], "big")):
                count += 1
                if count > ENTRIES_MAX:
                    raise DecodeError("too many entries")
                yield pairs.next()
            span = int.from_bytes(page[12:16], "big")


class _Pairs:
    """The pairs of a span, over its continuation pages. Two lengths never cross a page."""

    def __init__(self, file: Blockfile, page: bytes, seen: set[int]) -> None:
        self._file, self._page, self._seen = file, page, seen
        self._next, self._at = int.from_bytes(page[4:8], "big"), 20

    def next(self) -> tuple[bytes, bytes]:
        if self._at + 4 > PAGE_BYTES:
            self._turn()
        head = self._take(4)
        return self._take(int.from_bytes(head[:2], "big")), self._take(
            int.from_bytes(head[2:], "big")
        )

    def _take(self, count: int) -> bytes:
        parts = []
        while count:
            if self._at >= PAGE_BYTES:
                self._turn()
            part = self._page[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _turn(self) -> None:
        if not self._next or self._next in self._seen:
            raise DecodeError("an entry has no end")
        self._seen.add(self._next)
        self._page = self._file._page(self._next, _CONTINUATION)
        self._next, self._at = int.from_bytes(self._page[4:8], "big"), 8


def _read_entry(book: str, name: str, value: bytes, version: int) -> Iterator[BlockfileEntry]:
    reader = Reader(value)
    for _ in range(reader.u8() if version >= 4 else 1):
        properties = parse_mapping(reader)
        destination = Destination.parse(reader)
        yield BlockfileEntry(book, name, destination, properties.get("notes", ""))
