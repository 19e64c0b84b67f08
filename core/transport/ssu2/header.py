"""Packet headers and their protection (specs/ssu2, "Packet Header", "Header Encryption KDF").

A packet is a header, an ephemeral key in SessionRequest and SessionCreated, and a sealed payload.
The header in clear is authenticated with the payload; on the wire it is masked with two keys:

    bytes 0-7     XOR key stream of key 1, nonce = packet[-24:-12]
    bytes 8-15    XOR key stream of key 2, nonce = packet[-12:]
    bytes 16-     XOR key stream of key 2, nonce zero: the rest of a long header, and the
                  ephemeral key (COVERED_BYTES says how far)

The nonces lie in what is not masked, so masking twice gives the packet back.

All routers take the key stream from block 1 on, not 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from core.base.errors import DecodeError
from core.base.native import accelerated
from core.crypto.aead import TAG_LENGTH
from core.crypto.chacha20 import ChaChaMask

SHORT_HEADER_BYTES = 16
LONG_HEADER_BYTES = 32
EPHEMERAL_KEY_BYTES = 32
#: spec: header protection needs 24 bytes behind a header, of which 16 are the tag.
PAYLOAD_BYTES_MIN = 8
PACKET_BYTES_MIN = SHORT_HEADER_BYTES + PAYLOAD_BYTES_MIN + TAG_LENGTH
VERSION = 2
FLAG_IMMEDIATE_ACK = 0x01

_ZERO_NONCE = bytes(12)
_TYPE_AT = 4
_SHORT = Struct(">QIBBH")
_LONG = Struct(">QIBBBBQQ")


class PacketType(IntEnum):
    """The type of a packet; all but the two with short headers have long ones."""

    SESSION_REQUEST = 0
    SESSION_CREATED = 1
    SESSION_CONFIRMED = 2
    DATA = 6
    PEER_TEST = 7
    RETRY = 9
    TOKEN_REQUEST = 10
    HOLE_PUNCH = 11


COVERED_BYTES = {
    PacketType.SESSION_REQUEST: 48,
    PacketType.SESSION_CREATED: 48,
    PacketType.SESSION_CONFIRMED: 0,
    PacketType.DATA: 0,
    PacketType.PEER_TEST: 16,
    PacketType.RETRY: 16,
    PacketType.TOKEN_REQUEST: 16,
    PacketType.HOLE_PUNCH: 16,
}
"""How many bytes from byte 16 on are masked."""


@dataclass(frozen=True, slots=True)
class ShortHeader:
    """``info``: the flags of Data (``FLAG_IMMEDIATE_ACK``), the fragment of SessionConfirmed."""

    destination_id: int
    packet_number: int
    packet_type: int
    info: int = 0

    @classmethod
    def parse(cls, data: bytes) -> ShortHeader:
        """From 16 bytes or more; DecodeError if there are fewer."""
        if len(data) < SHORT_HEADER_BYTES:
            raise DecodeError(f"short header of {len(data)} bytes")
        destination_id, packet_number, packet_type, info, _ = _SHORT.unpack_from(data)
        return cls(destination_id, packet_number, packet_type, info)

    def write(self) -> bytes:
        """16 bytes."""
        return _SHORT.pack(self.destination_id, self.packet_number, self.packet_type, self.info, 0)


@dataclass(frozen=True, slots=True)
class LongHeader:
    """The header of packets outside the data phase. Connection IDs and the token are 64-bit."""

    destination_id: int
    packet_number: int
    packet_type: int
    source_id: int
    token: int
    network_id: int
    version: int = VERSION

    @classmethod
    def parse(cls, data: bytes) -> LongHeader:
        """From 32 bytes or more; DecodeError if there are fewer.

        Version, network and whether the connection IDs differ are the caller's to judge.
        """
        if len(data) < LONG_HEADER_BYTES:
            raise DecodeError(f"long header of {len(data)} bytes")
        destination_id, number, kind, version, network_id, _, source_id, token = _LONG.unpack_from(
            data
        )
        return cls(destination_id, number, kind, source_id, token, network_id, version)

    def write(self) -> bytes:
        """32 bytes."""
        return _LONG.pack(
            self.destination_id,
            self.packet_number,
            self.packet_type,
            self.version,
            self.network_id,
            0,
            self.source_id,
            self.token,
        )


def check_header(
    header: LongHeader, kind: PacketType, network_id: int, versions: Sequence[int] = (VERSION,)
) -> None:
    """DecodeError unless type, version and network are right and the connection IDs differ."""
    if header.packet_type != kind or header.version not in versions:
        raise DecodeError(f"packet type {header.packet_type} version {header.version}")
    if header.network_id != network_id:
        raise DecodeError(f"packet of network {header.network_id}")
    if header.source_id == header.destination_id:
        raise DecodeError("equal connection IDs")


@accelerated
def read_destination(packet: bytes, key_1: ChaChaMask) -> bytes:
    """The 8 bytes of the destination connection ID of a masked packet of 40 bytes or more."""
    return key_1.xor(packet[-24:-12], packet[:8])


def read_type(packet: bytes, key_2: ChaChaMask) -> int:
    """The packet type; a wrong key gives any number, also a valid one."""
    return key_2.xor(packet[-12:], packet[8:16])[_TYPE_AT]


def mask(packet: bytes, key_1: ChaChaMask, key_2: ChaChaMask, covered: int = 0) -> bytes:
    """The packet with its header masked, or in clear again.

    It has at least 40 bytes, and 24 behind what is masked. ``covered``: see ``COVERED_BYTES``.
    """
    head = key_1.xor(packet[-24:-12], packet[:8]) + key_2.xor(packet[-12:], packet[8:16])
    if not covered:
        return head + packet[16:]
    return head + key_2.xor(_ZERO_NONCE, packet[16 : 16 + covered]) + packet[16 + covered :]
