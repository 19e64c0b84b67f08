"""SipHash-2-4 against the reference vectors, and the two ways to run the length mask."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.crypto import siphash
from core.crypto.siphash import LengthMask, in_place_chain, portable_chain, siphash24

KEY = bytes(range(16))
REFERENCE = [
    "310e0edd47db6f72",
    "fd67dc93c539f874",
    "5a4fa9d909806c0d",
    "2d7efbd796666785",
    "b7877127e09427cf",
    "8da699cd64557618",
    "cee3fe586e46c9cb",
    "37d1018bf50002ab",
    "6224939a79f5f593",
    "b0e4a90bdf82009e",
    "f3b9dd94c5bb5d7a",
    "a7ad6b22462fb3f4",
    "fbe50e86bc8f1e75",
    "903d84c02756ea14",
    "eef27a8e90ca23f7",
    "e545be4961ca29a1",
]


@pytest.mark.parametrize("length", range(len(REFERENCE)))
def test_reference_vectors(length: int) -> None:
    expected = int.from_bytes(bytes.fromhex(REFERENCE[length]), "little")
    assert siphash24(KEY, bytes(range(length))) == expected


def test_the_first_mask_is_the_low_16_bits_of_the_hash() -> None:
    # Reference vector for 8 bytes: 62 24 93 9a ..., the low 16 bits are 0x2462.
    assert LengthMask(KEY, bytes(range(8))).next() == 0x2462


def test_the_fast_way_is_in_use_where_it_can_be() -> None:
    # If PyNaCl moves its private handle, this test says so; the router only gets slower.
    assert (siphash._lib is not None) == (sys.byteorder == "little")


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))
def test_chain_follows_the_specification(key: bytes, iv: bytes) -> None:
    mask = LengthMask(key, iv)
    fast, portable = in_place_chain(key, iv), portable_chain(key, iv)
    for _ in range(5):
        value = siphash24(key, iv)
        iv = value.to_bytes(8, "little")
        assert mask.next() == fast() == portable() == value & 0xFFFF


def test_chains_do_not_share_state() -> None:
    one, two = (LengthMask(KEY, bytes(8)) for _ in range(2))
    assert [one.next() for _ in range(3)] == [two.next() for _ in range(3)]


def test_wrong_lengths_are_our_fault() -> None:
    with pytest.raises(LocalError):
        siphash24(bytes(15), b"")
    for key, iv in ((15, 8), (16, 7), (16, 9)):
        with pytest.raises(LocalError):
            LengthMask(bytes(key), bytes(iv))
