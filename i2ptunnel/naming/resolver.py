"""Names to addresses: self-contained ones first, then the address books and the hosts file.

Nothing here asks the network or the system's resolver: a name that is not known locally is unknown.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from i2ptunnel.naming import hosts_file
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.books import AddressBooks, address_of
from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.naming.names import normalise, parent_of
from i2ptunnel.naming.store import Book
from i2ptunnel.text_files import decode_text

FILE_BYTES_MAX = 64 * 1024 * 1024
_CHECK_EVERY_S = 2.0
#: how long a lookup waits for a changed file to be read
_PATIENCE_S = 0.5

_log = logging.getLogger("i2ptunnel.naming")


class Resolver(Protocol):
    """What tunnels ask."""

    async def resolve(self, name: str) -> Address:
        """The address behind a name, b32 address or base64 destination.

        Raises NameFault; its message does not repeat the name.
        """
        ...


class FileResolver:
    """Self-contained addresses and ``hosts.txt``, which is read again when it changes."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._monotonic = monotonic
        self._hosts: dict[str, Address] = {}
        self._version: tuple[int, int, int] | None = None
        self._checked_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        #: lines of the file that were left out, and what is wrong with the first
        self.faults = 0
        self.first_faults: tuple[str, ...] = ()
        #: why the whole file was left out, or empty
        self.fault = ""

    def __len__(self) -> int:
        return len(self._hosts)

    async def resolve(self, name: str) -> Address:
        """The file is read again first if it has changed. Raises NameFault."""
        name = normalise(name)
        address = read_address(name)
        if address is not None:
            return address
        await self.refresh()
        found = self.known(name)
        if found is None:
            raise NameFault("the name is in no address book", "unknown_name")
        return found

    async def refresh(self) -> None:
        """Read the file again if it has changed, in a thread: it may have many megabytes.

        A large one that was read before counts as it was until that is done.
        """
        if self._reading is None and self._is_due():
            self._reading = asyncio.create_task(asyncio.to_thread(self._refresh))
            self._reading.add_done_callback(self._on_read)
        if self._reading is not None:
            patience_s = None if self._version is None else _PATIENCE_S
            await asyncio.wait((self._reading,), timeout=patience_s)

    def _on_read(self, reading: asyncio.Task[None]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is not None:
            _log.error("internal error: %s", type(reading.exception()).__name__)

    def find(self, name: str) -> Address | None:
        """What the file has now for a normalised name; for programs without an event loop."""
        self._refresh()
        return self.known(name)

    def known(self, name: str) -> Address | None:
        """What the file had for a normalised name when it was read last."""
        found = self._hosts.get(name)
        if found is None and (parent := parent_of(name)) is not None:
            return self._hosts.get(parent)
        return found

    def names(self, part: str = "") -> list[tuple[str, Address]]:
        """All that the file has now whose name contains ``part``; without an event loop, too."""
        self._refresh()
        return [(n, self._hosts[n]) for n in sorted(self._hosts) if part in n]

    def names_of(self, destination_hash: bytes) -> list[str]:
        """The names that the file has now for a hash; for programs without an event loop."""
        self._refresh()
        return sorted(n for n, found in self._hosts.items() if found.hash == destination_hash)

    def status(self) -> dict[str, Any] | None:
        """How many names there were, and what was wrong, when the file was read last.

        None: there was no file.
        """
        if self._version is None and not self.fault:
            return None
        return {
            "names": len(self._hosts),
            "faults": self.faults,
            "first_faults": list(self.first_faults),
            "error": self.fault or None,
        }

    def _is_due(self) -> bool:
        checked_at = self._checked_at
        return checked_at is None or self._monotonic() - checked_at >= _CHECK_EVERY_S

    def _refresh(self) -> None:
        if not self._is_due():
            return
        self._checked_at = self._monotonic()
        try:
            stat = self.path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version == self._version:
                return
            data = read_limited(self.path, FILE_BYTES_MAX)
            parsed = hosts_file.parse(decode_text(data, "replace"))
        except FileNotFoundError:
            self._hosts, self._version, self.fault = {}, None, ""
            self.faults, self.first_faults = 0, ()
            return
        except (OSError, FileFault, DecodeError) as error:
            # An unreadable file does not take away what is known.
            words = getattr(error, "strerror", None) or getattr(error, "problem", None)
            fault = (words or str(error)).lower()
            if fault != self.fault:
                _log.warning("%s cannot be read: %s", self.path.name, fault)
            self.fault = fault
            return
        self._hosts, self._version, self.fault = parsed.hosts, version, ""
        self.faults, self.first_faults = parsed.faults, parsed.first_faults
        if self.faults:
            text = "%s: %s left out, the first is %s"
            what = "1 line is" if self.faults == 1 else f"{self.faults} lines are"
            _log.warning(text, self.path.name, what, self.first_faults[0])


class BookResolver:
    """The address books, with ``hosts.txt`` between the user's own books and the feeds' names.

    Changes of the books, also those of other programs, count from the next lookup on.
    """

    def __init__(self, books: AddressBooks, hosts: FileResolver) -> None:
        #: for who adds names or asks for the names of a destination
        self.books = books
        #: for who tells a user that a name is unknown; None: there are no feeds
        self.feed_state: Callable[[], FeedState] | None = None
        self._hosts = hosts

    async def resolve(self, name: str) -> Address:
        """Of the first book that has the name; a hosts file beats feeds. Raises NameFault."""
        name = normalise(name)
        try:
            address = read_address(name)
            if address is not None:
                return self._with_credentials(address)
            entries = self.books.lookup(name)
        except FileFault as fault:
            _log.error("%s", fault)
            raise NameFault("the address book cannot be read", "unknown_name") from None
        if not entries or entries[0].book is Book.ROUTER:
            await self._hosts.refresh()
            own = self._hosts.known(name)
            if own is not None:
                return self._with_credentials(own)
        if not entries:
            raise NameFault("the name is in no address book", "unknown_name")
        others = tuple(entry.hash for entry in entries[1:] if entry.address is None)
        return replace(self._with_credentials(address_of(entries[0])), others=others)

    def _with_credentials(self, address: Address) -> Address:
        if address.blinded is None:
            return address
        secret, client_key = self.books.store.credentials(address.host)
        return replace(address, secret=secret, client_key=client_key)
