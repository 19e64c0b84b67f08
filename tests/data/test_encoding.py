"""Base 64, base 32, mappings and certificates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.data.certificate import Certificate, CertificateType, KeyCertificate
from core.data.encoding import b32decode, b32encode, b64decode, b64encode
from core.data.identity import b32_to_hash, hash_to_b32
from core.data.mapping import parse_mapping, write_mapping

quick = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\x00", "AA=="),
        (b"\xfb\xff\xbe", "-~--"),
        (b"\xff\xef", "~-8="),
        (b"I2P!", "STJQIQ=="),
    ],
)
def test_base64_pairs(data: bytes, text: str) -> None:
    assert b64encode(data) == text
    assert b64decode(text) == data
    assert b64decode(text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["A", "AA=A", "+/==", "A A=", "Ä===", "AAAA\n", "AAA=AAAA"])
def test_base64_refuses(text: str) -> None:
    with pytest.raises(DecodeError):
        b64decode(text)


def test_base32_pairs() -> None:
    assert b32encode(b"\x00" * 5 + b"\xff") == "aaaaaaaa74"
    assert b32decode("AAAAAAAA74") == b"\x00" * 5 + b"\xff"
    digest = bytes(range(32))
    assert len(hash_to_b32(digest)) == 52 + len(".b32.i2p")
    assert b32_to_hash(hash_to_b32(digest).upper()) == digest


@pytest.mark.parametrize("text", ["a", "1aaaaaaa", "aaa", "ä", "aaaa aaaa"])
def test_base32_refuses(text: str) -> None:
    with pytest.raises(DecodeError):
        b32decode(text)


def test_base32_hostname_must_be_a_hash() -> None:
    with pytest.raises(DecodeError):
        b32_to_hash("aaaaaaaa.b32.i2p")


@quick
@given(st.binary(max_size=100))
def test_text_forms_round_trip(data: bytes) -> None:
    assert b64decode(b64encode(data)) == data
    assert b32decode(b32encode(data)) == data


@quick
@given(st.text(max_size=60))
def test_decoders_raise_decode_error_only(text: str) -> None:
    for decode in (b64decode, b32decode, b32_to_hash):
        try:
            decode(text)
        except DecodeError:
            pass


@pytest.mark.parametrize(
    ("options", "wire"),
    [
        ({}, "0000"),
        ({"v": "2"}, "0006 0176 3d 0132 3b"),
        ({"b": "", "a": "=;"}, "000c 0161 3d 023d3b 3b 0162 3d 00 3b"),
    ],
)
def test_mapping_pairs(options: dict[str, str], wire: str) -> None:
    data = bytes.fromhex(wire)
    assert write_mapping(options) == data
    reader = Reader(data)
    assert parse_mapping(reader) == options
    assert reader.remaining == 0


def test_mapping_is_sorted_as_java_sorts() -> None:
    # U+10000 is a surrogate pair in Java and so sorts before U+FFFF.
    written = write_mapping({"\uffff": "2", "\U00010000": "1", "B": "", "a": ""})
    assert list(parse_mapping(Reader(written))) == ["B", "a", "\U00010000", "\uffff"]


@pytest.mark.parametrize(
    "wire",
    [
        "00",
        "0001",
        "000101",
        "0006 0176 3c 0132 3b",  # not '='
        "0006 0176 3d 0132 3a",  # not ';'
        "0005 0176 3d 0132",  # no ';'
        "0006 0176 3d 0232 3b",  # value too long
        "000c 0176 3d 0132 3b 0176 3d 0133 3b",  # twice the same key
    ],
)
def test_mapping_refuses(wire: str) -> None:
    with pytest.raises(DecodeError):
        parse_mapping(Reader(bytes.fromhex(wire)))


def test_mapping_refuses_to_write_what_cannot_be_read() -> None:
    with pytest.raises(LocalError):
        write_mapping({"a": "x" * 256})
    with pytest.raises(LocalError):
        write_mapping({str(i): "x" * 255 for i in range(300)})


@quick
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=6))
def test_mapping_round_trip(options: dict[str, str]) -> None:
    options = {k.encode("utf-8", "ignore").decode(): v for k, v in options.items()}
    options = {k: v.encode("utf-8", "ignore").decode() for k, v in options.items()}
    assert parse_mapping(Reader(write_mapping(options))) == options


@quick
@given(st.binary(max_size=80))
def test_mapping_junk(data: bytes) -> None:
    try:
        parse_mapping(Reader(len(data).to_bytes(2, "big") + data))
    except DecodeError:
        pass


def test_certificate_pairs() -> None:
    pairs = [
        (Certificate(CertificateType.NULL), "000000"),
        (Certificate(CertificateType.HASHCASH, b"ab"), "0100026162"),
        (Certificate(77, b"?"), "4d00013f"),
        (KeyCertificate(7, 4).to_certificate(), "05000400070004"),
        (KeyCertificate(3, 0, b"1234").to_certificate(), "0500080003000031323334"),
    ]
    for certificate, wire in pairs:
        assert certificate.write() == bytes.fromhex(wire)
        assert Certificate.parse(Reader(bytes.fromhex(wire))) == certificate


def test_key_certificate() -> None:
    key = KeyCertificate(3, 0, b"1234")
    assert KeyCertificate.from_certificate(key.to_certificate()) == key
    for certificate in (Certificate(5, b"\x00\x07\x00"), Certificate(0)):
        with pytest.raises(DecodeError):
            KeyCertificate.from_certificate(certificate)
