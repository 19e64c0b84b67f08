"""Address books, feeds and our own names, put together for one running appliance."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from core.api import FileFault
from core.base.errors import I2PError, Unavailable
from core.data.identity import Destination
from i2ptunnel.config.client_models import ClientSection
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.own_files import key_file_of
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.health import Facts
from i2ptunnel.keyfiles import read_keys
from i2ptunnel.naming import queries
from i2ptunnel.naming.books import FILE_NAME, AddressBooks, BookFault
from i2ptunnel.naming.feeds import Feeds, FeedSettings
from i2ptunnel.naming.fetch import FeedSession
from i2ptunnel.naming.first_book import load_first_book
from i2ptunnel.naming.names import suggestion
from i2ptunnel.naming.publish import PUBLIC_BOOKS, PublishedFile
from i2ptunnel.naming.resolver import BookResolver, FileResolver
from i2ptunnel.naming.store import Book
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.tunnels.base import SessionRequest, end_task, no_facts, wait_for_tunnels

HOSTS_FILE = "hosts.txt"
PUBLIC_NETWORK = 2
_SESSION_NAME = "address book"
_READY_TIMEOUT_S = 60.0
#: how soon a changed book has its copy
COPY_INTERVAL_S = 60.0

_log = logging.getLogger("i2ptunnel.naming")


class NamingService:
    """Owns the books; start it when the router runs, stop it before the router stops."""

    def __init__(
        self,
        configuration: Configuration,
        data_dir: Path,
        open_session: Callable[[SessionRequest], Awaitable[I2pSession]],
        release_session: Callable[[I2pSession], Awaitable[None]],
        wall: Callable[[], float] = time.time,
        facts: Callable[[], Facts] = no_facts,
    ) -> None:
        """Open the books; raises FileFault. ``facts``: how the router is."""
        self._facts = facts
        self._configuration = configuration
        self._data_dir = data_dir
        self._open_session = open_session
        self._release_session = release_session
        self.books = AddressBooks(data_dir / FILE_NAME, wall)
        self.hosts = FileResolver(data_dir / HOSTS_FILE)
        #: what tunnels ask
        self.resolver = BookResolver(self.books, self.hosts)
        self._claimed: set[tuple[str, Path]] = set()
        self._feeds = Feeds(
            self.books,
            self.resolver,
            self.session,
            wall,
            _settings(configuration),
            claim=self._claim_own_names,
        )
        self.resolver.feed_state = self._feeds.state
        self._wall = wall
        self._task: asyncio.Task[None] | None = None
        self._copying: asyncio.Task[None] | None = None
        self._load_first_book()
        self.books.store.counts()

    def start(self) -> None:
        """Fetch feeds from now on, when they are due; and keep a copy of the books."""
        if self._task is None:
            self._task = asyncio.create_task(self._feeds.run(), name="address book")
            self._copying = asyncio.create_task(self._keep_copies(), name="address book copy")

    async def _keep_copies(self) -> None:
        while True:
            await asyncio.sleep(COPY_INTERVAL_S)
            try:
                await asyncio.to_thread(self.books.store.keep_copy)
            except FileFault as fault:
                _log.warning("%s", fault)

    async def stop(self) -> None:
        """End fetching; names are still looked up. May be called in any state."""
        self.books.abandon_merges()
        task, self._task = self._task, None
        copying, self._copying = self._copying, None
        await end_task(task)
        await end_task(copying)

    def close(self) -> None:
        """After the last lookup."""
        self.books.close()

    def configure(self, configuration: Configuration) -> None:
        """Use another configuration from now on."""
        self._configuration = configuration
        self._feeds.configure(_settings(configuration))
        self._load_first_book()
        self.books.store.counts()

    def _load_first_book(self) -> None:
        """The names that come with the program belong to the public network."""
        configuration = self._configuration
        if not configuration.naming.first_book or configuration.router.network_id != PUBLIC_NETWORK:
            return
        try:
            added = load_first_book(self.books, self._wall())
        except I2PError as error:
            _log.error("the first address book cannot be loaded: %s", error)
            return
        if added:
            _log.info("address book: %d well-known names to start with", added)

    def status(self) -> dict[str, Any]:
        """For ``status --json``."""
        try:
            return {**self._feeds.status(), "hosts_file": self.hosts.status()}
        except FileFault as fault:
            return {"error": str(fault)}

    def destination_of(self, destination_hash: bytes) -> Destination | None:
        """The whole destination behind a hash, if a book has it."""
        try:
            return self.books.destination_of(destination_hash)
        except FileFault:
            return None

    def why_unknown(self, name: str) -> str:
        """What to tell somebody who asked for a name that no book has; to follow a semicolon."""
        meant = suggestion(name)
        if meant is not None:
            return f"did you mean {meant}?"
        try:
            return self._feeds.state().clause
        except FileFault as fault:
            return str(fault)

    async def refresh(self) -> None:
        """Count names and read ``hosts.txt`` again, if anything has changed."""
        with contextlib.suppress(FileFault):  # status says so
            await asyncio.to_thread(self.books.store.counts)
        await self.hosts.refresh()

    async def fresh_status(self) -> dict[str, Any]:
        """The status after :meth:`refresh`; raises FileFault."""
        await self.refresh()
        return {**self._feeds.status(), "hosts_file": self.hosts.status()}

    async def conflicts(self) -> list[dict[str, Any]]:
        """Names for which the present subscriptions have other addresses; raises FileFault."""
        urls = {row.url for row in self._feeds.rows()}
        return await asyncio.to_thread(queries.conflicts, self.books, urls)

    async def fetch(self, urls: list[str] | None) -> list[Any]:
        """Fetch these subscriptions now, None: all. Unavailable: there is no way into I2P yet."""
        try:
            return await self._feeds.fetch(urls)
        except Unavailable as error:
            why = "there are no tunnels into I2P yet; try again later"
            raise Unavailable(why, error.code) from None

    # A way into I2P

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[FeedSession]:
        """A ready session, that of the client tunnels if there is one."""
        shape = next(
            (
                (tunnel.inbound, tunnel.outbound)
                for tunnel in self._configuration.tunnels.values()
                if isinstance(tunnel, ClientSection)
                and (tunnel.enabled and tunnel.shared and tunnel.keys is None)
            ),
            (ShapeSection(), ShapeSection()),
        )
        session = await self._open_session(SessionRequest(_SESSION_NAME, *shape, None, True, False))
        try:
            await wait_for_tunnels(session, self._facts, _READY_TIMEOUT_S)
            yield cast(FeedSession, session)
        finally:
            await self._release_session(session)

    # Our own names

    def _claim_own_names(self) -> None:
        """Names of our own server tunnels go into the local book once their keys are there."""
        for name, tunnel in self._configuration.tunnels.items():
            hostname = getattr(tunnel, "hostname", None)
            keys_file = key_file_of(name, tunnel)
            if not isinstance(hostname, str) or keys_file is None or not tunnel.enabled:
                continue
            if getattr(getattr(tunnel, "encrypted", None), "enabled", False):
                continue  # its name would tell what its address hides
            own = (hostname, self._data_dir / keys_file)
            if own not in self._claimed and own[1].exists():
                self._claimed.add(own)
                self._claim(name, *own)

    def _claim(self, tunnel: str, hostname: str, path: Path) -> None:
        try:
            keys = read_keys(path)
            if keys is not None:
                self.books.claim(hostname, keys)
        except BookFault as fault:
            _log.warning("the hostname of tunnel %s is not in the address book: %s", tunnel, fault)
        except I2PError:
            pass  # the tunnel itself says what is wrong with its keys


def _settings(configuration: Configuration) -> FeedSettings:
    naming = configuration.naming
    published = None
    if naming.publish is not None:
        books = PUBLIC_BOOKS if naming.publish.router_book else (Book.LOCAL,)
        published = PublishedFile(naming.publish.file, books)
    return FeedSettings(tuple(dict.fromkeys(naming.subscriptions)), naming.interval, published)
