"""Reseed bundles made here: signers with certificates, su3 files, zips of RouterInfos."""

from __future__ import annotations

import datetime
import functools
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.data.router_info import RouterInfo
from core.netdb.imports import file_name

VALID_FROM = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
VALID_UNTIL = datetime.datetime(2040, 1, 1, tzinfo=datetime.UTC)


@functools.cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """One for each number. Servers' have 4096 bits, which would take many seconds to make."""
    del number
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Signer:
    """Who signs bundles. ``number`` tells keys apart."""

    name: str = "tester@mail.i2p"
    number: int = 0
    valid_from: datetime.datetime = VALID_FROM
    valid_until: datetime.datetime = VALID_UNTIL

    @property
    def file_name(self) -> str:
        return self.name.replace("@", "_at_") + ".crt"

    @property
    def pem(self) -> bytes:
        key = rsa_key(self.number)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(self.valid_from)
            .not_valid_after(self.valid_until)
            .sign(key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, message: bytes) -> bytes:
        """PKCS #1 v1.5 over the bare hash."""
        numbers = rsa_key(self.number).private_numbers()
        width = (numbers.public_numbers.n.bit_length() + 7) // 8
        digest = hashlib.sha256(message).digest()
        padded = b"\x00\x01" + b"\xff" * (width - len(digest) - 3) + b"\x00" + digest
        signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n)
        return signature.to_bytes(width, "big")

    def su3(
        self, content: bytes, *, file_type: int = 0, content_type: int = 3, signing_type: int = 4
    ) -> bytes:
        """A signed file."""
        version, signer = b"1700000000".ljust(16, b"\0"), self.name.encode()
        header = b"I2Psu3\0\0" + struct.pack(
            ">HHBBBBQBBBB12x",
            *(signing_type, 256, 0, len(version), 0, len(signer)),
            *(len(content), 0, file_type, 0, content_type),
        )
        signed = header + version + signer + content
        return signed + self.sign(signed)

    def bundle(self, infos: Iterable[RouterInfo]) -> bytes:
        """What a reseed server sends."""
        return self.su3(zip_of(infos))


def zip_of(infos: Iterable[RouterInfo]) -> bytes:
    """RouterInfos under the names that every router gives them."""
    return zip_files({file_name(info): info.raw for info in infos})


def zip_files(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
