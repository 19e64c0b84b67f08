"""ElGamal over the 2048-bit MODP group of RFC 3526, as old destinations use it (cryptography.md).

A block of 222 bytes becomes 514: ``0 a(256) 0 b(256)`` with a = g^k and b = y^k m, where
m = ``nonzero byte, SHA-256 of the data, data``. Exponents that are made here are the short ones of
226 bits. Plain integers do: the library's Diffie-Hellman over this group is about to be removed.
"""

from __future__ import annotations

from hashlib import sha256

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy

KEY_LENGTH = 256
DATA_LENGTH = 222
BLOCK_LENGTH = 514
EXPONENT_LENGTH = 29
"""Bytes of a short exponent, whose top six bits are 0."""
SHORT_COST_S = 2.5e-3
LONG_COST_S = 18e-3
"""CPU time of one exponentiation with a short exponent, and with one as long as the prime."""

_P = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aacaa68ffffffffffffffff",
    16,
)
_G = 2
_EXPONENT_BITS = 226
_PLAIN_LENGTH = 1 + 32 + DATA_LENGTH


def _exponent(entropy: Entropy) -> int:
    value = int.from_bytes(entropy.random_bytes(EXPONENT_LENGTH), "big")
    return value & ((1 << _EXPONENT_BITS) - 1) | 1


def _element(data: bytes) -> int:
    value = int.from_bytes(data, "big")
    if not 1 < value < _P - 1:
        raise DecodeError("no element of the ElGamal group")
    return value


class ElGamalKey:
    """A key pair; ``private`` is 256 bytes, most of them 0 for a short exponent."""

    __slots__ = ("_exponent", "private", "public")

    private: bytes
    public: bytes
    """256 bytes."""

    def __init__(self, private: bytes) -> None:
        """LocalError if ``private`` is not 256 bytes or not in the range of exponents."""
        exponent = int.from_bytes(private, "big")
        if len(private) != KEY_LENGTH or not 0 < exponent < _P - 1:
            raise LocalError(f"ElGamal private key of {len(private)} bytes")
        self._exponent = exponent
        self.private = private
        self.public = pow(_G, exponent, _P).to_bytes(KEY_LENGTH, "big")

    @classmethod
    def generate(cls, entropy: Entropy) -> ElGamalKey:
        """A fresh key pair with a short exponent."""
        return cls(_exponent(entropy).to_bytes(KEY_LENGTH, "big"))

    @property
    def cost_s(self) -> float:
        """CPU time of :meth:`decrypt`, in seconds."""
        return SHORT_COST_S if self._exponent.bit_length() <= _EXPONENT_BITS else LONG_COST_S

    def decrypt(self, block: bytes) -> bytes:
        """The 222 bytes in a block of 514; DecodeError if it was not made for this key."""
        if len(block) != BLOCK_LENGTH or block[0] or block[257]:
            raise DecodeError(f"ElGamal block of {len(block)} bytes")
        a, b = _element(block[1:257]), _element(block[258:])
        plain = b * pow(a, -self._exponent, _P) % _P
        if plain >> 8 * _PLAIN_LENGTH:
            raise DecodeError("ElGamal block for another key")
        data = plain.to_bytes(_PLAIN_LENGTH, "big")
        if sha256(data[33:]).digest() != data[1:33]:
            raise DecodeError("ElGamal block for another key")
        return data[33:]

    def __repr__(self) -> str:
        return f"ElGamalKey(public={self.public[:8].hex()})"


def encrypt(public: bytes, data: bytes, entropy: Entropy) -> bytes:
    """A block of 514 bytes with 222 bytes of ``data`` for the owner of ``public``.

    DecodeError if ``public`` is no key, LocalError for other lengths of data.
    """
    if len(data) != DATA_LENGTH:
        raise LocalError(f"ElGamal data of {len(data)} bytes")
    if len(public) != KEY_LENGTH:
        raise DecodeError(f"ElGamal public key of {len(public)} bytes")
    y, k = _element(public), _exponent(entropy)
    nonzero = bytes((entropy.random_bytes(1)[0] or 0xFF,))
    plain = int.from_bytes(nonzero + sha256(data).digest() + data, "big")
    a, b = pow(_G, k, _P), pow(y, k, _P) * plain % _P
    return b"\0" + a.to_bytes(KEY_LENGTH, "big") + b"\0" + b.to_bytes(KEY_LENGTH, "big")
