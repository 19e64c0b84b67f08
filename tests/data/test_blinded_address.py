"""Addresses of encrypted destinations (b33)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.calendar import day_number
from core.base.errors import DecodeError, LocalError
from core.crypto.blinding import Blinding, store_key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b32encode
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy

KEY = bytes(range(32))


@pytest.mark.parametrize("signing_type", [7, 11])
@pytest.mark.parametrize("needs_secret", [False, True])
@pytest.mark.parametrize("needs_client_key", [False, True])
def test_round_trip(signing_type: int, needs_secret: bool, needs_client_key: bool) -> None:
    address = BlindedAddress(signing_type, KEY, needs_secret, needs_client_key)
    assert len(address.label) == 56
    assert address.host == f"{address.label}.b32.i2p" == str(address)
    for text in (address.host, address.label, address.host.upper(), address.label.upper()):
        assert BlindedAddress.parse(text) == address


def test_two_byte_types_are_read() -> None:
    # flags 1, then both types in two bytes; the mask covers three bytes only
    import zlib

    data = bytes((1, 0, 7, 0, 11)) + KEY
    mask = zlib.crc32(data[3:]).to_bytes(4, "little")
    masked = bytes(a ^ b for a, b in zip(data[:3], mask, strict=False)) + data[3:]
    label = b32encode(masked)
    assert len(label) == 60
    assert BlindedAddress.parse(label) == BlindedAddress(7, KEY)


def test_every_single_mistyped_character_shows() -> None:
    label = BlindedAddress(7, KEY).label
    found = 0
    for position, right in enumerate(label):
        for wrong in "a7q":
            if wrong != right:
                mistyped = label[:position] + wrong + label[position + 1 :]
                try:
                    BlindedAddress.parse(mistyped)
                except DecodeError:
                    found += 1
                else:
                    # Only the two flags may change, and only by a typo in the first characters.
                    assert position < 2
    assert found > 150


def test_unused_bits_must_be_zero() -> None:
    label = "a" * 57
    with pytest.raises(DecodeError):
        BlindedAddress.parse(label[:-1] + "b")


@given(st.one_of(st.text(max_size=70), st.text("abcdefghijklmnopqrstuvwxyz234567", max_size=70)))
@settings(max_examples=150, deadline=None)
def test_junk(text: str) -> None:
    try:
        address = BlindedAddress.parse(text)
    except DecodeError:
        return
    assert BlindedAddress.parse(address.host) == address


def test_of_a_destination() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy(1), 11)
    address = BlindedAddress.of(keys.destination, needs_client_key=True)
    assert address.is_of(keys.destination)
    assert not address.is_of(PrivateKeys.generate_destination(SeededEntropy(2), 11).destination)
    with pytest.raises(LocalError):
        BlindedAddress.of(PrivateKeys.generate_destination(SeededEntropy(1), 1).destination)


def test_the_store_key_moves_every_day_and_with_the_secret() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy(1))
    target = BlindedTarget(BlindedAddress.of(keys.destination))
    day = day_number(1_700_000_000)
    blinding = Blinding(7, keys.destination.signing_key)
    assert target.store_key(day) == store_key(blinding.public_key(day))
    assert target.store_key(day) != target.store_key(day + 1)
    assert target.store_key(day) != BlindedTarget(target.address, "s").store_key(day)


def test_a_target_keeps_its_secrets() -> None:
    target = BlindedTarget(BlindedAddress(7, KEY), "hidden word", b"hidden key".ljust(32))
    assert "hidden" not in repr(target)
    with pytest.raises(LocalError):
        BlindedTarget(target.address, "", b"short")
