"""Router identities and destinations (common-structures: "KeysAndCert").

384 bytes of key area (crypto key from the start, signing key up to the end, padding between),
then a certificate. The exact received bytes are kept in ``raw``, and the SHA-256 of them is the
hash everything is addressed by. Keys of unknown types are empty here and remain in ``raw``; such an
identity has a hash but verifies nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.crypto import signing
from core.data.certificate import (
    CRYPTO_PUBLIC_KEY_LENGTH,
    Certificate,
    CertificateType,
    CryptoType,
    KeyCertificate,
)
from core.data.encoding import b32decode, b32encode, b64decode, b64encode

KEY_AREA_BYTES = 384
CRYPTO_AREA_BYTES = 256
SIGNING_AREA_BYTES = 128
IDENTITY_BYTES_MIN = KEY_AREA_BYTES + 3
HASH_BYTES = 32
B32_SUFFIX = ".b32.i2p"

KeysT = TypeVar("KeysT", bound="KeysAndCert")


@dataclass(frozen=True, eq=False, repr=False)
class KeysAndCert:
    """Public keys with their certificate; equal if all bytes are equal.

    ``crypto_key`` and ``signing_key`` have the length of their type, or are empty if the type is
    unknown.
    """

    crypto_type: int
    crypto_key: bytes
    signing_type: int
    signing_key: bytes
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls: type[KeysT], reader: Reader) -> KeysT:
        """Read one; DecodeError if truncated or if the key certificate contradicts itself."""
        start = reader.position
        area = reader.take(KEY_AREA_BYTES)
        certificate_type = reader.u8()
        payload = reader.take(reader.u16())
        raw = reader.since(start)
        if certificate_type == CertificateType.KEY:
            if len(payload) < 4:
                raise DecodeError("key certificate too short")
            signing_type = payload[0] << 8 | payload[1]
            crypto_type = payload[2] << 8 | payload[3]
        else:
            signing_type = crypto_type = 0
        signing_length = signing.PUBLIC_KEY_LENGTH.get(signing_type, 0)
        crypto_length = CRYPTO_PUBLIC_KEY_LENGTH.get(crypto_type, 0)
        signing_excess = max(0, signing_length - SIGNING_AREA_BYTES)
        if signing_excess:
            if len(payload) < 4 + signing_excess:
                raise DecodeError("key certificate without the rest of the signing key")
            signing_key = area[CRYPTO_AREA_BYTES:] + payload[4 : 4 + signing_excess]
        else:
            signing_key = area[KEY_AREA_BYTES - signing_length :]
        return cls(crypto_type, area[:crypto_length], signing_type, signing_key, raw)

    @classmethod
    def from_bytes(cls: type[KeysT], data: bytes) -> KeysT:
        """Parse ``data``, which must hold one identity and nothing more."""
        reader = Reader(data)
        identity = cls.parse(reader)
        reader.expect_end()
        return identity

    @classmethod
    def from_base64(cls: type[KeysT], text: str) -> KeysT:
        """The inverse of :attr:`b64`."""
        return cls.from_bytes(b64decode(text))

    @classmethod
    def view(cls: type[KeysT], other: KeysAndCert) -> KeysT:
        """The same keys and bytes as an object of this class."""
        return cls(
            other.crypto_type, other.crypto_key, other.signing_type, other.signing_key, other.raw
        )

    @classmethod
    def build(
        cls: type[KeysT],
        crypto_type: int,
        crypto_key: bytes,
        signing_type: int,
        signing_key: bytes,
        padding: bytes,
    ) -> KeysT:
        """Lay out an identity; ``padding`` (not empty) is repeated as often as needed.

        Peers use 32 random bytes repeated, so that router infos and lease sets compress. ElGamal
        with DSA gets a NULL certificate, everything else a KEY certificate. An empty
        ``crypto_key`` fills the whole crypto area with padding: the key of a destination is
        unused.
        """
        if signing.PUBLIC_KEY_LENGTH.get(signing_type) != len(signing_key):
            raise LocalError(f"signing type {signing_type} with {len(signing_key)} bytes of key")
        if crypto_key and CRYPTO_PUBLIC_KEY_LENGTH.get(crypto_type) != len(crypto_key):
            raise LocalError(f"crypto type {crypto_type} with {len(crypto_key)} bytes of key")
        if not padding:
            raise LocalError("identity without padding bytes")
        inside = signing_key[:SIGNING_AREA_BYTES]
        # Each area is padded from the start of the block, as i2pd and Java do.
        crypto_fill = _repeat(padding, CRYPTO_AREA_BYTES - len(crypto_key))
        signing_fill = _repeat(padding, SIGNING_AREA_BYTES - len(inside))
        if signing_type == 0 and crypto_type == 0:
            certificate = Certificate(CertificateType.NULL)
        else:
            excess = signing_key[SIGNING_AREA_BYTES:]
            certificate = KeyCertificate(signing_type, crypto_type, excess).to_certificate()
        raw = crypto_key + crypto_fill + signing_fill + inside + certificate.write()
        return cls.parse(Reader(raw))

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of all bytes: the address of the router or destination."""
        return hashlib.sha256(self.raw).digest()

    @property
    def certificate(self) -> Certificate:
        """What follows the 384 bytes of keys and padding."""
        return Certificate.parse(Reader(self.raw, KEY_AREA_BYTES))

    @property
    def signature_length(self) -> int:
        """Bytes of a signature by this identity; 0 if the type is unknown."""
        return signing.SIGNATURE_LENGTH.get(self.signing_type, 0)

    @property
    def is_x25519(self) -> bool:
        """True if its encryption key is for ECIES-X25519."""
        return self.crypto_type == CryptoType.X25519

    @property
    def b64(self) -> str:
        """The whole identity in I2P base 64."""
        return b64encode(self.raw)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True if ``signature`` of ``message`` is by this identity's signing key."""
        return signing.verify(self.signing_type, self.signing_key, message, signature)

    def write(self) -> bytes:
        """The exact bytes that were parsed or built."""
        return self.raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeysAndCert) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({b32encode(self.hash)[:8]})"


class RouterIdentity(KeysAndCert):
    """The identity of a router."""


class Destination(KeysAndCert):
    """The identity of a client: what streams and datagrams are addressed to."""

    @property
    def b32(self) -> str:
        """``xxxx.b32.i2p``: 52 characters and the suffix."""
        return hash_to_b32(self.hash)


def hash_to_b32(destination_hash: bytes) -> str:
    """The ``.b32.i2p`` hostname of a destination hash."""
    return b32encode(destination_hash) + B32_SUFFIX


def b32_to_hash(hostname: str) -> bytes:
    """The hash in a ``.b32.i2p`` hostname (suffix optional); DecodeError if it is not one."""
    digest = b32decode(hostname.lower().removesuffix(B32_SUFFIX))
    if len(digest) != HASH_BYTES:
        raise DecodeError("base 32 hostname is not a hash")
    return digest


def _repeat(block: bytes, count: int) -> bytes:
    return (block * (count // len(block) + 1))[:count]
