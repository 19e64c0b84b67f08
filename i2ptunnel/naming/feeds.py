"""Keeps the address books up to date: fetches subscriptions when they are due, publishes our own.

Feeds are fetched one after the other through I2P and merged in a thread of its own, so tunnels
never wait. A feed that fails is tried again later and later; tunnels that are not ready yet are
nobody's failure. What is logged names no feed and no host.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.api import FileFault
from core.base.errors import I2PError, Unavailable
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.naming.fetch import (
    FeedSession,
    Fetched,
    FetchFault,
    NameLookup,
    fetch,
    read_feed_url,
)
from i2ptunnel.naming.merge import MergeResult
from i2ptunnel.naming.publish import PublishedFile
from i2ptunnel.naming.schedule import due_at
from i2ptunnel.naming.store import SubscriptionRow

INTERVAL_S = 12 * 3600.0
#: how often the books are looked at for changes and new subscriptions
POLL_S = 5.0
_NOT_READY_RETRY_S = 20.0
_AFTER_ERROR_S = 300.0
_NOT_READY = frozenset(("tunnels_not_ready", "closed"))

OpenSession = Callable[[], AbstractAsyncContextManager[FeedSession]]

_log = logging.getLogger("i2ptunnel.naming")


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """What the configuration says: the feeds' URLs, how often, and the file to publish."""

    urls: tuple[str, ...] = ()
    interval_s: float = INTERVAL_S
    published: PublishedFile | None = None


