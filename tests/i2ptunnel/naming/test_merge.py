"""What feeds may and may not do to the router book."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming import merge
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.hosts_line import Action, make_line
from i2ptunnel.naming.merge import MergeResult
from i2ptunnel.naming.queries import conflicts
from i2ptunnel.naming.store import Book
from tests.support.deterministic import FakeWallClock, SeededEntropy

A, B, C, EVIL = (
    PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b", "c", "evil")
)
WEAK = PrivateKeys.generate_destination(SeededEntropy("weak"), SigningType.DSA_SHA1)
NAME = "site.i2p"
DAY = 1_700_000_000


class Feed:
    """Address books with a clock, and feeds merged into them."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeWallClock(DAY + 1_000_000)
        self.books = AddressBooks(path / "addresses.sqlite", self.clock.now)

    def take(self, *lines: str) -> MergeResult:
        return self.books.merge("\n".join(lines), "http://feed.i2p/hosts.txt")

    def has(self, name: str = NAME) -> list[bytes]:
        return [entry.hash for entry in self.books.lookup(name)]


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def plain(keys: PrivateKeys, name: str = NAME) -> str:
    return f"{name}={keys.destination.b64}"


def line(action: Action, keys: PrivateKeys, name: str = NAME, **options: object) -> str:
    return make_line(action, name, keys, **options).text  # type: ignore[arg-type]


def test_what_a_feed_may_bring(feed: Feed) -> None:
    """Whole destinations, which can be verified and passed on, and names as books hold them."""
    label = A.destination.b32.removesuffix(".b32.i2p")
    result = feed.take(
        f"\ufeff{plain(A, 'first.i2p')}",
        plain(A, "BÜCHER.i2p"),
        f"short.i2p={A.destination.b32}",
        f"csv.i2p,{label}",
    )
    assert (result.added, result.malformed) == (1, 3)
    assert feed.has("first.i2p") == [A.hash]
    assert result.first_faults == [
        "line 2: the name is not ASCII",
        "line 3: what follows the name is an address, not a destination",
        "line 4: there is no name=destination",
    ]
    assert len(feed.take(*["junk"] * 50).first_faults) == merge.FAULTS_SHOWN_MAX


def test_an_unsigned_line_never_overwrites(feed: Feed) -> None:
    assert feed.take(plain(A)).added == 1
    result = feed.take(plain(EVIL), plain(EVIL, "new.i2p"))
    assert (result.conflicts, result.added) == (1, 1)
    assert feed.has() == [A.hash]
    # nor does a signed one without the right to the name
    result = feed.take(line(Action.ADD, EVIL), line(Action.ADD, EVIL, date=DAY))
    assert result.conflicts == 2 and feed.has() == [A.hash]
    # and nothing of the old destination's record is lost
    assert feed.books.destination_of(A.hash) == A.destination


def test_what_a_feed_has_otherwise_is_kept_until_it_is_settled(feed: Feed) -> None:
    """A list of conflicts for people, bounded, of what feeds have at present."""
    url = "http://feed.i2p/hosts.txt"
    feed.take(plain(A), plain(A, "other.i2p"))
    feed.books.add(Book.LOCAL, "mine.i2p", B.destination.b64)
    feed.books.add(Book.PRIVATE, "secret.i2p", B.destination.b64)
    evil = [plain(EVIL, name) for name in (NAME, "other.i2p", "mine.i2p", "secret.i2p")]
    assert feed.take(*evil).conflicts == 3
    found = conflicts(feed.books, {url})
    assert [one["name"] for one in found] == ["mine.i2p", "other.i2p", NAME]
    assert found[0] == {
        "name": "mine.i2p",
        "book": "local",
        "address": B.destination.b32,
        "other_address": EVIL.destination.b32,
        "subscription": url,
    }
    assert conflicts(feed.books, set()) == []
    # One is settled by the user, one by the feed; a name that is gone is nobody's.
    feed.books.add(Book.LOCAL, "mine.i2p", EVIL.destination.b64, is_replacing=True)
    feed.books.remove("other.i2p")
    assert [one["name"] for one in conflicts(feed.books, {url})] == [NAME]
    feed.take(plain(A))
    assert conflicts(feed.books, {url}) == []
    signed = line(Action.CHANGE_DESTINATION, EVIL, old_keys=B)
    assert feed.take(signed).conflicts == 1
    assert [one["name"] for one in conflicts(feed.books, {url})] == [NAME]
    feed.books.subscribe(url)
    feed.books.unsubscribe(url)
    assert conflicts(feed.books, {url}) == []
    names = [f"n{number}.i2p" for number in range(merge.CLAIMS_MAX + 1)]
    feed.take(*(plain(A, name) for name in names))
    assert feed.take(*(plain(EVIL, name) for name in names)).conflicts == len(names)
    assert len(conflicts(feed.books, {url})) == merge.CLAIMS_MAX


