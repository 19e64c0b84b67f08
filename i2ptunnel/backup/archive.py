"""The inside of a backup: a compressed tar archive, written and read piece by piece.

The first member, ``backup.json``, says what follows: where each file was, how long it is, and what
address a key file has.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from core.api import FileFault, SystemEntropy, seal_stream
from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from i2ptunnel import __version__
from i2ptunnel.backup.contents import Item, copy_database, items_of
from i2ptunnel.config.loader import Loaded
from i2ptunnel.directories import Directory, room_beside

MANIFEST = "backup.json"
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
_BLOCK = 512
_PIECE_BYTES = 65536
#: what a backup may hold when it is unpacked
TOTAL_BYTES_MAX = 8 * 1024**3
Progress = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup. ``path``: where it was; ``address``: what a key file has, or None."""

    part: str
    name: str
    path: str
    size: int
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup. ``left_out``: files that were too large, and downloads."""

    version: str
    created: int
    data_dir: str
    entries: tuple[Entry, ...] = ()
    left_out: tuple[str, ...] = field(default=())

    def write(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read it; raises DecodeError."""
        try:
            found: dict[str, Any] = json.loads(data)
            entries = tuple(Entry(**one) for one in found.pop("entries"))
            left_out = tuple(map(str, found.pop("left_out")))
            made = cls(**found, entries=entries, left_out=left_out)
            for entry in entries:
                if not isinstance(entry.size, int) or entry.size < 0:
                    raise ValueError("a size")
                if not all(isinstance(x, str) for x in (entry.part, entry.name, entry.path)):
                    raise ValueError("a name")
            if not isinstance(made.created, int) or not isinstance(made.data_dir, str):
                raise ValueError("its head")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DecodeError(f"the backup's list of files is damaged ({error})") from None
        return made


def make_backup(loaded: Loaded, passphrase: str, progress: Progress = _silent) -> Iterator[bytes]:
    """The encrypted backup of a program, piece by piece: to a file, or to a browser.

    It may run meanwhile. Blocking: for a thread. Raises FileFault, and LocalError if the
    passphrase is empty.
    """
    left_out: list[str] = []
    items = items_of(loaded, left_out)
    return seal_stream(
        passphrase, _compressed(_archive(loaded, items, left_out, progress)), SystemEntropy()
    )


def _archive(
    loaded: Loaded, items: list[Item], left_out: list[str], progress: Progress
) -> Iterator[bytes]:
    """The tar archive. Its files are read once: what the list says is what follows."""
    beside = room_beside(loaded.data_dir)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".backup-") as directory:
        contents: list[tuple[Entry, Path | bytes]] = []
        for number, item in enumerate(items):
            progress(item.name)
            found = _read(item, Path(directory) / str(number))
            if found is not None:
                contents.append(found)
        entries = tuple(entry for entry, _ in contents)
        manifest = Manifest(
            __version__, int(time.time()), str(loaded.data_dir), entries, tuple(left_out)
        )
        yield from _member(MANIFEST, len(manifest.write()), [manifest.write()])
        for entry, content in contents:
            progress(entry.name)
            pieces = [content] if isinstance(content, bytes) else _pieces(content)
            yield from _member(f"{entry.part}/{entry.name}", entry.size, pieces)
        yield bytes(2 * _BLOCK)


def _read(item: Item, copy: Path) -> tuple[Entry, Path | bytes] | None:
    """A file as it is now; None if it has gone. Databases are copied to ``copy``."""
    try:
        if item.is_database:
            copy_database(item.path, copy)
            return Entry(item.part, item.name, str(item.path), copy.stat().st_size), copy
        with Directory.open(item.path.parent) as directory:
            file = directory.read(item.path.name)
        if file is None:
            return None
        with file:
            data = file.read()
    except OSError as error:
        raise FileFault(item.path, f"cannot be read: {error.strerror or error}") from None
    return Entry(item.part, item.name, str(item.path), len(data), address_of(item.name, data)), data


def address_of(name: str, data: bytes) -> str | None:
    """The address that a key file has; None for other files."""
    if not name.endswith(".dat"):
        return None
    try:
        return PrivateKeys.parse(data).destination.b32
    except DecodeError:
        return None


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _member(name: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    head = tarfile.TarInfo(name)
    head.size, head.mode, head.mtime = size, 0o600, int(time.time())
    yield head.tobuf(tarfile.PAX_FORMAT)
    yield from pieces
    yield bytes(-size % _BLOCK)


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()


# Reading


class _Source(io.RawIOBase):
    """What an iterator gives, as a file for tarfile; never more than a bound."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest, self._total = parts, b"", 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        wanted = _PIECE_BYTES if size < 0 else size
        while len(self._rest) < wanted and (part := next(self._parts, None)) is not None:
            self._total += len(part)
            if self._total > TOTAL_BYTES_MAX:
                raise DecodeError(f"the backup is larger than {TOTAL_BYTES_MAX} bytes")
            self._rest += part
        given, self._rest = self._rest[:wanted], self._rest[wanted:]
        return given

    def drain(self) -> None:
        """Read to the end, so that the end is known to be genuine."""
        while self.read(_PIECE_BYTES):
            pass


def _decompressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(31)
    try:
        for part in parts:
            data = part
            while data and not unpacker.eof:
                yield unpacker.decompress(data, _PIECE_BYTES)
                data = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise DecodeError(f"the inside of the backup is damaged ({error})") from None


def _content(file: IO[bytes]) -> Iterator[bytes]:
    try:
        while piece := file.read(_PIECE_BYTES):
            yield piece
    except tarfile.TarError as error:
        raise DecodeError(f"the inside of the backup is damaged ({error})") from None


def read_members(parts: Iterable[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and content of each member. Raises DecodeError; all is genuine when it has ended."""
    source = _Source(_decompressed(parts))
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is None:
                    raise DecodeError("the backup holds something that is no file")
                yield member.name, _content(file)
    except tarfile.TarError as error:
        raise DecodeError(f"the inside of the backup is damaged ({error})") from None
    source.drain()