class Feeds:
    """The task behind ``naming:``. Cancel :meth:`run` to stop it.

    ``open_session`` gives a ready client session for as long as its context lasts; it raises
    Unavailable. ``claim`` puts the names of our own tunnels into the books, as far as their keys
    are there.
    """

    def __init__(
        self,
        books: AddressBooks,
        resolver: NameLookup,
        open_session: OpenSession,
        wall: Callable[[], float],
        settings: FeedSettings,
        claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._books = books
        self._resolver = resolver
        self._open_session = open_session
        self._wall = wall
        self._settings = settings
        self._claim = claim
        self._version: int | None = None
        self._fault = ""
        self._fetching = asyncio.Lock()
        self._not_before = 0.0

    def configure(self, settings: FeedSettings) -> None:
        """Use other settings from now on."""
        self._settings = settings
        self._version = None

    # What runs

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self._turn()
                self._fault = ""
            except FileFault as fault:
                if str(fault) != self._fault:
                    _log.error("%s", fault)
                self._fault = str(fault)
            except Exception as error:
                _log.error("internal error in updates of names: %s", type(error).__name__)
                _log.debug("internal error", exc_info=True)
                await asyncio.sleep(_AFTER_ERROR_S)
            await asyncio.sleep(POLL_S)

    async def _turn(self) -> None:
        await asyncio.to_thread(self._claim)
        await asyncio.to_thread(self._books.store.counts)
        now = self._wall()
        # A clock that was set back makes nobody wait for what was near.
        if not 0 < self._not_before - now <= _NOT_READY_RETRY_S:
            due = [r for r in self.rows() if due_at(r, self._settings.interval_s, now) <= now]
            if due:
                try:
                    await self.fetch(row.url for row in due)
                except Unavailable:
                    self._not_before = self._wall() + _NOT_READY_RETRY_S
        await self._publish()

    async def _publish(self) -> None:
        published = self._settings.published
        version = self._books.store.version()
        if published is None or version == self._version:
            return
        if await asyncio.to_thread(published.write, self._books.store):
            _log.debug("the published hosts file has changed")
        self._version = version

    # Fetching

    def rows(self) -> list[SubscriptionRow]:
        """Every feed: those of the configuration, then those added by command. FileFault."""
        stored = self._books.store.subscriptions()
        rows = [stored.get(url, SubscriptionRow(url)) for url in self._settings.urls]
        return rows + [
            row for row in stored.values() if row.is_own and row.url not in self._settings.urls
        ]

    async def fetch(self, urls: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Fetch feeds now, all of them without ``urls``; what came of each. Raises FileFault.

        Raises Unavailable when there is no way into I2P.
        """
        wanted = None if urls is None else set(urls)
        async with self._fetching:
            rows = [row for row in self.rows() if wanted is None or row.url in wanted]
            if not rows:
                return []
            async with self._open_session() as session:
                return [await self._fetch_one(session, row) for row in rows]

    async def _fetch_one(self, session: FeedSession, row: SubscriptionRow) -> dict[str, Any]:
        result = MergeResult()
        try:
            url = read_feed_url(row.url)
            fetched = await fetch(session, self._resolver, url, row.etag, row.last_modified)
            if fetched.body is not None:
                result = await asyncio.to_thread(self._books.merge, fetched.body, row.url)
                if result.malformed and result.malformed == result.total:
                    raise FetchFault("what came is not a hosts.txt")
        except FileFault:
            raise
        except I2PError as error:
            if isinstance(error, Unavailable) and error.code in _NOT_READY:
                raise
            return await self._failed(row, str(error))
        return await self._succeeded(row, fetched, result)

    async def _failed(self, row: SubscriptionRow, why: str) -> dict[str, Any]:
        if not row.failures:
            _log.info("a subscription could not be fetched: %s", why)
        row = replace(row, tried_at=self._wall(), failures=row.failures + 1, outcome=why)
        await self._keep(row)
        return {"url": row.url, "is_ok": False, "outcome": why}

    async def _succeeded(
        self, row: SubscriptionRow, fetched: Fetched, result: MergeResult
    ) -> dict[str, Any]:
        if fetched.body is None:
            outcome = "not changed"
        else:
            outcome = f"{result.added} added, {result.changed} changed, {result.removed} removed"
        if result.malformed:
            lines = "line is" if result.malformed == 1 else "lines are"
            first = f", the first is {result.first_faults[0]}" if result.first_faults else ""
            outcome += f"; {result.malformed} {lines} wrong{first}"
        if result.has_changes:
            _log.info("address book: %s by a subscription", outcome)
        now = self._wall()
        row = replace(
            row,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            fetched_at=now,
            tried_at=now,
            failures=0,
            outcome=outcome,
        )
        await self._keep(row)
        counts = {key: value for key, value in asdict(result).items() if key != "claims"}
        return {"url": row.url, "is_ok": True, "outcome": outcome, **counts}

    async def _keep(self, row: SubscriptionRow) -> None:
        """Save how it went, unless the feed was removed meanwhile; is_own may have changed."""
        known = self._books.store.subscriptions().get(row.url)
        if known is None and row.url not in self._settings.urls:
            return
        is_own = known.is_own if known is not None else False
        # It may have to wait for another program that writes.
        await asyncio.to_thread(self._books.save_subscription, replace(row, is_own=is_own))

    def state(self) -> FeedState:
        """What to tell somebody who misses a name. Raises FileFault."""
        now, interval_s = self._wall(), self._settings.interval_s
        return FeedState.of([describe(row, interval_s, now) for row in self.rows()])

    def status(self) -> dict[str, Any]:
        """For ``status --json``; the numbers of names as counted last. Raises FileFault."""
        now = self._wall()
        interval_s = self._settings.interval_s
        return {
            "names": {book.word: n for book, n in self._books.store.last_counts.items()},
            "subscriptions": [describe(row, interval_s, now) for row in self.rows()],
        }


def describe(row: SubscriptionRow, interval_s: float, now: float) -> dict[str, Any]:
    """A feed for programs; times in seconds from now, None: never."""
    return {
        "url": row.url,
        "by": "command" if row.is_own else "configuration",
        "fetched_ago_s": round(now - row.fetched_at) if row.fetched_at else None,
        "next_in_s": max(0, round(due_at(row, interval_s, now) - now)),
        "failures": row.failures,
        "outcome": row.outcome,
    }
