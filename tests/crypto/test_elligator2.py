"""Elligator2: known pairs of key and representative, and what must hold for all others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto.elligator2 import _is_non_square, decode, encode, generate_encodable
from core.crypto.x25519 import X25519Key
from tests.support.deterministic import SeededEntropy

P = 2**255 - 19
A = 486662


def test_known_representatives_of_both_signs() -> None:
    key = bytes.fromhex("33951964003c940878063ccfd0348af42150ca16d2646f2c5856e8338377d880")
    low = "2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d8612d"
    high = "3cfb87c46c0b4575ca8175e0ed1c0ae9dae79db78df86997c4847b9f20b27718"
    for tweak, expected in ((0, low), (1, high)):
        encoded = encode(key, tweak)
        assert encoded is not None
        assert encoded.hex() == expected


@pytest.mark.parametrize(
    ("representative", "key"),
    [
        (
            "e73507d38bae63992b3f57aac48c0abc14509589288457995a2b4ca3490aa207",
            "1e8afffed6bf53fe271ad572473262ded8faec68e5e67ef45ebb82eeba52604f",
        ),
        (
            "95a16019041dbefed9832048ede11928d90365f24a38aa7aef1b97e23954101b",
            "794f05ba3e3a72958022468c88981e0be5782be1e1145ce2c3c6fde16ded5363",
        ),
        (
            "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f",
            "9cdb525555555555555555555555555555555555555555555555555555555555",
        ),
    ],
)
def test_known_keys(representative: str, key: str) -> None:
    assert decode(bytes.fromhex(representative)).hex() == key


def test_a_key_without_representative() -> None:
    key = bytes.fromhex("e6f66fdf6e230c603c5e6e59a254ea1476a13eb9511b9549846781e12e52230a")
    assert encode(key, 0) is None
    assert encode(key, 0xC1) is None


def test_degenerate_keys_have_none() -> None:
    for x in (0, P - A, P, 2 * P - A):
        assert encode(x.to_bytes(32, "little"), 0) is None
        assert encode(x.to_bytes(32, "little"), 1) is None


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 255))
def test_encoding_is_the_inverse_of_decoding(private: bytes, tweak: int) -> None:
    public = X25519Key(private).public
    representative = encode(public, tweak)
    assert (representative is None) == (encode(public, tweak ^ 1) is None)
    if representative is not None:
        assert decode(representative) == public
        assert representative[31] & 0xC0 == tweak & 0xC0
        r = int.from_bytes(representative, "little") & (2**254 - 1)
        assert r <= (P - 1) // 2


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_every_32_bytes_decode_to_a_point_with_that_representative(junk: bytes) -> None:
    key = decode(junk)
    x = int.from_bytes(key, "little")
    assert x < P
    assert pow(x**3 + A * x * x + x, (P - 1) // 2, P) in (0, 1)
    r = int.from_bytes(junk, "little") & (2**254 - 1)
    smaller = min(r, P - r)
    found = {encode(key, sign) for sign in (0, 1)}
    assert smaller.to_bytes(32, "little") in found or x in (0, P - A)


def test_the_two_top_bits_do_not_count() -> None:
    plain = bytearray(SeededEntropy(5).random_bytes(32))
    plain[31] &= 0x3F
    keys = {decode(bytes(plain[:31] + bytes([plain[31] | top << 6]))) for top in range(4)}
    assert len(keys) == 1


def test_generate_encodable() -> None:
    entropy = SeededEntropy(1)
    tops = set()
    for _ in range(40):
        key, representative = generate_encodable(entropy)
        assert decode(representative) == key.public
        tops.add(representative[31] >> 6)
    assert tops == {0, 1, 2, 3}
    assert generate_encodable(SeededEntropy(1))[1] == generate_encodable(SeededEntropy(1))[1]


def test_wrong_lengths() -> None:
    with pytest.raises(DecodeError):
        decode(bytes(31))
    with pytest.raises(LocalError):
        encode(bytes(33), 0)
    with pytest.raises(LocalError):
        encode(bytes(32), 256)


def test_broken_entropy_does_not_hang() -> None:
    class Stuck:
        """Yields the same private key for ever, one whose public key has no representative."""

        def random_bytes(self, count: int) -> bytes:
            return private[:count]

        def randbelow(self, bound: int) -> int:
            return 0

    entropy = SeededEntropy(2)
    private = entropy.random_bytes(32)
    while encode(X25519Key(private).public, 0) is not None:
        private = entropy.random_bytes(32)
    with pytest.raises(LocalError):
        generate_encodable(Stuck())


def test_squares_are_told_as_eulers_criterion_tells_them() -> None:
    prime = 2**255 - 19
    entropy = SeededEntropy("squares")
    values = [1, 2, 4, prime - 1, *(entropy.randbelow(prime) for _ in range(40))]
    for value in values:
        is_square = pow(value, (prime - 1) // 2, prime) == 1
        assert _is_non_square(value) is not is_square
