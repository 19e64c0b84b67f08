"""Mapping: a sorted set of UTF-8 key/value strings (common-structures: "Mapping").

Written in the order of Java's String.compareTo, because Java re-serialises what it signs. Bytes
that are not UTF-8 are read with replacement characters: whoever needs exact bytes keeps the raw
structure.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader

_EQUALS = 0x3D
_SEMICOLON = 0x3B


def parse_mapping(reader: Reader) -> dict[str, str]:
    """Read the two-byte size and the pairs; duplicate keys are an error as in the spec."""
    return parse_pairs(reader.take(reader.u16()))


def parse_pairs(data: bytes) -> dict[str, str]:
    """The pairs of a mapping whose size field was read already."""
    options: dict[str, str] = {}
    position = 0
    end = len(data)
    try:
        while position < end:
            start = position + 1
            stop = start + data[position]
            if data[stop] != _EQUALS:
                raise DecodeError("mapping: '=' expected")
            key = data[start:stop].decode("utf-8", "replace")
            start = stop + 2
            stop = start + data[stop + 1]
            if data[stop] != _SEMICOLON:
                raise DecodeError("mapping: ';' expected")
            if key in options:
                raise DecodeError(f"mapping: duplicate key {key!r}")
            options[key] = data[start:stop].decode("utf-8", "replace")
            position = stop + 1
    except IndexError:
        raise DecodeError("mapping: truncated pair") from None
    return options


def write_mapping(options: Mapping[str, str]) -> bytes:
    """Size and pairs sorted by key; LocalError if a string or the whole is too long."""
    parts: list[bytes] = []
    for key in sorted(options, key=_java_order):
        parts += (_string(key), b"=", _string(options[key]), b";")
    body = b"".join(parts)
    if len(body) > 0xFFFF:
        raise LocalError(f"mapping of {len(body)} bytes")
    return len(body).to_bytes(2, "big") + body


def _java_order(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    if len(data) > 255:
        raise LocalError(f"string of {len(data)} bytes")
    return bytes((len(data),)) + data
