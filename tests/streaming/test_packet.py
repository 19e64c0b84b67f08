"""Packet layout from the spec's picture, signatures, junk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.streaming import packet as p
from core.streaming.packet import Packet, build_packet
from tests.support.deterministic import SeededEntropy
from tests.support.stream_path import KEYS


def test_plain_ack_layout() -> None:
    raw = build_packet(0x01020304, 0x05060708, 0, 9, nacks=(7, 8))
    assert raw.hex() == "01020304050607080000000000000009020000000700000008" + ("0000000000")
    parsed = Packet.parse(raw)
    assert parsed.nacks == (7, 8)
    assert parsed.ack_through == 9
    assert parsed.payload == b""


def test_data_with_delay_layout() -> None:
    raw = build_packet(1, 2, 3, 4, delay_ms=0, resend_delay_s=9, payload=b"data")
    assert raw[16:].hex() == "0009004000020000" + b"data".hex()
    parsed = Packet.parse(raw)
    assert parsed.delay_ms == 0
    assert parsed.payload == b"data"
    assert p.PLAIN_HEADER.unpack_from(raw) == (1, 2, 3, 4, 0, 9, p.DELAY_REQUESTED, 2)


def test_syn_holds_everything_in_the_order_of_the_spec() -> None:
    keys = KEYS[0]
    target = KEYS[1].hash
    raw = build_packet(
        0,
        77,
        0,
        0,
        recipient_hash=target,
        flags=p.SYNCHRONIZE | p.NO_ACK,
        sender=keys.destination,
        payload_max=1812,
        signer=keys,
        payload=b"GET",
    )
    assert raw[16] == 8
    assert raw[17:49] == target
    assert int.from_bytes(raw[50:52], "big") == (
        p.SYNCHRONIZE
        | p.SIGNATURE_INCLUDED
        | p.FROM_INCLUDED
        | p.MAX_PACKET_SIZE_INCLUDED
        | p.NO_ACK
    )
    size = len(keys.destination.raw)
    assert int.from_bytes(raw[52:54], "big") == size + 2 + 64
    assert raw[54 : 54 + size] == keys.destination.raw
    assert raw[54 + size : 56 + size] == (1812).to_bytes(2, "big")
    parsed = Packet.parse(raw)
    assert parsed.nack_hash == target
    assert parsed.sender == keys.destination
    assert parsed.payload_max == 1812
    assert parsed.signature_at == 56 + size
    assert parsed.is_signed_by(keys.destination)
    assert not parsed.is_signed_by(KEYS[1].destination)
    zeroed = raw[: 56 + size] + bytes(64) + raw[120 + size :]
    assert keys.destination.verify(zeroed, raw[56 + size : 120 + size])


def test_offline_keys_travel_with_the_sender() -> None:
    keys = KEYS[0].authorise_transient(SeededEntropy(5), 2_000_000_000)
    raw = build_packet(0, 1, 0, 0, sender=keys.destination, signer=keys)
    parsed = Packet.parse(raw)
    assert parsed.flags & p.OFFLINE_SIGNATURE
    assert parsed.offline == keys.offline
    assert parsed.offline is not None
    assert parsed.offline.is_authorised_by(keys.destination)
    assert parsed.is_signed_by(keys.destination, parsed.offline)
    assert not parsed.is_signed_by(keys.destination)
    close = Packet.parse(build_packet(2, 1, 5, 0, flags=p.CLOSE, signer=keys))
    assert close.offline is None
    assert close.is_signed_by(keys.destination, keys.offline)


def test_every_bit_is_signed() -> None:
    keys = KEYS[0]
    raw = build_packet(4, 5, 6, 7, flags=p.CLOSE, signer=keys, payload=b"end")
    for position in range(len(raw)):
        for bit in (1, 0x80):
            mutated = bytearray(raw)
            mutated[position] ^= bit
            try:
                parsed = Packet.parse(bytes(mutated))
            except DecodeError:
                continue
            assert not parsed.is_signed_by(keys.destination)


@pytest.mark.parametrize("size", [0, 1, 16, 21])
def test_truncated(size: int) -> None:
    with pytest.raises(DecodeError):
        Packet.parse(bytes(size))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 0xFFFF), st.integers(0, 300))
def test_junk_gives_decode_errors_only(tail: bytes, flags: int, options: int) -> None:
    for raw in (tail, bytes(18) + flags.to_bytes(2, "big") + options.to_bytes(2, "big") + tail):
        try:
            parsed = Packet.parse(raw)
        except DecodeError:
            continue
        assert not parsed.is_signed_by(KEYS[0].destination)
