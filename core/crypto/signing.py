"""Signatures of every type I2P has, behind one ``verify`` and one ``SigningKey``.

common-structures.md "SigningPublicKey" and "Signature", cryptography.md "Signatures". All numbers
are big endian, except for EdDSA and RedDSA, which are little endian. ECDSA keys are x || y and
signatures r || s, each number padded to the width of the curve's prime (66 bytes for P-521). RSA
keys are the modulus alone; the exponent is always 65537.

RSA and Ed25519ph occur only in signed files (su3), never in identities. An su3 file carries RSA
over the bare hash, without the DigestInfo of the standard (Java's "NONEwithRSA"): that is
:func:`verify_file_hash`; :func:`verify` of an RSA type is standard PKCS #1 v1.5.

Signing is deterministic in every type (RFC 6979 for DSA and ECDSA), so no entropy is needed.

Ed25519 goes through libsodium, which takes half the time of OpenSSL here. It also refuses keys of
low order and encodings that are not canonical; no honest signer makes those.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from nacl.bindings import (
    crypto_sign,
    crypto_sign_ed25519ph_final_create,
    crypto_sign_ed25519ph_final_verify,
    crypto_sign_ed25519ph_state,
    crypto_sign_ed25519ph_update,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

from core.base.errors import LocalError
from core.base.ports import Entropy
from core.crypto import dsa, reddsa


class SigningType(IntEnum):
    """The signature type codes of key certificates and su3 files."""

    DSA_SHA1 = 0
    ECDSA_P256 = 1
    ECDSA_P384 = 2
    ECDSA_P521 = 3
    RSA2048 = 4
    RSA3072 = 5
    RSA4096 = 6
    ED25519 = 7
    ED25519PH = 8
    REDDSA = 11


PUBLIC_KEY_LENGTH: dict[int, int] = {
    0: 128,
    1: 64,
    2: 96,
    3: 132,
    4: 256,
    5: 384,
    6: 512,
    7: 32,
    8: 32,
    11: 32,
}
"""Signature type -> bytes of a public key; a type that is missing here is unknown."""
SIGNATURE_LENGTH: dict[int, int] = {
    0: 40,
    1: 64,
    2: 96,
    3: 132,
    4: 256,
    5: 384,
    6: 512,
    7: 64,
    8: 64,
    11: 64,
}
"""Signature type -> bytes of a signature."""
PRIVATE_KEY_LENGTH: dict[int, int] = {
    0: 20,
    1: 32,
    2: 48,
    3: 66,
    4: 512,
    5: 768,
    6: 1024,
    7: 32,
    8: 32,
    11: 32,
}
"""Signature type -> bytes of a private key."""

_Curve: TypeAlias = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
_CURVES: dict[int, tuple[_Curve, hashes.HashAlgorithm, int]] = {
    1: (ec.SECP256R1(), hashes.SHA256(), 32),
    2: (ec.SECP384R1(), hashes.SHA384(), 48),
    3: (ec.SECP521R1(), hashes.SHA512(), 66),
}
_CURVE_ORDERS: dict[int, int] = {
    1: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    2: int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
    3: int(
        "01ff" + "ff" * 31 + "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        16,
    ),
}
_RSA_HASHES: dict[int, tuple[hashes.HashAlgorithm, str]] = {
    4: (hashes.SHA256(), "sha256"),
    5: (hashes.SHA384(), "sha384"),
    6: (hashes.SHA512(), "sha512"),
}
_RSA_EXPONENT = 65537


def verify(signing_type: int, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` by ``public_key``.

    False, never an exception, for an unknown type, wrong lengths, keys that are no point or number
    of their kind, and forgeries.
    """
    check = _VERIFIERS.get(signing_type)
    if (
        check is None
        or len(public_key) != PUBLIC_KEY_LENGTH[signing_type]
        or len(signature) != SIGNATURE_LENGTH[signing_type]
    ):
        return False
    try:
        return check(signing_type, public_key, message, signature)
    except (InvalidSignature, CryptoError, ValueError, TypeError):
        return False


def _verify_dsa(_type: int, public_key: bytes, message: bytes, signature: bytes) -> bool:
    return dsa.verify(public_key, message, signature)


def _verify_ecdsa(signing_type: int, public_key: bytes, message: bytes, signature: bytes) -> bool:
    curve, hash_algorithm, width = _CURVES[signing_type]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + public_key)
    r = int.from_bytes(signature[:width], "big")
    s = int.from_bytes(signature[width:], "big")
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hash_algorithm))
    return True


def _verify_rsa(signing_type: int, public_key: bytes, message: bytes, signature: bytes) -> bool:
    modulus = int.from_bytes(public_key, "big")
    key = rsa.RSAPublicNumbers(_RSA_EXPONENT, modulus).public_key()
    key.verify(signature, message, padding.PKCS1v15(), _RSA_HASHES[signing_type][0])
    return True


def _verify_eddsa(_type: int, public_key: bytes, message: bytes, signature: bytes) -> bool:
    crypto_sign_open(signature + message, public_key)
    return True


def _verify_eddsa_prehashed(
    _type: int, public_key: bytes, message: bytes, signature: bytes
) -> bool:
    state = crypto_sign_ed25519ph_state()
    crypto_sign_ed25519ph_update(state, message)
    return bool(crypto_sign_ed25519ph_final_verify(state, signature, public_key))


