"""The String of common-structures: one byte of length, then UTF-8."""

from __future__ import annotations

from core.base.wire import Reader

STRING_BYTES_MAX = 255


def read_string(reader: Reader) -> str:
    """What is not UTF-8 is replaced: it is for people, or compared with a name."""
    return reader.take(reader.u8()).decode("utf-8", "replace")


def write_string(text: str) -> bytes:
    """Cut to 255 bytes."""
    data = text.encode("utf-8", "replace")[:STRING_BYTES_MAX]
    return bytes((len(data),)) + data
