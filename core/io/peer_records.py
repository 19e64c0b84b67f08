"""What was experienced with other routers, kept over restarts in one file.

It can be learned again, so a file that is missing, damaged or cannot be written stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.io.files import FileFault, read_limited, write_atomic
from core.peers.book import PeerBook
from core.peers.dump import DUMP_BYTES_MAX

logger = logging.getLogger("core.io.peer_records")

FILE_NAME = "peers.dat"
SAVE_INTERVAL_S = 300.0


class PeerRecords:
    """The file in ``directory``; it is written every ``SAVE_INTERVAL_S`` and at the end."""

    def __init__(self, directory: Path, book: PeerBook, wall: WallClock, now: float) -> None:
        self._path = directory / FILE_NAME
        self._book = book
        self._wall = wall
        self._due_at = now + SAVE_INTERVAL_S
        self._writing: asyncio.Task[None] | None = None

    def load(self, now: float) -> None:
        """Take back what an earlier run had written, if it is there and whole."""
        if not self._path.exists():
            return
        try:
            data = read_limited(self._path, DUMP_BYTES_MAX)
            count = self._book.load(data, now, self._wall.now())
        except FileFault as fault:
            logger.warning("going on without what was known of other routers: %s", fault)
        except DecodeError as error:
            logger.warning(
                "going on without what was known of other routers: %s: %s", self._path, error
            )
        else:
            logger.debug("experience with %d routers", count)

    def save_if_due(self, now: float) -> None:
        """Begin to write in a thread, now and then; never two at once."""
        if now >= self._due_at and (self._writing is None or self._writing.done()):
            self._due_at = now + SAVE_INTERVAL_S
            data = self._book.dump(now, self._wall.now())
            self._writing = asyncio.create_task(asyncio.to_thread(self._write, data))

    async def save(self, now: float) -> None:
        """Return when everything known so far is on the disk."""
        if self._writing is not None:
            await self._writing
        await asyncio.to_thread(self._write, self._book.dump(now, self._wall.now()))

    def _write(self, data: bytes) -> None:
        try:
            write_atomic(self._path, data)
        except FileFault as fault:
            logger.warning("%s", fault)
