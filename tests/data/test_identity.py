"""Identities and private keys."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.crypto.signing import SigningKey
from core.data.certificate import Certificate
from core.data.identity import Destination, KeysAndCert, RouterIdentity
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys
from tests.data.i2pd_files import DESTINATION_KEYS, ROUTER_INFO, ROUTER_KEYS
from tests.support.deterministic import SeededEntropy

quick = settings(max_examples=60, deadline=None)
SIGNING_TYPES = [0, 1, 2, 3, 7, 11]


def destination_keys(seed: int = 0, signing_type: int = 7) -> PrivateKeys:
    return PrivateKeys.generate_destination(SeededEntropy(seed), signing_type)


@pytest.mark.parametrize("signing_type", SIGNING_TYPES)
@pytest.mark.parametrize("crypto_type", [0, 4])
def test_build_parse_sign(signing_type: int, crypto_type: int) -> None:
    keys = PrivateKeys.generate(SeededEntropy(signing_type), signing_type, crypto_type)
    identity = Destination.parse(Reader(keys.destination.raw + b"rest"))
    assert identity == keys.destination
    assert (identity.signing_type, identity.crypto_type) == (signing_type, crypto_type)
    assert identity.signing_key == keys.signing.public
    assert identity.hash == hashlib.sha256(identity.raw).digest()
    signature = keys.sign(b"message")
    assert len(signature) == identity.signature_length == keys.signature_length
    assert identity.verify(b"message", signature)
    assert not identity.verify(b"massage", signature)
    assert Destination.from_base64(identity.b64) == identity
    assert identity.b32.endswith(".b32.i2p")
    assert len(identity.b32) == 60


def test_layout_of_the_key_area() -> None:
    padding = bytes(range(32))
    identity = RouterIdentity.build(4, b"c" * 32, 7, b"s" * 32, padding)
    assert identity.raw[:32] == b"c" * 32
    assert identity.raw[32:256] == padding * 7
    assert identity.raw[256:352] == padding * 3
    assert identity.raw[352:384] == b"s" * 32
    assert identity.raw[384:].hex() == "05000400070004"
    assert identity.is_x25519
    assert identity.crypto_key == b"c" * 32
    long = Destination.build(0, b"", 3, bytes(range(132)), padding)
    assert long.raw[256:384] + long.raw[-4:] == bytes(range(132))
    assert long.signing_key == bytes(range(132))
    assert len(long.crypto_key) == 256
    old = Destination.build(0, b"c" * 256, 0, b"s" * 128, padding)
    assert old.raw == b"c" * 256 + b"s" * 128 + bytes(3)
    assert old.certificate == Certificate(0)


def test_build_refuses_wrong_lengths() -> None:
    for arguments in (
        (4, b"c" * 31, 7, b"s" * 32, b"p"),
        (4, b"c" * 32, 7, b"s" * 31, b"p"),
        (4, b"c" * 32, 99, b"s" * 32, b"p"),
        (4, b"c" * 32, 7, b"s" * 32, b""),
    ):
        with pytest.raises(LocalError):
            KeysAndCert.build(*arguments)


def test_unknown_types_are_kept() -> None:
    unknown = bytes(range(128)) * 3 + bytes.fromhex("050006 ff01 ff02 abcd")
    identity = RouterIdentity.parse(Reader(unknown + b"behind"))
    assert (identity.signing_type, identity.crypto_type) == (0xFF01, 0xFF02)
    assert identity.raw == unknown
    assert identity.signing_key == identity.crypto_key == b""
    assert identity.signature_length == 0
    assert not identity.verify(b"", b"")
    other_certificate = bytes(384) + bytes.fromhex("03000101")
    assert RouterIdentity.parse(Reader(other_certificate)).raw == other_certificate


@pytest.mark.parametrize(
    "tail",
    ["", "05", "050004", "0500030007ff", "050004000300", "05000400030000", "0500060003000000"],
)
def test_identity_refuses(tail: str) -> None:
    with pytest.raises(DecodeError):
        KeysAndCert.parse(Reader(bytes(384) + bytes.fromhex(tail)))


def test_from_bytes_wants_nothing_behind() -> None:
    with pytest.raises(DecodeError):
        Destination.from_bytes(destination_keys().destination.raw + b"x")


@quick
@given(st.binary(max_size=500))
def test_identity_junk(data: bytes) -> None:
    try:
        identity = KeysAndCert.parse(Reader(data))
    except DecodeError:
        return
    assert data.startswith(identity.raw)


@pytest.mark.parametrize("signing_type", SIGNING_TYPES)
def test_key_file_round_trip(signing_type: int) -> None:
    keys = destination_keys(1, signing_type)
    again = PrivateKeys.parse(keys.write())
    assert again.write() == keys.write()
    assert again.destination == keys.destination
    assert again.identity.hash == again.hash == keys.hash
    assert again.offline is None
    assert PrivateKeys.from_base64(keys.to_base64()).hash == keys.hash


def test_destination_has_an_unused_crypto_key() -> None:
    keys = destination_keys()
    assert keys.destination.crypto_type == 0
    assert keys.crypto_private == bytes(256)
    assert keys.destination.crypto_key == keys.destination.crypto_key[:32] * 8


@pytest.mark.parametrize("transient_type", [7, 1])
def test_offline_section_round_trip(transient_type: int) -> None:
    keys = destination_keys(2)
    online = keys.authorise_transient(SeededEntropy(3), 1_800_000_000, transient_type)
    data = online.write()
    again = PrivateKeys.parse(data)
    assert again.write() == data
    assert keys.signing.private not in data
    offline = again.offline
    assert offline is not None
    assert offline.expires_s == 1_800_000_000
    assert offline.is_authorised_by(keys.destination)
    assert offline.verify(b"m", again.sign(b"m"))
    assert len(again.sign(b"m")) == again.signature_length == offline.transient_signature_length
    assert not keys.destination.verify(b"m", again.sign(b"m"))
    parsed = OfflineSignature.parse(Reader(offline.write()), keys.destination.signature_length)
    assert parsed == offline
    with pytest.raises(LocalError):
        online.authorise_transient(SeededEntropy(4), 1)


def test_key_file_refuses() -> None:
    keys = destination_keys(5)
    good = keys.write()
    swapped = good[:-32] + SigningKey.generate(SeededEntropy(9)).private
    offline = keys.authorise_transient(SeededEntropy(6), 1).write()
    position = len(good) + 6
    forged = offline[:position] + bytes((offline[position] ^ 1,)) + offline[position + 1 :]
    unknown = bytes(384) + bytes.fromhex("05000400630000") + bytes(400)
    for bad in (b"", good[:-1], swapped, offline[:-1], forged, unknown):
        with pytest.raises(DecodeError):
            PrivateKeys.parse(bad)


def test_keys_must_belong_together() -> None:
    keys = destination_keys(7)
    with pytest.raises(LocalError):
        PrivateKeys(keys.destination, keys.crypto_private, destination_keys(8).signing)
    with pytest.raises(LocalError):
        PrivateKeys(keys.destination, b"", keys.signing)
    with pytest.raises(LocalError):
        PrivateKeys.generate(SeededEntropy(0), 7, 1)


@quick
@given(st.integers(0, 700), st.integers(0, 255))
def test_key_file_junk(position: int, value: int) -> None:
    data = bytearray(destination_keys(5).authorise_transient(SeededEntropy(6), 1).write())
    data[position % len(data)] = value
    try:
        PrivateKeys.parse(bytes(data))
    except DecodeError:
        pass


def test_files_of_i2pd() -> None:
    router = PrivateKeys.parse(ROUTER_KEYS)
    assert router.write() == ROUTER_KEYS
    assert router.identity.is_x25519
    assert ROUTER_INFO.startswith(router.identity.raw)
    destination = PrivateKeys.parse(DESTINATION_KEYS)
    assert destination.write() == DESTINATION_KEYS
    assert destination.destination.b32.startswith("ude73mcxb2wzjmfze2t5oaog")
    assert destination.destination.verify(b"m", destination.sign(b"m"))


def test_representations_hide_keys() -> None:
    keys = destination_keys(1)
    assert repr(keys) == f"PrivateKeys(Destination({keys.destination.b32[:8]}))"
