"""Feeds, hosts files and large books do not keep the event loop: its turns are measured."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from pathlib import Path
from random import Random

import pytest

from core.api import share_turn
from core.base.errors import I2PError
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming import hosts_file
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.fetch import fetch, read_feed_url
from i2ptunnel.naming.resolver import BookResolver, FileResolver
from i2ptunnel.naming.store import Book
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.loopback_session import LoopbackNetwork
from tests.support.turns import run_in_short_turns

KEYS = PrivateKeys.generate_destination(SeededEntropy("hostile names"))
LINE = f"a.i2p={KEYS.destination.b64}\n".encode()
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def gzipped(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    return coder.compress(data) + coder.flush()


FEEDS = {
    "chunks of one byte": CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in LINE * 12),
    "endless interim responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
    "an endless head": HEAD + b"a: b\r\n" * 50_000,
    "a bomb": HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzipped(b"\n" * 50_000_000),
    "lines of one byte": HEAD + b"Content-Length: 200000\r\n\r\n" + b"a\n" * 100_000,
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed(name: str, tmp_path: Path) -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        site, reader = network.session("site"), network.session("reader")
        books = AddressBooks(tmp_path / "addresses.sqlite", FakeWallClock().now)
        books.add(Book.ROUTER, "feed.i2p", site.destination.b64)
        resolver = BookResolver(books, FileResolver(tmp_path / "hosts.txt"))

        async def serve() -> None:
            stream = await site.accept()
            with contextlib.suppress(I2PError):
                await stream.read()
                await stream.write(FEEDS[name])
                await stream.close_write()

        serving = asyncio.create_task(serve())
        with contextlib.suppress(I2PError):
            fetched = await fetch(reader, resolver, read_feed_url("http://feed.i2p/h"))
            assert fetched.body is not None
            await asyncio.to_thread(books.merge, fetched.body, "feed")
        serving.cancel()
        books.close()

    run_in_short_turns(main())


@pytest.mark.parametrize("junk", [b"a\n", b"\n", b"a=b\n"])
def test_a_large_hosts_file_is_read_beside_the_loop(junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hosts.txt"
    path.write_bytes(LINE + junk * 30_000)

    async def main() -> None:
        books = AddressBooks(tmp_path / "addresses.sqlite", FakeWallClock().now)
        resolver = BookResolver(books, FileResolver(path))
        assert (await resolver.resolve("a.i2p")).hash == KEYS.destination.hash
        books.close()

    run_in_short_turns(main())


def test_lines_beyond_the_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_file, "LINES_MAX", 10)
    parsed = hosts_file.parse("\n" * 10 + LINE.decode())
    assert (parsed.hosts, parsed.faults) == ({}, 1)
    assert "more than 10 lines" in parsed.first_faults[0]


def test_a_changed_hosts_file_counts_as_it_was_until_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hosts.txt"
    path.write_bytes(LINE)
    now = 0.0

    async def main() -> None:
        nonlocal now
        resolver = FileResolver(path, lambda: now)
        for _ in range(2):
            found = await asyncio.gather(*(resolver.resolve("a.i2p") for _ in range(3)))
            assert {address.hash for address in found} == {KEYS.destination.hash}
            path.write_bytes(b"# later\n" + LINE.replace(b"a.i2p", b"b.i2p") + LINE)
            now += 10
        assert (await resolver.resolve("b.i2p")).hash == KEYS.destination.hash

    asyncio.run(main())


def test_thousands_of_names_are_counted_beside_the_loop(tmp_path: Path) -> None:
    draw = Random(1)
    books = AddressBooks(tmp_path / "addresses.sqlite", FakeWallClock().now)
    with books.store.transaction() as transaction:
        transaction._connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (2, f"n{i}.i2p", 0, draw.randbytes(32), bytes(391), None, 1, 1, None, "", "", "")
                for i in range(10_000)
            ),
        )

    async def main() -> None:
        counting = asyncio.create_task(asyncio.to_thread(books.store.counts))
        while not counting.done():
            await share_turn()
            books.lookup("n77.i2p")
            await asyncio.sleep(0)
        assert books.store.last_counts[Book.ROUTER] == 10_000

    run_in_short_turns(main())
    books.close()
