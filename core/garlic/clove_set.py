"""The payload of ElGamal/AES garlic messages: cloves with the headers of old (I2NP: "Garlic").

``count(1) cloves certificate(3) message id(4) expiration(8, ms)``; a clove is delivery
instructions, an I2NP message in standard form, ``clove id(4) expiration(8, ms) certificate(3)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.garlic.cloves import Clove, Delivery
from core.i2np.message import STANDARD_HEADER_BYTES, Message, make_standard

CLOVES_MAX = 32
_NO_CERTIFICATE = bytes(3)
_ENDS = Struct(">IQ")
_ENCRYPTED, _DELAYED = 0x80, 0x10


class CloveSet(NamedTuple):
    """``message_id``: of the whole; ``expiration_ms``: Unix time."""

    cloves: list[Clove]
    message_id: int
    expiration_ms: int


def write_clove_set(cloves: Sequence[Clove], message_id: int, expiration_ms: int) -> bytes:
    """The payload. Clove ids are those of the messages inside. LocalError if a clove is wrong."""
    parts = [bytes((len(cloves),))]
    for clove in cloves:
        parts.append(bytes((clove.kind << 5,)))
        if clove.kind != Delivery.LOCAL:
            if clove.to_hash is None or len(clove.to_hash) != 32:
                raise LocalError(f"a clove of kind {clove.kind} needs a hash of 32 bytes")
            parts.append(clove.to_hash)
        if clove.kind == Delivery.TUNNEL:
            if clove.tunnel_id is None:
                raise LocalError("a clove for a tunnel needs a tunnel id")
            parts.append(clove.tunnel_id.to_bytes(4, "big"))
        ends_ms = clove.expiration_s * 1000
        parts.append(make_standard(clove.message_type, clove.message_id, ends_ms, clove.body))
        parts.append(_ENDS.pack(clove.message_id, ends_ms))
        parts.append(_NO_CERTIFICATE)
    parts.append(_NO_CERTIFICATE)
    parts.append(_ENDS.pack(message_id, expiration_ms))
    return b"".join(parts)


def parse_clove_set(data: bytes) -> CloveSet:
    """The inverse; DecodeError if it is malformed."""
    reader = Reader(data)
    count = reader.u8()
    if count > CLOVES_MAX:
        raise DecodeError(f"{count} cloves in a garlic message")
    cloves = [_parse_clove(reader, data) for _ in range(count)]
    _skip_certificate(reader)
    return CloveSet(cloves, reader.u32(), reader.u64())


def _parse_clove(reader: Reader, data: bytes) -> Clove:
    flags = reader.u8()
    if flags & (_ENCRYPTED | _DELAYED):
        raise DecodeError("garlic clove with a session key or a delay")
    kind = Delivery(flags >> 5 & 3)
    to_hash = None if kind == Delivery.LOCAL else reader.take(32)
    tunnel_id = reader.u32() if kind == Delivery.TUNNEL else None
    message = Message.parse_standard(data[reader.position :])
    reader.skip(STANDARD_HEADER_BYTES + len(message.body))
    reader.u32()  # the clove's id: Java keeps those it has seen, others do not
    reader.u64()
    _skip_certificate(reader)
    return Clove(
        kind,
        to_hash,
        tunnel_id,
        message.type,
        message.message_id,
        message.expiration_ms // 1000,
        message.body,
    )


def _skip_certificate(reader: Reader) -> None:
    reader.u8()
    reader.skip(reader.u16())
