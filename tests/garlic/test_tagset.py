"""Tag sets against a slow twin written from the specification with the standard library's HMAC."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest

from core.base.errors import LocalError
from core.garlic import tagset
from core.garlic.tagset import MESSAGES_MAX, ReceiveTagSet, SendTagSet, TagTable

ROOT = bytes(range(32))
KEY = bytes(range(32, 64))


def slow_hkdf(salt: bytes, ikm: bytes, info: bytes) -> tuple[bytes, bytes]:
    prk = hmac.new(salt, ikm, hashlib.sha256).digest()
    first = hmac.new(prk, info + b"\x01", hashlib.sha256).digest()
    return first, hmac.new(prk, first + info + b"\x02", hashlib.sha256).digest()


def slow_tag_set(root: bytes, key: bytes, count: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """(next root key, [(tag, key), ...]) as the specification spells it out."""
    next_root, chain = slow_hkdf(root, key, b"KDFDHRatchetStep")
    tag_chain, key_chain = slow_hkdf(chain, b"", b"TagAndKeyGenKeys")
    tag_chain, constant = slow_hkdf(tag_chain, b"", b"STInitialization")
    entries = []
    for _ in range(count):
        tag_chain, tag = slow_hkdf(tag_chain, constant, b"SessionTagKeyGen")
        key_chain, symmetric = slow_hkdf(key_chain, b"", b"SymmetricRatchet")
        entries.append((tag[:8], symmetric))
    return next_root, entries


def make(table: TagTable, window: int = 24, window_max: int = 64) -> ReceiveTagSet:
    return ReceiveTagSet(table, "owner", ROOT, KEY, window=window, window_max=window_max)


def test_sender_matches_the_twin() -> None:
    next_root, entries = slow_tag_set(ROOT, KEY, 50)
    sender = SendTagSet(ROOT, KEY)
    assert sender.next_root == next_root
    for number, (tag, key) in enumerate(entries):
        assert sender.take() == (tag, number, key)


def test_reply_tags_are_the_same_tags() -> None:
    _, entries = slow_tag_set(ROOT, KEY, 5)
    sender = SendTagSet(ROOT, KEY)
    assert [sender.take_tag() for _ in range(5)] == [tag for tag, _ in entries]


def test_receiver_matches_the_twin_in_any_order() -> None:
    next_root, entries = slow_tag_set(ROOT, KEY, 400)
    table = TagTable()
    receiver = make(table, window=200, window_max=200)
    assert receiver.next_root == next_root
    rng = random.Random(5)
    pending: list[int] = []
    sent = 0
    opened = 0
    while sent < len(entries) or pending:
        while sent < len(entries) and len(pending) < 12:
            pending.append(sent)
            sent += 1
        number = pending.pop(rng.randrange(len(pending)))
        if rng.random() < 0.1:
            continue  # lost
        tag, key = entries[number]
        found = table.find(tag)
        assert found == (receiver, number)
        assert receiver.key(number) == key
        assert receiver.key(number) == key  # stays until consumed
        receiver.consumed(tag, number)
        assert table.find(tag) is None
        assert receiver.key(number) is None
        opened += 1
    assert opened > 300


def test_window_grows_and_trims() -> None:
    _, entries = slow_tag_set(ROOT, KEY, 300)
    table = TagTable()
    receiver = make(table, window=24, window_max=64)
    assert len(table) == 24
    for number in range(0, 200, 10):  # nine of ten are lost
        receiver.key(number)
        receiver.consumed(entries[number][0], number)
        ahead = receiver.next_number - number - 1
        assert min(24 + number // 4, 64) - 16 <= ahead <= 64
        assert len(table) <= 64 + 64 + 2 * 16
    assert table.find(entries[1][0]) is None  # far behind: gone
    assert receiver.key(1) is None
    assert table.find(entries[189][0]) == (receiver, 189)
    assert len(receiver._keys) <= 64 + 16


def test_close_leaves_nothing_and_reuses_the_slot() -> None:
    table = TagTable()
    first = make(table)
    second = make(TagTable())
    first.close()
    first.close()
    assert len(table) == 0
    third = ReceiveTagSet(table, "other", KEY, ROOT, window=8, window_max=8)
    assert {entry >> 16 for entry in table.entries.values()} == {0}
    found = table.find(next(iter(table.entries)))
    assert found is not None and found[0] is third
    second.close()


def test_numbers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MESSAGES_MAX == 65534
    monkeypatch.setattr(tagset, "MESSAGES_MAX", 30)
    sender = SendTagSet(ROOT, KEY)
    for _ in range(30):
        sender.take()
    with pytest.raises(LocalError):
        sender.take()
    with pytest.raises(LocalError):
        sender.take_tag()
    table = TagTable()
    receiver = make(table, window=24)
    receiver.extend(100)
    assert len(table) == 30
    assert receiver.key(30) is None