def test_a_line_with_properties_must_be_signed(feed: Feed) -> None:
    signed = line(Action.ADD, A, date=DAY)
    assert feed.take(plain(A) + "#!date=1", signed.replace(str(DAY), "1")).unsigned == 2
    assert feed.has() == []
    assert feed.take(signed).added == 1
    assert feed.books.lookup(NAME)[0].line == signed
    assert feed.take(signed, signed).known == 2


def test_a_signed_line_replaces_an_unsigned_one_of_the_same_destination(feed: Feed) -> None:
    feed.take(plain(A))
    signed = line(Action.ADD, A, date=DAY)
    assert feed.take(signed).known == 1
    assert feed.books.lookup(NAME)[0].line == signed


def test_changedest(feed: Feed) -> None:
    feed.take(plain(A))
    change = line(Action.CHANGE_DESTINATION, B, old_keys=A, date=DAY)
    assert feed.take(line(Action.CHANGE_DESTINATION, EVIL, old_keys=EVIL)).conflicts == 1
    assert feed.take(line(Action.CHANGE_DESTINATION, C, old_keys=B)).conflicts == 1
    assert feed.has() == [A.hash]
    assert feed.take(change).changed == 1
    assert feed.has() == [B.hash]
    # the old destination does not come back: not by an old line, not by another feed
    assert feed.take(plain(A), line(Action.ADD, A, date=DAY - 1), change).total == 3
    assert feed.has() == [B.hash]


def test_changedest_of_an_unknown_name(feed: Feed) -> None:
    change = line(Action.CHANGE_DESTINATION, B, old_keys=A)
    assert feed.take(change, plain(A)).added == 1
    assert feed.has() == [B.hash]


def test_a_replayed_change_does_nothing(feed: Feed) -> None:
    there = line(Action.CHANGE_DESTINATION, B, old_keys=A, date=DAY)
    back = line(Action.CHANGE_DESTINATION, A, old_keys=B, date=DAY + 10)
    feed.take(plain(A), there)
    assert feed.take(back).changed == 1
    assert feed.take(there).stale == 1
    assert feed.take(line(Action.CHANGE_DESTINATION, B, old_keys=A)).stale == 1
    assert feed.has() == [A.hash]


def test_commands_in_any_order(feed: Feed) -> None:
    chain = [
        plain(A),
        line(Action.CHANGE_DESTINATION, B, old_keys=A, date=DAY),
        line(Action.CHANGE_DESTINATION, C, old_keys=B, date=DAY + 1),
        line(Action.ADD_SUBDOMAIN, EVIL, "sub." + NAME, old_name=NAME, old_keys=C),
    ]
    feed.take(chain[0])
    result = feed.take(*reversed(chain))
    assert (result.changed, result.added) == (2, 1)
    assert feed.has() == [C.hash]


def test_adddest_keeps_several_destinations(feed: Feed) -> None:
    feed.take(plain(WEAK))
    assert feed.take(line(Action.ADD_DESTINATION, EVIL, old_keys=B)).conflicts == 1
    stronger = line(Action.ADD_DESTINATION, A, old_keys=WEAK)
    assert feed.take(stronger).changed == 1
    assert feed.has() == [A.hash, WEAK.hash]  # the strongest first
    assert feed.take(stronger).known == 1
    assert feed.take(line(Action.ADD_DESTINATION, B, old_keys=A)).changed == 1
    assert feed.has() == [B.hash, A.hash, WEAK.hash]
    assert feed.take(line(Action.CHANGE_DESTINATION, C, old_keys=A)).changed == 1
    assert feed.has() == [C.hash]  # Java: all are replaced
    assert feed.take(line(Action.ADD_DESTINATION, B, old_keys=C)).stale == 1


