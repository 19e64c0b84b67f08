"""Certificates of those who sign files for the network: X.509, each trusted by itself.

There is no chain: who ships the certificate vouches for its key. So nothing of it counts but the
name, the key and the dates.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.base.errors import DecodeError
from core.crypto.signing import PUBLIC_KEY_LENGTH, SigningType, verify_file_hash

CERTIFICATE_BYTES_MAX = 65536
_RSA_EXPONENT = 65537
_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"
#: bytes of the modulus -> type of the signatures
_RSA_TYPES = {
    PUBLIC_KEY_LENGTH[one]: one
    for one in (SigningType.RSA2048, SigningType.RSA3072, SigningType.RSA4096)
}


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    """A signer: common name, RSA modulus, SHA-256 of the DER form, and unix seconds of validity."""

    name: str
    signing_type: SigningType
    public_key: bytes
    fingerprint: bytes
    not_before: float
    not_after: float

    @classmethod
    def parse(cls, data: bytes) -> SignerCertificate:
        """From PEM, with or without text around it, or DER. Raises DecodeError."""
        certificate = _load(data)
        try:
            key = certificate.public_key()
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise DecodeError(f"certificate: {error}") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise DecodeError("certificate: not an RSA key")
        numbers = key.public_numbers()
        width = (numbers.n.bit_length() + 7) // 8
        if width not in _RSA_TYPES or numbers.e != _RSA_EXPONENT:
            raise DecodeError("certificate: an RSA key of an unknown size")
        if len(names) != 1 or not isinstance(names[0].value, str):
            raise DecodeError("certificate: not one common name")
        return cls(
            names[0].value,
            _RSA_TYPES[width],
            numbers.n.to_bytes(width, "big"),
            certificate.fingerprint(hashes.SHA256()),
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )

    def has_signed(self, signing_type: int, message: bytes, signature: bytes) -> bool:
        """Whether a signature of a file is this signer's; never raises."""
        return signing_type == self.signing_type and verify_file_hash(
            signing_type, self.public_key, message, signature
        )


def _load(data: bytes) -> x509.Certificate:
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise DecodeError(f"certificate of {len(data)} bytes")
    try:
        if _PEM_BEGIN in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise DecodeError(f"certificate: {error}") from None
