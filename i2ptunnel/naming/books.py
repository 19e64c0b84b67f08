"""The address books as the rest of the program uses them: look up, add, remove, import, merge.

Three books, looked up in this order: *private* (the user's own names, told to nobody), *local* (the
user's own, part of what is published), *router* (what subscriptions bring). Changes are on the disk
when a call returns, and seen by every other user of the file at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.base.errors import DecodeError, I2PError, Unavailable
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming import merge
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.hosts_line import Action, HostsLine, make_line
from i2ptunnel.naming.names import check_name, normalise, parent_of
from i2ptunnel.naming.store import Book, Entry, Gone, Store, SubscriptionRow
from i2ptunnel.naming.user_lines import LineFaults, UserLine, parse_user_line
from i2ptunnel.text_files import check_encoding

FILE_NAME = "addresses.sqlite"
NOTES_CHARACTERS_MAX = 500
SUBSCRIPTIONS_MAX = 64
_OWN_SOURCE = "own tunnel"
_BY_USER = "you"


class BookFault(I2PError):
    """A change that is refused. ``code``: bad_name, bad_target, known, unknown, too_many."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Imported:
    """``conflicts``: names known with another destination, kept as they were."""

    added: int
    known: int
    conflicts: int
    faults: int
    first_faults: tuple[str, ...] = ()


class AddressBooks:
    """All books in one file. ``wall`` tells Unix seconds."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        """Open or create the file; raises FileFault."""
        self.store = Store(path)
        self._wall = wall
        self._is_ending = False

    def abandon_merges(self) -> None:
        """End a merge that runs in another thread, and begin no other."""
        self._is_ending = True

    def close(self) -> None:
        """Give back the database; ends a merge as :meth:`abandon_merges` does."""
        self._is_ending = True
        self.store.close()

    # Looking up

    def lookup(self, name: str) -> list[Entry]:
        """The destinations of a name in the first book that has it, the preferred one first.

        ``www.`` is left out where only the rest is known. Raises FileFault.
        """
        name = normalise(name)
        found = self.store.entries_of(name)
        if not found and (parent := parent_of(name)) is not None:
            found = self.store.entries_of(parent)
        return [entry for entry in found if entry.book is found[0].book]

    def names_of(self, destination_hash: bytes) -> list[Entry]:
        """Reverse lookup, the user's own names first."""
        return self.store.entries_with(destination_hash)

    def destination_of(self, destination_hash: bytes) -> Destination | None:
        """The whole destination behind a hash, if a book has it."""
        for entry in self.store.entries_with(destination_hash):
            if (destination := entry.parsed()) is not None:
                return destination
        return None

    # Changing

    def add(
        self,
        book: Book,
        name: str,
        target: str,
        *,
        notes: str = "",
        source: str = _BY_USER,
        is_replacing: bool = False,
        is_further: bool = False,
    ) -> Entry:
        """Add a name for a base64 destination, or for a ``….b32.i2p`` address.

        A name the book has stays as it is, unless ``is_replacing``, or ``is_further``: one more
        destination for the name, which becomes the preferred one if it is the strongest. Adding to
        the router book also allows the name to feeds again. Raises BookFault, FileFault.
        """
        name = _checked(name)
        now = int(self._wall())
        made = _made_entry(book, name, target.strip(), now)
        made = replace(made, source=source, notes=notes[:NOTES_CHARACTERS_MAX])
        with self.store.transaction() as transaction:
            held = transaction.entries_of(name, book)
            same = next((entry for entry in held if entry.hash == made.hash), None)
            if same is not None:
                full = made.destination or same.destination
                made = replace(same, destination=full, notes=made.notes or same.notes, modified=now)
            elif held and not is_replacing and not is_further:
                raise BookFault(f"the {book.word} book has another address for {name}", "known")
            entries = [made] if is_replacing else merge.with_preferred(held, made)
            transaction.write_name(book, name, entries)
            if book is Book.ROUTER:
                transaction.delete_gone(name, b"")
        return made

    def remove(self, name: str, book: Book | None = None) -> list[Book]:
        """Remove a name from one book or from all; returns the books that had it.

        What is removed from the router book is not taken from a feed again. Raises FileFault.
        """
        name = normalise(name)
        books = list(Book) if book is None else [book]
        with self.store.transaction() as transaction:
            had = [one for one in books if transaction.delete_name(one, name)]
            if Book.ROUTER in had:
                transaction.write_gone(Gone(name, b"", int(self._wall())))
        return had

    def import_text(self, book: Book, text: str, *, is_replacing: bool = False) -> Imported:
        """Add the lines of a file that the user trusts (``parse_user_line``). Raises FileFault.

        Signatures are kept where they are right and not asked for where they are not.
        """
        added = known = conflicts = 0
        faults = LineFaults()
        now = int(self._wall())
        with self.store.transaction() as transaction:
            for number, raw in enumerate(text.splitlines()[: merge.LINES_MAX], 1):
                try:
                    line = parse_user_line(raw)
                except DecodeError as error:
                    faults.add(number, str(error))
                    continue
                if line is None:
                    continue
                held = transaction.entries_of(line.name, book)
                made = _imported(book, line, now)
                same = next((entry for entry in held if entry.hash == made.hash), None)
                is_further = line.line is not None and _is_further(line.line, held)
                if same is not None:
                    known += 1
                    if same.destination is None and made.destination is not None:
                        whole = replace(same, destination=made.destination, modified=now)
                        others = [whole if entry is same else entry for entry in held]
                        transaction.write_name(book, line.name, others)
                elif held and not is_replacing and not is_further:
                    conflicts += 1
                else:
                    entries = merge.with_preferred(held if is_further else [], made)
                    transaction.write_name(book, line.name, entries)
                    added += 1
        return Imported(added, known, conflicts, faults.count, tuple(faults.first))

    def claim(self, name: str, keys: PrivateKeys) -> Entry:
        """Put a name of one of our own tunnels into the local book, signed. Raises BookFault.

        What is there already for the same destination stays, so that its date does not change.
        """
        name = _checked(name)
        now = int(self._wall())
        destination = keys.destination
        line, date = "", None
        if keys.offline is None:
            line, date = make_line(Action.ADD, name, keys, date=now).text, now
        entry = Entry(
            *(Book.LOCAL, name, destination.hash, destination.raw, None, now, now, date),
            *(_OWN_SOURCE, "", line),
        )
        with self.store.transaction() as transaction:
            held = transaction.entries_of(name, Book.LOCAL)
            same = next((one for one in held if one.hash == destination.hash), None)
            if same is not None and (same.line or not line):
                return same
            if held and same is None and all(one.source != _OWN_SOURCE for one in held):
                raise BookFault(f"the local book has another address for {name}", "known")
            transaction.write_name(Book.LOCAL, name, [entry])
        return entry

    # Feeds

    def merge(self, feed: str | bytes | bytearray, source: str) -> merge.MergeResult:
        """Take a feed into the router book; seconds for a long one.

        Raises DecodeError if it is not UTF-8 text, FileFault, and Unavailable after
        :meth:`abandon_merges`; what was taken before that stays.
        """
        now = self._wall()
        result = merge.MergeResult()
        check = self._check_open
        data = feed.encode() if isinstance(feed, str) else feed
        check_encoding(data)
        waiting: list[HostsLine] = []
        for batch in merge.prepare(data, self.store.known(), now, result, check):
            with self.store.transaction() as transaction:
                lines = [*waiting, *batch]
                waiting = merge.apply(lines, transaction, source, now, result, check)
        for line in waiting:
            result.count_conflict(line)
        with self.store.transaction() as transaction:
            transaction.write_claims(source, result.claims)
        return result

    def _check_open(self) -> None:
        if self._is_ending:
            raise Unavailable("the address book is being closed", "closed")

    def subscribe(self, url: str) -> bool:
        """Add a feed; False if it is there already. Raises BookFault, FileFault."""
        known = self.store.subscriptions()
        if url in known and known[url].is_own:
            return False
        if sum(row.is_own for row in known.values()) >= SUBSCRIPTIONS_MAX:
            raise BookFault(f"at most {SUBSCRIPTIONS_MAX} subscriptions", "too_many")
        row = known.get(url, SubscriptionRow(url))
        with self.store.transaction() as transaction:
            transaction.write_subscription(replace(row, is_own=True))
        return True

    def unsubscribe(self, url: str) -> bool:
        """Remove a feed that :meth:`subscribe` added; what it brought stays. Raises FileFault."""
        row = self.store.subscriptions().get(url)
        if row is None or not row.is_own:
            return False
        with self.store.transaction() as transaction:
            transaction.delete_subscription(url)
        return True

    def save_subscription(self, row: SubscriptionRow) -> None:
        """Keep how a fetch went. Raises FileFault."""
        with self.store.transaction() as transaction:
            transaction.write_subscription(row)

    # Encrypted lease sets

    def keep_credentials(self, address: str, secret: str, client_key: bytes | None) -> None:
        """What opens the lease set behind a b33 address; empty: forget it. Raises FileFault."""
        with self.store.transaction() as transaction:
            transaction.write_credentials(address, secret, client_key)


