"""I2NP message headers (i2np: "I2NP Message Header").

Two forms of the same message:

* *short form*, 9 bytes of header: type 1, id 4, expiration in seconds 4, then the body. NTCP2, SSU2
  and ratchet garlic cloves carry it, and it is the unit the rooms of this router hand each other.
* *standard form*, 16 bytes: type 1, id 4, expiration in milliseconds 8, size 2, checksum 1 (first
  byte of the SHA-256 of the body), then the body. TunnelGateway and tunnel fragments carry it.

:func:`sort_short`, :func:`fresh_short` and :func:`read_garlic` are for the hot path: they look at
single fields of bytes and build no :class:`Message`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from struct import Struct

from core.base.errors import DecodeError, LocalError

SHORT_HEADER_BYTES = 9
STANDARD_HEADER_BYTES = 16
#: i2pd: the largest body and header its buffers take; Java stops a little below that.
MESSAGE_BYTES_MAX = 62708
#: i2pd: dropped when expired for 60 s or more than 180 s ahead. Java: 90 s and 240 s.
EXPIRED_GRACE_S = 60
FUTURE_MAX_S = 180
#: i2pd: the same for all messages; any other time would tell whose they are, to each router on the
#: way behind our tunnel. Java: 10 to 77 s.
LIFETIME_S = 8

_SHORT = Struct(">BII")
_STANDARD = Struct(">BIQHB")
_GARLIC_HEADER_BYTES = STANDARD_HEADER_BYTES + 4
_BODY_BYTES_MAX = MESSAGE_BYTES_MAX - STANDARD_HEADER_BYTES


class MessageType(IntEnum):
    """Numbers of I2NP messages (I2NP: "Message Types")."""

    DATABASE_STORE = 1
    DATABASE_LOOKUP = 2
    DATABASE_SEARCH_REPLY = 3
    DELIVERY_STATUS = 10
    GARLIC = 11
    TUNNEL_DATA = 18
    TUNNEL_GATEWAY = 19
    DATA = 20
    TUNNEL_BUILD = 21
    TUNNEL_BUILD_REPLY = 22
    VARIABLE_TUNNEL_BUILD = 23
    VARIABLE_TUNNEL_BUILD_REPLY = 24
    SHORT_TUNNEL_BUILD = 25
    SHORT_TUNNEL_BUILD_REPLY = 26
    #: i2pd: its own tunnel test, seen only by the router that sent it
    TUNNEL_TEST = 231


class Message:
    """A header and its body. ``expiration_ms`` is unix milliseconds; unknown types are kept."""

    __slots__ = ("body", "expiration_ms", "message_id", "type")

    def __init__(self, type: int, message_id: int, expiration_ms: int, body: bytes) -> None:
        self.type = type
        self.message_id = message_id
        self.expiration_ms = expiration_ms
        self.body = body

    @classmethod
    def parse_short(cls, data: bytes) -> Message:
        """Parse the short form; the body is everything behind the header."""
        if len(data) < SHORT_HEADER_BYTES:
            raise DecodeError(f"message of {len(data)} bytes")
        kind, message_id, expiration_s = _SHORT.unpack_from(data)
        return cls(kind, message_id, expiration_s * 1000, data[SHORT_HEADER_BYTES:])

    @classmethod
    def parse_standard(cls, data: bytes) -> Message:
        """Parse the standard form; what follows the body is ignored.

        i2pd: does not check the checksum either.
        """
        if len(data) < STANDARD_HEADER_BYTES:
            raise DecodeError(f"message of {len(data)} bytes")
        kind, message_id, expiration_ms, size, _ = _STANDARD.unpack_from(data)
        body = data[STANDARD_HEADER_BYTES : STANDARD_HEADER_BYTES + size]
        if len(body) != size:
            raise DecodeError(f"message body of {len(body)} bytes, {size} announced")
        return cls(kind, message_id, expiration_ms, body)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (
            (self.type, self.message_id, self.expiration_ms, self.body)
            == (other.type, other.message_id, other.expiration_ms, other.body)
        )

    def __hash__(self) -> int:
        return hash((self.type, self.message_id, self.expiration_ms, self.body))

    def __repr__(self) -> str:
        return f"Message(type={self.type}, id={self.message_id:#010x}, {len(self.body)} bytes)"


def expiration_from(wall_now: float) -> int:
    """When a message that we originate now expires: ms since 1970."""
    return int((wall_now + LIFETIME_S) * 1000)


def make_short(type: int, message_id: int, expiration_ms: int, body: bytes) -> bytes:
    """A short form without building a :class:`Message`; LocalError if the body is too large."""
    if len(body) > _BODY_BYTES_MAX:
        raise LocalError(f"message body of {len(body)} bytes")
    return _SHORT.pack(type, message_id, expiration_ms // 1000) + body


def make_standard(type: int, message_id: int, expiration_ms: int, body: bytes) -> bytes:
    """A standard form without building a :class:`Message`."""
    size = len(body)
    if size > _BODY_BYTES_MAX:
        raise LocalError(f"message body of {size} bytes")
    checksum = hashlib.sha256(body).digest()[0]
    return _STANDARD.pack(type, message_id, expiration_ms, size, checksum) + body


def short_to_standard(data: bytes) -> bytes:
    """The same message in standard form; DecodeError if too short or too large."""
    size = len(data) - SHORT_HEADER_BYTES
    if not 0 <= size <= _BODY_BYTES_MAX:
        raise DecodeError(f"message of {len(data)} bytes")
    kind, message_id, expiration_s = _SHORT.unpack_from(data)
    body = data[SHORT_HEADER_BYTES:]
    checksum = hashlib.sha256(body).digest()[0]
    return _STANDARD.pack(kind, message_id, expiration_s * 1000, size, checksum) + body


def standard_to_short(data: bytes) -> bytes:
    """The same message in short form; DecodeError as :meth:`Message.parse_standard`.

    An expiration outside of what 32 bits of seconds hold becomes the nearest that fits.
    """
    if len(data) < STANDARD_HEADER_BYTES:
        raise DecodeError(f"message of {len(data)} bytes")
    kind, message_id, expiration_ms, size, _ = _STANDARD.unpack_from(data)
    if size > len(data) - STANDARD_HEADER_BYTES:
        raise DecodeError(f"message of {len(data)} bytes, body of {size} announced")
    expiration_s = min(expiration_ms // 1000, 0xFFFFFFFF)
    body = data[STANDARD_HEADER_BYTES : STANDARD_HEADER_BYTES + size]
    return _SHORT.pack(kind, message_id, expiration_s) + body


def is_expired(message: Message | int, wall_now_s: float) -> bool:
    """True if a message (or its ``expiration_ms``) is too old or too far ahead to be handled."""
    expiration_ms = message if isinstance(message, int) else message.expiration_ms
    ahead_s = expiration_ms / 1000 - wall_now_s
    return not -EXPIRED_GRACE_S <= ahead_s <= FUTURE_MAX_S


def sort_short(
    messages: Iterable[bytes],
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Short forms by their use: TunnelData, TunnelGateway, and all others."""
    tunnel_data: list[bytes] = []
    gateways: list[bytes] = []
    others: list[bytes] = []
    for message in messages:
        kind = message[:1]
        if kind == b"\x12":
            tunnel_data.append(message)
        elif kind == b"\x13":
            gateways.append(message)
        else:
            others.append(message)
    return tunnel_data, gateways, others


