"""ChaCha20-Poly1305 (RFC 8439), the AEAD of NTCP2, SSU2, the ratchet and tunnel builds.

Nonces are counters: 4 zero bytes, then 8 bytes little endian (ntcp2.md "AEAD", Noise section 5.1).
Building a context costs as much as sealing a small message, so a context lives as long as its key.

Hot paths bind ``raw_seal`` and ``raw_open`` to locals: the same operation on a ready 12-byte nonce,
``(n << 32).to_bytes(12, "little")``. ``raw_open`` raises :data:`InvalidTag`, which other rooms
import from here. Where each message has a key of its own, :func:`seal_once` and :func:`open_once`
save the wrapper.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from core.base.errors import DecodeError, LocalError
from core.base.native import accelerated

__all__ = [
    "TAG_LENGTH",
    "AuthenticationError",
    "ChaChaPoly",
    "InvalidTag",
    "chacha20_xor",
    "open_once",
    "seal_once",
]

TAG_LENGTH = 16
"""Bytes that sealing adds."""


class AuthenticationError(DecodeError):
    """A ciphertext that was not made with this key, nonce and associated data."""


class ChaChaPoly:
    """One key's AEAD context; ``key`` is 32 bytes, anything else is a LocalError."""

    __slots__ = ("_cipher", "raw_open", "raw_seal")

    raw_seal: Callable[[bytes, bytes, bytes], bytes]
    """(nonce 12 bytes, plaintext, ad) -> ciphertext and tag."""
    raw_open: Callable[[bytes, bytes, bytes], bytes]
    """(nonce 12 bytes, ciphertext and tag, ad) -> plaintext; raises :data:`InvalidTag`."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise LocalError(f"AEAD key of {len(key)} bytes")
        self._cipher = ChaCha20Poly1305(key)
        self.raw_seal = self._cipher.encrypt
        self.raw_open = self._cipher.decrypt

    def seal(self, nonce: int, plaintext: bytes, ad: bytes = b"") -> bytes:
        """Ciphertext and its 16-byte tag; ``nonce`` is 0 .. 2**64 - 1 and never used twice."""
        return self.raw_seal(_nonce12(nonce), plaintext, ad)

    def open(self, nonce: int, ciphertext: bytes, ad: bytes = b"") -> bytes:
        """The plaintext; raises AuthenticationError, also for fewer than 16 bytes."""
        try:
            return self.raw_open(_nonce12(nonce), ciphertext, ad)
        except InvalidTag:
            raise AuthenticationError("AEAD authentication failed") from None


@accelerated
def seal_once(key: bytes, number: int, plaintext: bytes, ad: bytes) -> bytes:
    """Ciphertext and tag under a ``key`` of 32 bytes that nothing else uses; nonce ``number``."""
    return ChaCha20Poly1305(key).encrypt((number << 32).to_bytes(12, "little"), plaintext, ad)


@accelerated
def open_once(key: bytes, number: int, message: bytes, start: int, ad: bytes) -> bytes:
    """The plaintext of what :func:`seal_once` made, which is ``message[start:]``.

    AuthenticationError as :meth:`ChaChaPoly.open`.
    """
    nonce = (number << 32).to_bytes(12, "little")
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, message[start:], ad)
    except InvalidTag:
        raise AuthenticationError("AEAD authentication failed") from None


def _nonce12(nonce: int) -> bytes:
    try:
        return (nonce << 32).to_bytes(12, "little")
    except OverflowError:
        raise LocalError(f"AEAD nonce out of range: {nonce}") from None


def chacha20_xor(key: bytes, nonce12: bytes, data: bytes, counter: int = 0) -> bytes:
    """``data`` XOR the ChaCha20 key stream (RFC 8439 section 2.4) from block ``counter``.

    ``key`` 32 bytes, ``nonce12`` 12 bytes, ``counter`` 0 .. 2**32 - 1, else LocalError. Encrypts
    and decrypts. Some users count blocks from 1 (i2pd: SSU2 header masks): they pass it.
    """
    if len(key) != 32 or len(nonce12) != 12 or not 0 <= counter < 1 << 32:
        raise LocalError("ChaCha20 parameters out of range")
    cipher = Cipher(ChaCha20(key, counter.to_bytes(4, "little") + nonce12), None)
    return cipher.encryptor().update(data)
