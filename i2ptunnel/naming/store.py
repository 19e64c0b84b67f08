"""The file behind the address books: ``addresses.sqlite`` in the data directory.

Not in ``state.sqlite``: what is there can be learned again and is started anew when damaged, while
names that people entered exist nowhere else; and the command line has to work on this file while
the router runs and while it does not.

Reads go through one connection and never wait for a writer (WAL). Each :class:`Transaction` is on
the disk, whole, when its ``with`` block has ended (synchronous FULL), or leaves nothing behind.
Several processes may use the file at the same time.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from core.api import FileFault, Readable, SqliteFile, make_directory
from core.data.identity import Destination
from i2ptunnel.naming import rescue

_log = logging.getLogger("i2ptunnel.naming")

SCHEMA_VERSION = 2
BUSY_TIMEOUT_S = 10.0
#: a name may have several destinations, for clients with different cryptography (Java: 8)
DESTINATIONS_MAX = 8
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    book INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL,
    destination BLOB, address TEXT, added INTEGER NOT NULL, modified INTEGER NOT NULL,
    date INTEGER, source TEXT NOT NULL, notes TEXT NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (name, book, hash)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_by_hash ON entries (hash);
CREATE TABLE IF NOT EXISTS gone (
    name TEXT NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL, date INTEGER, line TEXT NOT NULL,
    PRIMARY KEY (name, hash)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscriptions (
    url TEXT PRIMARY KEY, is_own INTEGER NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    fetched_at REAL NOT NULL, tried_at REAL NOT NULL, failures INTEGER NOT NULL,
    outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    url TEXT NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (url, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS credentials (
    address TEXT PRIMARY KEY, secret TEXT NOT NULL, client_key BLOB
) WITHOUT ROWID;
"""
_COLUMNS = "book, name, hash, destination, address, added, modified, date, source, notes, line"


