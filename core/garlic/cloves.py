"""The payload of every ECIES garlic message: blocks, and the garlic cloves among them.

Spec: ECIES-X25519-AEAD-Ratchet, section 5 (payload); I2NP, garlic clove delivery instructions.

A payload is a run of ``type(1) size(2) data`` blocks. The same format is used by new session, new
session reply and existing session messages, by one-shot messages to routers and by replies that
are encrypted with a one-time tag and key. Which block is allowed where is the caller's business;
this module only says what the bytes mean.

Always holds: ``parse_payload`` raises DecodeError only; unknown block types are skipped; bytes of
one block are never read as part of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from core.base.errors import DecodeError, LocalError

PAYLOAD_BYTES_MAX = 65519
"""A ChaCha20/Poly1305 frame is at most 65535 bytes including its 16-byte tag."""

PADDING_BYTES_MAX = 16


class BlockType(IntEnum):
    """Block numbers of the ratchet payload (they differ from those of the transports)."""

    DATE_TIME = 0
    TERMINATION = 4
    OPTIONS = 5
    PREVIOUS_NUMBER = 6
    NEXT_KEY = 7
    ACK = 8
    ACK_REQUEST = 9
    CLOVE = 11
    PADDING = 254


class Delivery(IntEnum):
    """Where the receiver of a clove has to take it."""

    LOCAL = 0
    DESTINATION = 1
    ROUTER = 2
    TUNNEL = 3


class Clove(NamedTuple):
    """One I2NP message with its delivery instructions.

    ``to_hash`` (32 bytes) is set for every kind but LOCAL, ``tunnel_id`` (u32) for TUNNEL only.
    ``body`` is the I2NP body without any header. A tuple, because one is made for each message.
    """

    kind: Delivery
    to_hash: bytes | None
    tunnel_id: int | None
    message_type: int
    message_id: int
    expiration_s: int
    body: bytes


class NextKey(NamedTuple):
    """A step of the DH ratchet. ``public`` is present only if the key is new to the receiver."""

    key_id: int
    is_reverse: bool
    requests_reverse: bool
    public: bytes | None


class Payload:
    """What one message said. ``acks`` holds (tag set id, message number) pairs.

    Defaults live in the class: most messages set nothing but ``cloves``.
    """

    cloves: list[Clove]
    date_time_s: int | None = None
    acks: Sequence[tuple[int, int]] = ()
    ack_requested: bool = False
    next_keys: list[NextKey] | None = None
    termination_reason: int | None = None
    receive_window: int | None = None

    def __init__(self) -> None:
        self.cloves = []


_new_tuple = tuple.__new__  # half the time of the constructor of a named tuple
_BLOCK = Struct(">BH")
_U32 = Struct(">I")
_ACK = Struct(">HH")
_INNER = Struct(">BII")
_TUNNEL_INNER = Struct(">IBII")
_LOCAL_CLOVE = Struct(">BHBBII")
_HASH_CLOVE = Struct(">BHB32sBII")
_DATA_CLOVE_HEAD = Struct(">BHB32sBIII")
_DATA_HEAD_BYTES = _DATA_CLOVE_HEAD.size
_unpack_data_head = _DATA_CLOVE_HEAD.unpack_from
_TUNNEL_CLOVE = Struct(">BHB32sIBII")
_NEXT_KEY = Struct(">BHBH")
_OPTIONS_HEAD = Struct(">BBBHHH")

_KINDS = (Delivery.LOCAL, Delivery.DESTINATION, Delivery.ROUTER, Delivery.TUNNEL)
_DESTINATION = Delivery.DESTINATION
_DATA_MESSAGE = 20
_UNSUPPORTED_FLAGS = 0x90
_KEY_PRESENT = 0x01
_REVERSE_KEY = 0x02
_REQUEST_REVERSE = 0x04
_OPTIONS_BYTES_MIN = 21

ACK_REQUEST_BLOCK = bytes((BlockType.ACK_REQUEST, 0, 1, 0))
PADDING_BLOCKS = tuple(
    bytes((BlockType.PADDING, 0, count)) + bytes(count) for count in range(PADDING_BYTES_MAX + 1)
)
"""``PADDING_BLOCKS[n]`` is a padding block with ``n`` zero bytes, ``n + 3`` bytes long."""


def write_clove(clove: Clove) -> bytes:
    """The clove as a block, header included. LocalError if it is inconsistent or too big."""
    kind, to_hash, tunnel_id, message_type, message_id, expiration_s, body = clove
    size = len(body)
    if size > PAYLOAD_BYTES_MAX - 64:
        raise LocalError(f"a clove of {size} bytes does not fit a garlic message")
    if kind == 0:
        head = _LOCAL_CLOVE.pack(11, size + 10, 0, message_type, message_id, expiration_s)
        return head + body
    if to_hash is None or len(to_hash) != 32:
        raise LocalError(f"a clove of kind {kind} needs a hash of 32 bytes")
    if kind != 3:
        return (
            _HASH_CLOVE.pack(
                11, size + 42, kind << 5, to_hash, message_type, message_id, expiration_s
            )
            + body
        )
    if tunnel_id is None:
        raise LocalError("a clove for a tunnel needs a tunnel id")
    return (
        _TUNNEL_CLOVE.pack(
            11, size + 46, 0x60, to_hash, tunnel_id, message_type, message_id, expiration_s
        )
        + body
    )


def write_data_head(to_hash: bytes, message_id: int, expiration_s: int, size: int) -> bytes:
    """What comes before ``size`` bytes of payload to be a Data message for a destination.

    Block header, clove header and the length field of the message in one; else as
    :func:`write_clove`.
    """
    if size > PAYLOAD_BYTES_MAX - 68 or len(to_hash) != 32:
        raise LocalError(f"a Data message of {size} bytes does not fit a garlic message")
    return _DATA_CLOVE_HEAD.pack(
        11, size + 46, 0x20, to_hash, _DATA_MESSAGE, message_id, expiration_s, size
    )


def write_cloves(cloves: Iterable[Clove]) -> bytes:
    """All cloves as blocks, in the given order."""
    return b"".join(map(write_clove, cloves))


def write_date_time(unix_s: int) -> bytes:
    """A DateTime block; seconds since 1970."""
    return _BLOCK.pack(BlockType.DATE_TIME, 4) + _U32.pack(unix_s & 0xFFFFFFFF)


def write_acks(acks: Sequence[tuple[int, int]]) -> bytes:
    """An ACK block for (tag set id, message number) pairs."""
    return _BLOCK.pack(BlockType.ACK, 4 * len(acks)) + b"".join(_ACK.pack(*ack) for ack in acks)


def write_next_key(next_key: NextKey) -> bytes:
    """A NextKey block (ratchet: "Next DH Ratchet Public Key")."""
    flags = (
        (_KEY_PRESENT if next_key.public is not None else 0)
        | (_REVERSE_KEY if next_key.is_reverse else 0)
        | (_REQUEST_REVERSE if next_key.requests_reverse else 0)
    )
    public = next_key.public or b""
    return _NEXT_KEY.pack(BlockType.NEXT_KEY, 3 + len(public), flags, next_key.key_id) + public


def parse_payload(data: bytes) -> Payload:
    """All blocks of a decrypted payload; an empty payload is valid."""
    payload = Payload()
    position = 0
    end = len(data)
    while position < end:
        if position + 3 > end:
            raise DecodeError("a payload block without its header")
        block_type, size = _BLOCK.unpack_from(data, position)
        start = position + 3
        position = start + size
        if position > end:
            raise DecodeError(f"a payload block of {size} bytes, {end - start} left")
        if block_type == 11:
            payload.cloves.append(_parse_clove(data, start, position))
        elif block_type != 254:
            _parse_control(payload, block_type, data[start:position])
    return payload


def find_data(data: bytes) -> tuple[bytes, int, int] | None:
    """``(destination hash, start, end)`` if one Data message is all there is, but for padding.

    What the message carries is ``data[start:end]``. The hot path: nearly every payload is like
    that. None for all others, malformed ones too; :func:`parse_payload` is the reference.
    """
    end = len(data)
    if end < _DATA_HEAD_BYTES:
        return None
    block, size, flags, to_hash, kind, _, _, length = _unpack_data_head(data)
    stop = size + 3
    if block != 11 or flags != 0x20 or kind != _DATA_MESSAGE or length + 46 > size or stop > end:
        return None
    if stop != end and (
        stop + 3 > end
        or data[stop] != 254
        or stop + 3 + (data[stop + 1] << 8 | data[stop + 2]) != end
    ):
        return None
    return to_hash, _DATA_HEAD_BYTES, _DATA_HEAD_BYTES + length


def _parse_clove(data: bytes, start: int, end: int) -> Clove:
    if start + 10 > end:
        raise DecodeError("truncated garlic clove")
    flags = data[start]
    if flags == 0x20:  # by far the most frequent: a message for a destination
        if start + 42 > end:
            raise DecodeError("truncated garlic clove")
        message_type, message_id, expiration_s = _INNER.unpack_from(data, start + 33)
        to_hash = data[start + 1 : start + 33]
        body = data[start + 42 : end]
        return _new_tuple(
            Clove, (_DESTINATION, to_hash, None, message_type, message_id, expiration_s, body)
        )
    if flags & _UNSUPPORTED_FLAGS:
        raise DecodeError("garlic clove with a session key or a delay")
    kind = _KINDS[flags >> 5 & 3]
    if kind == 0:
        message_type, message_id, expiration_s = _INNER.unpack_from(data, start + 1)
        body = data[start + 10 : end]
        return Clove(kind, None, None, message_type, message_id, expiration_s, body)
    tunnel_id: int | None = None
    body_start = start + (46 if kind == 3 else 42)
    if body_start > end:
        raise DecodeError("truncated garlic clove")
    to_hash = data[start + 1 : start + 33]
    if kind == 3:
        tunnel_id, message_type, message_id, expiration_s = _TUNNEL_INNER.unpack_from(
            data, start + 33
        )
    else:
        message_type, message_id, expiration_s = _INNER.unpack_from(data, start + 33)
    body = data[body_start:end]
    return Clove(kind, to_hash, tunnel_id, message_type, message_id, expiration_s, body)


def _parse_control(payload: Payload, block_type: int, data: bytes) -> None:
    if block_type == BlockType.DATE_TIME:
        if len(data) != 4:
            raise DecodeError(f"date block of {len(data)} bytes")
        payload.date_time_s = _U32.unpack(data)[0]
    elif block_type == BlockType.ACK:
        if len(data) % 4:
            raise DecodeError(f"ack block of {len(data)} bytes")
        payload.acks = [*payload.acks, *_ACK.iter_unpack(data)]
    elif block_type == BlockType.ACK_REQUEST:
        payload.ack_requested = True
    elif block_type == BlockType.NEXT_KEY:
        if payload.next_keys is None:
            payload.next_keys = []
        payload.next_keys.append(_parse_next_key(data))
    elif block_type == BlockType.TERMINATION:
        payload.termination_reason = data[0] if data else 0
    elif block_type == BlockType.OPTIONS and len(data) >= _OPTIONS_BYTES_MIN and data[0] == 0:
        payload.receive_window = _OPTIONS_HEAD.unpack_from(data)[5]


def _parse_next_key(data: bytes) -> NextKey:
    if len(data) < 3:
        raise DecodeError("truncated next key block")
    flags = data[0]
    public = None
    if flags & _KEY_PRESENT:
        if len(data) < 35:
            raise DecodeError("next key block without its key")
        public = data[3:35]
    return NextKey(
        int.from_bytes(data[1:3], "big"),
        bool(flags & _REVERSE_KEY),
        bool(flags & _REQUEST_REVERSE),
        public,
    )
