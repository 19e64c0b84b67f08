"""Opening an SQLite file that may be new, older, newer, damaged, or gone while its copy is there.

WAL mode, autocommit. A file that is damaged is moved aside, never deleted; what can be read of it
and what the last good copy has goes into a new one. A file that is locked, unreadable or written by
a newer program is left alone.

Damage is what SQLite says, tables that are not the ones of the schema, and what the owner's
``verify`` finds in the rows: SQLite has no checksums, and a flipped bit in a row is no error to it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.io.files import FILE_MODE, DataDirectoryLock, FileFault, give_to_owner, replace_with
from core.io.sqlite_salvage import Readable, open_copy, open_damaged

_log = logging.getLogger("core.io.sqlite_file")

COPY_SUFFIX = ".good"
_HEADER_BYTES = 100
#: what says nothing about the file: no room, no permission, somebody else at work
_NOT_DAMAGE = frozenset(
    (
        *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL),
    )
)
#: what garbled rows raise in the sqlite3 module, and in those who read them
_WRONG_ROWS = (sqlite3.Error, UnicodeError, ValueError, OverflowError, TypeError)

Verify = Callable[[sqlite3.Connection], str | None]
Rescue = Callable[[sqlite3.Connection, Readable], str]


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """``what`` it is for people; ``schema`` makes its tables if they are missing.

    ``synchronous``: ``NORMAL`` loses the last transactions with the power, never with the process;
    ``FULL`` loses nothing. Neither lets the file be damaged.

    ``verify`` says what is wrong with the rows, or None; with it the indexes are compared with the
    tables, too. ``rescue`` puts rows of the damaged file into the new one, and says in words how
    many. ``keeps_copy``: :meth:`keep_copy` is called, and the copy is what is restored.
    """

    path: Path
    what: str
    schema: str
    version: int = 1
    synchronous: str = "NORMAL"
    busy_timeout_s: float = 5.0
    verify: Verify | None = None
    rescue: Rescue | None = None
    keeps_copy: bool = False

    @property
    def copy_path(self) -> Path:
        """Where the last good copy is."""
        return self.path.with_name(self.path.name + COPY_SUFFIX)

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
            if path.is_symlink():
                raise FileFault(path, "is a link; put the file itself here")
            if not self._is_lost():
                _create(path)
                try:
                    return self._open_checked()
                except _WRONG_ROWS as error:
                    if _is_no_damage(error):
                        raise
                    return self._replace(_reason(error))
            return self._replace("it is gone" if not path.exists() else "it is empty")
        except (OSError, *_WRONG_ROWS) as error:
            raise FileFault(path, f"cannot open {self.what}: {_reason(error)}") from error

    def keep_copy(self) -> bool:
        """Make the last good copy anew; False, and the old one stays, if the file is damaged.

        For any thread. Raises FileFault if it cannot be written.
        """
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(6)}.tmp")
        try:
            _create(temporary)
            with contextlib.closing(self.connect()) as source:
                source.execute("PRAGMA wal_checkpoint(PASSIVE)")
                with contextlib.closing(sqlite3.connect(temporary)) as target:
                    source.backup(target)
                    target.execute("PRAGMA journal_mode=DELETE")
                    wrong = self._wrong_in(target)
            if wrong is not None:
                text = "%s is damaged (%s); the next start restores its last good copy"
                _log.error(text, self.path, wrong)
                return False
            replace_with(temporary, self.copy_path)
        except (OSError, *_WRONG_ROWS) as error:
            raise FileFault(self.path, f"cannot be copied: {_reason(error)}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _is_lost(self) -> bool:
        """Whether the file is missing or empty while there is a copy of it."""
        if not self.keeps_copy or not self.copy_path.is_file():
            return False
        wal = self.path.with_name(self.path.name + "-wal")
        sizes = [one.stat().st_size for one in (self.path, wal) if one.exists()]
        return not any(sizes)

    def _open_checked(self) -> sqlite3.Connection:
        if _has_wrong_header(self.path):
            raise sqlite3.DatabaseError("its header is garbled")
        connection = self.connect()
        try:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > self.version and _tables(connection) != _tables_of(self.schema):
                text = f"was written by a newer version of this program (schema {version})"
                raise FileFault(self.path, text)
            if version < self.version:
                connection.executescript(self.schema)
            wrong = self._wrong_in(connection)
            if wrong is not None:
                raise sqlite3.DatabaseError(wrong)
            if version != self.version:
                connection.execute(f"PRAGMA user_version={self.version}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _wrong_in(self, connection: sqlite3.Connection) -> str | None:
        """What is wrong with the content, or None; raises what garbled rows raise."""
        check = "quick_check" if self.verify is None else "integrity_check"
        answer = connection.execute(f"PRAGMA {check}(1)").fetchone()
        if answer is None or answer[0] != "ok":
            return "it fails its own check"
        missing = set(_tables_of(self.schema).items()) - set(_tables(connection).items())
        if missing:
            return "its tables are not those of this program"
        return None if self.verify is None else self.verify(connection)

    def _replace(self, reason: str) -> sqlite3.Connection:
        """A new file, with what the last good copy and the damaged file have."""
        holder = DataDirectoryLock.other_holder(self.path.parent)
        if holder is not None:
            text = f"is damaged ({reason}); process {holder} uses it: stop that, its start mends it"
            raise FileFault(self.path, text)
        aside = _move_aside(self.path)
        _create(self.path)
        parts = [f"{self.path} is damaged ({reason})" if aside else f"{self.path}: {reason}"]
        if aside:
            parts.append(f"it is kept as {aside.name}")
        copied = self._restore_copy()
        connection = self._open_checked()
        try:
            if copied:
                parts.append(
                    f"the copy of {copied} is restored (what changed later may be missing, or back)"
                )
            elif self.keeps_copy:
                parts.append("there is no good copy, so what cannot be read is lost")
            if aside is not None and self.rescue is not None:
                with open_damaged(aside, self.schema) as readable:
                    parts.append(self.rescue(connection, readable))
            elif not copied:
                parts.append(f"{self.what} starts empty")
        except BaseException:
            connection.close()
            raise
        _log.error("%s", "; ".join(parts))
        return connection

    def _restore_copy(self) -> str:
        """Fill the new file from the last good copy; when that was made, or empty."""
        if not self.keeps_copy or not self.copy_path.is_file() or self.copy_path.is_symlink():
            return ""
        try:
            with open_copy(self.copy_path) as source:
                if self._wrong_in(source) is not None:
                    raise sqlite3.DatabaseError
                with contextlib.closing(sqlite3.connect(self.path)) as target:
                    source.backup(target)
        except _WRONG_ROWS:
            _log.error("%s is damaged, too", self.copy_path)
            self.path.unlink(missing_ok=True)
            _create(self.path)
            return ""
        return _time_of(self.copy_path)


def _has_wrong_header(path: Path) -> bool:
    """Whether the bytes that say how the file is written are none that SQLite writes."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return bool(header)  # SQLite takes the shortest ones for new files
    return header[18:20] not in (b"\1\1", b"\2\2")


def _is_no_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _NOT_DAMAGE


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "its text is not readable"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _time_of(path: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(path.stat().st_mtime))


def _create(path: Path) -> None:
    """An empty file if there is none; one that others can read is made private."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(path, flags, FILE_MODE)
    except IsADirectoryError:
        raise FileFault(path, "is a directory; move it away") from None
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & 0o077:
            _log.warning("%s could be read by others; it is private now", path)
            os.fchmod(handle, mode & 0o700)
        if not os.fstat(handle).st_size:
            give_to_owner(handle, path.parent)
    finally:
        os.close(handle)


def _tables(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
    """Table or index -> what its columns are."""
    rows = connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    found: dict[str, tuple[object, ...]] = {}
    for kind, name, table in rows:
        info = "table_info" if kind == "table" else "index_info"
        columns = connection.execute(f"SELECT * FROM pragma_{info}(?)", (name,)).fetchall()
        found[str(name)] = (kind, table, *columns)
    return found


def _tables_of(schema: str) -> dict[str, tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema)
        return _tables(connection)


def _move_aside(path: Path) -> Path | None:
    """Keep a damaged file with its journal under another name; None if there is nothing in it."""
    if not path.exists() or not path.stat().st_size:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside
