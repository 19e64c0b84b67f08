"""Self-made certificates, as TLS libraries judge them."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from cryptography import x509

from core.crypto.self_signed import make_self_signed
from tests.support.deterministic import SeededEntropy


def test_a_client_that_pins_it_accepts_its_names_only(tmp_path: Path) -> None:
    pem = make_self_signed(["localhost", "127.0.0.1", "::1"], time.time(), SeededEntropy("tls"))
    file = tmp_path / "cert.pem"
    file.write_bytes(pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=pem[pem.index(b"-----BEGIN CERT") :].decode())
    for name, is_good in (("localhost", True), ("127.0.0.1", True), ("other.i2p", False)):
        assert _shakes_hands(client, server, name) is is_good


def _shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (one, other):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
    return one.version() is not None and one.version() == other.version()


def test_it_tells_no_moment() -> None:
    pem = make_self_signed(["localhost"], 1_700_000_123, SeededEntropy("tls"))
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
    assert certificate.not_valid_before_utc.timestamp() % 86400 == 0
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca
