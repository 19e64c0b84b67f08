"""Self-made TLS certificates for local listeners: nobody vouches for them but who made them.

What always holds: the certificate is for the given names and addresses only, cannot sign others,
and says nothing about machine or time of making beyond a date rounded to the day.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.base.ports import Entropy

LIFETIME_DAYS = 3650
_SERIAL_BYTES = 16


def make_self_signed(names: Iterable[str], wall_s: float, entropy: Entropy) -> bytes:
    """A PEM file: a new P-256 private key, and its certificate for host names and IP addresses.

    ``wall_s``: unix seconds; the certificate is valid from the day before, for ten years.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "i2ptunnel listener")])
    today = datetime.datetime.fromtimestamp(wall_s // 86400 * 86400, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(entropy.random_bytes(_SERIAL_BYTES), "big") >> 1 or 1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=LIFETIME_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(text) for text in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
