"""AES-256 against FIPS 197 and NIST SP 800-38A."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.crypto.aes import (
    CbcDecryptor,
    CbcEncryptor,
    EcbDecryptor,
    EcbEncryptor,
    cbc_decrypt,
    cbc_encrypt,
)

KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
IV = bytes(range(16))
TEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
ECB = bytes.fromhex(
    "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
    "b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"
)
CBC = bytes.fromhex(
    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
    "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
)


def test_fips_197_appendix_c_3() -> None:
    key, block = bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")
    assert EcbEncryptor(key).update(block).hex() == "8ea2b7ca516745bfeafc49904b496089"


def test_sp_800_38a_ecb() -> None:
    assert EcbEncryptor(KEY).update(TEXT) == ECB
    assert EcbDecryptor(KEY).update(ECB) == TEXT


def test_sp_800_38a_cbc() -> None:
    assert cbc_encrypt(KEY, IV, TEXT) == CBC
    assert cbc_decrypt(KEY, IV, CBC) == TEXT


def test_persistent_cbc_chains_over_calls() -> None:
    encryptor, decryptor = CbcEncryptor(KEY, IV), CbcDecryptor(KEY, IV)
    pieces = [encryptor.update(TEXT[i : i + 16]) for i in range(0, 64, 16)]
    assert b"".join(pieces) == CBC
    assert b"".join(decryptor.update(piece) for piece in pieces) == TEXT


def test_default_iv_is_zero() -> None:
    assert CbcEncryptor(KEY).update(TEXT) == cbc_encrypt(KEY, bytes(16), TEXT)
    assert CbcDecryptor(KEY).update(CBC) == cbc_decrypt(KEY, bytes(16), CBC)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(1, 4)), max_size=6))
def test_persistent_contexts_serve_messages_with_their_own_iv(
    messages: list[tuple[bytes, int]],
) -> None:
    encryptor, decryptor, last = CbcEncryptor(KEY), CbcDecryptor(KEY), bytes(16)
    for iv, blocks in messages:
        data = iv * blocks
        expected = cbc_encrypt(KEY, iv, data)
        first = bytes(a ^ b ^ c for a, b, c in zip(data[:16], iv, last, strict=True))
        sealed = encryptor.update(first + data[16:])
        assert sealed == expected
        last = sealed[-16:]
        assert decryptor.update(iv + sealed)[16:] == data


def test_wrong_lengths_are_our_fault() -> None:
    for function in (cbc_encrypt, cbc_decrypt):
        for key, iv, data in ((16, 16, 16), (32, 12, 16), (32, 16, 17)):
            with pytest.raises(LocalError):
                function(bytes(key), bytes(iv), bytes(data))
    for kind in (EcbEncryptor, EcbDecryptor, CbcEncryptor, CbcDecryptor):
        with pytest.raises(LocalError):
            kind(bytes(24))
    assert cbc_encrypt(KEY, IV, b"") == b""
