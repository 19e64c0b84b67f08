"""ChaCha20-Poly1305 and ChaCha20 against RFC 8439."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto.aead import AuthenticationError, ChaChaPoly, InvalidTag, chacha20_xor

KEY = bytes(range(0x80, 0xA0))
NONCE = bytes.fromhex("070000004041424344454647")
AD = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
TEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116"
    "1ae10b594f09e26a7e902ecbd0600691"
)


def test_rfc_8439_section_2_8_2() -> None:
    context = ChaChaPoly(KEY)
    assert context.raw_seal(NONCE, TEXT, AD) == SEALED
    assert context.raw_open(NONCE, SEALED, AD) == TEXT


def test_rfc_8439_appendix_a_5() -> None:
    key = bytes.fromhex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")
    ad = bytes.fromhex("f33388860000000000004e91")
    ciphertext = bytes.fromhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e"
        "382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd"
        "60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c76"
        "7b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
        "0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a67276"
        "27097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b0270"
        "9beead9d67890cbb22392336fea1851f38"
    )
    opened = ChaChaPoly(key).raw_open(bytes.fromhex("000000000102030405060708"), ciphertext, ad)
    assert opened.startswith(b"Internet-Drafts are draft documents")
    # The same nonce as a counter: bytes 4 .. 12 little endian.
    assert ChaChaPoly(key).open(0x0807060504030201, ciphertext, ad) == opened


def test_nonce_is_a_little_endian_counter_after_four_zero_bytes() -> None:
    context = ChaChaPoly(KEY)
    wire = b"\0\0\0\0" + (0x0102).to_bytes(8, "little")
    assert context.seal(0x0102, TEXT, AD) == context.raw_seal(wire, TEXT, AD)
    assert context.open(2**64 - 1, context.seal(2**64 - 1, b"x")) == b"x"
    for nonce in (-1, 2**64):
        with pytest.raises(LocalError):
            context.seal(nonce, b"")


def test_wrong_key_length_is_our_fault() -> None:
    with pytest.raises(LocalError):
        ChaChaPoly(bytes(31))


@pytest.mark.parametrize("position", [0, len(TEXT), len(SEALED) - 1])
def test_any_changed_bit_is_noticed(position: int) -> None:
    context = ChaChaPoly(KEY)
    sealed = bytearray(context.seal(7, TEXT, AD))
    sealed[position] ^= 1
    with pytest.raises(AuthenticationError):
        context.open(7, bytes(sealed), AD)
    with pytest.raises(InvalidTag):
        context.raw_open((7 << 32).to_bytes(12, "little"), bytes(sealed), AD)


def test_wrong_nonce_key_or_associated_data_is_noticed() -> None:
    sealed = ChaChaPoly(KEY).seal(7, TEXT, AD)
    for key, nonce, ad in ((KEY, 8, AD), (KEY, 7, b""), (bytes(32), 7, AD)):
        with pytest.raises(AuthenticationError):
            ChaChaPoly(key).open(nonce, sealed, ad)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=32))
def test_junk_is_an_authentication_error(junk: bytes, ad: bytes) -> None:
    with pytest.raises(DecodeError):
        ChaChaPoly(KEY).open(0, junk, ad)


def test_a_failure_leaves_the_context_usable() -> None:
    context = ChaChaPoly(KEY)
    with pytest.raises(AuthenticationError):
        context.open(1, b"short")
    assert context.open(1, context.seal(1, TEXT)) == TEXT


def test_chacha20_rfc_8439_section_2_4_2() -> None:
    nonce = bytes.fromhex("000000000000004a00000000")
    ciphertext = chacha20_xor(bytes(range(32)), nonce, TEXT, counter=1)
    assert ciphertext.hex() == (
        "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
        "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
        "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
        "5af90bbf74a35be6b40b8eedf2785e42874d"
    )
    assert chacha20_xor(bytes(range(32)), nonce, ciphertext, counter=1) == TEXT


def test_chacha20_block_counter() -> None:
    # RFC 8439 appendix A.1, test vectors 1 and 2: all zero, block 0 and block 1.
    stream = chacha20_xor(bytes(32), bytes(12), bytes(128))
    assert stream[:8].hex() == "76b8e0ada0f13d90"
    assert stream[64:72].hex() == "9f07e7be5551387a"
    assert chacha20_xor(bytes(32), bytes(12), bytes(64), counter=1) == stream[64:]


def test_chacha20_refuses_parameters_out_of_range() -> None:
    for key, nonce, counter in ((31, 12, 0), (32, 16, 0), (32, 12, -1), (32, 12, 1 << 32)):
        with pytest.raises(LocalError):
            chacha20_xor(bytes(key), bytes(nonce), b"", counter)
