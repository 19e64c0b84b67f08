"""Java I2P's ``hostsdb.blockfile``, written here as its specification and its writer say."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.base.errors import DecodeError
from core.data.mapping import write_mapping
from i2ptunnel.importing.blockfile import PAGE_BYTES, Blockfile
from i2ptunnel.importing.books import read_books
from i2ptunnel.importing.draft import Note
from i2ptunnel.importing.places import find
from i2ptunnel.keyfiles import generate_keys
from i2ptunnel.naming.store import Book

_SPAN_ENTRIES = 16
_KEYS = [generate_keys().destination for _ in range(4)]


class Writer:
    """Pages in memory; a list takes its spans, a span its continuations."""

    def __init__(self) -> None:
        self.pages: list[bytearray] = []
        self.new(bytes.fromhex("3141de49325001020000000000000000000000000000001000000400"))

    def new(self, head: bytes) -> int:
        self.pages.append(bytearray(head.ljust(PAGE_BYTES, b"\0")))
        return len(self.pages)

    def skip_list(self, page: int | None, pairs: list[tuple[bytes, bytes]]) -> int:
        number = self.new(b"SkipList") if page is None else page
        starts = range(0, max(1, len(pairs)), _SPAN_ENTRIES)
        spans = [self.span(pairs[start : start + _SPAN_ENTRIES]) for start in starts]
        for span, following in zip(spans, [*spans[1:], 0], strict=True):
            self.pages[span - 1][12:16] = following.to_bytes(4, "big")
        self.pages[number - 1][:12] = b"SkipList" + spans[0].to_bytes(4, "big")
        return number

    def span(self, pairs: list[tuple[bytes, bytes]]) -> int:
        first = self.new(b"Span" + bytes(12) + bytes([0, 16, 0, len(pairs)]))
        page, at = first, 20
        for key, value in pairs:
            head = len(key).to_bytes(2, "big") + len(value).to_bytes(2, "big")
            if at + 4 > PAGE_BYTES:
                page, at = self._continue(page), 8
            rest = head + key + value
            while rest:
                if at == PAGE_BYTES:
                    page, at = self._continue(page), 8
                part, rest = rest[: PAGE_BYTES - at], rest[PAGE_BYTES - at :]
                self.pages[page - 1][at : at + len(part)] = part
                at += len(part)
        return first

    def _continue(self, page: int) -> int:
        following = self.new(b"CONT")
        self.pages[page - 1][4:8] = following.to_bytes(4, "big")
        return following

    @property
    def data(self) -> bytes:
        return b"".join(self.pages)


def value_of(*numbers: int) -> bytes:
    pairs = (write_mapping({"s": "x", "notes": "mine"}) + _KEYS[n].raw for n in numbers)
    return bytes([len(numbers)]) + b"".join(pairs)


def make(books: dict[str, Iterable[tuple[str, bytes]]]) -> bytes:
    writer = Writer()
    meta = writer.new(b"SkipList")
    info = writer.skip_list(None, [(b"info", write_mapping({"version": "4", "created": "1"}))])
    lists = [(b"%%__INFO__%%", info.to_bytes(4, "big"))]
    for book, entries in books.items():
        pairs = [(name.encode(), value) for name, value in sorted(entries)]
        lists.append((book.encode(), writer.skip_list(None, pairs).to_bytes(4, "big")))
    writer.skip_list(meta, lists)
    return writer.data


def test_every_name_of_every_book_over_spans_and_pages() -> None:
    names = {f"name{number}.i2p": value_of(number % 4) for number in range(100)}
    data = make({"hosts.txt": names.items(), "privatehosts.txt": [("two.i2p", value_of(0, 1))]})
    found = list(Blockfile(data).entries())
    assert [(e.book, e.name) for e in found[:2]] == [("privatehosts.txt", "two.i2p")] * 2
    assert {e.destination.hash for e in found[:2]} == {_KEYS[0].hash, _KEYS[1].hash}
    assert found[0].notes == "mine"
    assert {e.name: e.destination.hash for e in found[2:]} == {
        name: _KEYS[int(name[4:-4]) % 4].hash for name in names
    }


def test_the_books_of_an_import(tmp_path: Path) -> None:
    (tmp_path / "hostsdb.blockfile").write_bytes(
        make({"userhosts.txt": [("mine.i2p", value_of(0))], "hosts.txt": [("a.i2p", value_of(1))]})
    )
    notes: list[Note] = []
    made = read_books(find([tmp_path]), notes)
    assert [(one.book, one.text) for one in made] == [
        (Book.LOCAL, f"mine.i2p={_KEYS[0].b64}"),
        (Book.ROUTER, f"a.i2p={_KEYS[1].b64}"),
    ]
    assert not notes


def test_what_is_damaged_costs_only_itself() -> None:
    data = bytearray(make({"hosts.txt": [("a.i2p", value_of(0)), ("b.i2p", b"\1junk")]}))
    file = Blockfile(bytes(data))
    assert [entry.name for entry in file.entries()] == ["a.i2p"]
    assert file.faults and "b.i2p" in file.faults[0]
    with pytest.raises(DecodeError):
        Blockfile(b"no blockfile at all" * 100)
    with pytest.raises(DecodeError):
        Blockfile(bytes(data[:1024]))


def test_a_chain_that_bites_its_tail_ends() -> None:
    names = [(f"n{number:02}.i2p", value_of(0)) for number in range(40)]
    data = bytearray(make({"hosts.txt": names}))
    last = data.rindex(b"Span", 0, data.rindex(b"Span"))  # the last one is of the list of lists
    data[last + 12 : last + 16] = (last // PAGE_BYTES + 1).to_bytes(4, "big")
    file = Blockfile(bytes(data))
    assert len(list(file.entries())) <= 40
    assert file.faults


@pytest.mark.parametrize("step", [1, 7, 100])
def test_no_junk_brings_it_down(step: int) -> None:
    data = bytearray(make({"hosts.txt": [("a.i2p", value_of(0)), ("b.i2p", value_of(1, 2))]}))
    for at in range(0, len(data), 40 * step):
        changed = data.copy()
        changed[at] ^= 0xFF
        try:
            list(Blockfile(bytes(changed)).entries())
        except DecodeError:
            continue


def test_a_file_that_java_i2p_has_written() -> None:
    """By BlockfileNamingService and its BlockFile: names drawn for this test."""
    data = Path(__file__).parent / "data"
    file = Blockfile(gzip.decompress((data / "hostsdb.blockfile.gz").read_bytes()))
    found = sorted(f"{e.book} {e.name} {e.destination.b32}" for e in file.entries())
    assert found == (data / "blockfile.txt").read_text().splitlines()
    assert not file.faults
