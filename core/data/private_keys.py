"""Private keys of a router or destination, and the file format Java and i2pd share.

File: identity, crypto private key, signing private key. If the signing private key is all zeros an
offline section follows: expiry, transient type and public key, signature, transient private key.
The identity in a destination has crypto type 0 and an unused crypto key (Java: its I2CP refuses
other types in a destination); the keys messages are encrypted with stand in the lease set only.
"""

from __future__ import annotations

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.base.wire import Reader, Writer
from core.crypto import signing
from core.crypto.signing import SigningKey, SigningType
from core.crypto.x25519 import X25519Key
from core.data.certificate import CRYPTO_PRIVATE_KEY_LENGTH, CryptoType
from core.data.encoding import b64decode, b64encode
from core.data.identity import Destination, KeysAndCert, RouterIdentity
from core.data.offline import OfflineSignature

PADDING_BYTES = 32


class PrivateKeys:
    """Everything one identity needs to sign and decrypt.

    With ``offline`` set, ``signing`` is the transient key and the long-term signing key is absent.
    """

    __slots__ = ("crypto_private", "destination", "offline", "router_identity", "signing")

    def __init__(
        self,
        identity: KeysAndCert,
        crypto_private: bytes,
        signing_key: SigningKey,
        offline: OfflineSignature | None = None,
    ) -> None:
        signing_type = offline.signing_type if offline else identity.signing_type
        public = offline.signing_key if offline else identity.signing_key
        if signing_key.signing_type != signing_type or signing_key.public != public:
            raise LocalError("signing key does not belong to the identity")
        if len(crypto_private) != CRYPTO_PRIVATE_KEY_LENGTH.get(identity.crypto_type):
            raise LocalError("crypto private key of the wrong length")
        if (
            identity.crypto_type == CryptoType.X25519
            and X25519Key(crypto_private).public != identity.crypto_key
        ):
            raise LocalError("encryption key does not belong to the identity")
        #: the identity seen as a destination and as a router: the same bytes
        self.destination = Destination.view(identity)
        self.router_identity = RouterIdentity.view(identity)
        self.crypto_private = crypto_private
        self.signing = signing_key
        self.offline = offline

    @property
    def identity(self) -> RouterIdentity:
        """Same as :attr:`router_identity`."""
        return self.router_identity

    @property
    def hash(self) -> bytes:
        """SHA-256 of the identity."""
        return self.destination.hash

    @property
    def signature_length(self) -> int:
        """Bytes of what :meth:`sign` returns."""
        return signing.SIGNATURE_LENGTH[self.signing.signing_type]

    def sign(self, message: bytes) -> bytes:
        """Sign with the transient key if there is one, else with the identity's key."""
        return self.signing.sign(message)

    @classmethod
    def generate(
        cls,
        entropy: Entropy,
        signing_type: int = SigningType.ED25519,
        crypto_type: int = CryptoType.X25519,
    ) -> PrivateKeys:
        """New keys: ``crypto_type`` 4 for a router, 0 for a destination.

        Type 0 has a padded, unused public key and an all-zero private key.
        """
        signer = SigningKey.generate(entropy, signing_type)
        padding = entropy.random_bytes(PADDING_BYTES)
        if crypto_type == CryptoType.X25519:
            key = X25519Key.generate(entropy)
            crypto_private, crypto_public = key.private, key.public
        elif crypto_type == CryptoType.ELGAMAL:
            crypto_private = bytes(CRYPTO_PRIVATE_KEY_LENGTH[CryptoType.ELGAMAL])
            crypto_public = b""
        else:
            raise LocalError(f"crypto type {crypto_type} cannot be generated")
        identity = KeysAndCert.build(
            crypto_type, crypto_public, signing_type, signer.public, padding
        )
        return cls(identity, crypto_private, signer)

    @classmethod
    def generate_router(cls, entropy: Entropy) -> PrivateKeys:
        """Ed25519 and X25519."""
        return cls.generate(entropy, SigningType.ED25519, CryptoType.X25519)

    @classmethod
    def generate_destination(
        cls, entropy: Entropy, signing_type: int = SigningType.ED25519
    ) -> PrivateKeys:
        """A destination as Java and i2pd make them: crypto type 0, unused crypto key."""
        return cls.generate(entropy, signing_type, CryptoType.ELGAMAL)

    def authorise_transient(
        self, entropy: Entropy, expires_s: int, signing_type: int = SigningType.ED25519
    ) -> PrivateKeys:
        """Keys for an online router: a new transient key signed by these, valid to ``expires_s``.

        The long-term signing key is not in the result. LocalError if these are transient already.
        """
        if self.offline is not None:
            raise LocalError("a transient key cannot authorise another one")
        transient = SigningKey.generate(entropy, signing_type)
        unsigned = OfflineSignature(expires_s, signing_type, transient.public, b"")
        offline = OfflineSignature(
            expires_s, signing_type, transient.public, self.sign(unsigned.signed_part())
        )
        return PrivateKeys(self.destination, self.crypto_private, transient, offline)

    @classmethod
    def parse(cls, data: bytes) -> PrivateKeys:
        """Read a key file (``.dat``, ``router.keys``).

        DecodeError if truncated, if a type is unknown, if private and public keys do not match
        (but for the unused one of crypto type 0), or if the offline section is not signed by the
        identity. Its expiry is not checked.
        Bytes after the keys are ignored, as Java and i2pd do.
        """
        reader = Reader(data)
        identity = KeysAndCert.parse(reader)
        crypto_length = CRYPTO_PRIVATE_KEY_LENGTH.get(identity.crypto_type)
        signing_length = signing.PRIVATE_KEY_LENGTH.get(identity.signing_type)
        if crypto_length is None or signing_length is None:
            raise DecodeError("private keys of unknown type")
        crypto_private = reader.take(crypto_length)
        signing_private = reader.take(signing_length)
        offline = None
        signing_type = identity.signing_type
        if not any(signing_private):
            offline = OfflineSignature.parse(reader, identity.signature_length)
            if not offline.is_authorised_by(identity):
                raise DecodeError("offline signature is not by this identity")
            signing_type = offline.signing_type
            signing_private = reader.take(signing.PRIVATE_KEY_LENGTH[signing_type])
        try:
            return cls(identity, crypto_private, SigningKey(signing_type, signing_private), offline)
        except (LocalError, ValueError) as error:
            raise DecodeError(f"private keys: {error}") from None

    @classmethod
    def from_base64(cls, text: str) -> PrivateKeys:
        """The form SAM programs hold."""
        return cls.parse(b64decode(text))

    def to_base64(self) -> str:
        """The key file in I2P's base 64, as SAM gives it."""
        return b64encode(self.write())

    def write(self) -> bytes:
        """The key file."""
        writer = Writer().raw(self.destination.raw).raw(self.crypto_private)
        if self.offline is None:
            return writer.raw(self.signing.private).finish()
        writer.raw(bytes(signing.PRIVATE_KEY_LENGTH[self.destination.signing_type]))
        return writer.raw(self.offline.write()).raw(self.signing.private).finish()

    def __repr__(self) -> str:
        return f"PrivateKeys({self.destination!r})"
