"""Who may connect to a server tunnel: the two lists of its options and the filter's files.

Fail-closed: a definition or list that cannot be read or understood is a fault before the tunnel
starts. Later, a list that breaks leaves what was read before in force.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError, I2PError, system_reason
from core.data.identity import hash_to_b32
from i2ptunnel.config.tunnel_parts import AccessSection
from i2ptunnel.protocols.access_filter import (
    AccessFilter,
    FilterFault,
    parse_definition,
    parse_list,
)
from i2ptunnel.text_files import decode_text

FILE_BYTES_MAX = 8 * 1024 * 1024
CHECK_EVERY_S = 10.0

_Version = tuple[int, int, int]


class AccessFault(I2PError):
    """The access filter cannot be used, and the tunnel must not start. Names file and line."""


class AccessGuard:
    """The lists and the filter of one tunnel; :meth:`load` first, then :meth:`keep` beside it."""

    def __init__(self, access: AccessSection, logger: logging.Logger) -> None:
        self._allow = frozenset(access.allow)
        self._deny = frozenset(access.deny)
        self._path = access.filter
        self._logger = logger
        self._filter: AccessFilter | None = None
        self._lists: dict[Path, frozenset[bytes]] = {}
        self._versions: dict[Path, _Version | None] = {}
        #: what is wrong with a list now; None: nothing
        self.fault: str | None = None

    async def load(self) -> None:
        """Read definition and lists; raises AccessFault."""
        if self._path is None:
            return
        await asyncio.to_thread(self._load, self._path)

    async def keep(self) -> None:
        """Follow changes of the lists and write down who is to be recorded, until cancelled."""
        while self._filter is not None:
            await asyncio.sleep(CHECK_EVERY_S)
            await self.refresh()

    async def refresh(self) -> None:
        """One round of :meth:`keep`."""
        if self._filter is None:
            return
        recorded, self._filter.recorded = self._filter.recorded, {}
        fault = await asyncio.to_thread(self._record_and_reread, recorded)
        self._filter.set_lists(self._lists)
        if fault is not None and fault != self.fault:
            self._logger.warning("access filter: %s; what was read before stays in force", fault)
        self.fault = fault

    def is_denied(self, destination_hash: bytes) -> bool:
        """Whether it may never connect; counts nothing."""
        if destination_hash in self._deny:
            return True
        if self._allow and destination_hash not in self._allow:
            return True
        return self._filter is not None and self._filter.is_denied(destination_hash)

    def admit(self, destination_hash: bytes, now: float | None = None) -> bool:
        """Count an attempt to connect, and say whether it may."""
        is_admitted = True
        if self._filter is not None:
            now = time.monotonic() if now is None else now
            is_admitted = self._filter.admit(destination_hash, now)
        return is_admitted and not self.is_denied(destination_hash)

    def _load(self, path: Path) -> None:
        try:
            definition = parse_definition(_read(path), path.parent)
        except (FilterFault, OSError) as error:
            raise AccessFault(f"access filter {path}: {_words(error)}") from None
        for file in definition.lists:
            try:
                self._reread(file)
            except FileNotFoundError:
                if file not in definition.records:
                    raise AccessFault(f"access filter {path}: there is no file {file}") from None
            except (FilterFault, OSError) as error:
                raise AccessFault(f"access list {file}: {_words(error)}") from None
        for file in definition.records:
            if not file.parent.is_dir():
                raise AccessFault(f"access filter {path}: there is no directory {file.parent}")
        access_filter = AccessFilter(definition)
        access_filter.set_lists(self._lists)
        self._filter = access_filter

    def _reread(self, file: Path) -> None:
        info = file.stat()
        version = (info.st_mtime_ns, info.st_size, info.st_ino)
        if self._versions.get(file) != version:
            self._lists[file] = parse_list(_read(file))
            self._versions[file] = version

    def _record_and_reread(self, recorded: dict[Path, set[bytes]]) -> str | None:
        assert self._filter is not None
        fault = None
        for file, hashes in recorded.items():
            try:
                _append(file, hashes)
            except (FilterFault, OSError) as error:
                fault = f"{file}: {_words(error)}"
        for file in self._filter.definition.lists:
            try:
                self._reread(file)
            except FileNotFoundError:
                if file not in self._filter.definition.records:
                    fault = f"{file}: it is gone"
            except (FilterFault, OSError) as error:
                fault = f"{file}: {_words(error)}"
        return fault


def _read(path: Path) -> str:
    try:
        return decode_text(read_limited(path, FILE_BYTES_MAX))
    except FileFault as fault:
        raise FilterFault(fault.problem.lower()) from None
    except DecodeError as error:
        raise FilterFault(str(error)) from None


def _append(file: Path, hashes: set[bytes]) -> None:
    """Add those that are not there yet, whole lines only, whatever else writes to the file."""
    text = _read(file) if file.exists() else ""
    new = sorted(hashes - parse_list(text))
    if not new:
        return
    lines = "".join(f"{hash_to_b32(one)}\n" for one in new)
    if len(text) + len(lines) > FILE_BYTES_MAX:
        raise FilterFault("the file is full")
    start = "\n" if text and not text.endswith("\n") else ""
    with file.open("a", encoding="ascii") as out:
        out.write(start + lines)


def _words(error: Exception) -> str:
    return system_reason(error) if isinstance(error, OSError) else str(error)
