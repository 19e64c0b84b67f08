"""Elligator2: X25519 public keys as 32 bytes that look random (ecies.md "Elligator2").

New Session messages of the ratchet start with an ephemeral key that must not be told from noise.
With p = 2^255 - 19, A = 486662 and the non-square 2, a Montgomery u-coordinate x has a
representative r = sqrt(-x / (2 (x + A))), or, for the other sign of v, r = sqrt(-(x + A) / (2x)),
if that root exists: for about half of all keys. r is taken at most (p - 1) / 2 and so fits in 254
bits; the two top bits are filled with randomness and ignored by the reader.

Only ephemeral public keys pass through here, none of it is secret, so plain integers do; one
exponentiation finds root and quotient together (as in RFC 9380 appendix F.2.1.1).
"""

from __future__ import annotations

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.crypto.x25519 import KEY_LENGTH, X25519Key

_P = 2**255 - 19
_A = 486662
_ROOT_EXPONENT = (_P - 5) // 8
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_R_MASK = 2**254 - 1
_TWO_A_SQUARED = 2 * _A * _A
_ATTEMPTS_MAX = 256


def _root_of_quotient(numerator: int, denominator: int) -> int | None:
    """The smaller square root of numerator / denominator modulo p, or None."""
    cube = denominator * denominator * denominator % _P
    seventh = cube * cube * denominator % _P
    root = numerator * cube * pow(numerator * seventh % _P, _ROOT_EXPONENT, _P) % _P
    square = denominator * root * root % _P
    if square != numerator:
        if square != _P - numerator:
            return None
        root = root * _SQRT_MINUS_ONE % _P
    return min(root, _P - root)


def _is_non_square(value: int) -> bool:
    """Whether ``value`` (0 to p - 1) has no square root modulo p, by its Jacobi symbol.

    A fifth of the time of Euler's exponentiation: every message that a stranger invents costs one.
    """
    is_negative = False
    modulus = _P
    while value:
        zeros = (value & -value).bit_length() - 1
        value >>= zeros
        if zeros & 1 and modulus & 7 in (3, 5):
            is_negative = not is_negative
        if value & modulus & 3 == 3:
            is_negative = not is_negative
        value, modulus = modulus % value, value
    return is_negative


def encode(public: bytes, tweak: int) -> bytes | None:
    """The representative of a 32-byte public key, or None if it has none.

    ``tweak`` is a random byte: its bits 6 and 7 become the two top bits and bit 0 chooses between
    the two representatives. LocalError on other lengths or values.
    """
    if len(public) != KEY_LENGTH or not 0 <= tweak <= 0xFF:
        raise LocalError("Elligator2 encodes a 32-byte key with a byte of randomness")
    # i2pd: all 256 bits count; for real public keys the top bit is 0 anyway.
    x = int.from_bytes(public, "little") % _P
    negated = (-x - _A) % _P
    if x == 0 or negated == 0:
        return None
    if tweak & 1:
        root = _root_of_quotient(negated, 2 * x % _P)
    else:
        root = _root_of_quotient(x, 2 * negated % _P)
    if root is None:
        return None
    return (root | (tweak & 0xC0) << 248).to_bytes(KEY_LENGTH, "little")


def decode(representative: bytes) -> bytes:
    """The public key behind 32 bytes: every value has one. DecodeError on other lengths.

    With w = -A / d and d = 1 + 2r^2 the key is w if w is on the curve, else -w - A. Whether it is
    depends on w^3 + Aw^2 + w = -A d (d^2 - 2 A^2 r^2) / d^4, whose denominator is a square.
    """
    if len(representative) != KEY_LENGTH:
        raise DecodeError(f"Elligator2 representative of {len(representative)} bytes")
    r = int.from_bytes(representative, "little") & _R_MASK
    square = r * r % _P
    d = 2 * square + 1
    x = -_A * pow(d, -1, _P) % _P
    on_curve = -_A * d * (d * d - _TWO_A_SQUARED * square) % _P
    if not on_curve or _is_non_square(on_curve):
        x = (-x - _A) % _P
    return x.to_bytes(KEY_LENGTH, "little")


def generate_encodable(entropy: Entropy) -> tuple[X25519Key, bytes]:
    """A fresh key pair that has a representative, and that representative. Two tries on average.

    LocalError if ``entropy`` yields no such key in 256 tries, which real randomness does not do.
    """
    for _ in range(_ATTEMPTS_MAX):
        key = X25519Key.generate(entropy)
        representative = encode(key.public, entropy.random_bytes(1)[0])
        if representative is not None:
            return key, representative
    raise LocalError("no encodable key: the source of randomness is broken")
