"""Certificates and key certificates (common-structures: "Certificate", "Key Certificates").

Unknown certificate types and unknown key types are kept as they are. A key certificate gives the
two key types first signing, then crypto, then what did not fit of the signing key into its 128
bytes and of the crypto key into its 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader


class CertificateType(IntEnum):
    """Kinds of certificate (common structures: "Certificate"); only NULL and KEY are in use."""

    NULL = 0
    HASHCASH = 1
    HIDDEN = 2
    SIGNED = 3
    MULTIPLE = 4
    KEY = 5


class CryptoType(IntEnum):
    """Encryption key types; 5 to 7 appear in lease sets only."""

    ELGAMAL = 0
    P256 = 1
    P384 = 2
    P521 = 3
    X25519 = 4
    MLKEM512_X25519 = 5
    MLKEM768_X25519 = 6
    MLKEM1024_X25519 = 7


CRYPTO_PUBLIC_KEY_LENGTH: dict[int, int] = {
    0: 256,
    1: 64,
    2: 96,
    3: 132,
    4: 32,
    5: 32,
    6: 32,
    7: 32,
}
CRYPTO_PRIVATE_KEY_LENGTH: dict[int, int] = {
    0: 256,
    1: 32,
    2: 48,
    3: 66,
    4: 32,
    5: 32,
    6: 32,
    7: 32,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Any certificate: its type and payload, uninterpreted."""

    type: int
    payload: bytes = b""

    @classmethod
    def parse(cls, reader: Reader) -> Certificate:
        """DecodeError if truncated."""
        kind = reader.u8()
        return cls(kind, reader.take(reader.u16()))

    def write(self) -> bytes:
        """Type, length and payload; LocalError above 65535 bytes of payload."""
        if len(self.payload) > 0xFFFF:
            raise LocalError(f"certificate payload of {len(self.payload)} bytes")
        return bytes((self.type,)) + len(self.payload).to_bytes(2, "big") + self.payload


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """The payload of a certificate of type KEY."""

    signing_type: int
    crypto_type: int
    excess: bytes = b""

    @classmethod
    def from_certificate(cls, certificate: Certificate) -> KeyCertificate:
        """DecodeError if the payload has no room for the two types."""
        payload = certificate.payload
        if certificate.type != CertificateType.KEY or len(payload) < 4:
            raise DecodeError("not a key certificate")
        return cls(
            int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big"), payload[4:]
        )

    def to_certificate(self) -> Certificate:
        """The KEY certificate that says the same."""
        types = self.signing_type.to_bytes(2, "big") + self.crypto_type.to_bytes(2, "big")
        return Certificate(CertificateType.KEY, types + self.excess)