_VERIFIERS: dict[int, Callable[[int, bytes, bytes, bytes], bool]] = {
    0: _verify_dsa,
    1: _verify_ecdsa,
    2: _verify_ecdsa,
    3: _verify_ecdsa,
    4: _verify_rsa,
    5: _verify_rsa,
    6: _verify_rsa,
    7: _verify_eddsa,
    8: _verify_eddsa_prehashed,
    11: _verify_eddsa,  # i2pd: RedDSA signatures are verified as Ed25519
}


def verify_file_hash(signing_type: int, modulus: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an RSA signature over the bare hash of ``message`` holds (updates.md "Signature").

    ``modulus`` and ``signature`` have the length of the type (4, 5 or 6). The padding must be
    00 01 FF .. FF 00 followed by exactly the hash. False for anything else; never raises.
    """
    entry = _RSA_HASHES.get(signing_type)
    length = PUBLIC_KEY_LENGTH.get(signing_type, 0)
    if entry is None or len(modulus) != length or len(signature) != length:
        return False
    n = int.from_bytes(modulus, "big")
    s = int.from_bytes(signature, "big")
    if s >= n:
        return False
    digest = hashlib.new(entry[1], message).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
    recovered = pow(s, _RSA_EXPONENT, n).to_bytes(length, "big")
    return hmac.compare_digest(recovered, expected)


class SigningKey:
    """A key that signs: every type but RSA, which is verified only.

    LocalError for a type that cannot sign or private bytes that do not fit the type.
    """

    __slots__ = ("_key", "private", "public", "signing_type")

    signing_type: int
    private: bytes
    """``PRIVATE_KEY_LENGTH[signing_type]`` bytes."""
    public: bytes
    """``PUBLIC_KEY_LENGTH[signing_type]`` bytes."""

    def __init__(self, signing_type: int, private: bytes) -> None:
        if signing_type not in _SIGNABLE:
            raise LocalError(f"signature type {signing_type} cannot sign")
        if len(private) != PRIVATE_KEY_LENGTH[signing_type]:
            raise LocalError(f"private key of {len(private)} bytes for type {signing_type}")
        self.signing_type = signing_type
        self.private = private
        self._key: Any = None
        if signing_type in _CURVES:
            self._key, self.public = _open_ecdsa(signing_type, private)
        elif signing_type == SigningType.DSA_SHA1:
            self.public = dsa.derive_public(private)
        elif signing_type == SigningType.REDDSA:
            self.public = reddsa.derive_public(private)
        else:
            self.public, self._key = crypto_sign_seed_keypair(private)

    @classmethod
    def generate(cls, entropy: Entropy, signing_type: int = SigningType.ED25519) -> SigningKey:
        """A fresh key of the type."""
        if signing_type in _CURVES:
            width = PRIVATE_KEY_LENGTH[signing_type]
            # 64 surplus bits make the bias of the reduction invisible (FIPS 186-5 A.2.1).
            wide = int.from_bytes(entropy.random_bytes(width + 8), "big")
            scalar = wide % (_CURVE_ORDERS[signing_type] - 1) + 1
            return cls(signing_type, scalar.to_bytes(width, "big"))
        if signing_type == SigningType.DSA_SHA1:
            return cls(signing_type, dsa.generate_private(entropy))
        if signing_type == SigningType.REDDSA:
            return cls(signing_type, reddsa.generate_private(entropy))
        return cls(signing_type, entropy.random_bytes(32))

    def sign(self, message: bytes) -> bytes:
        """The signature, ``SIGNATURE_LENGTH[signing_type]`` bytes."""
        signing_type = self.signing_type
        if signing_type == SigningType.ED25519:
            return crypto_sign(message, self._key)[:64]
        if signing_type in _CURVES:
            _, hash_algorithm, width = _CURVES[signing_type]
            scheme = ec.ECDSA(hash_algorithm, deterministic_signing=True)
            r, s = decode_dss_signature(self._key.sign(message, scheme))
            return r.to_bytes(width, "big") + s.to_bytes(width, "big")
        if signing_type == SigningType.REDDSA:
            return reddsa.sign(self.private, self.public, message)
        if signing_type == SigningType.DSA_SHA1:
            return dsa.sign(self.private, message)
        state = crypto_sign_ed25519ph_state()
        crypto_sign_ed25519ph_update(state, message)
        return crypto_sign_ed25519ph_final_create(state, self._key)

    def __repr__(self) -> str:
        return f"SigningKey(type={self.signing_type}, public={self.public.hex()})"


_SIGNABLE = frozenset({0, 1, 2, 3, 7, 8, 11})


def _open_ecdsa(signing_type: int, private: bytes) -> tuple[Any, bytes]:
    scalar = int.from_bytes(private, "big")
    if not 0 < scalar < _CURVE_ORDERS[signing_type]:
        raise LocalError("ECDSA private key out of range")
    curve, _, width = _CURVES[signing_type]
    key = ec.derive_private_key(scalar, curve)
    numbers = key.public_key().public_numbers()
    return key, numbers.x.to_bytes(width, "big") + numbers.y.to_bytes(width, "big")
