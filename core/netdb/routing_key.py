"""Where a key lives in the keyspace today (network-database, "Kademlia Closeness Metric").

A search key (the hash of a router or a destination) is turned into a *routing key*,
SHA-256(key || "yyyymmdd" in UTC), so that the whole keyspace moves at UTC midnight. Router hashes
are used as they are. Routing keys never appear on the wire.

Shortly before midnight an entry is also handed to the floodfills of the coming day; how early
differs (i2pd and Java: 45 minutes for a RouterInfo, 10 minutes for a lease set).
"""

from __future__ import annotations

import hashlib
import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from core.base.calendar import DAY_S, day_number, day_text, seconds_to_midnight

__all__ = [
    "DAY_S",
    "Keyspace",
    "closest",
    "day_number",
    "day_text",
    "distance",
    "is_next_day_near",
    "routing_key",
    "seconds_to_midnight",
]

_RANGE_SORTED = 4
NEXT_DAY_ROUTER_S = 45 * 60
NEXT_DAY_LEASE_SET_S = 10 * 60


def routing_key(key: bytes, day: int) -> bytes:
    """The 32-byte routing key of ``key`` on ``day`` (see :func:`day_number`)."""
    return hashlib.sha256(key + day_text(day)).digest()


def is_next_day_near(wall_now: float, *, is_lease_set: bool) -> bool:
    """Whether a store should also go to the floodfills of the coming day."""
    early_s = NEXT_DAY_LEASE_SET_S if is_lease_set else NEXT_DAY_ROUTER_S
    return seconds_to_midnight(wall_now) <= early_s


def distance(a: bytes, b: bytes) -> int:
    """XOR distance of two 32-byte values."""
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


def closest(target: bytes, hashes: Iterable[bytes], count: int) -> list[bytes]:
    """The ``count`` hashes nearest to the routing key ``target``, nearest first."""
    if count <= 0:
        return []
    wanted = int.from_bytes(target, "big")
    return heapq.nsmallest(count, hashes, key=lambda h: int.from_bytes(h, "big") ^ wanted)


class Keyspace:
    """A set of 32-byte hashes that finds the nearest ones without looking at all of them."""

    __slots__ = ("_ordered",)

    def __init__(self) -> None:
        self._ordered: list[bytes] = []

    def __len__(self) -> int:
        return len(self._ordered)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, bytes) and self._position(value) is not None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._ordered)

    def add(self, value: bytes) -> None:
        """Adding twice does no harm."""
        position = bisect_left(self._ordered, value)
        if self._ordered[position : position + 1] != [value]:
            self._ordered.insert(position, value)

    def discard(self, value: bytes) -> None:
        """Remove a hash; nothing if it is not in."""
        position = self._position(value)
        if position is not None:
            del self._ordered[position]

    def nearest(self, target: bytes) -> Iterator[bytes]:
        """All hashes, those with the smallest XOR distance to ``target`` first.

        Do not change the set while iterating.
        """
        ordered = self._ordered
        wanted = int.from_bytes(target, "big")
        #: ranges whose members agree in the first bits, the nearest last
        ranges = [(0, len(ordered), 0)]
        while ranges:
            low, high, bit = ranges.pop()
            if high - low <= _RANGE_SORTED:
                yield from sorted(
                    ordered[low:high], key=lambda h: int.from_bytes(h, "big") ^ wanted
                )
                continue
            mask = 1 << 255 - bit
            # The first that has this bit: all before it are alike and have it not.
            prefix = int.from_bytes(ordered[low], "big") >> 256 - bit << 256 - bit
            middle = bisect_left(ordered, (prefix | mask).to_bytes(32, "big"), low, high)
            zeros, ones = (low, middle, bit + 1), (middle, high, bit + 1)
            ranges += (zeros, ones) if wanted & mask else (ones, zeros)

    def _position(self, value: bytes) -> int | None:
        position = bisect_left(self._ordered, value)
        return position if self._ordered[position : position + 1] == [value] else None
