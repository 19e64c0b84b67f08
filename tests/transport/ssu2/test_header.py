"""Packet headers and the masks over them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.crypto.aead import chacha20_xor
from core.crypto.chacha20 import ChaChaMask
from core.transport.ssu2.header import (
    COVERED_BYTES,
    FLAG_IMMEDIATE_ACK,
    PACKET_BYTES_MIN,
    LongHeader,
    PacketType,
    ShortHeader,
    mask,
    read_destination,
    read_type,
)

KEY_1 = bytes(range(32))
KEY_2 = bytes(range(32, 64))


def test_short_header_on_the_wire() -> None:
    header = ShortHeader(0x0102030405060708, 0x0A0B0C0D, PacketType.DATA, FLAG_IMMEDIATE_ACK)
    assert header.write() == bytes.fromhex("0102030405060708 0a0b0c0d 06 01 0000")
    assert ShortHeader.parse(header.write() + b"payload") == header


def test_long_header_on_the_wire() -> None:
    header = LongHeader(1, 2, PacketType.RETRY, 3, 4, 5)
    assert header.write() == bytes.fromhex(
        "0000000000000001 00000002 09 02 05 00 0000000000000003 0000000000000004"
    )
    assert LongHeader.parse(header.write()) == header


@pytest.mark.parametrize("size", [0, 15])
def test_short_data_is_no_header(size: int) -> None:
    with pytest.raises(DecodeError):
        ShortHeader.parse(bytes(size))
    with pytest.raises(DecodeError):
        LongHeader.parse(bytes(size + 16))


def slow_mask(packet: bytes, covered: int) -> bytes:
    """As the specification writes it, with ChaCha20 from block 1 on."""
    first = chacha20_xor(KEY_1, packet[-24:-12], packet[:8], 1)
    second = chacha20_xor(KEY_2, packet[-12:], packet[8:16], 1)
    third = chacha20_xor(KEY_2, bytes(12), packet[16 : 16 + covered], 1)
    return first + second + third + packet[16 + covered :]


@pytest.mark.parametrize("kind", list(PacketType))
@settings(max_examples=50, deadline=None)
@given(extra=st.binary(min_size=24, max_size=100))
def test_masks_are_chacha20_from_block_1(kind: PacketType, extra: bytes) -> None:
    covered = COVERED_BYTES[kind]
    packet = ShortHeader(7, 8, kind).write() + bytes(covered) + extra
    keys = ChaChaMask(KEY_1), ChaChaMask(KEY_2)
    masked = mask(packet, *keys, covered)
    assert masked == slow_mask(packet, covered)
    assert read_destination(masked, keys[0]) == (7).to_bytes(8, "big")
    assert read_type(masked, keys[1]) == kind
    assert mask(masked, *keys, covered) == packet


def test_a_smallest_packet_has_its_nonces_behind_the_header() -> None:
    packet = ShortHeader(1, 2, PacketType.DATA).write() + bytes(24)
    assert len(packet) == PACKET_BYTES_MIN
    assert mask(packet, ChaChaMask(KEY_1), ChaChaMask(KEY_2))[16:] == packet[16:]