def test_at_most_eight_destinations(feed: Feed) -> None:
    feed.take(plain(A))
    for number in range(9):
        keys = PrivateKeys.generate_destination(SeededEntropy(f"many {number}"))
        feed.take(line(Action.ADD_DESTINATION, keys, old_keys=A))
    assert len(feed.has()) == 8


def test_addname_and_changename(feed: Feed) -> None:
    feed.take(plain(A))
    new = "new.i2p"
    assert feed.take(line(Action.ADD_NAME, EVIL, new, old_name=NAME)).conflicts == 1
    assert feed.take(line(Action.CHANGE_NAME, EVIL, new, old_name=NAME)).conflicts == 1
    assert feed.has(new) == [] and feed.has() == [A.hash]
    assert feed.take(line(Action.ADD_NAME, A, "alias.i2p", old_name=NAME)).added == 1
    assert feed.has("alias.i2p") == feed.has() == [A.hash]
    assert feed.take(line(Action.CHANGE_NAME, A, new, old_name=NAME)).changed == 1
    assert feed.has(new) == [A.hash] and feed.has() == []
    assert feed.take(plain(A)).stale == 1  # the old name stays away
    assert feed.take(line(Action.CHANGE_NAME, B, "b.i2p", old_name="nobody.i2p")).added == 1
    assert {entry.name for entry in feed.books.names_of(A.hash)} == {new, "alias.i2p"}


def test_addsubdomain(feed: Feed) -> None:
    feed.take(plain(A))

    def sub(name: str, parent: PrivateKeys, old_name: str = NAME) -> str:
        return line(Action.ADD_SUBDOMAIN, B, name, old_name=old_name, old_keys=parent)

    assert feed.take(sub("a." + NAME, EVIL)).conflicts == 1
    # Java finds the parent anywhere in the name
    assert feed.take(sub(f"a.{NAME}.other.i2p", A)).conflicts == 1
    assert feed.take(sub("a" + NAME, A)).conflicts == 1
    assert feed.take(sub("a." + NAME, A)).added == 1
    assert feed.take(sub("x.unknown.i2p", A, "unknown.i2p")).added == 1
    assert feed.take(sub("a." + NAME, A)).known == 1


def test_update_changes_nothing_but_properties(feed: Feed) -> None:
    feed.take(plain(A))
    # Java replaces the destination here
    assert feed.take(line(Action.UPDATE, EVIL)).conflicts == 1
    assert feed.has() == [A.hash]
    update = line(Action.UPDATE, A, extra={"title": "x"}, date=DAY)
    assert feed.take(update).changed == 1
    assert feed.books.lookup(NAME)[0].line == update
    assert feed.take(update).known == 1
    assert feed.take(line(Action.UPDATE, A, extra={"title": "y"}, date=DAY - 5)).stale == 1


def test_remove(feed: Feed) -> None:
    feed.take(plain(A), plain(A, "two.i2p"), plain(B, "three.i2p"))
    assert feed.take(line(Action.REMOVE, EVIL)).known == 1
    assert feed.has() == [A.hash]
    forged = line(Action.REMOVE, EVIL).replace(EVIL.destination.b64, A.destination.b64)
    assert feed.take(forged).unsigned == 1
    assert feed.take(line(Action.REMOVE, A)).removed == 1
    assert feed.has() == [] and feed.has("two.i2p") == [A.hash]
    assert feed.take(plain(A)).stale == 1
    assert feed.take(plain(B)).added == 1  # the name is free, that destination of it is not
    assert feed.take(line(Action.REMOVE_ALL, A, "anything.i2p")).removed == 1
    assert feed.has("two.i2p") == [] and feed.has("three.i2p") == [B.hash]


