"""Writes small databases of IPv4 addresses in MaxMind's format (MaxMind DB 2.0)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR_BYTES = 16


class _Number(NamedTuple):
    """An unsigned integer of so many bytes."""

    value: int
    size: int


def write_mmdb(path: Path, networks: Mapping[str, Any]) -> Path:
    """``networks``: network -> record; none inside another."""
    tree: list[list[int | None]] = [[None, None]]
    data = b""
    ends: list[tuple[int, int, int]] = []
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            following = tree[node][int(bit)]
            if following is None:
                following = tree[node][int(bit)] = len(tree)
                tree.append([None, None])
            node = following
        ends.append((node, int(bits[-1]), len(data)))
        data += _encode(record)
    count = len(tree)
    for node, bit, offset in ends:
        tree[node][bit] = count + _SEPARATOR_BYTES + offset
    records = b"".join((count if one is None else one).to_bytes(3) for node in tree for one in node)
    about = {
        "node_count": _Number(count, 4),
        "record_size": _Number(24, 2),
        "ip_version": _Number(4, 2),
        "database_type": "Test-Country",
        "binary_format_major_version": _Number(2, 2),
        "binary_format_minor_version": _Number(0, 2),
        "build_epoch": _Number(1, 8),
        "languages": ["en"],
        "description": {"en": "test"},
    }
    path.write_bytes(records + bytes(_SEPARATOR_BYTES) + data + _MARKER + _encode(about))
    return path


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        raw = value.encode()
        return bytes([2 << 5 | len(raw)]) + raw
    if isinstance(value, _Number):
        kind = {2: b"\xa2", 4: b"\xc4", 8: b"\x08\x02"}[value.size]
        return kind + value.value.to_bytes(value.size)
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encode, value))
    assert isinstance(value, dict)
    pairs = (_encode(key) + _encode(one) for key, one in value.items())
    return bytes([7 << 5 | len(value)]) + b"".join(pairs)
