"""Blinding of signing keys: the key under which an encrypted lease set is published on one day.

encryptedleaseset.md "Blinding Key Derivation" and "Derivation of subcredentials". From the public
signing key of a destination, an optional secret and a UTC day comes a scalar alpha; the owner adds
it to the private key, everybody else adds [alpha] B to the public key, and both get the same
Red25519 key. Who knows neither the destination nor the secret cannot link the keys of two days.

Only Ed25519 and Red25519 keys (types 7 and 11) can be blinded, and the result is always type 11.
i2pd also blinds ECDSA keys, which no specification allows.
"""

from __future__ import annotations

from hashlib import sha256

from core.base.calendar import day_text
from core.base.errors import LocalError
from core.crypto import reddsa
from core.crypto.hkdf import hkdf
from core.crypto.signing import SigningKey, SigningType

BLINDED_TYPE = SigningType.REDDSA
BLINDABLE_TYPES = frozenset((SigningType.ED25519, SigningType.REDDSA))
KEY_LENGTH = reddsa.KEY_LENGTH


class Blinding:
    """One public signing key with one secret, blinded for as many days as one likes.

    LocalError if the type cannot be blinded, the key is not 32 bytes or the secret is no text.
    """

    __slots__ = ("_credential", "_salt", "_secret", "public", "signing_type")

    def __init__(self, signing_type: int, public: bytes, secret: str = "") -> None:
        if signing_type not in BLINDABLE_TYPES or len(public) != KEY_LENGTH:
            raise LocalError(f"a signing key of type {signing_type} cannot be blinded")
        types = signing_type.to_bytes(2, "big") + BLINDED_TYPE.to_bytes(2, "big")
        key_data = public + types
        self.signing_type = signing_type
        self.public = public
        try:
            self._secret = secret.encode()
        except UnicodeEncodeError:
            raise LocalError("the secret of a blinded address is not valid text") from None
        self._salt = sha256(b"I2PGenerateAlpha" + key_data).digest()
        self._credential = sha256(b"credential" + key_data).digest()

    def alpha(self, day: int) -> bytes:
        """The scalar of a day (see :mod:`core.base.calendar`), 32 bytes little endian."""
        seed = hkdf(self._salt, day_text(day) + self._secret, b"i2pblinding1", 64)
        return reddsa.reduce_scalar(seed)

    def public_key(self, day: int) -> bytes:
        """The blinded public key of ``day``; DecodeError if ``public`` is no point of the curve."""
        return reddsa.randomize_public(self.public, self.alpha(day))

    def signing_key(self, key: SigningKey, day: int) -> SigningKey:
        """The blinded private key of ``day``, type 11; ``key`` is the owner's, LocalError if not.

        Its public half equals :meth:`public_key` of the same day.
        """
        if key.signing_type != self.signing_type or key.public != self.public:
            raise LocalError("the signing key to blind is another one")
        private = key.private
        if self.signing_type == SigningType.ED25519:
            private = reddsa.convert_ed25519_private(private)
        return SigningKey(BLINDED_TYPE, reddsa.randomize_private(private, self.alpha(day)))

    def subcredential(self, blinded: bytes) -> bytes:
        """32 bytes that go into every key of a lease set published under ``blinded``."""
        return sha256(b"subcredential" + self._credential + blinded).digest()

    def __repr__(self) -> str:
        return f"Blinding(type={self.signing_type}, public={self.public.hex()})"


def store_key(blinded: bytes) -> bytes:
    """Where a lease set under this blinded key is stored: SHA-256 of type and key."""
    return sha256(BLINDED_TYPE.to_bytes(2, "big") + blinded).digest()