def address_of(entry: Entry) -> Address:
    """What a session connects to; raises NameFault if the entry is damaged."""
    if entry.address is None:
        return Address(entry.hash)
    address = read_address(entry.address)
    if address is None:
        raise NameFault("a damaged entry of the address book", "bad_address")
    return address


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except DecodeError as error:
        message = f"not a name that an address book can hold: {error}"
        raise BookFault(message, "bad_name") from None


def _made_entry(book: Book, name: str, target: str, now: int) -> Entry:
    try:
        address = read_address(normalise(target))
    except NameFault as fault:
        raise BookFault(str(fault), "bad_target") from None
    if address is None:
        raise BookFault("not a destination or .b32.i2p address", "bad_target")
    destination = None
    if not target.lower().endswith((".i2p", ".i2p.alt")):
        destination = Destination.from_base64(target).raw
    blinded = None if address.blinded is None else address.host
    return Entry(book, name, address.hash, destination, blinded, now, now)


def _is_further(line: HostsLine, held: list[Entry]) -> bool:
    """Whether a line has one more destination for what is held."""
    if line.action is not Action.ADD_DESTINATION or line.old_destination is None:
        return False
    return any(entry.hash == line.old_destination.hash for entry in held)


def _imported(book: Book, line: UserLine, now: int) -> Entry:
    address, whole = line.address, line.line
    text, date, notes = "", None, ""
    if whole is not None:
        text = whole.text if whole.has_signature and whole.is_signed_properly() else ""
        date, notes = whole.date, whole.properties.get("notes", "")[:NOTES_CHARACTERS_MAX]
    return Entry(
        book,
        line.name,
        address.hash,
        None if line.destination is None else line.destination.raw,
        None if address.blinded is None else address.host,
        *(now, now, date),
        *("import", notes, text),
    )
