"""Red25519 (signature type 11): Ed25519 with scalars as private keys, so that keys can be blinded.

red25519.md, encryptedleaseset.md. A private key is a scalar modulo L, 32 bytes little endian,
without Ed25519's hashing and clamping; public keys and signatures look like Ed25519's.

The hash is the one real peers use. red25519.md prefixes every hash with "I2P_Red25519H(x)" and the
message length; i2pd: no prefix, and type 11 is verified as plain Ed25519 (Java: likewise, by
inheritance). Signatures made here therefore verify as Ed25519, and the signatures in the test
vectors of red25519.md do not; its keys and blinding do hold.

The 80 random bytes of the nonce are a hash of private key and message instead, as in Ed25519: the
peer cannot tell, and a weak source of randomness cannot give the key away.
"""

from __future__ import annotations

from hashlib import sha512

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
)
from nacl.exceptions import CryptoError

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy

KEY_LENGTH = 32
_ORDER = 2**252 + 27742317777372353535851937790883648493
_ZERO = bytes(KEY_LENGTH)
_NONCE_DOMAIN = b"Red25519 deterministic nonce"
_NONCE_LENGTH = 80


def generate_private(entropy: Entropy) -> bytes:
    """A uniform scalar (64 random bytes modulo L): a private key, or an alpha for blinding."""
    return reduce_scalar(entropy.random_bytes(64))


def reduce_scalar(wide: bytes) -> bytes:
    """64 bytes modulo L as 32 bytes; LocalError on other lengths. Makes alpha from a seed."""
    if len(wide) != 64:
        raise LocalError(f"scalar to reduce has {len(wide)} bytes")
    return crypto_core_ed25519_scalar_reduce(wide)


def convert_ed25519_private(seed: bytes) -> bytes:
    """CONVERT_ED25519_PRIVATE: the scalar behind a 32-byte Ed25519 private key."""
    if len(seed) != KEY_LENGTH:
        raise LocalError(f"Ed25519 private key of {len(seed)} bytes")
    scalar = bytearray(sha512(seed).digest()[:KEY_LENGTH])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    return bytes(scalar)


def derive_public(private: bytes) -> bytes:
    """DERIVE_PUBLIC: [sk] B. LocalError unless ``private`` is 32 bytes and not 0 modulo L."""
    if len(private) != KEY_LENGTH or int.from_bytes(private, "little") % _ORDER == 0:
        raise LocalError("Red25519 private key is not a usable scalar")
    return crypto_scalarmult_ed25519_base_noclamp(_reduced(private))


def randomize_private(private: bytes, alpha: bytes) -> bytes:
    """RANDOMIZE_PRIVATE: (sk + alpha) mod L."""
    if len(private) != KEY_LENGTH or len(alpha) != KEY_LENGTH:
        raise LocalError("Red25519 scalars have 32 bytes")
    return crypto_core_ed25519_scalar_add(private, alpha)


def randomize_public(public: bytes, alpha: bytes) -> bytes:
    """RANDOMIZE_PUBLIC: vk + [alpha] B. DecodeError if ``public`` is not a point of the curve."""
    shift = derive_public(alpha)
    try:
        return crypto_core_ed25519_add(public, shift)
    except (CryptoError, TypeError, ValueError):
        raise DecodeError("signing key is not a point of the curve") from None


def sign(private: bytes, public: bytes, message: bytes) -> bytes:
    """The 64-byte signature R || S; ``public`` is ``derive_public(private)``, not checked."""
    private = _reduced(private)
    secret = sha512(_NONCE_DOMAIN + private).digest()
    noise = (
        sha512(secret + b"\x00" + message).digest() + sha512(secret + b"\x01" + message).digest()
    )
    nonce = _hash_to_scalar(noise[:_NONCE_LENGTH], public, message)
    commitment = crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = _hash_to_scalar(commitment, public, message)
    product = crypto_core_ed25519_scalar_mul(challenge, private)
    return commitment + crypto_core_ed25519_scalar_add(nonce, product)


def _reduced(scalar: bytes) -> bytes:
    return crypto_core_ed25519_scalar_add(scalar, _ZERO)


def _hash_to_scalar(prefix: bytes, public: bytes, message: bytes) -> bytes:
    return crypto_core_ed25519_scalar_reduce(sha512(prefix + public + message).digest())
