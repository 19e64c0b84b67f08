"""A reseed server on loopback: TLS with a certificate of a test authority, in a thread of its own.

What it answers is up to the test: whole bytes of an HTTP response, or a function that gets the
connection, for servers that are slow or break off.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.bundles import VALID_FROM, VALID_UNTIL, Signer

Answer = bytes | Callable[[ssl.SSLSocket], None]


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP response as reseed-tools sends it."""
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Authority:
    """Who vouches for servers, or a server for itself."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            **dict.fromkeys(
                (
                    *("content_commitment", "key_encipherment", "data_encipherment"),
                    *("key_agreement", "encipher_only", "decipher_only"),
                ),
                False,
            ),
        )
        public = self._key.public_key()
        self.pem = (
            self._builder(self._name, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(usage, True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        valid_from: datetime.datetime = VALID_FROM,
        valid_until: datetime.datetime = VALID_UNTIL,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid_from)
            .not_valid_after(valid_until)
        )

    def issue(
        self,
        *names: str,
        valid_from: datetime.datetime = VALID_FROM,
        valid_until: datetime.datetime = VALID_UNTIL,
    ) -> bytes:
        """Key and certificate of a server, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            self._builder(subject, key.public_key(), valid_from, valid_until)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
            .sign(self._key, hashes.SHA256())
        )
        return _pem(key, certificate)


def self_signed(name: str) -> tuple[bytes, bytes]:
    """(key and certificate, certificate) of a server that vouches for itself, as openssl makes."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(x509.SubjectAlternativeName([_name(name)]), False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key, certificate), certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@functools.cache
def authority() -> Authority:
    """One for all servers."""
    return Authority()


def write_certificates(directory: Path, *signers: Signer, **roots: bytes) -> Path:
    """A directory for ``router.reseed.certificates``; the test authority is a root."""
    for part in ("reseed", "ssl"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    for signer in signers:
        (directory / "reseed" / signer.file_name).write_bytes(signer.pem)
    for name, pem in {"authority": authority().pem, **roots}.items():
        (directory / "ssl" / f"{name}.crt").write_bytes(pem)
    return directory


class ReseedServer:
    """Answers every connection with ``answer``; use it as a context."""

    def __init__(
        self, folder: Path, answer: Answer, host: str = "127.0.0.1", pem: bytes | None = None
    ) -> None:
        self.answer = answer
        self.host = host
        self.requests: list[bytes] = []
        #: connections, with TLS or without
        self.connections = 0
        #: set when a request has arrived
        self.asked = threading.Event()
        #: set when the server ends: slow answers wait for it
        self.ending = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._socket = socket.create_server((host, 0))
        self.port = int(self._socket.getsockname()[1])
        path = folder / f"server-{self.port}.pem"
        path.write_bytes(pem or authority().issue(host, "seed.test"))
        self._context.load_cert_chain(path)
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}/"

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    def __enter__(self) -> ReseedServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        for thread in self._threads[1:]:
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        connection.settimeout(10)
        wrap = self._context.wrap_socket
        with (
            contextlib.suppress(OSError),
            connection,
            wrap(connection, server_side=True) as tls,
        ):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                part = tls.recv(4096)
                if not part:
                    return
                request += part
            self.requests.append(request)
            self.asked.set()
            if callable(self.answer):
                self.answer(tls)
            else:
                tls.sendall(self.answer)
                tls.unwrap()
