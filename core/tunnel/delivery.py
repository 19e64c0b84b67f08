"""Delivery instructions inside tunnel messages, and the headers of messages that leave a tunnel.

Spec: tunnel-message.md "Tunnel Message Delivery Instructions" (garlic cloves use another format).
Messages inside tunnels are I2NP standard form (16-byte header); between routers they travel in
short form (9-byte header).
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from core.base.errors import DecodeError, LocalError
from core.tunnel.constants import STANDARD_HEADER_BYTES

_GATEWAY = Struct(">B4sIIH")
_TUNNEL_GATEWAY = 19


class DeliveryKind(IntEnum):
    """Where an endpoint sends a message."""

    LOCAL = 0
    TUNNEL = 1
    ROUTER = 2


class Delivery(NamedTuple):
    """One message for a tunnel: ``message`` is I2NP standard form.

    ``router_hash`` (32 bytes) for ROUTER and TUNNEL, ``tunnel_id`` for TUNNEL, else None.
    """

    kind: int
    router_hash: bytes | None
    tunnel_id: int | None
    message: bytes


DeliveryTuple = tuple[int, bytes | None, int | None, bytes]
"""A :class:`Delivery`, or a plain tuple with the same fields: making one costs a third."""


class Fragment(NamedTuple):
    """One parsed fragment; ``number`` 0 is a first (or only) fragment, ``message_id`` None = whole.

    ``kind``, ``router_hash`` and ``tunnel_id`` mean something in first fragments only.
    """

    number: int
    is_last: bool
    message_id: int | None
    kind: int
    router_hash: bytes | None
    tunnel_id: int | None
    data: bytes


def write_target(kind: int, router_hash: bytes | None, tunnel_id: int | None) -> bytes:
    """Flag byte (not fragmented), then tunnel id and hash as the kind wants: 1, 33 or 37 bytes."""
    if kind == DeliveryKind.LOCAL:
        return b"\0"
    if router_hash is None or len(router_hash) != 32:
        raise LocalError("delivery without a router hash")
    if kind == DeliveryKind.ROUTER:
        return b"\x40" + router_hash
    if kind != DeliveryKind.TUNNEL or not tunnel_id:
        raise LocalError("delivery to a tunnel without an id")
    return b"\x20" + tunnel_id.to_bytes(4, "big") + router_hash


def parse_fragment(data: bytes, position: int) -> tuple[Fragment, int]:
    """The fragment at ``position`` and where the next begins; DecodeError if it is malformed.

    The readable twin of what :class:`core.tunnel.endpoint.Endpoint` does in place.
    """
    end = len(data)
    flag = data[position]
    position += 1
    kind, router_hash, tunnel_id, message_id = 0, None, None, None
    number, is_last = 0, True
    if flag & 0x80:
        number = (flag >> 1) & 0x3F
        is_last = bool(flag & 1)
        message_id = int.from_bytes(data[position : position + 4], "big")
        position += 4
        if not number:
            raise DecodeError("follow-on fragment with number 0")
    else:
        kind = (flag >> 5) & 3
        if kind:
            if kind == DeliveryKind.TUNNEL:
                tunnel_id = int.from_bytes(data[position : position + 4], "big")
                position += 4
            elif kind != DeliveryKind.ROUTER:
                raise DecodeError("delivery type 3 is undefined")
            router_hash = data[position : position + 32]
            position += 32
        if flag & 0x10:
            position += 1
        if flag & 0x08:
            message_id = int.from_bytes(data[position : position + 4], "big")
            position += 4
            is_last = False
        if flag & 0x04:
            position += 1 + (data[position] if position < end else 0)
    start = position + 2
    if start > end:
        raise DecodeError("delivery instructions are truncated")
    position = start + int.from_bytes(data[position:start], "big")
    if position > end or position == start:
        raise DecodeError("fragment is empty or overruns its message")
    fragment = Fragment(
        number, is_last, message_id, kind, router_hash, tunnel_id, data[start:position]
    )
    return fragment, position


def parse_fragments(data: bytes, position: int) -> list[Fragment]:
    """All fragments from ``position`` to the end; DecodeError if one overruns or is malformed."""
    fragments: list[Fragment] = []
    while position < len(data):
        fragment, position = parse_fragment(data, position)
        fragments.append(fragment)
    return fragments


def check_standard(message: bytes) -> None:
    """DecodeError unless ``message`` has a header and is at least as long as the header says."""
    if (
        len(message) < STANDARD_HEADER_BYTES
        or int.from_bytes(message[13:15], "big") > len(message) - STANDARD_HEADER_BYTES
    ):
        raise DecodeError("I2NP message is shorter than its header says")


def expiration_s(message: bytes) -> int:
    """Expiration of a standard-form message in unix seconds, rounded up."""
    return (int.from_bytes(message[5:13], "big") + 999) // 1000


def make_gateway(message_id: bytes, expires_s: int, tunnel_id: int, message: bytes) -> bytes:
    """A TunnelGateway message in short form around a standard-form ``message``.

    ``message_id`` is 4 bytes.
    """
    return _GATEWAY.pack(_TUNNEL_GATEWAY, message_id, expires_s, tunnel_id, len(message)) + message
