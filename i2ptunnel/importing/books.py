"""The address books of both routers, as lines of a ``hosts.txt`` for ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.identity import Destination
from i2ptunnel.importing.blockfile import FILE_BYTES_MAX as BLOCKFILE_BYTES_MAX
from i2ptunnel.importing.blockfile import Blockfile
from i2ptunnel.importing.draft import Note
from i2ptunnel.importing.places import Found
from i2ptunnel.naming.store import Book
from i2ptunnel.text_files import decode_text

_TEXT_BYTES_MAX = 64 * 1024 * 1024
_DESTINATION_BYTES_MAX = 2048
_FAULTS_MAX = 20
_BOOKS = {"privatehosts.txt": Book.PRIVATE, "userhosts.txt": Book.LOCAL}


@dataclass(frozen=True, slots=True)
class BookText:
    """Lines for one of our books, and the file they come from."""

    book: Book
    text: str
    source: str


def read_books(found: Found, notes: list[Note]) -> list[BookText]:
    """Every address book there is; what cannot be read becomes a note."""
    made: list[BookText] = []
    for path in found.blockfiles:
        try:
            made += _from_blockfile(path, notes)
        except (DecodeError, FileFault) as error:
            notes.append(Note(str(path), "", "address book", str(error)))
    for path in (*found.books, *found.i2pd_books):
        try:
            text = decode_text(read_limited(path, _TEXT_BYTES_MAX), "replace")
        except (DecodeError, FileFault) as error:
            notes.append(Note(str(path), "", "address book", str(error)))
            continue
        if path.suffix == ".csv":
            book = Book.LOCAL if path.name == "local.csv" else Book.ROUTER
            text = "\n".join(_whole(line, path.parent) for line in text.splitlines())
        else:
            book = _BOOKS.get(path.name, Book.ROUTER)
        made.append(BookText(book, text, str(path)))
    return made


def _from_blockfile(path: Path, notes: list[Note]) -> list[BookText]:
    lines: dict[str, list[str]] = {}
    file = Blockfile(read_limited(path, BLOCKFILE_BYTES_MAX))
    for entry in file.entries():
        lines.setdefault(entry.book, []).append(f"{entry.name}={entry.destination.b64}")
    notes += [Note(str(path), "", "address book", fault) for fault in file.faults[:_FAULTS_MAX]]
    return [
        BookText(_BOOKS.get(book, Book.ROUTER), "\n".join(found), f"{path} ({book})")
        for book, found in lines.items()
    ]


def _whole(line: str, directory: Path) -> str:
    """i2pd keeps an address for each name, and the destination in a file of its own."""
    name, comma, address = line.strip().partition(",")
    address = address.strip()
    if not comma or len(address) != 52 or not address.isalnum():
        return line
    path = directory / f"b{address[0]}" / f"{address}.b32"
    try:
        data = read_limited(path, _DESTINATION_BYTES_MAX)
        if Destination.from_bytes(data).b32 == f"{address}.b32.i2p":
            return f"{name}={b64encode(data)}"
    except (DecodeError, FileFault, OSError):
        pass
    return line


def read_subscriptions(found: Found, notes: list[Note]) -> list[str]:
    """The feeds of both routers."""
    urls: list[str] = []
    for path in found.subscriptions:
        try:
            text = decode_text(read_limited(path, _TEXT_BYTES_MAX), "replace")
        except (DecodeError, FileFault) as error:
            notes.append(Note(str(path), "", "subscriptions", str(error)))
            continue
        lines = (line.strip() for line in text.splitlines())
        urls += [line for line in lines if line.startswith("http://") and line not in urls]
    return urls
