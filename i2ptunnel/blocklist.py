"""Whom the user wants nothing to do with, from the configuration and from a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from core.data.address_ranges import AddressRange
from core.data.encoding import b64decode
from i2ptunnel.text_files import decode_text

FILE_BYTES_MAX = 16 << 20
ENTRIES_MAX = 500_000
RIGHT = (
    "write the hash of a router (44 characters), an address, a network like 192.0.2.0/24 or a range"
)
_HASH_BYTES = 32

Entry = bytes | AddressRange
"""The hash of a router, or addresses."""


def parse_entry(text: str) -> Entry:
    """One of either; ValueError that says what would be right."""
    if len(text) in (43, 44):
        try:
            router_hash = b64decode(text)
        except DecodeError:
            router_hash = b""
        if len(router_hash) == _HASH_BYTES:
            return router_hash
    try:
        return AddressRange.parse(text)
    except DecodeError:
        raise ValueError(RIGHT) from None


def read_blocklist(path: Path) -> tuple[Entry, ...]:
    """One entry a line; what follows ``#`` is a comment. FileFault: which line is wrong."""
    try:
        text = decode_text(read_limited(path, FILE_BYTES_MAX))
    except DecodeError as error:
        raise FileFault(path, str(error)) from None
    entries: list[Entry] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        if len(entries) >= ENTRIES_MAX:
            raise FileFault(path, f"it has more than {ENTRIES_MAX} entries")
        try:
            entries.append(parse_entry(entry))
        except ValueError as error:
            raise FileFault(path, f"line {number}: {error}") from None
    return tuple(entries)


def sort_out(entries: Iterable[Entry]) -> tuple[frozenset[bytes], tuple[AddressRange, ...]]:
    """Routers by hash, and addresses."""
    entries = list(entries)
    routers = frozenset(one for one in entries if isinstance(one, bytes))
    return routers, tuple(one for one in entries if not isinstance(one, bytes))
