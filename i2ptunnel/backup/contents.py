"""What belongs into a backup: everything in the data directory that is state, and what it needs.

Databases are copied as SQLite copies them, so that the copy is consistent while a router writes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.api import FileFault
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.own_files import OwnFiles
from i2ptunnel.config.torrents_model import DOWNLOADS

#: the largest file besides databases: keys, certificates and lists are small
FILE_BYTES_MAX = 64 * 1024 * 1024
FILES_MAX = 10_000
_DATABASE_SUFFIX = ".sqlite"
#: made anew at the next start, or of no use elsewhere
_LEFT_OUT_NAMES = frozenset(("router.lock", "lock", "control.sock", "router.info"))
_LEFT_OUT_SUFFIXES = ("-wal", "-shm", "-journal", ".good", ".tmp", ".lock", ".sock", ".backup")

DATA, CONFIGURATION, EXTRA = "data", "configuration", "extra"


@dataclass(frozen=True, slots=True)
class Item:
    """A file: what part of the backup it is, its name there, and where it is now."""

    part: str
    name: str
    path: Path

    @property
    def is_database(self) -> bool:
        """Whether it has to be copied by SQLite."""
        return self.part == DATA and self.name.endswith(_DATABASE_SUFFIX)


def items_of(loaded: Loaded, left_out: list[str]) -> list[Item]:
    """The files of a program; names of what is too large are added to ``left_out``.

    Raises FileFault if the data directory is not there or cannot be read.
    """
    directory = loaded.data_dir
    if not directory.is_dir():
        raise FileFault(directory, "there is no such data directory; nothing has run there yet")
    items = [
        Item(CONFIGURATION, f"{number}-{path.name}", path)
        for number, path in enumerate(loaded.files)
    ]
    inside = list(_walk(directory, directory, left_out))
    items += inside
    known = {os.path.realpath(item.path) for item in items}
    own = OwnFiles.of(loaded.configuration, directory, loaded.files)
    for number, secret in enumerate(own.secrets):
        path = secret.path if secret.path.is_absolute() else directory / secret.path
        if os.path.realpath(path) not in known and path.is_file():
            known.add(os.path.realpath(path))
            items.append(Item(EXTRA, f"{number}-{path.name}", path))
    return items


def _walk(directory: Path, root: Path, left_out: list[str]) -> Iterator[Item]:
    count = 0
    try:
        for path in sorted(directory.rglob("*")):
            name = str(path.relative_to(root))
            if path == root / DOWNLOADS and path.is_dir():
                left_out.append(f"{DOWNLOADS}/")
            if (
                root / DOWNLOADS in path.parents
                or path.is_symlink()
                or not path.is_file()
                or _is_left_out(Path(name))
            ):
                continue
            count += 1
            if count > FILES_MAX:
                raise FileFault(directory, f"has more than {FILES_MAX} files")
            if path.suffix != _DATABASE_SUFFIX and path.stat().st_size > FILE_BYTES_MAX:
                left_out.append(name)
                continue
            yield Item(DATA, name, path)
    except OSError as error:
        raise FileFault(directory, f"cannot be read: {error.strerror or error}") from None


def _is_left_out(path: Path) -> bool:
    return (
        path.name in _LEFT_OUT_NAMES
        or path.name.endswith(_LEFT_OUT_SUFFIXES)
        or any(part.startswith(".") for part in path.parts)
    )


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy, also while another process writes. Raises FileFault."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as reader,
            contextlib.closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
            writer.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise FileFault(source, f"the database cannot be copied: {error}") from None


def check_database(path: Path) -> str | None:
    """What is wrong with a database, or None."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if found == ("ok",) else str(found[0] if found else "unreadable")