def test_an_old_removal_does_not_remove_what_was_added_again(feed: Feed) -> None:
    removal = line(Action.REMOVE, A, date=DAY)
    feed.take(plain(A), removal)
    assert feed.take(line(Action.ADD, A, date=DAY - 1)).stale == 1
    assert feed.take(line(Action.ADD, A, date=DAY + 1)).added == 1
    assert feed.take(removal).stale == 1
    assert feed.has() == [A.hash]


def test_expired_and_future_lines(feed: Feed) -> None:
    now = int(feed.clock.now())
    assert feed.take(line(Action.ADD, A, extra={"expires": str(now - 1)})).stale == 1
    assert feed.take(line(Action.ADD, A, date=now + 2 * 86_400)).stale == 1
    assert feed.take(line(Action.ADD, A, extra={"expires": str(now + 9)})).added == 1


def test_the_users_own_books(feed: Feed) -> None:
    feed.books.add(Book.LOCAL, NAME, A.destination.b64)
    feed.books.add(Book.PRIVATE, "mine.i2p", A.destination.b64)
    result = feed.take(
        plain(EVIL),
        line(Action.CHANGE_DESTINATION, B, old_keys=A),
        line(Action.REMOVE, A),
        line(Action.REMOVE_ALL, A),
        plain(B, "mine.i2p"),
    )
    assert (result.removed, result.changed, result.added) == (0, 0, 1)
    assert feed.has() == [A.hash]
    # a private name neither blocks nor is blocked; it is looked up first
    assert feed.has("mine.i2p") == [A.hash]
    assert feed.books.remove("mine.i2p", Book.PRIVATE) == [Book.PRIVATE]
    assert feed.has("mine.i2p") == [B.hash]


def test_what_the_user_removed_stays_away(feed: Feed) -> None:
    feed.take(plain(A))
    assert feed.books.remove(NAME) == [Book.ROUTER]
    result = feed.take(plain(A), line(Action.ADD, B, date=DAY), line(Action.UPDATE, A))
    assert result.passed_over == 3 and feed.has() == []
    feed.books.add(Book.ROUTER, NAME, A.destination.b64)
    feed.take(line(Action.CHANGE_DESTINATION, B, old_keys=A))
    assert feed.has() == [B.hash]


def test_the_limit_of_the_book(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "ENTRIES_MAX", 3)
    result = feed.take(*(plain(A, f"n{number}.i2p") for number in range(5)))
    assert (result.added, result.passed_over) == (3, 2)
    monkeypatch.setattr(merge, "LINES_MAX", 1)
    assert feed.take(plain(B, "n1.i2p"), plain(B, "x.i2p")).passed_over == 1


def test_destinations_of_impossible_length(feed: Feed) -> None:
    big = PrivateKeys.generate_destination(SeededEntropy("rsa"), SigningType.ECDSA_P521)
    assert feed.take(plain(big)).added == 1
    long = A.destination.raw[:384] + b"\x05\x00\x80" + bytes(128)
    from core.data.encoding import b64encode

    assert feed.take(f"long.i2p={b64encode(long)}").malformed == 1


LINES = [
    plain(A),
    plain(EVIL),
    line(Action.ADD, A, date=DAY),
    line(Action.CHANGE_DESTINATION, B, old_keys=A, date=DAY),
    line(Action.ADD_DESTINATION, C, old_keys=B),
    line(Action.CHANGE_NAME, C, "other.i2p", old_name=NAME),
    line(Action.REMOVE, B, date=DAY + 5),
    line(Action.REMOVE_ALL, A),
    line(Action.UPDATE, EVIL),
    "junk",
    "#!action=remove",
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=8), st.integers(0, 1 << 32))
def test_any_feed_in_any_order(tmp_path_factory: pytest.TempPathFactory, lines, seed) -> None:  # type: ignore[no-untyped-def]
    feed = Feed(tmp_path_factory.mktemp("feed"))
    chosen = random.Random(seed).sample(LINES, 4)
    assert feed.take(*chosen).total == 4
    had = feed.has()
    result = feed.take(*lines)
    assert result.total == len(lines)
    # only who has the right may put EVIL where another destination was
    if had and EVIL.hash not in had:
        assert EVIL.hash not in feed.has() or not any(
            entry.hash in had for entry in feed.books.lookup(NAME)
        )
    feed.books.close()
