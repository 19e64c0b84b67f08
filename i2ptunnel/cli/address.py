"""``address``: the address books, with or without a running appliance."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from core.api import read_limited, write_atomic
from core.base.errors import DecodeError
from core.data.identity import hash_to_b32
from i2ptunnel.cli.address_feeds import add_feed_actions, why_unknown
from i2ptunnel.cli.books import open_books
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import data_dir_of
from i2ptunnel.cli.sources import add_source_options, path_argument, place_argument, text_argument
from i2ptunnel.naming.address import NameFault, address_in, read_address
from i2ptunnel.naming.books import BookFault
from i2ptunnel.naming.names import displayed, normalise, suggestion
from i2ptunnel.naming.publish import PUBLIC_BOOKS, export_text
from i2ptunnel.naming.queries import describe, listing, lookup
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.naming.store import Book, Entry
from i2ptunnel.printable import counted, printable
from i2ptunnel.text_files import decode_text

_IMPORT_BYTES_MAX = 64 * 1024 * 1024
_WORDS = [book.word for book in Book]


def add_address(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel address``; its actions leave their function in ``run``."""

    parser.description = __doc__
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    finding = actions.add_parser("lookup", help="the address of a name, or the names of an address")
    finding.add_argument("name", type=place_argument)
    finding.add_argument("--json", action="store_true", help="for programs")
    finding.set_defaults(run=_lookup)
    listing = actions.add_parser("list", help="the names that are known")
    listing.add_argument(
        "part", nargs="?", default="", type=text_argument, help="only names that contain this"
    )
    _add_book(listing, None)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    add = actions.add_parser("add", help="give an address a name")
    add.add_argument("name", type=text_argument)
    add.add_argument(
        "target", type=text_argument, help="a base64 destination, or an address ….b32.i2p"
    )
    _add_book(add, "local")
    how = add.add_mutually_exclusive_group()
    how.add_argument("--replace", action="store_true", help="in place of what the name has")
    how.add_argument("--further", action="store_true", help="besides what the name has")
    add.add_argument("--notes", default="", type=text_argument, help="words for yourself")
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="forget a name; feeds cannot bring it back")
    remove.add_argument("name", type=text_argument)
    _add_book(remove, None)
    remove.set_defaults(run=_remove)
    imported = actions.add_parser(
        "import", help="add the names of a hosts.txt or of i2pd's addresses.csv that you trust"
    )
    imported.add_argument("file", type=path_argument)
    _add_book(imported, "local")
    imported.add_argument("--replace", action="store_true", help="also for names that are known")
    imported.set_defaults(run=_import)
    export = actions.add_parser("export", help="write books as a hosts.txt")
    export.add_argument("file", type=path_argument, nargs="?", help="default: standard output")
    export.add_argument("--book", action="append", choices=_WORDS, help="default: local and router")
    export.set_defaults(run=_export)
    for action in (finding, listing, add, remove, imported, export):
        add_source_options(action)
    add_json(add, remove, imported, export)
    add_feed_actions(actions)


def _add_book(parser: argparse.ArgumentParser, default: str | None) -> None:
    text = f"default: {default}" if default else "default: all"
    parser.add_argument("--book", choices=_WORDS, default=default, help=text)


def _book_of(arguments: argparse.Namespace) -> Book | None:
    return Book.of(arguments.book) if arguments.book else None


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _print_entry(entry: Entry) -> None:
    shown = describe(entry)
    script = displayed(entry.name)
    print(f"name         {entry.name}{f' ({printable(script)})' if script != entry.name else ''}")
    print(f"address      {shown['address']}")
    signed = ", signed by its owner" if entry.line else ""
    since = f", since {_day(entry.added)}" if entry.added else ""  # a file tells no dates
    print(f"book         {entry.book.word}{since}{signed}")
    print(f"from         {printable(entry.source)}")
    if entry.notes:
        print(f"notes        {printable(entry.notes)}")
    if shown["destination"]:
        print(f"destination  {shown['destination']}")


def _hosts_file(arguments: argparse.Namespace) -> FileResolver:
    return FileResolver(data_dir_of(arguments) / "hosts.txt")