class Book(IntEnum):
    """The books, in the order in which names are looked up."""

    PRIVATE = 0
    LOCAL = 1
    ROUTER = 2

    @property
    def word(self) -> str:
        """What users call it."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Book:
        """The inverse of :attr:`word`; KeyError."""
        return cls[word.upper()]


@dataclass(frozen=True, slots=True)
class Entry:
    """One destination of a name. Times are Unix seconds.

    Exactly one of these is known besides ``hash``: the whole ``destination``; the ``address`` of
    one with an encrypted lease set (``hash`` is that of the address then); or nothing more.
    ``line`` is the signed line it came with, as it came, or empty; ``date`` is that line's.
    """

    book: Book
    name: str
    hash: bytes
    destination: bytes | None = None
    address: str | None = None
    added: int = 0
    modified: int = 0
    date: int | None = None
    source: str = ""
    notes: str = ""
    line: str = ""

    def parsed(self) -> Destination | None:
        """The whole destination, if it is known."""
        return None if self.destination is None else Destination.from_bytes(self.destination)


@dataclass(frozen=True, slots=True)
class Gone:
    """A name that lost a destination. Empty ``hash``: the user wants the name from no feed.

    ``date`` is that of the signed line that took it away, ``line`` the line if it is a removal.
    """

    name: str
    hash: bytes
    at: int
    date: int | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A feed and how its last fetches went. ``is_own``: added by command, not in the YAML.

    ``fetched_at`` and ``tried_at`` are Unix seconds, 0: never. ``outcome``: words for the user.
    """

    url: str
    is_own: bool = False
    etag: str = ""
    last_modified: str = ""
    fetched_at: float = 0.0
    tried_at: float = 0.0
    failures: int = 0
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A destination that a feed has for a name, which stayed as it was."""

    url: str
    name: str
    hash: bytes


def _entry(row: tuple[Any, ...]) -> Entry:
    book, *rest = row
    return Entry(Book(book), *rest)


class Store:
    """The open file. ``read`` connections are this object's; each write opens a transaction."""

    def __init__(self, path: Path) -> None:
        """Open or create. FileFault if it cannot be used; a damaged file is moved aside."""
        self.path = path
        make_directory(path.parent)
        self._file = SqliteFile(
            path,
            "the address book",
            _SCHEMA,
            SCHEMA_VERSION,
            synchronous="FULL",
            busy_timeout_s=BUSY_TIMEOUT_S,
            verify=rescue.verify,
            rescue=self._rescue,
            keeps_copy=True,
        )
        self._writer = threading.Lock()
        self._has_changes = not self._file.copy_path.exists()
        self._counts: dict[Book, int] = dict.fromkeys(Book, 0)
        self._counted_version: int | None = None
        self._connection = self._file.open()
        self._copied_version = self.version()

    def _rescue(self, connection: sqlite3.Connection, damaged: Readable) -> str:
        self._has_changes = True
        return rescue.rescue(connection, damaged)

    def close(self) -> None:
        """Keep a copy if something changed, and close."""
        try:
            self.keep_copy()
        except FileFault as fault:
            _log.warning("%s", fault)
        self._connection.close()

    def keep_copy(self) -> None:
        """Make the last good copy anew if something changed since. Raises FileFault."""
        version = self.version()
        if not self._has_changes and version == self._copied_version:
            return
        self._has_changes, self._copied_version = False, version
        if not any(self.counts().values()) and not self._file.copy_path.exists():
            return  # nothing to lose
        self._file.keep_copy()

    def entries_of(self, name: str) -> list[Entry]:
        """In the order of the books, the preferred destination first."""
        return self._entries("WHERE name = ? ORDER BY book, position", name)

    def entries_with(self, digest: bytes) -> list[Entry]:
        """All names of a destination hash."""
        return self._entries("WHERE hash = ? ORDER BY book, name", digest)

    def entries(self, books: tuple[Book, ...], part: str = "") -> Iterator[Entry]:
        """Every entry of the books whose name contains ``part``, by name."""
        marks = ",".join("?" * len(books))
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE book IN ({marks}) AND instr(name, ?) "
            "ORDER BY name, book, position"
        )
        for row in self._many(query, *(int(book) for book in books), part):
            yield _entry(row)

    def known(self) -> dict[str, dict[bytes, bool]]:
        """Name -> hash -> whether there is a signed line, in the local and the router book."""
        known: dict[str, dict[bytes, bool]] = {}
        query = "SELECT name, hash, line != '' FROM entries WHERE book != ?"
        for name, digest, is_signed in self._many(query, int(Book.PRIVATE)):
            known.setdefault(name, {})[digest] = bool(is_signed)
        return known

    def counts(self) -> dict[Book, int]:
        """Names in each book. After a change this looks at every entry: call it in a thread."""
        version = self.version()
        if version != self._counted_version:
            rows = self._many("SELECT book, COUNT(DISTINCT name) FROM entries GROUP BY book")
            found = {Book(book): int(count) for book, count in rows}
            self._counts = {book: found.get(book, 0) for book in Book}
            self._counted_version = version
        return self._counts

    @property
    def last_counts(self) -> dict[Book, int]:
        """What :meth:`counts` said last."""
        return self._counts

    def gone(self) -> list[Gone]:
        """Everything that was taken away."""
        return [Gone(*row) for row in self._select("SELECT name, hash, at, date, line FROM gone")]

    def subscriptions(self) -> dict[str, SubscriptionRow]:
        """URL -> row."""
        rows = self._select("SELECT * FROM subscriptions ORDER BY url")
        return {row[0]: SubscriptionRow(row[0], bool(row[1]), *row[2:]) for row in rows}

    def claims(self) -> list[Claim]:
        """What feeds have for names that have other destinations here, by name."""
        rows = self._select(
            "SELECT url, name, hash FROM claims AS claim WHERE EXISTS (SELECT 1 FROM entries "
            "WHERE name = claim.name AND book != ?) AND NOT EXISTS (SELECT 1 FROM entries "
            "WHERE name = claim.name AND hash = claim.hash) ORDER BY name, url",
            int(Book.PRIVATE),
        )
        return [Claim(*row) for row in rows]

    def credentials(self, address: str) -> tuple[str, bytes | None]:
        """(secret, client key) of a ``….b32.i2p`` address with an encrypted lease set."""
        rows = self._select("SELECT secret, client_key FROM credentials WHERE address = ?", address)
        return (str(rows[0][0]), rows[0][1]) if rows else ("", None)

    def version(self) -> int:
        """A number that changes when anybody has changed the file."""
        return int(self._select("PRAGMA data_version")[0][0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything done inside happens, or nothing. May wait for another writer. FileFault."""
        with self._writer:
            try:
                connection = self._file.connect()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        yield Transaction(connection)
                        connection.execute("COMMIT")
                        self._has_changes = True
                    except BaseException:
                        if connection.in_transaction:
                            connection.execute("ROLLBACK")
                        raise
                finally:
                    connection.close()
            except sqlite3.Error as error:
                raise FileFault(self.path, f"cannot write: {error}") from error

    def _entries(self, where: str, *values: object) -> list[Entry]:
        return [
            _entry(row) for row in self._select(f"SELECT {_COLUMNS} FROM entries {where}", *values)
        ]

    def _many(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Rows over a connection of their own, so that lookups do not wait for them."""
        try:
            with contextlib.closing(self._file.connect()) as connection:
                yield from connection.execute(query, values)
        except sqlite3.Error as error:
            raise FileFault(self.path, f"cannot read: {error}") from error

    def _select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise FileFault(self.path, f"cannot read: {error}") from error


class Transaction:
    """The single steps of a change; only inside ``Store.transaction()``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries_of(self, name: str, book: Book | None = None) -> list[Entry]:
        """The destinations of a name, of one book or all."""
        query = f"SELECT {_COLUMNS} FROM entries WHERE name = ?"
        rows = self._connection.execute(query + " ORDER BY book, position", (name,))
        return [entry for entry in map(_entry, rows) if book in (None, entry.book)]

    def entries_with(self, digest: bytes, book: Book) -> list[Entry]:
        """The names of a hash in one book."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE hash = ? AND book = ?", (digest, int(book))
        )
        return [_entry(row) for row in rows]

    def count(self, book: Book) -> int:
        """Entries of a book."""
        query = "SELECT COUNT(*) FROM entries WHERE book = ?"
        return int(self._connection.execute(query, (int(book),)).fetchone()[0])

    def write_name(self, book: Book, name: str, entries: list[Entry]) -> None:
        """Make these the destinations of a name, the preferred one first."""
        self.delete_name(book, name)
        for position, entry in enumerate(entries[:DESTINATIONS_MAX]):
            self._connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(int(book), name, position, entry.hash, entry.destination, entry.address),
                    *(entry.added, entry.modified, entry.date),
                    *(entry.source, entry.notes, entry.line),
                ),
            )

    def delete_name(self, book: Book, name: str) -> int:
        """Remove all destinations of a name; returns how many there were."""
        return self._connection.execute(
            "DELETE FROM entries WHERE book = ? AND name = ?", (int(book), name)
        ).rowcount

    def gone(self, name: str) -> dict[bytes, Gone]:
        """Hash -> what was taken away of a name; the empty hash stands for all."""
        rows = self._connection.execute(
            "SELECT name, hash, at, date, line FROM gone WHERE name = ?", (name,)
        )
        return {row[1]: Gone(*row) for row in rows}

    def write_gone(self, gone: Gone) -> None:
        """Remember a removed name, so that no older line brings it back."""
        self._connection.execute(
            "INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?)",
            (gone.name, gone.hash, gone.at, gone.date, gone.line),
        )

    def delete_gone(self, name: str, digest: bytes) -> None:
        """Forget that one destination of a name was removed."""
        self._connection.execute("DELETE FROM gone WHERE name = ? AND hash = ?", (name, digest))

    def write_subscription(self, row: SubscriptionRow) -> None:
        """Add or replace what is known of a feed, by its URL."""
        self._connection.execute(
            "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(row.url, int(row.is_own), row.etag, row.last_modified),
                *(row.fetched_at, row.tried_at, row.failures, row.outcome),
            ),
        )

    def delete_subscription(self, url: str) -> int:
        """Returns how many there were."""
        self.write_claims(url, {})
        return self._connection.execute("DELETE FROM subscriptions WHERE url = ?", (url,)).rowcount

    def write_claims(self, url: str, claims: Mapping[str, bytes]) -> None:
        """Name -> hash: those for which a feed has another destination than the books."""
        self._connection.execute("DELETE FROM claims WHERE url = ?", (url,))
        rows = [(url, name, digest) for name, digest in claims.items()]
        self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?)", rows)

    def write_credentials(self, address: str, secret: str, client_key: bytes | None) -> None:
        """Empty ones are removed."""
        if not secret and client_key is None:
            self._connection.execute("DELETE FROM credentials WHERE address = ?", (address,))
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?)", (address, secret, client_key)
        )
