"""HMAC-SHA256 against RFC 4231 and the standard library, HKDF against RFC 5869."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.crypto.hkdf import chain_step, hkdf, hmac_sha256


def test_rfc_4231() -> None:
    assert hmac_sha256(b"\x0b" * 20, b"Hi There").hex() == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
    long_key = b"Test Using Larger Than Block-Size Key - Hash Key First"
    assert hmac_sha256(b"\xaa" * 131, long_key).hex() == (
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    )


def test_rfc_5869_case_1() -> None:
    okm = hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42)
    assert okm.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_rfc_5869_case_2() -> None:
    okm = hkdf(bytes(range(0x60, 0xB0)), bytes(range(0x50)), bytes(range(0xB0, 0x100)), 82)
    assert okm.hex() == (
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
        "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    )


def test_rfc_5869_case_3() -> None:
    okm = hkdf(b"", b"\x0b" * 22, b"", 42)
    assert okm.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=140), st.binary(max_size=140))
def test_hmac_equals_the_standard_library(key: bytes, data: bytes) -> None:
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=40), st.integers(1, 300))
def test_hkdf_equals_its_definition(salt: bytes, ikm: bytes, info: bytes, length: int) -> None:
    prk = hmac.digest(salt, ikm, "sha256")
    output = block = b""
    for counter in range(1, 11):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        output += block
    assert hkdf(salt, ikm, info, length) == output[:length]


def test_length_limits() -> None:
    assert len(hkdf(b"", b"", b"", 255 * 32)) == 255 * 32
    for length in (0, -1, 255 * 32 + 1):
        with pytest.raises(LocalError):
            hkdf(b"", b"", b"", length)


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.binary(max_size=20))
def test_chain_step_is_hkdf_in_two_halves(key: bytes, ikm: bytes, info: bytes) -> None:
    assert b"".join(chain_step(ikm, info)(key)) == hkdf(key, ikm, info, 64)
