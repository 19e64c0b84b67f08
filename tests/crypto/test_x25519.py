"""X25519 against RFC 7748, and the points every handshake must refuse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto.x25519 import X25519Key
from tests.support.deterministic import SeededEntropy

ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
LOW_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


def test_rfc_7748_section_6_1() -> None:
    alice, bob = X25519Key(ALICE), X25519Key(BOB)
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.exchange(bob.public).hex() == bob.exchange(alice.public).hex() == shared


def test_rfc_7748_section_5_2_iterated() -> None:
    k = u = bytes([9]) + bytes(31)
    for _ in range(1000):
        k, u = X25519Key(k).exchange(u), k
    assert k.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


@pytest.mark.parametrize("point", LOW_ORDER)
def test_points_of_low_order_are_refused(point: bytes) -> None:
    with pytest.raises(DecodeError):
        X25519Key(ALICE).exchange(point)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40))
def test_junk_gives_a_secret_or_a_decode_error(junk: bytes) -> None:
    try:
        assert len(X25519Key(ALICE).exchange(junk)) == 32
    except DecodeError:
        pass


def test_generate_uses_the_given_entropy() -> None:
    first, again = (X25519Key.generate(SeededEntropy(7)) for _ in range(2))
    assert first.private == again.private == SeededEntropy(7).random_bytes(32)
    assert first.public == again.public


def test_wrong_private_length_is_our_fault() -> None:
    with pytest.raises(LocalError):
        X25519Key(bytes(33))


def test_repr_shows_no_secret() -> None:
    key = X25519Key(ALICE)
    assert key.public.hex() in repr(key)
    assert ALICE.hex() not in repr(key)
    assert repr(ALICE) not in repr(key)
