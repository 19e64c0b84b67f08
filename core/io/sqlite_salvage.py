"""Reading what is left of a damaged SQLite file, without changing it.

Two ways, both on copies. As it is: rows up to a damaged page from the beginning, and from the end.
With the first page replaced by that of a new file with the same tables: the header and the schema
are then right, and the tables begin where they always do in files that this program made.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROWS_MAX = 2_000_000
_PAGES_AT, _CHANGED_AT, _VALID_FOR_AT = 28, 24, 92  # big-endian words of the header


@dataclass(slots=True)
class Readable:
    """Ways to read the file. Rows come as they are; text comes as bytes."""

    connections: list[sqlite3.Connection] = field(default_factory=list)

    def rows(self, columns: str, table: str, order: str) -> dict[tuple[Any, ...], None]:
        """Every row that one of the ways brings; ``order``: the columns of the primary key."""
        found: dict[tuple[Any, ...], None] = {}
        backwards = ", ".join(f"{column} DESC" for column in order.split(", "))
        for connection in self.connections:
            for ordering in (order, backwards):
                query = f"SELECT {columns} FROM {table} ORDER BY {ordering}"
                if _collect(connection, query, found):
                    break
        return found

    def indexed(self, columns: str, table: str, index: str) -> set[tuple[Any, ...]] | None:
        """What the index says about the columns, or None if it cannot be read to its end."""
        found: dict[tuple[Any, ...], None] = {}
        for connection in self.connections:
            query = f"SELECT {columns} FROM {table} INDEXED BY {index}"
            if _collect(connection, query, found):
                return set(found)
        return None


def _collect(
    connection: sqlite3.Connection, query: str, found: dict[tuple[Any, ...], None]
) -> bool:
    """Add rows to ``found``; False if they end too early."""
    try:
        for row in connection.execute(query):
            found[row] = None
            if len(found) >= _ROWS_MAX:
                return False
    except (sqlite3.Error, UnicodeError, OverflowError, MemoryError):
        return False
    return True


@contextlib.contextmanager
def open_damaged(path: Path, schema: str) -> Iterator[Readable]:
    """The ways to read a damaged file; the file and its journal stay as they are."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as name:
        readable, directory = Readable(), Path(name)
        try:
            for number, first in enumerate((None, _first_page(directory, schema))):
                copy = directory / str(number)
                shutil.copyfile(path, copy)
                wal = path.with_name(path.name + "-wal")
                if wal.exists():
                    shutil.copyfile(wal, copy.with_name(copy.name + "-wal"))
                if first is not None:
                    _transplant(copy, first)
                with contextlib.suppress(sqlite3.Error, UnicodeError):
                    connection = sqlite3.connect(copy, isolation_level=None)
                    connection.text_factory = bytes
                    readable.connections.append(connection)
            yield readable
        finally:
            for connection in readable.connections:
                connection.close()


@contextlib.contextmanager
def open_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that nobody writes to, for reading only."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


def _first_page(directory: Path, schema: str) -> bytes | None:
    """The first page of a new file with these tables; None if that is not all of the schema."""
    new = directory / "new"
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(schema)
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        roots = connection.execute("SELECT MAX(rootpage), COUNT(*) FROM sqlite_master").fetchone()
    data = new.read_bytes()
    # One page for each table and index behind the first: then the schema fits into that one.
    return data[:size] if roots[0] == roots[1] + 1 and len(data) == size * roots[0] else None


def _transplant(copy: Path, first: bytes) -> None:
    data = bytearray(copy.read_bytes())
    if len(data) <= len(first):
        return
    data[: len(first)] = first
    for at, number in ((_PAGES_AT, len(data) // len(first)), (_CHANGED_AT, 1), (_VALID_FOR_AT, 1)):
        data[at : at + 4] = number.to_bytes(4, "big")
    copy.write_bytes(data)
