"""Names to destination hashes: self-contained addresses first, then the hosts file.

Nothing here asks the network or the system's resolver: a name that is not known locally is unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from i2ptunnel.naming import hosts_file
from i2ptunnel.naming.address import Address, NameFault, read_address

FILE_BYTES_MAX = 64 * 1024 * 1024
_CHECK_EVERY_S = 2.0


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
        self._path = path
        self._monotonic = monotonic
        self._hosts: dict[str, bytes] = {}
        self._version: tuple[int, int, int] | None = None
        self._checked_at: float | None = None
        #: lines of the file that were skipped
        self.faults = 0

    def __len__(self) -> int:
        return len(self._hosts)

    async def resolve(self, name: str) -> Address:
        address = read_address(name)
        if address is not None:
            return address
        self._refresh()
        destination_hash = self._hosts.get(name.lower())
        if destination_hash is None:
            raise NameFault("the name is in no address book", "unknown_name")
        return Address(destination_hash)

    def _refresh(self) -> None:
        now = self._monotonic()
        if self._checked_at is not None and now - self._checked_at < _CHECK_EVERY_S:
            return
        self._checked_at = now
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version == self._version:
                return
            if stat.st_size > FILE_BYTES_MAX:
                raise OSError("too large")
            text = self._path.read_text("utf-8", "replace")
        except FileNotFoundError:
            self._hosts, self._version, self.faults = {}, None, 0
            return
        except OSError:
            return  # an unreadable file does not take away what is known
        parsed = hosts_file.parse(text)
        self._hosts, self._version, self.faults = parsed.hosts, version, parsed.faults