def _lookup(arguments: argparse.Namespace) -> int:
    shown = printable(arguments.name)
    hosts = _hosts_file(arguments)
    with open_books(arguments) as books:
        try:
            found = lookup(books, hosts, arguments.name)
            is_name = read_address(normalise(arguments.name)) is None
        except NameFault as fault:
            raise CommandFault(f"{shown}: {fault}") from None
    if not found and is_name and hosts.faults:
        left = f"{counted(hosts.faults, 'line')} left out"
        complain(f"{hosts.path}: {left}; {hosts.first_faults[0]}")
    if arguments.json:
        print(json.dumps([describe(entry) for entry in found], indent=2))
        return Exit.OK if found else Exit.FAILED
    if not found:
        if not is_name:
            raise CommandFault(f"{shown}: no name is known for it")
        if meant := address_in(arguments.name):
            raise CommandFault(f"{shown}: no address book has this name; did you mean {meant}?")
        raise CommandFault(f"{shown}: no address book has this name; {why_unknown(arguments)}")
    for number, entry in enumerate(found):
        if number:
            print()
        _print_entry(entry)
    return Exit.OK


def _list(arguments: argparse.Namespace) -> int:
    book = _book_of(arguments)
    wanted = tuple(Book) if book is None else (book,)
    with open_books(arguments) as books:
        entries = list(listing(books, _hosts_file(arguments), wanted, arguments.part))
    if arguments.json:
        print(json.dumps([describe(entry) for entry in entries], indent=2))
        return Exit.OK
    for entry in entries:
        address = entry.address or hash_to_b32(entry.hash)
        print(f"{entry.name:30}  {entry.book.word:7}  {address}")
    print(counted(len({(entry.book, entry.name) for entry in entries}), "name"))
    return Exit.OK


def _add(arguments: argparse.Namespace) -> int:
    book = Book.of(arguments.book)
    with open_books(arguments, writes=True) as books:
        try:
            entry = books.add(
                book,
                arguments.name,
                arguments.target,
                notes=arguments.notes,
                is_replacing=arguments.replace,
                is_further=arguments.further,
            )
        except BookFault as fault:
            meant = address_in(arguments.target) if fault.code == "bad_target" else None
            raise CommandFault(f"{fault}; did you mean {meant}?" if meant else str(fault)) from None
    shown = f"{entry.name} is {entry.address or hash_to_b32(entry.hash)} ({book.word} book)"
    tell(arguments, describe(entry), shown)
    return Exit.OK


def _remove(arguments: argparse.Namespace) -> int:
    with open_books(arguments, writes=True) as books:
        had = books.remove(arguments.name, _book_of(arguments))
    if not had:
        meant = suggestion(arguments.name)
        hint = f"; did you mean {meant}?" if meant else ""
        raise CommandFault(f"{printable(arguments.name)}: no address book has this name{hint}")
    words = [book.word for book in had]
    tell(arguments, words, "removed from the " + " and the ".join(f"{one} book" for one in words))
    return Exit.OK


def _import(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    try:
        text = decode_text(read_limited(path, _IMPORT_BYTES_MAX), "replace")
    except DecodeError as error:
        raise CommandFault(f"{path}: {error}") from None
    with open_books(arguments, writes=True) as books:
        done = books.import_text(Book.of(arguments.book), text, is_replacing=arguments.replace)
    tell(
        arguments,
        asdict(done),
        f"{counted(done.added, 'name')} added, {done.known} known already, "
        f"{done.conflicts} known with another address and kept, "
        f"{counted(done.faults, 'line')} wrong",
    )
    for fault in done.first_faults:
        complain(f"{path}: {fault}")
    if done.faults > len(done.first_faults):
        complain(f"{path}: and {counted(done.faults - len(done.first_faults), 'further line')}")
    return Exit.OK if done.added or done.known or not done.faults else Exit.FAILED


def _export(arguments: argparse.Namespace) -> int:
    wanted = [Book.of(word) for word in arguments.book] if arguments.book else PUBLIC_BOOKS
    with open_books(arguments) as books:
        text = export_text(books.store, sorted(set(wanted)))
    lines = text.splitlines()
    if arguments.file is None:
        tell(arguments, lines, *lines)
        return Exit.OK
    write_atomic(arguments.file, text.encode(), 0o644)
    report = {"file": str(arguments.file), "lines": len(lines)}
    tell(arguments, report, f"{counted(len(lines), 'line')} written")
    return Exit.OK
