"""The names that come with the program: what they may do, and what an update of them does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.first_book import SOURCE, load_first_book, shipped
from i2ptunnel.naming.hosts_line import Action, make_line, parse_line
from i2ptunnel.naming.store import Book
from tests.support.deterministic import FakeWallClock, SeededEntropy

A, B, C = (PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b", "c"))
DAY = 1_700_000_000


@pytest.fixture
def books(tmp_path: Path) -> Iterator[AddressBooks]:
    made = AddressBooks(tmp_path / "addresses.sqlite", FakeWallClock(DAY).now)
    yield made
    made.close()


def plain(name: str, keys: PrivateKeys) -> str:
    return f"{name}={keys.destination.b64}\n"


def load(books: AddressBooks, *lines: str) -> int:
    return load_first_book(books, DAY, "".join(lines).encode())


def has(books: AddressBooks, name: str) -> list[bytes]:
    return [entry.hash for entry in books.lookup(name)]


def test_what_is_shipped_is_proper() -> None:
    lines = [parse_line(raw) for raw in shipped().decode("ascii").splitlines()]
    names = [line.name for line in lines if line is not None]
    assert len(names) == len(set(names)) > 60
    assert {"i2p-projekt.i2p", "stats.i2p", "irc.postman.i2p"} <= set(names)


def test_it_is_loaded_once(books: AddressBooks) -> None:
    count = load_first_book(books, DAY)
    assert count > 60
    (entry,) = books.lookup("stats.i2p")
    assert (entry.book, entry.source, entry.added) == (Book.ROUTER, SOURCE, DAY)
    assert load_first_book(books, DAY) == 0
    # It is no subscription that anybody fetches.
    assert [row.is_own for row in books.store.subscriptions().values()] == [False]


def test_the_users_names_and_wishes_come_first(books: AddressBooks) -> None:
    books.add(Book.LOCAL, "own.i2p", A.destination.b64)
    books.add(Book.PRIVATE, "pet.i2p", A.destination.b64)
    books.add(Book.ROUTER, "gone.i2p", A.destination.b64)
    books.remove("gone.i2p")
    load(books, *(plain(f"{name}.i2p", B) for name in ("own", "pet", "gone", "new")))
    assert has(books, "own.i2p") == has(books, "pet.i2p") == [A.hash]
    assert has(books, "gone.i2p") == []
    assert has(books, "new.i2p") == [B.hash]


def test_what_a_subscription_brought_stays(books: AddressBooks) -> None:
    books.merge(plain("site.i2p", A), "http://feed.i2p/")
    assert load(books, plain("site.i2p", B)) == 0
    assert has(books, "site.i2p") == [A.hash]


def test_signed_changes_count_after_it(books: AddressBooks) -> None:
    load(books, plain("site.i2p", A))
    books.merge(plain("site.i2p", B), "http://feed.i2p/")
    assert has(books, "site.i2p") == [A.hash]
    change = make_line(Action.CHANGE_DESTINATION, "site.i2p", B, date=DAY, old_keys=A)
    assert books.merge(change.text, "http://feed.i2p/").changed == 1
    # A newer list with the older destination does not turn it back.
    load(books, plain("site.i2p", A), plain("new.i2p", A))
    assert has(books, "site.i2p") == [B.hash]
    assert has(books, "new.i2p") == [A.hash]


def test_a_newer_list_changes_what_nobody_has_touched(books: AddressBooks) -> None:
    load(books, plain("moved.i2p", A), plain("left.i2p", A), plain("removed.i2p", A))
    books.remove("removed.i2p")
    assert load(books, plain("moved.i2p", B), plain("removed.i2p", B)) == 0
    assert has(books, "moved.i2p") == [B.hash]
    assert has(books, "left.i2p") == [A.hash]
    assert has(books, "removed.i2p") == []
    assert load(books, plain("moved.i2p", B), plain("removed.i2p", B)) == 0
