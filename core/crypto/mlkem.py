"""ML-KEM-768 and ML-KEM-1024 (FIPS 203), the key encapsulation of I2P's hybrid handshakes.

The library has them from cryptography 48 on; 47 has the names, but no code behind them. Where they
are missing, :func:`is_available` says so and nothing else here may be called.

An encapsulation key that breaks the modulus check of FIPS 203 section 7.2 is a DecodeError. A
ciphertext that was made for another key or altered is no error: decapsulation then gives a secret
that nobody else has (implicit rejection), and the next AEAD of the handshake fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mlkem import (
        MLKEM768PrivateKey,
        MLKEM1024PrivateKey,
    )

SEED_LENGTH = 64
"""Bytes that a key pair comes from: d and z of FIPS 203."""
SHARED_LENGTH = 32
"""Bytes of the shared secret."""


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One of the sets of FIPS 203 section 8; lengths in bytes."""

    name: str
    key_length: int
    """Of an encapsulation key."""
    ciphertext_length: int


ML_KEM_768 = ParameterSet("ML-KEM-768", 1184, 1088)
ML_KEM_1024 = ParameterSet("ML-KEM-1024", 1568, 1568)


@cache
def is_available() -> bool:
    """Whether the library beneath has both parameter sets; asked of it once."""
    try:
        for parameters in (ML_KEM_768, ML_KEM_1024):
            DecapsulationKey(parameters, bytes(SEED_LENGTH))
    except (ImportError, UnsupportedAlgorithm):
        return False
    return True


class DecapsulationKey:
    """The private side: a key pair from 64 bytes, for one handshake."""

    __slots__ = ("_key", "parameters", "public")

    parameters: ParameterSet
    public: bytes
    """The encapsulation key, ``parameters.key_length`` bytes."""

    def __init__(self, parameters: ParameterSet, seed: bytes) -> None:
        if len(seed) != SEED_LENGTH:
            raise LocalError(f"ML-KEM seed of {len(seed)} bytes")
        self._key = _private_key(parameters, seed)
        self.parameters = parameters
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls, parameters: ParameterSet, entropy: Entropy) -> DecapsulationKey:
        """A fresh key pair."""
        return cls(parameters, entropy.random_bytes(SEED_LENGTH))

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared secret, 32 bytes; DecodeError if the ciphertext has a wrong length."""
        if len(ciphertext) != self.parameters.ciphertext_length:
            raise DecodeError(f"{self.parameters.name} ciphertext of {len(ciphertext)} bytes")
        return self._key.decapsulate(ciphertext)

    def __repr__(self) -> str:
        return f"DecapsulationKey({self.parameters.name})"


def encapsulate(parameters: ParameterSet, public: bytes) -> tuple[bytes, bytes]:
    """(ciphertext, shared secret of 32 bytes) for the owner of the encapsulation key ``public``.

    DecodeError if the key has a wrong length or is no key. The randomness is the library's own,
    which takes none from outside: the one exception to this room's rule.
    """
    from cryptography.hazmat.primitives.asymmetric import mlkem

    if len(public) != parameters.key_length:
        raise DecodeError(f"{parameters.name} encapsulation key of {len(public)} bytes")
    kind = mlkem.MLKEM768PublicKey if parameters is ML_KEM_768 else mlkem.MLKEM1024PublicKey
    try:
        shared, ciphertext = kind.from_public_bytes(public).encapsulate()
    except ValueError:
        raise DecodeError(f"{parameters.name} encapsulation key is not usable") from None
    return ciphertext, shared


def _private_key(parameters: ParameterSet, seed: bytes) -> MLKEM768PrivateKey | MLKEM1024PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import mlkem

    kind = mlkem.MLKEM768PrivateKey if parameters is ML_KEM_768 else mlkem.MLKEM1024PrivateKey
    return kind.from_seed_bytes(seed)
