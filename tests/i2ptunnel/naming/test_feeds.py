"""Feeds over streams: requests, validators, limits, redirects, back-off; merged and published."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from i2ptunnel.naming import fetch as fetching
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.feeds import Feeds, FeedSettings
from i2ptunnel.naming.fetch import FetchFault, fetch, read_feed_url
from i2ptunnel.naming.publish import PublishedFile
from i2ptunnel.naming.resolver import BookResolver, FileResolver
from i2ptunnel.naming.schedule import due_at
from i2ptunnel.naming.store import Book, SubscriptionRow
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession, LoopbackStream
from tests.support.waiting import until

A, B = (PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b"))
LINE = f"a.i2p={A.destination.b64}\n"
URL = "http://feed.i2p/hosts.txt"
Answer = Callable[[str], bytes | Awaitable[bytes]]


def answer(body: bytes | str, *headers: str, status: str = "200 OK", length: int = -1) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(header.lower().startswith("transfer-encoding") for header in headers):
        lines.append(f"Content-Length: {len(data) if length < 0 else length}")
    return "\r\n".join([*lines, "", ""]).encode() + data


class World:
    """A site with a feed, and a reader with address books that know the site."""

    def __init__(self, path: Path) -> None:
        self.network = LoopbackNetwork()
        self.site = self.network.session("site")
        self.reader = self.network.session("reader")
        self.clock = FakeWallClock()
        self.books = AddressBooks(path / "addresses.sqlite", self.clock.now)
        self.books.add(Book.ROUTER, "feed.i2p", self.site.destination.b64)
        self.resolver = BookResolver(self.books, FileResolver(path / "hosts.txt"))
        self.runner = asyncio.Runner()
        self.requests: list[str] = []
        self.answers: list[bytes] = []

    async def serve(self) -> None:
        while True:
            stream = await self.site.accept()
            await self._serve(stream)

    async def _serve(self, stream: LoopbackStream) -> None:
        request = b""
        with contextlib.suppress(Unavailable):
            while not request.endswith(b"\r\n\r\n"):
                request += await stream.read()
            self.requests.append(request.decode())
            await stream.write(self.answers.pop(0))
            await stream.close()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[LoopbackSession]:
        await self.reader.wait_ready(0.01)
        yield self.reader

    def feeds(self, *urls: str, **settings: object) -> Feeds:
        made = FeedSettings(urls or (URL,), **settings)  # type: ignore[arg-type]
        return Feeds(self.books, self.resolver, self.session, self.clock.now, made)

    def names(self) -> set[str]:
        return {entry.name for entry in self.books.store.entries((Book.ROUTER,))} - {"feed.i2p"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.runner.close()
    made.books.close()


def run(world: World, work: Callable[[], Awaitable[object]]) -> object:
    async def main() -> object:
        serving = asyncio.create_task(world.serve())
        try:
            async with asyncio.timeout(10):
                return await work()
        finally:
            serving.cancel()

    return world.runner.run(main())


def fetch_with(world: World, *answers: bytes) -> str | None:
    world.answers = list(answers)

    async def work() -> object:
        return await fetch(world.reader, world.resolver, read_feed_url(URL))

    fetched = run(world, work)
    assert isinstance(fetched, fetching.Fetched)
    return None if fetched.body is None else fetched.body.decode()


def test_a_whole_round_with_validators(world: World) -> None:
    feeds = world.feeds()
    validators = ('ETag: "v1"', "Last-Modified: Sat, 21 Nov 2026 08:00:00 GMT")
    world.answers = [answer(LINE, *validators), answer("", status="304 Not Modified")]
    (first,) = run(world, feeds.fetch)  # type: ignore[misc]
    assert (first["is_ok"], first["added"]) == (True, 1) and world.names() == {"a.i2p"}
    world.clock.advance(50)
    (second,) = run(world, feeds.fetch)  # type: ignore[misc]
    # i2pd: "not modified" counts as a failure and is retried
    assert (second["is_ok"], second["outcome"]) == (True, "not changed")
    row = world.books.store.subscriptions()[URL]
    assert (row.etag, row.failures, row.fetched_at) == ('"v1"', 0, world.clock.now())
    first_request, second_request = world.requests
    assert first_request.split("\r\n")[:3] == [
        "GET /hosts.txt HTTP/1.1",
        f"Host: {world.site.destination.b32}",
        "User-Agent: MYOB/6.66 (AN/ON)",
    ]
    assert "If-" not in first_request and "feed.i2p" not in first_request
    assert 'If-None-Match: "v1"\r\n' in second_request
    assert "If-Modified-Since: Sat, 21 Nov 2026 08:00:00 GMT\r\n" in second_request


def test_marks_and_wrong_lines_of_a_feed(world: World) -> None:
    feeds = world.feeds()
    other = f"\ufeffb.i2p={A.destination.b64}\n"  # of the second of two files put together
    world.answers = [answer(f"\ufeff{LINE}junk\n{other}"), answer(LINE.encode("utf-16"))]
    (result,) = run(world, feeds.fetch)  # type: ignore[misc]
    assert world.names() == {"a.i2p", "b.i2p"}
    told = "1 line is wrong, the first is line 2: there is no name=destination"
    assert result["outcome"] == f"2 added, 0 changed, 0 removed; {told}"
    assert feeds.status()["subscriptions"][0]["outcome"] == result["outcome"]
    (result,) = run(world, feeds.fetch)  # type: ignore[misc]
    assert not result["is_ok"]
    assert result["outcome"] == "this is UTF-16, not UTF-8 text; save it as UTF-8"


def test_bodies_in_all_framings(world: World) -> None:
    packed = gzip.compress(LINE.encode())
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LINE), LINE.encode())
    assert fetch_with(world, answer(LINE)) == LINE
    assert fetch_with(world, answer(chunked, "Transfer-Encoding: chunked")) == LINE
    assert fetch_with(world, answer(packed, "Content-Encoding: x-i2p-gzip")) == LINE
    assert fetch_with(world, b"HTTP/1.0 200 OK\r\n\r\n" + LINE.encode()) == LINE
    assert fetch_with(world, b"HTTP/1.1 100 Continue\r\n\r\n" + answer(LINE)) == LINE
    assert fetch_with(world, answer("")) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk\r\n\r\n",
        answer(LINE, length=len(LINE) + 1),
        answer(b"5\r\nabc", "Transfer-Encoding: chunked"),
        answer(LINE, status="404 Not Found"),
        answer("", status="304 Not Modified"),
        answer(gzip.compress(LINE.encode())[:-9], "Content-Encoding: gzip"),
        answer(LINE, "Content-Encoding: gzip"),
        answer(LINE, "Content-Encoding: br"),
        answer("", "Location: https://feed.i2p/", status="301 Moved"),
        answer("", "Location: http://example.org/", status="301 Moved"),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 140_000 + b"\r\n\r\n",
    ],
)
def test_answers_that_are_no_feed(world: World, data: bytes) -> None:
    with pytest.raises((FetchFault, Unavailable)) as caught:
        fetch_with(world, data)
    assert ".i2p" not in str(caught.value).replace("site.i2p/hosts.txt", "")


def test_size_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BODY_BYTES_MAX", 10_000)
    bomb = gzip.compress(b"#" * 5_000_000)
    for data in (
        answer(b"#" * 10_001),
        answer(bomb, "Content-Encoding: gzip"),
        b"HTTP/1.0 200 OK\r\n\r\n" + b"#" * 100_000,
    ):
        with pytest.raises(FetchFault, match="larger"):
            fetch_with(world, data)


def test_redirects(world: World) -> None:
    there = answer("", "Location: /new?x=1", status="302 Found")
    assert fetch_with(world, there, answer(LINE)) == LINE
    assert world.requests[-1].startswith("GET /new?x=1 HTTP/1.1")
    with pytest.raises(FetchFault, match="too often"):
        fetch_with(world, *[there] * 5)


def test_a_feed_that_does_not_end(world: World) -> None:
    async def work() -> object:
        url = read_feed_url(URL)
        return await fetch(world.reader, world.resolver, url, total_timeout_s=0.05)

    async def silence(stream: LoopbackStream) -> None:
        await asyncio.sleep(9)

    world._serve = silence  # type: ignore[method-assign]
    with pytest.raises(FetchFault, match="too long"):
        run(world, work)


def test_the_next_destination_of_a_name_is_tried(world: World) -> None:
    world.books.add(Book.ROUTER, "feed.i2p", A.destination.b64, is_further=True)
    assert world.books.lookup("feed.i2p")[0].hash == A.hash
    assert fetch_with(world, answer(LINE)) == LINE


def test_failures_back_off_and_name_no_host(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "i2ptunnel")
    feeds = world.feeds()
    due = []
    for _ in range(4):
        world.answers = [answer("no", status="500 Broken")]
        run(world, feeds.fetch)
        row = world.books.store.subscriptions()[URL]
        due.append(due_at(row, 43_200, world.clock.now()) - world.clock.now())
        world.clock.advance(10)
    assert row.failures == 4 and "500" in row.outcome
    for wait_s, base_s in zip(due, (30, 60, 120, 240), strict=True):
        assert 0.9 * base_s <= wait_s <= 1.1 * base_s
    assert caplog.text.count("could not be fetched") == 1 and "feed.i2p" not in caplog.text
    world.answers = [answer("<html>\n<p>hello</p>\n</html>\n")]
    (result,) = run(world, feeds.fetch)  # type: ignore[misc]
    assert not result["is_ok"] and "not a hosts.txt" in result["outcome"]


def test_when_feeds_are_due() -> None:
    row, hour = SubscriptionRow("u"), 3600.0
    assert due_at(row, hour, 1000.0) == 1000.0
    fetched = SubscriptionRow("u", tried_at=5000.0, fetched_at=5000.0)
    assert 0.9 * hour <= due_at(fetched, hour, 5000.0) - 5000 <= 1.1 * hour
    assert due_at(fetched, hour, 5000.0) == due_at(fetched, hour, 6000.0)
    assert due_at(fetched, hour, 100.0) == 100.0  # the clock was set back
    failing = SubscriptionRow("u", tried_at=5000.0, failures=500)
    assert due_at(failing, hour, 5000.0) <= 5000 + 1.1 * hour


def test_the_task_fetches_publishes_and_survives(world: World, tmp_path: Path) -> None:
    file = tmp_path / "site" / "hosts.txt"
    world.network.starts_ready = True
    world.reader.is_ready = False
    other = "http://feed.i2p/more.txt"
    world.books.subscribe(other)
    world.answers = [answer(LINE), answer(f"b.i2p={B.destination.b64}\n")]
    feeds = world.feeds(published=PublishedFile(file))

    async def work() -> None:
        task = asyncio.create_task(feeds.run())
        await until("the file", file.exists)
        assert world.requests == []  # no tunnels yet: nobody's failure
        assert world.books.store.subscriptions()[other].failures == 0
        world.reader.become_ready()
        world.clock.advance(60)
        await until("both names", lambda: world.names() == {"a.i2p", "b.i2p"})
        await until("b.i2p published", lambda: "b.i2p" in file.read_text())
        world.books.add(Book.LOCAL, "c.i2p", A.destination.b64)
        await until("c.i2p published", lambda: "c.i2p" in file.read_text())
        assert not task.done()
        task.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("i2ptunnel.naming.feeds.POLL_S", 0.005)
        run(world, work)
    world.books.store.counts()
    status = feeds.status()
    assert status["names"] == {"private": 0, "local": 1, "router": 3}
    assert [row["by"] for row in status["subscriptions"]] == ["configuration", "command"]
    assert len(world.requests) == 2


def test_fetching_without_tunnels_says_so(world: World) -> None:
    world.reader.is_ready = False
    with pytest.raises(Unavailable):
        run(world, world.feeds().fetch)


def test_a_feed_removed_while_it_is_fetched_stays_removed(world: World) -> None:
    world.books.subscribe(URL)
    feeds = world.feeds()
    feeds.configure(FeedSettings())
    world.answers = [answer(LINE)]
    serve = world._serve

    async def unsubscribing(stream: LoopbackStream) -> None:
        world.books.unsubscribe(URL)
        await serve(stream)

    world._serve = unsubscribing  # type: ignore[method-assign]
    run(world, feeds.fetch)
    assert world.books.store.subscriptions() == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://a.i2p/",
        "http://example.org/",
        "http://u:p@a.i2p/",
        "http://a.i2p:0/",
        "http://a.i2p:x/",
        "http://a.i2p/ä",
        "http://a.i2p/a b",
        "http://[a.i2p/",
        "a.i2p",
        "",
    ],
)
def test_urls_that_are_no_feed(url: str) -> None:
    with pytest.raises(FetchFault):
        read_feed_url(url)


def test_urls() -> None:
    assert str(read_feed_url("http://A.i2p.alt:80/x?y#z")) == "http://a.i2p/x?y"
    assert str(read_feed_url("http://a.i2p:81")) == "http://a.i2p:81/"
