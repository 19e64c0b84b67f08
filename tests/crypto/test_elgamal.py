"""ElGamal blocks: against the textbook, and against blocks of i2pd (tests/garlic)."""

from __future__ import annotations

import pytest

from core.base.errors import DecodeError, LocalError
from core.crypto import elgamal
from core.crypto.elgamal import ElGamalKey, encrypt
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("elgamal")
DATA = bytes(range(222))


def test_a_block_opens_with_its_key_only() -> None:
    key, other = ElGamalKey.generate(ENTROPY), ElGamalKey.generate(ENTROPY)
    block = encrypt(key.public, DATA, ENTROPY)
    assert len(block) == 514 and block[0] == block[257] == 0
    assert key.decrypt(block) == DATA
    with pytest.raises(DecodeError):
        other.decrypt(block)
    assert encrypt(key.public, DATA, ENTROPY) != block


def test_the_private_key_may_be_as_long_as_the_prime() -> None:
    """Java on 64-bit machines makes such ones."""
    key = ElGamalKey(b"\x7f" + ENTROPY.random_bytes(255))
    assert key.decrypt(encrypt(key.public, DATA, ENTROPY)) == DATA
    assert key.cost_s > ElGamalKey.generate(ENTROPY).cost_s


def test_what_is_no_key_and_no_block_is_refused() -> None:
    key = ElGamalKey.generate(ENTROPY)
    block = encrypt(key.public, DATA, ENTROPY)
    prime = elgamal._P
    for number in (0, 1, prime - 1, prime, 2**2048 - 1):
        with pytest.raises(DecodeError):
            encrypt(number.to_bytes(256, "big"), DATA, ENTROPY)
        with pytest.raises(DecodeError):
            key.decrypt(b"\0" + number.to_bytes(256, "big") + block[257:])
    for broken in (b"", block[:-1], b"\1" + block[1:], block[:300] + b"\0" + block[301:]):
        with pytest.raises(DecodeError):
            key.decrypt(broken)
    for private in (bytes(256), b"\xff" * 256, b"\1" * 255):
        with pytest.raises(LocalError):
            ElGamalKey(private)
    with pytest.raises(LocalError):
        encrypt(key.public, DATA[1:], ENTROPY)
