"""What the router remembers between runs, in one SQLite file (WAL mode).

Two things live here: RouterInfos (as received, signed bytes) and small named values of other rooms
(peer statistics, address books), grouped by a *space*. All of it can be learned again, so no copy
is kept: of a damaged file, which is moved aside, the new one has what can be read. Keys live in
files.

Writes are handed to one writer thread, which puts everything waiting into one transaction; a
transaction is there whole or not at all after ``kill -9``. Reads happen before the router starts
(or through ``get`` for a single value) and see what has been written so far.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from core.base.errors import LocalError
from core.io.sqlite_file import SqliteFile
from core.io.sqlite_salvage import Readable

_log = logging.getLogger("core.io.database")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS routers (
    hash BLOB PRIMARY KEY, published_ms INTEGER NOT NULL, raw BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    space TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, name)
) WITHOUT ROWID;
"""
CLOSE_TIMEOUT_S = 10.0
#: after a write that failed
RETRY_S = 5.0
#: changes that wait for a disk that cannot be written; above it the oldest ones are forgotten
WAITING_MAX = 50_000

_RouterRow: TypeAlias = tuple[bytes, int, bytes]


@dataclass(slots=True)
class _Batch:
    """What waits for the next transaction; the newest write to a key wins."""

    routers: dict[bytes, tuple[int, bytes] | None] = field(default_factory=dict)
    entries: dict[tuple[str, bytes], bytes | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.routers) + len(self.entries)

    def put_below(self, older: _Batch) -> None:
        """Take back what could not be written, but for what was written anew since."""
        self.routers = older.routers | self.routers
        self.entries = older.entries | self.entries


