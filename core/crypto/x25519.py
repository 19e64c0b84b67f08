"""X25519 key pairs and Diffie-Hellman (RFC 7748), little endian as everywhere in I2P.

A result of all zeros means that the peer sent a point of low order and forced the secret; every I2P
handshake must refuse it (ntcp2.md, ecies.md).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy

KEY_LENGTH = 32


def may_be_public(key: bytes) -> bool:
    """A quick check of 32 bytes before any Diffie-Hellman (specs/ntcp2, message 1 notes)."""
    return not key[31] & 0x80 and any(key)


class X25519Key:
    """A key pair; the public key is computed once, at construction."""

    __slots__ = ("_key", "private", "public")

    private: bytes
    """The 32 private bytes as given (clamping happens at use)."""
    public: bytes
    """The 32 public bytes."""

    def __init__(self, private: bytes) -> None:
        if len(private) != KEY_LENGTH:
            raise LocalError(f"X25519 private key of {len(private)} bytes")
        self._key = X25519PrivateKey.from_private_bytes(private)
        self.private = private
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls, entropy: Entropy) -> X25519Key:
        """A fresh key pair."""
        return cls(entropy.random_bytes(KEY_LENGTH))

    def exchange(self, peer_public: bytes) -> bytes:
        """The 32-byte shared secret.

        DecodeError if ``peer_public`` is not 32 bytes or is a point of low order.
        """
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:
            raise DecodeError("X25519 public key of the peer is not usable") from None

    def __repr__(self) -> str:
        return f"X25519Key(public={self.public.hex()})"
