"""The end of a tunnel: decrypted tunnel messages in, whole I2NP messages out.

Nothing here raises on what a peer sent. Inbound tunnels of our own and outbound tunnels of others
use the same machine; who may deliver where is decided by its owner.

This is the hot path of whoever receives: fragments are parsed in place, one unpack for the header,
and go to the reassembler as plain values. :func:`core.tunnel.delivery.parse_fragment` is the
readable form; it is used for headers with fields that nobody sends, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct

from core.base.errors import DecodeError
from core.base.native import accelerated
from core.tunnel.constants import STANDARD_HEADER_BYTES
from core.tunnel.delivery import DeliveryTuple, parse_fragment
from core.tunnel.fragments import Reassembler

_NEXT = Struct(">IH")
"""Behind the flag of a follow-on fragment, and of a first one for LOCAL: message id, size."""
_TUNNEL = Struct(">I32sIH")
"""Behind the flag of a first fragment for a tunnel."""
_TUNNEL_WHOLE = Struct(">I32sH")
_HEADER_BYTES_MAX = 1 + _TUNNEL.size
_LOCAL_TARGET: tuple[int, bytes | None, int | None] = (0, None, None)


@accelerated
class Endpoint:
    """Checks, splits and reassembles; ``malformed`` counts the tunnel messages that were dropped,
    wholly or from a malformed fragment on."""

    __slots__ = ("malformed", "reassembler")

    def __init__(self, reassembler: Reassembler | None = None) -> None:
        self.reassembler = Reassembler() if reassembler is None else reassembler
        self.malformed = 0

    def receive(self, layers: Iterable[tuple[bytes, bytes]], now: float) -> list[DeliveryTuple]:
        """Deliveries that the decrypted (IV 16, data 1008) complete, in order."""
        complete: list[DeliveryTuple] = []
        reassembler = self.reassembler
        add_first, add_next = reassembler.add_first, reassembler.add_next
        unpack_next, unpack_tunnel = _NEXT.unpack_from, _TUNNEL.unpack_from
        message_id, target = 0, _LOCAL_TARGET
        delivery: DeliveryTuple | None
        for iv, data in layers:
            # The checksum may contain zeros, the padding may not.
            position = data.find(b"\0", 4) + 1
            if not position or not data.startswith(sha256(data[position:] + iv).digest()[:4]):
                self.malformed += 1
                continue
            end = len(data)
            while position < end:
                flag = data[position]
                if end - position < _HEADER_BYTES_MAX:
                    start = 0
                elif flag >= 0x82:
                    message_id, size = unpack_next(data, position + 1)
                    start = position + 7
                elif flag == 0x28:
                    tunnel_id, router_hash, message_id, size = unpack_tunnel(data, position + 1)
                    target = (1, router_hash, tunnel_id)
                    start = position + 43
                elif flag == 0x08:
                    message_id, size = unpack_next(data, position + 1)
                    target = _LOCAL_TARGET
                    start = position + 7
                elif not flag:
                    size = data[position + 1] << 8 | data[position + 2]
                    target = _LOCAL_TARGET
                    start = position + 3
                elif flag == 0x20:
                    tunnel_id, router_hash, size = _TUNNEL_WHOLE.unpack_from(data, position + 1)
                    target = (1, router_hash, tunnel_id)
                    start = position + 39
                else:
                    start = 0
                if start:
                    position = start + size
                    if position > end or not size:
                        self.malformed += 1
                        break
                    piece = data[start:position]
                    if flag >= 0x82:
                        number = flag >> 1 & 0x3F
                        delivery = add_next(message_id, number, flag & 1 == 1, piece, now)
                    elif flag & 8:
                        delivery = add_first(message_id, target, piece, now)
                    else:
                        delivery = (*target, piece)
                else:
                    # Near the end, or a rare header.
                    try:
                        fragment, position = parse_fragment(data, position)
                    except DecodeError:
                        self.malformed += 1
                        break
                    delivery = reassembler.add(fragment, now)
                if delivery is not None:
                    message = delivery[3]
                    # What delivery.check_standard checks.
                    length = len(message) - STANDARD_HEADER_BYTES
                    if length < 0 or (message[13] << 8 | message[14]) > length:
                        self.malformed += 1
                        break
                    complete.append(delivery)
        return complete
