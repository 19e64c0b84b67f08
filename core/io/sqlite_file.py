"""Opening an SQLite file that may be new, older, newer or damaged.

WAL mode, autocommit. What SQLite calls damaged is moved aside, never deleted, and a new file is
started; a file that is locked, unreadable or written by a newer program is left alone.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from core.io.files import FileFault

_log = logging.getLogger("core.io.sqlite_file")


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """``what`` it is for people; ``schema`` makes its tables if they are missing.

    ``synchronous``: ``NORMAL`` loses the last transactions with the power, never with the process;
    ``FULL`` loses nothing. Neither lets the file be damaged.
    """

    path: Path
    what: str
    schema: str
    version: int = 1
    synchronous: str = "NORMAL"
    busy_timeout_s: float = 5.0

    def connect(self) -> sqlite3.Connection:
        """A further connection to the file that :meth:`open` has checked; for any one thread."""
        connection = sqlite3.connect(
            self.path,
            timeout=self.busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=16,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self.synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection

    def open(self) -> sqlite3.Connection:
        """Create, check and, if it is damaged, replace the file. Raises FileFault."""
        path = self.path
        try:
            if not path.exists():
                path.touch(mode=0o600)
            try:
                return self._open_checked()
            except sqlite3.OperationalError:
                raise  # locked, read-only, disk full: not damage, so nothing is moved
            except sqlite3.DatabaseError as error:
                aside = _move_aside(path)
                text = "%s is damaged (%s); it is now %s, and %s starts empty"
                _log.error(text, path, error, aside.name, self.what)
                path.touch(mode=0o600)
                return self._open_checked()
        except (OSError, sqlite3.Error) as error:
            raise FileFault(path, f"cannot open {self.what}: {error}") from error

    def _open_checked(self) -> sqlite3.Connection:
        connection = self.connect()
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer is None or answer[0] != "ok":
                raise sqlite3.DatabaseError("it fails its own check")
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > self.version:
                text = f"was written by a newer version of this program (schema {version})"
                raise FileFault(self.path, text)
            if version < self.version:
                connection.executescript(self.schema)
                connection.execute(f"PRAGMA user_version={self.version}")
        except BaseException:
            connection.close()
            raise
        return connection


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside
