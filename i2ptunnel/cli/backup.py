"""``backup`` and ``restore``: everything that cannot be had again, in one encrypted file."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.api import DataDirectoryLock, FileFault, read_limited
from core.base.errors import DecodeError
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.places import configuration_of, is_running
from i2ptunnel.cli.progress import Progress
from i2ptunnel.cli.sources import add_source_options, path_argument
from i2ptunnel.printable import counted, moment_text, printable, size_text

if TYPE_CHECKING:
    from i2ptunnel.backup.archive import Manifest
    from i2ptunnel.backup.restoring import Staged

_PASSPHRASE_BYTES_MAX = 4096


def add_backup(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel backup``, which changes nothing; the program may run meanwhile."""
    parser.description = _backup.__doc__
    parser.add_argument(
        "file",
        nargs="?",
        type=path_argument,
        metavar="FILE",
        help="default: i2ptunnel-DATE.backup",
    )
    parser.add_argument(
        "--verify", action="store_true", help="only check FILE: can it be restored?"
    )
    _add_passphrase(parser)
    add_source_options(parser)
    parser.set_defaults(run=_backup)


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel restore``, for which the program must not run."""
    parser.description = _restore.__doc__
    parser.add_argument(
        "file", type=path_argument, metavar="FILE", help="a file of i2ptunnel backup"
    )
    parser.add_argument(
        "-c", "--config", type=path_argument, metavar="FILE", help="where the YAML goes"
    )
    parser.add_argument(
        "--data-dir", type=path_argument, metavar="DIR", help="where keys and state go"
    )
    parser.add_argument(
        "--force", action="store_true", help="also where something else is; that is moved aside"
    )
    _add_passphrase(parser)
    parser.set_defaults(run=_restore)


def _add_passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=path_argument,
        metavar="FILE",
        help="its first line is the passphrase; -: standard input; default: it is asked for",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def _passphrase(arguments: argparse.Namespace, *, is_new: bool) -> str:
    file = arguments.passphrase_file
    if file is not None and str(file) != "-":
        data = read_limited(file, _PASSPHRASE_BYTES_MAX)
        text = data.decode("utf-8", "surrogateescape").partition("\n")[0].rstrip("\r")
    elif file is not None or not sys.stdin.isatty():
        text = sys.stdin.readline(_PASSPHRASE_BYTES_MAX).rstrip("\r\n")
    else:
        text = getpass.getpass("passphrase: ")
        if is_new and text != getpass.getpass("once more: "):
            raise CommandFault("the two are not the same")
    if not text:
        raise CommandFault("the passphrase is empty")
    return text


def _backup(arguments: argparse.Namespace) -> int:
    """Write keys, names, state and configuration into one file, encrypted with a passphrase.

    Whoever has the file and the passphrase has your addresses. Without the passphrase it is lost.
    """
    if arguments.verify:
        return _verify(arguments)
    # Imported late: what other commands do not need.
    from i2ptunnel.backup.archive import make_backup
    from i2ptunnel.directories import room_beside

    loaded = configuration_of(arguments)
    path: Path = arguments.file or Path(time.strftime("i2ptunnel-%Y-%m-%d.backup", time.gmtime()))
    if path.exists():
        raise CommandFault(f"{path}: is there already; choose another name")
    passphrase = _passphrase(arguments, is_new=True)
    with Progress() as progress:
        size = _write(path, make_backup(loaded, passphrase, progress.show))
        with _opened(path, passphrase, progress, room_beside(loaded.data_dir)) as staged:
            manifest = staged.manifest
    _tell(arguments, manifest, {"file": str(path), "bytes": size})
    if not arguments.json:
        print(f"{printable(str(path))}: {size_text(size)}, checked")
    return Exit.OK


def _write(path: Path, pieces: Iterator[bytes]) -> int:
    """Whole or not at all, and never over another file."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(temporary, path)
    except FileExistsError:
        raise CommandFault(f"{path}: is there already; choose another name") from None
    finally:
        temporary.unlink(missing_ok=True)
    return size


@contextlib.contextmanager
def _opened(path: Path, passphrase: str, progress: Progress, beside: Path) -> Iterator[Staged]:
    from i2ptunnel.backup.restoring import opened

    try:
        with opened(path, passphrase, progress.show, beside) as staged:
            yield staged
    except DecodeError as error:
        raise FileFault(path, str(error)) from None


def _memory() -> Path:
    """Where what is only looked at is unpacked: keys should reach no further disk."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.file is None:
        raise CommandFault("--verify needs a FILE", Exit.USAGE)
    passphrase = _passphrase(arguments, is_new=False)
    with Progress() as progress, _opened(arguments.file, passphrase, progress, _memory()) as staged:
        manifest = staged.manifest
    _tell(arguments, manifest, {"file": str(arguments.file), "valid": True})
    if not arguments.json:
        print(f"{printable(str(arguments.file))}: valid, of {moment_text(manifest.created)}")
    return Exit.OK


def _tell(arguments: argparse.Namespace, manifest: Manifest, more: dict[str, Any]) -> None:
    keys = [entry for entry in manifest.entries if entry.address is not None]
    if arguments.json:
        report = {
            "version": manifest.version,
            "created": manifest.created,
            "data_dir": manifest.data_dir,
            "files": [entry.name for entry in manifest.entries],
            "addresses": {entry.name: entry.address for entry in keys},
            "left_out": list(manifest.left_out),
            **more,  # a restored data directory is where it is now
        }
        print(json.dumps(report, indent=2))
        return
    for entry in keys:
        print(f"{printable(entry.name):24}  {entry.address}")
    print(f"{counted(len(manifest.entries), 'file')}, {counted(len(keys), 'key file')} among them")
    for name in manifest.left_out:
        why = "what torrents have brought" if name.endswith("/") else "it is too large"
        complain(f"left out: {name} ({why})")


def _restore(arguments: argparse.Namespace) -> int:
    """Put the files of a backup back where they were, or where -c and --data-dir say.

    Everything is checked before anything is written. What is there already and says something else
    stays, and nothing at all is written, unless --force is given.
    """
    from i2ptunnel.backup.restoring import Place, conflicts, put_into_place
    from i2ptunnel.directories import Directory, room_beside

    passphrase = _passphrase(arguments, is_new=False)
    place = Place(arguments.data_dir, arguments.config)
    beside = _memory() if place.data_dir is None else room_beside(place.data_dir)
    with Progress() as progress, _opened(arguments.file, passphrase, progress, beside) as staged:
        manifest = staged.manifest
        data_dir = place.data_dir or Path(manifest.data_dir)
        if is_running(data_dir):
            raise CommandFault(f"a program runs with {data_dir}; stop it first")
        obstacles = conflicts(staged, place)
        if obstacles and not arguments.force:
            listed = "\n".join(f"{path} is there already" for path in obstacles[:20])
            raise CommandFault(f"{listed}\nnothing was written; --force moves these aside")
        with (
            Directory.open(data_dir, make=True) as directory,
            DataDirectoryLock(data_dir, directory.handle),  # nor may one start meanwhile
        ):
            moved = put_into_place(staged, place, progress.show)
    more = {"data_dir": str(data_dir), "moved_aside": [str(path) for path in moved]}
    _tell(arguments, manifest, more)
    if not arguments.json:
        for path in moved:
            print(f"moved aside: {printable(str(path))}")
        print(f"restored to {printable(str(data_dir))}")
    return Exit.OK
