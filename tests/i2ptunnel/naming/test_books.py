"""The books and their file: lookups, changes, several processes, damage, kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.api import FileFault
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming.address import NameFault
from i2ptunnel.naming.books import AddressBooks, BookFault
from i2ptunnel.naming.hosts_line import Action, make_line, parse_line
from i2ptunnel.naming.publish import PublishedFile, export_text
from i2ptunnel.naming.resolver import BookResolver, FileResolver
from i2ptunnel.naming.store import Book, Store
from tests.support.deterministic import FakeWallClock, SeededEntropy

A, B = (PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b"))
CLOCK = FakeWallClock()
HIDDEN = BlindedAddress.of(A.destination).host


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "addresses.sqlite"


@pytest.fixture
def books(path: Path) -> AddressBooks:
    return AddressBooks(path, CLOCK.now)


def hashes(books: AddressBooks, name: str) -> list[bytes]:
    return [entry.hash for entry in books.lookup(name)]


def test_books_are_looked_up_in_order(books: AddressBooks) -> None:
    books.add(Book.ROUTER, "a.i2p", A.destination.b64)
    assert hashes(books, "A.i2p") == [A.hash]
    books.add(Book.LOCAL, "a.i2p", B.destination.b64)
    assert hashes(books, "a.i2p.alt") == [B.hash]
    books.add(Book.PRIVATE, "a.i2p", A.destination.b32)
    entry = books.lookup("www.a.i2p")[0]
    assert (entry.book, entry.hash, entry.destination) == (Book.PRIVATE, A.hash, None)
    assert [e.book for e in books.names_of(A.hash)] == [Book.PRIVATE, Book.ROUTER]
    assert books.destination_of(A.hash) == A.destination
    assert books.remove("a.i2p") == [Book.PRIVATE, Book.LOCAL, Book.ROUTER]
    assert hashes(books, "a.i2p") == []
    assert books.store.counts() == dict.fromkeys(Book, 0)


def test_adding(books: AddressBooks) -> None:
    books.add(Book.LOCAL, "a.i2p", A.destination.b64, notes="n")
    assert books.add(Book.LOCAL, "a.i2p", A.destination.b32).destination == A.destination.raw
    with pytest.raises(BookFault) as caught:
        books.add(Book.LOCAL, "a.i2p", B.destination.b64)
    assert caught.value.code == "known"
    books.add(Book.LOCAL, "a.i2p", B.destination.b64, is_further=True)
    assert hashes(books, "a.i2p") == [B.hash, A.hash]
    books.add(Book.LOCAL, "a.i2p", A.destination.b64, is_replacing=True)
    assert hashes(books, "a.i2p") == [A.hash]
    for name, target, code in (
        ("a_b.i2p", A.destination.b64, "bad_name"),
        ("x.b32.i2p", A.destination.b64, "bad_name"),
        ("b.i2p", "other.i2p", "bad_target"),
        ("b.i2p", "AAAA", "bad_target"),
        ("b.i2p", "a" * 52 + "x.b32.i2p", "bad_target"),
    ):
        with pytest.raises(BookFault) as caught:
            books.add(Book.LOCAL, name, target)
        assert caught.value.code == code


def test_the_resolver(books: AddressBooks, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.txt"
    hosts.write_text(f"file.i2p={A.destination.b64}\nboth.i2p={A.destination.b64}\n")
    resolver = BookResolver(books, FileResolver(hosts))

    def resolve(name: str) -> bytes:
        return asyncio.run(resolver.resolve(name)).hash

    with pytest.raises(NameFault) as caught:
        resolve("live.i2p")
    assert caught.value.code == "unknown_name"
    other = AddressBooks(books.store.path, CLOCK.now)  # as the command line does
    other.add(Book.ROUTER, "live.i2p", B.destination.b64)
    assert resolve("live.i2p") == B.hash
    other.add(Book.ROUTER, "both.i2p", B.destination.b64)
    assert resolve("both.i2p") == A.hash  # what people write in hosts.txt counts before feeds
    other.add(Book.LOCAL, "both.i2p", B.destination.b64)
    assert resolve("both.i2p") == B.hash
    assert resolve("www.file.i2p.alt") == A.hash
    other.add(Book.LOCAL, "both.i2p", A.destination.b64, is_further=True)
    assert asyncio.run(resolver.resolve("both.i2p")).others == (B.hash,)
    other.close()


def test_names_for_encrypted_lease_sets(books: AddressBooks, tmp_path: Path) -> None:
    resolver = BookResolver(books, FileResolver(tmp_path / "hosts.txt"))
    books.add(Book.PRIVATE, "hidden.i2p", HIDDEN)
    books.keep_credentials(HIDDEN, "swordfish", b"k" * 32)
    for name in ("hidden.i2p", HIDDEN):
        target = asyncio.run(resolver.resolve(name)).target()
        assert isinstance(target, BlindedTarget)
        assert (target.address.host, target.secret, target.client_key) == (
            *(HIDDEN, "swordfish"),
            b"k" * 32,
        )
        assert "swordfish" not in repr(asyncio.run(resolver.resolve(name)))
    books.keep_credentials(HIDDEN, "", None)
    assert books.store.credentials(HIDDEN) == ("", None)


def test_import_and_export(books: AddressBooks, path: Path) -> None:
    signed = make_line(Action.ADD, "b.i2p", B, date=5).text
    further = make_line(Action.ADD_DESTINATION, "a.i2p", B, old_keys=A).text
    text = f"# names\na.i2p={A.destination.b64}#!notes=x\n{signed}\n{further}\njunk\n"
    done = books.import_text(Book.LOCAL, text)
    assert (done.added, done.known, done.conflicts, done.faults) == (3, 0, 0, 1)
    assert books.import_text(Book.LOCAL, text).known == 3
    assert hashes(books, "a.i2p") == [B.hash, A.hash]
    assert books.import_text(Book.LOCAL, f"b.i2p={A.destination.b64}").conflicts == 1
    books.add(Book.PRIVATE, "mine.i2p", A.destination.b64)
    books.add(Book.ROUTER, "only-hash.i2p", A.destination.b32)
    exported = export_text(books.store)
    assert exported.splitlines() == [f"a.i2p={A.destination.b64}", further, signed]
    again = AddressBooks(path.with_name("again.sqlite"), CLOCK.now)
    assert again.merge(exported, "x").added == 2
    assert export_text(again.store) == exported
    assert "mine.i2p" in export_text(books.store, [Book.PRIVATE])


def test_removals_are_passed_on(books: AddressBooks, path: Path) -> None:
    removal = make_line(Action.REMOVE, "a.i2p", A, date=9).text
    books.merge(f"a.i2p={A.destination.b64}\n{removal}", "x")
    assert export_text(books.store) == removal + "\n"
    other = AddressBooks(path.with_name("other.sqlite"), CLOCK.now)
    other.merge(f"a.i2p={A.destination.b64}", "x")
    assert other.merge(export_text(books.store), "y").removed == 1


def test_the_published_file_changes_only_with_the_books(books: AddressBooks, path: Path) -> None:
    books.add(Book.LOCAL, "a.i2p", A.destination.b64)
    file = PublishedFile(path.parent / "site" / "hosts.txt")
    assert file.write(books.store) and not file.write(books.store)
    assert file.path.stat().st_mode & 0o777 == 0o644
    file.path.write_text("spoilt")
    assert file.write(books.store)


def test_claims_of_our_own_tunnels(books: AddressBooks) -> None:
    entry = books.claim("own.i2p", A)
    line = parse_line(entry.line)
    assert line is not None and line.is_signed_properly()
    CLOCK.advance(100)
    assert books.claim("own.i2p", A) == books.lookup("own.i2p")[0] == entry
    assert books.claim("own.i2p", B).hash == B.hash  # new keys for the same tunnel
    books.add(Book.LOCAL, "mine.i2p", A.destination.b64)
    with pytest.raises(BookFault):
        books.claim("mine.i2p", B)
    offline = B.authorise_transient(SeededEntropy(1), 2_000_000_000)
    assert books.claim("offline.i2p", offline).line == ""


def test_damage_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    books = AddressBooks(path, CLOCK.now)
    books.add(Book.LOCAL, "a.i2p", A.destination.b64)
    books.close()
    content = path.read_bytes()
    path.write_bytes(b"x" * 5000)
    AddressBooks(path, CLOCK.now).close()
    assert "damaged" in caplog.text
    assert path.with_name(path.name + ".damaged-1").read_bytes() == b"x" * 5000
    path.write_bytes(content)
    assert hashes(AddressBooks(path, CLOCK.now), "a.i2p") == [A.hash]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_used(path: Path) -> None:
    path.mkdir()
    with pytest.raises(FileFault):
        Store(path)


def test_a_transaction_leaves_nothing_behind_when_it_fails(books: AddressBooks) -> None:
    with pytest.raises(ZeroDivisionError), books.store.transaction() as transaction:
        transaction.delete_name(Book.LOCAL, "x")
        transaction.write_credentials("x", "y", None)
        raise ZeroDivisionError
    assert books.store.credentials("x") == ("", None)


def test_a_merge_can_be_abandoned(books: AddressBooks) -> None:
    from core.base.errors import Unavailable

    books.abandon_merges()
    with pytest.raises(Unavailable):
        books.merge(f"a.i2p={A.destination.b64}", "x")
    assert hashes(books, "a.i2p") == []


WRITER = """
import sys, time
from pathlib import Path
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.store import Book
books = AddressBooks(Path(sys.argv[1]), time.time)
for number in range(100_000):
    books.add(Book.LOCAL, f"n{number}.i2p", sys.argv[2])
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path), A.destination.b64]
    for round_number in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(5 + round_number):
                process.stdout.readline()
            time.sleep(0.003 * round_number)
            os.kill(process.pid, signal.SIGKILL)
            last = [*process.stdout]
        acknowledged = int(last[-1]) if last else 4 + round_number
        books = AddressBooks(path, CLOCK.now)
        assert hashes(books, f"n{acknowledged}.i2p") == [A.hash]
        books.close()
