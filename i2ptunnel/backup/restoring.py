"""The way back from a backup: everything is decrypted and checked first, then put into place.

Files go where they were, or into another data directory. What is there already and says something
else stays, unless the user says otherwise; then it is kept beside, with another name.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.api import FileFault, open_stream
from core.base.errors import DecodeError
from i2ptunnel.backup.archive import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    Entry,
    Manifest,
    Progress,
    address_of,
    read_members,
)
from i2ptunnel.backup.contents import CONFIGURATION, DATA, EXTRA, check_database
from i2ptunnel.directories import Directory, NotThere

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where files go: None: where they were."""

    data_dir: Path | None = None
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """A checked backup in a directory of its own; gone when the context ends.

    ``files``: where the content of each entry is now.
    """

    manifest: Manifest
    files: Mapping[Entry, Path]


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise FileFault(path, f"cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def opened(path: Path, passphrase: str, progress: Progress, beside: Path) -> Iterator[Staged]:
    """Decrypt and check a backup. Raises DecodeError and FileFault.

    ``beside``: an existing directory, on whose disk it is unpacked, readable for this user only.
    """
    with tempfile.TemporaryDirectory(dir=beside, prefix=".restore-") as name:
        directory = Path(name)
        manifest = _unpack(open_stream(passphrase, _read(path)), directory, progress)
        files = {entry: directory / str(number) for number, entry in enumerate(manifest.entries)}
        for entry, path in files.items():
            _check(entry, path)
        yield Staged(manifest, files)


def _unpack(plain: Iterator[bytes], directory: Path, progress: Progress) -> Manifest:
    manifest: Manifest | None = None
    number = 0
    for name, pieces in read_members(plain):
        if manifest is None:
            manifest = _read_manifest(name, pieces)
            continue
        if number >= len(manifest.entries):
            raise DecodeError("the backup holds more than its list says")
        entry = manifest.entries[number]
        if name != f"{entry.part}/{entry.name}":
            raise DecodeError("the backup does not hold what its list says")
        progress(entry.name)
        with (directory / str(number)).open("xb") as file:
            for piece in pieces:
                file.write(piece)
        number += 1
    if manifest is None or number < len(manifest.entries):
        raise DecodeError("the backup does not hold what its list says")
    return manifest


def _read_manifest(name: str, pieces: Iterator[bytes]) -> Manifest:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MANIFEST_BYTES_MAX:
            raise DecodeError("the backup's list of files is too long")
    if name != MANIFEST:
        raise DecodeError("the backup has no list of files")
    manifest = Manifest.parse(bytes(data))
    for entry in manifest.entries:
        path = PurePosixPath(entry.name)
        if path.is_absolute() or ".." in path.parts or "\0" in entry.name + entry.path:
            raise DecodeError(f"the backup holds a file with the name {entry.name!r}")
        if entry.part not in (DATA, CONFIGURATION, EXTRA):
            raise DecodeError("the backup is of a newer program")
    return manifest


def _check(entry: Entry, path: Path) -> None:
    """What is inside a file has to be right, too."""
    if path.stat().st_size != entry.size:
        raise DecodeError(f"{entry.name} has another length than the list says")
    if entry.address is not None and address_of(entry.name, path.read_bytes()) != entry.address:
        raise DecodeError(f"{entry.name} has not the keys of {entry.address}")
    if entry.part == DATA and entry.name.endswith(".sqlite"):
        wrong = check_database(path)
        if wrong is not None:
            raise DecodeError(f"{entry.name} is damaged: {wrong}")


def target_of(entry: Entry, manifest: Manifest, place: Place) -> Path:
    """Where a file goes."""
    if entry.part == DATA:
        return (place.data_dir or Path(manifest.data_dir)) / entry.name
    if entry.part == CONFIGURATION and place.config is not None:
        first = next(one for one in manifest.entries if one.part == CONFIGURATION)
        return place.config if entry is first else place.config.parent / Path(entry.path).name
    return Path(entry.path)


def conflicts(staged: Staged, place: Place) -> list[Path]:
    """What is there and says something else."""
    return [
        target
        for entry in staged.manifest.entries
        if (target := target_of(entry, staged.manifest, place)).exists()
        and not _is_same(staged.files[entry], target)
    ]


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and _says(one, other.read_bytes())


def _says(one: Path, data: bytes) -> bool:
    return one.stat().st_size == len(data) and one.read_bytes() == data


def put_into_place(staged: Staged, place: Place, progress: Progress) -> list[Path]:
    """Write every file; returns what was moved aside for it. Raises FileFault.

    Keys come first: with them, everything else can be had again.
    """
    moved: list[Path] = []
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    entries = staged.manifest.entries
    for entry in entries:  # a link in the way is found before anything is written
        with contextlib.suppress(NotThere), _directory_of(entry, staged.manifest, place):
            pass
    for entry in sorted(entries, key=lambda entry: not entry.name.endswith(".dat")):
        name = target_of(entry, staged.manifest, place).name
        with _directory_of(entry, staged.manifest, place, make=True) as directory:
            if _is_there(staged.files[entry], directory, name):
                continue
            progress(entry.name)
            if directory.has(name):
                moved.append(directory.rename(name, f"{name}.before-{stamp}"))
            for suffix in ("-wal", "-shm"):  # of the database that was there
                directory.remove(name + suffix)
            with staged.files[entry].open("rb") as content:
                directory.write(name, content)
    return moved


def _directory_of(
    entry: Entry, manifest: Manifest, place: Place, *, make: bool = False
) -> Directory:
    """Where a file goes. No link in a data directory, which may be another user's, is followed."""
    target = target_of(entry, manifest, place)
    if entry.part != DATA:
        return Directory.open(target.parent, make=make)
    with Directory.open(place.data_dir or Path(manifest.data_dir), make=make) as data_dir:
        return data_dir.inside(PurePosixPath(entry.name).parent.parts, make=make)


def _is_there(source: Path, directory: Directory, name: str) -> bool:
    file = directory.read(name)
    if file is None:
        return False
    with file:
        return _says(source, file.read())
