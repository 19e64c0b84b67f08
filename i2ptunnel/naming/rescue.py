"""Which rows of ``addresses.sqlite`` are right, and taking over those of a damaged file.

SQLite does not notice a changed byte in a row. Here a row proves itself: a destination must have
the row's hash, an encrypted address likewise, and name, book and hash stand a second time in the
index. A name that fails is not used and not taken over: it would lead somewhere else.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from core.api import Readable
from i2ptunnel.naming.names import is_host_name

COLUMNS = (
    "name, book, hash, position, destination, address, added, modified, date, source, notes, line"
)
_PLACES = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
_BOOKS = frozenset((0, 1, 2))
_OWN_BOOKS = frozenset((0, 1))

Row = tuple[Any, ...]


def verify(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the rows, or None."""
    for row in connection.execute(f"SELECT {COLUMNS} FROM entries"):
        if not _is_entry(row):
            return "a name and its address do not belong together"
    for row in connection.execute("SELECT name, hash, at, date, line FROM gone"):
        if not _is_gone(row):
            return "a removed name is not readable"
    for row in connection.execute("SELECT * FROM subscriptions"):
        if not _is_subscription(row):
            return "a subscription is not readable"
    for row in connection.execute("SELECT address, secret, client_key FROM credentials"):
        if not _is_credential(row):
            return "a client key is not readable"
    return None


def rescue(connection: sqlite3.Connection, damaged: Readable) -> str:
    """Add the rows of ``damaged`` that are right and missing; what that brought, in words."""
    held = dict(_own_and_all(connection))
    found = _texts(damaged.rows(COLUMNS, "entries", "name, book, hash"), (0, 5, 9, 10, 11))
    known = damaged.indexed("name, book, hash", "entries", "entries_by_hash")
    wanted = None if known is None else {(_text(name), *rest) for name, *rest in known}
    added = 0
    connection.execute("BEGIN IMMEDIATE")
    for row in found:
        key = row[:3]
        if not _is_entry(row) or (wanted is not None and key not in wanted):
            continue
        if key in held and held[key] >= row[7]:
            continue
        connection.execute(f"INSERT OR REPLACE INTO entries ({COLUMNS}) VALUES ({_PLACES})", row)
        added += key not in held
        held[key] = row[7]
    _add(
        connection,
        "gone VALUES (?, ?, ?, ?, ?)",
        _texts(damaged.rows("name, hash, at, date, line", "gone", "name, hash"), (0, 4)),
        _is_gone,
    )
    _add(
        connection,
        "subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        _texts(damaged.rows("*", "subscriptions", "url"), (0, 2, 3, 7)),
        _is_subscription,
    )
    _add(
        connection,
        "credentials VALUES (?, ?, ?)",
        _texts(damaged.rows("address, secret, client_key", "credentials", "address"), (0, 1)),
        _is_credential,
    )
    connection.execute("COMMIT")
    own = sum(book in _OWN_BOOKS for _, book, _ in held)
    return (
        f"{added} more {'address' if added == 1 else 'addresses'} could be read from the damaged "
        f"file; the books have {len(held)} now, {own} of them your own"
    )


def _own_and_all(connection: sqlite3.Connection) -> Iterator[tuple[Row, int]]:
    for name, book, digest, modified in connection.execute(
        "SELECT name, book, hash, modified FROM entries"
    ):
        yield (name, book, digest), modified


def _add(connection: sqlite3.Connection, into: str, rows: Iterable[Row], is_right: Any) -> None:
    for row in rows:
        if is_right(row):
            connection.execute(f"INSERT OR IGNORE INTO {into}", row)


def _texts(rows: Iterable[Row], columns: tuple[int, ...]) -> Iterator[Row]:
    """Rows with their texts decoded; the others are left out."""
    for row in rows:
        values = list(row)
        for at in columns:
            values[at] = _text(values[at])
        yield tuple(values)


def _text(value: Any) -> Any:
    """Text came as bytes; what is none is refused later, by its type."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return b""
    return value


def _is_entry(row: Row) -> bool:
    name, book, digest, position, destination, address, added, modified, date, *words = row
    if not (isinstance(name, str) and is_host_name(name) and book in _BOOKS):
        return False
    if not (isinstance(digest, bytes) and len(digest) == 32 and isinstance(position, int)):
        return False
    if not all(isinstance(moment, int) for moment in (added, modified)):
        return False
    if not (date is None or isinstance(date, int)) or not all(isinstance(w, str) for w in words):
        return False
    if destination is not None:
        return isinstance(destination, bytes) and hashlib.sha256(destination).digest() == digest
    if address is not None:
        is_text = isinstance(address, str)
        return is_text and hashlib.sha256(address.encode()).digest() == digest
    return True


def _is_gone(row: Row) -> bool:
    name, digest, at, date, line = row
    return (
        isinstance(name, str)
        and isinstance(digest, bytes)
        and isinstance(at, int)
        and (date is None or isinstance(date, int))
        and isinstance(line, str)
    )


def _is_subscription(row: Row) -> bool:
    url, is_own, etag, modified, fetched, tried, failures, outcome = row
    return (
        all(isinstance(word, str) for word in (url, etag, modified, outcome))
        and url.startswith("http://")
        and all(isinstance(number, int | float) for number in (fetched, tried))
        and all(isinstance(number, int) for number in (is_own, failures))
    )


def _is_credential(row: Row) -> bool:
    address, secret, key = row
    is_key = key is None or (isinstance(key, bytes) and len(key) == 32)
    return isinstance(address, str) and isinstance(secret, str) and is_key
