"""Red25519 against the vectors of red25519.md: keys and blinding as written, signatures as used."""

from __future__ import annotations

import json
from hashlib import sha512
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from core.base.errors import DecodeError, LocalError
from core.crypto import reddsa
from core.crypto.signing import SigningKey, verify
from tests.support.deterministic import SeededEntropy

VECTORS = [
    {name: bytes.fromhex(value) for name, value in vector.items()}
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "red25519.json").read_text())
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", VECTORS)
def test_conversion_and_blinding(vector: dict[str, bytes]) -> None:
    assert reddsa.convert_ed25519_private(vector["edsk"]) == vector["sk"]
    assert SigningKey(7, vector["edsk"]).public == vector["edpk"] == vector["vk"]
    assert reddsa.derive_public(vector["sk"]) == vector["vk"]
    assert reddsa.randomize_private(vector["sk"], vector["alpha"]) == vector["rsk"]
    assert reddsa.randomize_public(vector["vk"], vector["alpha"]) == vector["rvk"]
    assert reddsa.derive_public(vector["rsk"]) == vector["rvk"]


@pytest.mark.parametrize("vector", VECTORS)
def test_blinded_and_converted_keys_sign(vector: dict[str, bytes]) -> None:
    for private, public in ((vector["sk"], vector["vk"]), (vector["rsk"], vector["rvk"])):
        signature = SigningKey(11, private).sign(vector["msg"])
        assert verify(11, public, vector["msg"], signature)


@pytest.mark.parametrize("vector", VECTORS[:2])
def test_the_written_hash_is_not_the_one_that_peers_use(vector: dict[str, bytes]) -> None:
    # The document's signatures hold under its own hash, with prefix and length ...
    message, signature, public = vector["msg"], vector["sig"], vector["vk"]
    commitment, s = signature[:32], signature[32:]
    text = b"I2P_Red25519H(x)" + commitment + public + len(message).to_bytes(2, "little") + message
    challenge = crypto_core_ed25519_scalar_reduce(sha512(text).digest())
    right = crypto_core_ed25519_add(
        commitment, crypto_scalarmult_ed25519_noclamp(challenge, public)
    )
    assert crypto_scalarmult_ed25519_base_noclamp(s) == right
    # ... and i2pd, which verifies type 11 as Ed25519, refuses them; so does this router.
    assert not verify(11, public, message, signature)


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64))
def test_blinding_a_public_key_is_blinding_its_private_key(one: bytes, two: bytes) -> None:
    private, alpha = reddsa.reduce_scalar(one), reddsa.reduce_scalar(two)
    if not any(private) or not any(alpha):
        return
    assert int.from_bytes(private, "little") == int.from_bytes(one, "little") % ORDER
    blinded = reddsa.randomize_private(private, alpha)
    if any(blinded):
        public = reddsa.randomize_public(reddsa.derive_public(private), alpha)
        assert public == reddsa.derive_public(blinded)


def test_signatures_of_different_messages_use_different_nonces() -> None:
    key = SigningKey.generate(SeededEntropy(4), 11)
    commitments = {key.sign(bytes([i]))[:32] for i in range(20)}
    assert len(commitments) == 20


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=40))
def test_junk_public_keys_are_decode_errors(junk: bytes) -> None:
    alpha = VECTORS[0]["alpha"]
    try:
        assert len(reddsa.randomize_public(junk, alpha)) == 32
    except DecodeError:
        pass


def test_bad_scalars_are_our_fault() -> None:
    zero, order = bytes(32), ORDER.to_bytes(32, "little")
    for private in (zero, order, bytes(31), b"\1" * 33):
        with pytest.raises(LocalError):
            reddsa.derive_public(private)
    for short in (bytes(31), bytes(33)):
        with pytest.raises(LocalError):
            reddsa.randomize_private(short, VECTORS[0]["alpha"])
        with pytest.raises(LocalError):
            reddsa.convert_ed25519_private(short)
        with pytest.raises(LocalError):
            reddsa.reduce_scalar(short)
