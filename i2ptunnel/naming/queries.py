"""Questions about names that commands ask, answered from the books and from ``hosts.txt``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from core.data.identity import hash_to_b32
from i2ptunnel.naming.address import Address, read_address
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.names import normalise
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.naming.store import Book, Entry


def lookup(books: AddressBooks, hosts: FileResolver, text: str) -> list[Entry]:
    """The entries of a name, best first, or all names of an address; raises NameFault."""
    name = normalise(text)
    address = read_address(name)
    found = list(books.lookup(name) if address is None else books.names_of(address.hash))
    if not found or (address is None and found[0].book is Book.ROUTER):
        found = _in_hosts_file(hosts, name, None if address is None else address.hash) or found
    return found


def _in_hosts_file(hosts: FileResolver, name: str, destination_hash: bytes | None) -> list[Entry]:
    """What ``hosts.txt`` in the data directory has; shown as a part of the local book."""
    if destination_hash is None:
        found = hosts.find(name)
        pairs = [] if found is None else [(name, found)]
    else:
        pairs = [(one, Address(destination_hash)) for one in hosts.names_of(destination_hash)]
    return _entries(pairs)


def listing(
    books: AddressBooks, hosts: FileResolver, wanted: Collection[Book], part: str
) -> Iterator[Entry]:
    """The entries of the books whose name contains ``part``; the local one has hosts.txt's, too."""
    yield from books.store.entries(tuple(wanted), normalise(part))
    if Book.LOCAL in wanted:
        yield from _entries(hosts.names(normalise(part)))


def _entries(pairs: Iterable[tuple[str, Address]]) -> list[Entry]:
    return [
        Entry(
            *(Book.LOCAL, one, address.hash),
            address=None if address.blinded is None else address.host,
            source="hosts.txt",
        )
        for one, address in pairs
    ]


def describe(entry: Entry) -> dict[str, Any]:
    """One entry, for programs; ``added``, ``modified`` and ``dated`` are Unix times."""
    destination = entry.parsed()
    return {
        "name": entry.name,
        "book": entry.book.word,
        "address": entry.address or hash_to_b32(entry.hash),
        "destination": destination.b64 if destination else None,
        "signing_type": destination.signing_type if destination else None,
        "is_signed": bool(entry.line),
        "source": entry.source,
        "notes": entry.notes,
        "added": entry.added,
        "modified": entry.modified,
        "dated": entry.date,
    }


def conflicts(books: AddressBooks, urls: Collection[str]) -> list[dict[str, Any]]:
    """Names for which feeds have other addresses than the books, which stayed as they were."""
    return [
        {
            "name": claim.name,
            "book": held.book.word,
            "address": held.address or hash_to_b32(held.hash),
            "other_address": hash_to_b32(claim.hash),
            "subscription": claim.url,
        }
        for claim in books.store.claims()
        if claim.url in urls and (held := next(iter(books.lookup(claim.name)), None)) is not None
    ]