def fresh_short(messages: Iterable[bytes], wall_now_s: float) -> list[bytes]:
    """Those short forms that :func:`is_expired` would let pass; stumps count as expired."""
    oldest, newest = wall_now_s - EXPIRED_GRACE_S, wall_now_s + FUTURE_MAX_S
    return [m for m in messages if oldest <= int.from_bytes(m[5:9], "big") <= newest]


def is_garlic(data: bytes) -> bool:
    """Whether a message, in either form, is of type Garlic."""
    return data[:1] == b"\x0b"


def read_garlic(data: bytes, wall_now_s: float) -> bytes | None:
    """What a Garlic message in standard form carries, without the length in front of it.

    None if it has expired; DecodeError if it is shorter than its header says.
    """
    if len(data) < _GARLIC_HEADER_BYTES:
        raise DecodeError(f"garlic message of {len(data)} bytes")
    end = STANDARD_HEADER_BYTES + (data[13] << 8 | data[14])
    if end > len(data):
        raise DecodeError(f"garlic message of {len(data)} bytes, {end} announced")
    ahead_s = int.from_bytes(data[5:13], "big") / 1000 - wall_now_s
    if not -EXPIRED_GRACE_S <= ahead_s <= FUTURE_MAX_S:
        return None
    size = int.from_bytes(data[STANDARD_HEADER_BYTES:_GARLIC_HEADER_BYTES], "big")
    return data[_GARLIC_HEADER_BYTES : min(end, _GARLIC_HEADER_BYTES + size)]
