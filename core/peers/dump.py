"""Peer records as a file: what counts of them over a restart.

That is how often a router did what we asked, how quickly, and whether it has served us; pauses are
not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from core.base.errors import DecodeError
from core.peers.record import RECORD_BYTES, RECORD_BYTES_BEFORE, PeerRecord

#: Records that outlive a restart, 285 kB; the latest ones.
DUMPED_MAX = 5000
_HASH_BYTES = 32
_MAGIC = b"I2P peer records 3\n"
_HEADER = Struct(f">{len(_MAGIC)}sd")
"""Magic, and the wall clock in seconds when the records were written. Records follow, each a hash,
1 if the router has served us or else 0, and its experience; then the SHA-256 of all that."""
_REST_BYTES = {
    b"I2P peer records 1\n": RECORD_BYTES_BEFORE,
    b"I2P peer records 2\n": RECORD_BYTES,
    _MAGIC: 1 + RECORD_BYTES,
}
"""What follows a hash. The first two versions do not say who has served us."""
DUMP_BYTES_MAX = _HEADER.size + DUMPED_MAX * (_HASH_BYTES + 1 + RECORD_BYTES) + 32


class DumpedRecord(NamedTuple):
    """One router."""

    router_hash: bytes
    has_served: bool
    record: PeerRecord


def encode(records: Iterable[DumpedRecord], now: float, wall_now_s: float) -> bytes:
    """The file; ``now`` is monotonic."""
    rows = [one.router_hash + bytes((one.has_served,)) + one.record.pack(now) for one in records]
    data = _HEADER.pack(_MAGIC, wall_now_s) + b"".join(rows)
    return data + sha256(data).digest()


def decode(data: bytes, now: float, wall_now_s: float) -> list[DumpedRecord]:
    """The inverse of :func:`encode`; DecodeError if it is not that. All versions are read.

    Records fade by the time between the two calls.
    """
    body, checksum = data[:-32], data[-32:]
    rest_bytes = _REST_BYTES.get(data[: len(_MAGIC)])
    if rest_bytes is None or len(body) < _HEADER.size:
        raise DecodeError("these are no peer records")
    step = _HASH_BYTES + rest_bytes
    if sha256(body).digest() != checksum or (len(body) - _HEADER.size) % step:
        raise DecodeError("the peer records are damaged")
    written_s = float(_HEADER.unpack_from(body)[1])
    if not 0 <= written_s < 1e12:
        raise DecodeError("the peer records have an impossible date")
    then = now - max(0.0, wall_now_s - written_s)
    records = []
    for at in range(_HEADER.size, len(body), step):
        router_hash, rest = body[at : at + _HASH_BYTES], body[at + _HASH_BYTES : at + step]
        has_served = rest_bytes > RECORD_BYTES and rest[0] == 1
        record = PeerRecord.unpack(rest[1:] if rest_bytes > RECORD_BYTES else rest, then)
        records.append(DumpedRecord(router_hash, has_served, record))
    return records