class Database:
    """The SQLite file. Open it once per process; call ``close`` to flush and stop the writer."""

    def __init__(self, path: Path, retry_s: float = RETRY_S) -> None:
        self._path = path
        self._retry_s = retry_s
        #: whether this is what could be read of a damaged file, which nobody has checked
        self.is_rescued = False
        self._file = SqliteFile(path, "the database", _SCHEMA, rescue=self._rescue)
        self._reader = self._file.open()
        self._condition = threading.Condition()
        self._waiting = _Batch()
        self._is_writing = False
        self._is_closed = False
        self.transactions = 0
        self.failures = 0
        self.forgotten = 0
        #: why the last transaction could not be written; None if it was
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._thread.start()

    def _rescue(self, connection: sqlite3.Connection, damaged: Readable) -> str:
        self.is_rescued = True
        return _rescue(connection, damaged)

    def load_routers(self) -> list[_RouterRow]:
        """(hash, published ms, signed bytes) of every stored RouterInfo."""
        rows = self._reader.execute("SELECT hash, published_ms, raw FROM routers")
        return [row for row in rows if _is_router(row)]

    def load_named_routers(self, space: str, count_max: int) -> list[_RouterRow]:
        """:meth:`load_routers` of those that ``space`` has a value for, the newest first."""
        rows = self._reader.execute(
            "SELECT hash, published_ms, raw FROM entries JOIN routers ON hash = name "
            "WHERE space = ? ORDER BY published_ms DESC LIMIT ?",
            (space, count_max),
        )
        return [row for row in rows if _is_router(row)]

    def load_routers_after(self, after: bytes, count: int) -> tuple[list[_RouterRow], bytes | None]:
        """Up to ``count`` of :meth:`load_routers` in the order of their hashes, and the last hash.

        None: there are no more.
        """
        rows = self._reader.execute(
            "SELECT hash, published_ms, raw FROM routers WHERE hash > ? ORDER BY hash LIMIT ?",
            (after, count),
        ).fetchall()
        last = rows[-1][0] if len(rows) == count else None
        return [row for row in rows if _is_router(row)], last if isinstance(last, bytes) else None

    def load_space(self, space: str) -> dict[bytes, bytes]:
        """Every value of one space."""
        rows = self._reader.execute("SELECT name, value FROM entries WHERE space = ?", (space,))
        return {name: value for name, value in rows if _is_entry((space, name, value))}

    def get(self, space: str, name: bytes) -> bytes | None:
        """One value, as of the last finished transaction."""
        row = self._reader.execute(
            "SELECT value FROM entries WHERE space = ? AND name = ?", (space, name)
        ).fetchone()
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def save_routers(
        self, stored: Iterable[tuple[bytes, int, bytes]], removed: Iterable[bytes] = ()
    ) -> None:
        """Write (hash, published ms, bytes) and remove hashes, soon. Returns at once."""
        with self._condition:
            self._check_open()
            for router_hash in removed:
                self._waiting.routers[router_hash] = None
            for router_hash, published_ms, raw in stored:
                self._waiting.routers[router_hash] = (published_ms, raw)
            self._condition.notify_all()

    def save_space(self, space: str, values: Mapping[bytes, bytes | None]) -> None:
        """Write values (None removes) of one space, soon. Returns at once."""
        with self._condition:
            self._check_open()
            for name, value in values.items():
                self._waiting.entries[space, name] = value
            self._condition.notify_all()

    def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Wait until everything handed over so far is on disk; False if that took too long."""
        with self._condition:
            return self._condition.wait_for(
                lambda: not self._is_writing and not len(self._waiting), timeout_s
            )

    def close(self) -> None:
        """Write what waits, then stop. Safe to call twice."""
        with self._condition:
            if self._is_closed:
                return
            self._is_closed = True
            self._condition.notify_all()
        self._thread.join(CLOSE_TIMEOUT_S)
        self._reader.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise LocalError("the database is closed")

    def _run(self) -> None:
        writer = self._file.connect()
        try:
            while batch := self._next_batch():
                try:
                    _write(writer, batch)
                except sqlite3.Error as error:
                    if not self._has_failed(batch, error):
                        break
                else:
                    self._has_written()
        finally:
            writer.close()
            with self._condition:
                self._is_writing = False
                self._condition.notify_all()

    def _has_written(self) -> None:
        self.transactions += 1
        if self.failure is not None:
            _log.warning("%s can be written again", self._path)
            self.failure = None

    def _has_failed(self, batch: _Batch, error: sqlite3.Error) -> bool:
        """A full disk stops nobody: what waits is written when there is room. False: at the end,
        which comes after one last attempt."""
        self.failures += 1
        if self.failure is None:
            _log.error("cannot write %s: %s; it is tried again", self._path, error)
        self.failure = str(error)
        with self._condition:
            if len(self._waiting) + len(batch) <= WAITING_MAX:
                self._waiting.put_below(batch)
            else:
                self.forgotten += len(batch)
            self._is_writing = False
            self._condition.notify_all()
            is_last = self._is_closed
            self._condition.wait_for(lambda: self._is_closed, self._retry_s)
            return not is_last

    def _next_batch(self) -> _Batch | None:
        with self._condition:
            self._is_writing = False
            self._condition.notify_all()
            self._condition.wait_for(lambda: len(self._waiting) or self._is_closed)
            if not len(self._waiting):
                return None
            batch, self._waiting = self._waiting, _Batch()
            self._is_writing = True
            return batch


def _is_router(row: tuple[Any, ...]) -> bool:
    router_hash, published_ms, raw = row
    is_hash = isinstance(router_hash, bytes) and len(router_hash) == 32
    return is_hash and isinstance(published_ms, int) and isinstance(raw, bytes)


def _is_entry(row: tuple[Any, ...]) -> bool:
    space, name, value = row
    return isinstance(space, str) and isinstance(name, bytes) and isinstance(value, bytes)


def _rescue(connection: sqlite3.Connection, damaged: Readable) -> str:
    """Take over what can be read; whoever loads a RouterInfo checks it."""
    routers = damaged.rows("hash, published_ms, raw", "routers", "hash")
    entries = damaged.rows("space, name, value", "entries", "space, name")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT OR IGNORE INTO routers VALUES (?, ?, ?)",
        [row for row in routers if _is_router(row)],
    )
    for space, name, value in entries:
        with contextlib.suppress(UnicodeDecodeError):
            text = space.decode() if isinstance(space, bytes) else space
            if _is_entry((text, name, value)):
                connection.execute(
                    "INSERT OR IGNORE INTO entries VALUES (?, ?, ?)", (text, name, value)
                )
    connection.execute("COMMIT")
    count = connection.execute("SELECT COUNT(*) FROM routers").fetchone()[0]
    return f"{count} router infos could be read from it; the others are learned again"


def _write(connection: sqlite3.Connection, batch: _Batch) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            "INSERT OR REPLACE INTO routers VALUES (?, ?, ?)",
            [(h, *row) for h, row in batch.routers.items() if row is not None],
        )
        connection.executemany(
            "DELETE FROM routers WHERE hash = ?",
            [(h,) for h, row in batch.routers.items() if row is None],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
            [(*key, value) for key, value in batch.entries.items() if value is not None],
        )
        connection.executemany(
            "DELETE FROM entries WHERE space = ? AND name = ?",
            [key for key, value in batch.entries.items() if value is None],
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
