"""The encryption types of the ratchet: X25519 alone (4), or with ML-KEM-768 (6) or ML-KEM-1024 (7).

Spec: ECIES-X25519-AEAD-Ratchet; PQ Hybrid ECIES-X25519-AEAD-Ratchet ("Noise identifiers", "Message
Format"). A hybrid handshake carries an ML-KEM key in the new session and a ciphertext in each
reply; what follows it is the same for all types. ML-KEM-512 (5) is left out: nobody prefers it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from core.crypto.aead import TAG_LENGTH
from core.crypto.hfs import e1_length, ekem1_length
from core.crypto.mlkem import ML_KEM_768, ML_KEM_1024, ParameterSet, is_available
from core.data.certificate import CryptoType

_NEW_SESSION_BYTES_MIN = 32 + 32 + TAG_LENGTH + TAG_LENGTH
_REPLY_BYTES_MIN = 8 + 32 + TAG_LENGTH + TAG_LENGTH


class Suite(NamedTuple):
    """One encryption type. ``kem`` is None for X25519 alone."""

    crypto_type: int
    protocol_name: bytes
    kem: ParameterSet | None

    @property
    def kem_key_bytes(self) -> int:
        """Size of the section with the encapsulation key in a new session message; 0 without."""
        return 0 if self.kem is None else e1_length(self.kem)

    @property
    def kem_ciphertext_bytes(self) -> int:
        """Size of the section with the ciphertext in a reply; 0 without."""
        return 0 if self.kem is None else ekem1_length(self.kem)

    @property
    def new_session_bytes_min(self) -> int:
        """A new session message with an empty payload."""
        return _NEW_SESSION_BYTES_MIN + self.kem_key_bytes

    @property
    def reply_bytes_min(self) -> int:
        """A new session reply with an empty payload."""
        return _REPLY_BYTES_MIN + self.kem_ciphertext_bytes


X25519 = Suite(CryptoType.X25519, b"Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256", None)
MLKEM768_X25519 = Suite(
    CryptoType.MLKEM768_X25519, b"Noise_IKhfselg2_25519+MLKEM768_ChaChaPoly_SHA256", ML_KEM_768
)
MLKEM1024_X25519 = Suite(
    CryptoType.MLKEM1024_X25519, b"Noise_IKhfselg2_25519+MLKEM1024_ChaChaPoly_SHA256", ML_KEM_1024
)

SUITES: dict[int, Suite] = {
    int(suite.crypto_type): suite
    for suite in (X25519, MLKEM768_X25519, MLKEM1024_X25519)
    if suite.kem is None or is_available()
}
"""Those that the library can do, by encryption type."""

DEFAULT_TYPES = tuple(
    kind for kind in (CryptoType.MLKEM768_X25519, CryptoType.X25519) if kind in SUITES
)
"""What a lease set offers if nothing else is asked for. Java 2.11: the same; i2pd: 0 besides."""


def usable_types(types: Iterable[int], default: tuple[int, ...] = DEFAULT_TYPES) -> tuple[int, ...]:
    """Those that this router can do, ElGamal (0) among them, from high to low; ``default`` if
    there is none."""
    usable = SUITES.keys() | {CryptoType.ELGAMAL}
    return tuple(sorted(set(types) & usable, reverse=True)) or default
