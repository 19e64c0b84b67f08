"""SNTP packets, and which of several time servers to believe: RFC 4330, and 5905 section 11.2.1.

A request tells nothing of this machine: its transmit timestamp is a random number, which comes back
as the origin timestamp and proves that the answer is one to this request. Times of our own are
``now``, the monotonic seconds of the caller, so nobody's wall clock is needed to compare them: what
is measured is the *epoch*, the Unix time at which ``now`` was 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError

PACKET_BYTES = 48
NONCE_BYTES = 8
_HEADER = struct.Struct(">BBbbII4sQ8sQQ")
_VERSION_4_CLIENT = 0x23
_MODE_SERVER = 4
_VERSIONS = (3, 4)
_LEAP_ALARM = 3
_STRATUM_MAX = 15
#: RFC 4330, section 5: the sane range of root delay and dispersion is up to a second.
_ROOT_MAX = 1 << 16
_UNIX_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
#: What a server's clock and ours may be wrong by without being wrong.
_PRECISION_S = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """One server's answer. The true epoch is within ``error_s`` of ``epoch_s``, it says."""

    epoch_s: float
    error_s: float


@dataclass(frozen=True, slots=True)
class KissOfDeath:
    """A server does not want to be asked. ``code``: four letters; RATE, DENY and RSTR matter."""

    code: str


def write_request(nonce: bytes) -> bytes:
    """A client's packet. ``nonce``: 8 random bytes, which are not all zero."""
    return _HEADER.pack(_VERSION_4_CLIENT, 0, 0, 0, 0, 0, b"", 0, b"", 0, 0)[:-8] + nonce


def parse_reply(data: bytes, nonce: bytes, sent_at: float, now: float) -> Sample | KissOfDeath:
    """What a server answered to the request with ``nonce``; DecodeError if it must be ignored.

    The checks of RFC 4330, section 5. ``sent_at``, ``now``: when the request left, and this came.
    """
    if len(data) < PACKET_BYTES:
        raise DecodeError("a time packet is cut off")
    fields = _HEADER.unpack_from(data)
    flags, stratum, _, _, root_delay, root_dispersion, code, _, origin, received, sent = fields
    if flags & 7 != _MODE_SERVER or flags >> 3 & 7 not in _VERSIONS:
        raise DecodeError("not a time server's packet")
    if origin != nonce:
        raise DecodeError("a time packet that answers something else")
    if stratum == 0:
        return KissOfDeath(code.decode("ascii", "replace").rstrip("\0"))
    if flags >> 6 == _LEAP_ALARM or stratum > _STRATUM_MAX or not sent or not received:
        raise DecodeError("a time server that does not know the time")
    if root_delay > _ROOT_MAX or root_dispersion > _ROOT_MAX:
        raise DecodeError("a time server too far from its reference clock")
    server_s = (sent - received) / 2**32
    round_trip_s = now - sent_at - server_s
    if server_s < 0 or round_trip_s < 0:
        raise DecodeError("a time packet that was sent before it was asked for")
    epoch_s = (_unix_time(received) - sent_at + _unix_time(sent) - now) / 2
    root_s = (root_delay / 2 + root_dispersion) / 2**16
    return Sample(epoch_s, round_trip_s / 2 + root_s + _PRECISION_S)


def _unix_time(timestamp: int) -> float:
    """Without the highest bit it is one from 2036 on: RFC 4330, section 3."""
    seconds = timestamp / 2**32 - _UNIX_EPOCH
    return seconds if timestamp >> 63 else seconds + 2**32


def agreed_epoch(samples: Sequence[Sample], asked: int, awaited: int = 0) -> float | None:
    """The epoch in the middle of the largest intersection (Marzullo); None if nothing is proven.

    Those who meet in it must be more than half of all who answered or are ``awaited``, and two
    unless only one was ``asked``. So one liar among three, or a single answer to several requests,
    proves nothing.
    """
    best = _intersection(samples)
    if best is None:
        return None
    count, middle = best
    is_majority = 2 * count > len(samples) + awaited
    return middle if is_majority and count >= min(2, asked) else None


def _intersection(samples: Iterable[Sample]) -> tuple[int, float] | None:
    """How many intervals meet at the point where most do, and the middle of that piece."""
    edges = [(one.epoch_s - one.error_s, 0) for one in samples]
    edges += [(one.epoch_s + one.error_s, 1) for one in samples]
    edges.sort()
    best, count = None, 0
    for number, (edge, is_end) in enumerate(edges):
        count += -1 if is_end else 1
        if not is_end and (best is None or count > best[0]):
            best = count, (edge + edges[number + 1][0]) / 2
    return best
