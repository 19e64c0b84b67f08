"""Our own ``hosts.txt``: what others may subscribe to.

Lines come out as they came in, with their signatures, so that subscribers can verify them too;
removals follow at the end. The private book is never part of it. The text depends on the books
only: as long as they do not change, neither does what a web server says of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.api import FileFault, make_directory, read_limited, write_atomic
from i2ptunnel.naming.hosts_line import parse_line
from i2ptunnel.naming.names import is_host_name
from i2ptunnel.naming.store import Book, Entry, Gone, Store

PUBLIC_BOOKS = (Book.LOCAL, Book.ROUTER)
#: removals that are passed on, the newest
REMOVALS_MAX = 1000
_FILE_BYTES_MAX = 256 * 1024 * 1024
_FILE_MODE = 0o644


def export_text(
    store: Store, books: Sequence[Book] = PUBLIC_BOOKS, *, removals: bool = True
) -> str:
    """The books as one ``hosts.txt``. Raises FileFault."""
    lines = [line for _, entries in _by_name(store.entries(tuple(books))) for line in entries]
    if removals and Book.ROUTER in books:
        lines += _removals(store.gone())
    return "".join(f"{line}\n" for line in lines)


class PublishedFile:
    """A file that follows the books."""

    def __init__(self, path: Path, books: Sequence[Book] = PUBLIC_BOOKS) -> None:
        self.path = path
        self._books = books

    def write(self, store: Store) -> bool:
        """Write the file if its content changes; returns whether it did. Raises FileFault."""
        data = export_text(store, self._books).encode()
        try:
            if self.path.exists() and read_limited(self.path, _FILE_BYTES_MAX) == data:
                return False
        except FileFault:
            pass  # replaced below, or the fault comes again
        make_directory(self.path.parent)
        write_atomic(self.path, data, _FILE_MODE)
        return True


def _by_name(entries: Iterable[Entry]) -> list[tuple[str, list[str]]]:
    """Name -> lines; of a name in several books, the first book's."""
    books: dict[str, Book] = {}
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.destination is None or not is_host_name(entry.name):
            continue
        if books.setdefault(entry.name, entry.book) is entry.book:
            found.setdefault(entry.name, []).append(entry)
    # A further destination stands after the one that vouches for it.
    return [
        (name, [_line(one) for one in sorted(group, key=lambda one: (one.added, one.line != ""))])
        for name, group in sorted(found.items())
    ]


def _line(entry: Entry) -> str:
    if entry.line:
        return entry.line
    destination = entry.parsed()
    assert destination is not None
    return f"{entry.name}={destination.b64}"


def _removals(gone: Iterable[Gone]) -> list[str]:
    """The signed removals; one of several names stands there once."""
    newest = sorted((one for one in gone if one.line), key=lambda one: (-one.at, one.name))
    lines = {one.line: None for one in newest[:REMOVALS_MAX] if parse_line(one.line) is not None}
    return sorted(lines)
