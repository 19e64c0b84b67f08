"""What SessionConfirmed carries, and how it is cut into packets (specs/ssu2)."""

from __future__ import annotations

from core.base.ports import Entropy
from core.crypto.aead import TAG_LENGTH
from core.transport.ssu2.blocks import RouterInfoBlock
from core.transport.ssu2.framing import BLOCK_HEADER_BYTES, padding_within
from core.transport.ssu2.header import EPHEMERAL_KEY_BYTES

CONFIRMED_PADDING_MAX = 61
#: What header protection needs behind the header of any packet.
FRAGMENT_BYTES_MIN = 24
SEALED_STATIC_BYTES = EPHEMERAL_KEY_BYTES + TAG_LENGTH


def confirmed_payload(router_info: bytes, per_packet: int, entropy: Entropy) -> bytes:
    """Our RouterInfo and padding, in one packet if it can be."""
    room = per_packet - SEALED_STATIC_BYTES - TAG_LENGTH
    payload = RouterInfoBlock.of(router_info, room).write()
    left = room - len(payload) if len(payload) <= room else per_packet
    if left > BLOCK_HEADER_BYTES:
        payload += padding_within(CONFIRMED_PADDING_MAX, left, entropy)
    return payload


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of at most ``size`` bytes; the last is long enough for header protection."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    short_by = FRAGMENT_BYTES_MIN - len(pieces[-1])
    if short_by > 0 and len(pieces) > 1:
        moved = pieces[-2][-short_by:]
        pieces[-2:] = [pieces[-2][:-short_by], moved + pieces[-1]]
    return pieces
