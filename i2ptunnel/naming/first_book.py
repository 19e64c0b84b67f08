"""The names that come with the program, for a data directory that knows none.

They go into the router book as if a subscription had brought them: only names that are not known,
and never what the user has removed; later signed changes count. A newer program brings its newer
list once. There, a name may have another destination; it changes only as long as nothing else
has touched the entry.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import resources

from core.base.errors import DecodeError
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.hosts_line import HostsLine, parse_line
from i2ptunnel.naming.store import Book, SubscriptionRow

#: the source of its entries, for people
SOURCE = "first book"
#: its row among the subscriptions, which no command shows and no user can subscribe to
_ROW_URL = "http://first-book.invalid/"
_FILE = "first_book.txt"


def shipped() -> bytes:
    """The list, a ``hosts.txt``."""
    return resources.files("i2ptunnel.naming").joinpath(_FILE).read_bytes()


def load_first_book(books: AddressBooks, now: float, data: bytes | None = None) -> int:
    """Take the shipped list, or ``data``, unless it has been taken; how many names it brought.

    Raises FileFault.
    """
    data = shipped() if data is None else data
    version = hashlib.sha256(data).hexdigest()
    row = books.store.subscriptions().get(_ROW_URL)
    if row is not None and row.etag == version:
        return 0
    if row is not None:
        _update(books, data)
    result = books.merge(data, SOURCE)
    books.save_subscription(SubscriptionRow(_ROW_URL, etag=version, fetched_at=now, tried_at=now))
    return result.added


def _update(books: AddressBooks, data: bytes) -> None:
    """Give entries of an older list the destinations of this one."""
    with books.store.transaction() as transaction:
        for line in _lines(data):
            held = transaction.entries_of(line.name, Book.ROUTER)
            if len(held) != 1 or held[0].source != SOURCE or held[0].line:
                continue
            destination = line.destination
            if held[0].hash != destination.hash:
                entry = replace(held[0], hash=destination.hash, destination=destination.raw)
                transaction.write_name(Book.ROUTER, line.name, [entry])


def _lines(data: bytes) -> list[HostsLine]:
    found = []
    for raw in data.decode("utf-8", "replace").splitlines():
        try:
            line = parse_line(raw)
        except DecodeError:
            continue
        if line is not None and not line.properties:
            found.append(line)
    return found
