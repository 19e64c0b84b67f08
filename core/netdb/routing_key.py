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
from collections.abc import Iterable

from core.base.calendar import DAY_S, day_number, day_text, seconds_to_midnight

__all__ = [
    "DAY_S",
    "closest",
    "day_number",
    "day_text",
    "distance",
    "is_next_day_near",
    "routing_key",
    "seconds_to_midnight",
]

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
