"""The certificates that are shipped: their table, and how long enough of them are left."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import time
import warnings
from importlib import resources
from pathlib import Path

import pytest

from core.api import FileFault
from i2ptunnel.reseed.servers import Server, public_servers
from i2ptunnel.reseed.trust import SIGNERS_MIN, built_in_trust, load_trust
from tests.support.bundles import Signer
from tests.support.reseed_server import write_certificates

TRUST = built_in_trust()
FILES = resources.files("i2ptunnel.reseed")


def day(text: str) -> float:
    return datetime.datetime.fromisoformat(f"{text}T12:00:00+00:00").timestamp()


def table() -> dict[str, tuple[str, str]]:
    """File -> last day, SHA-256."""
    lines = FILES.joinpath("signers.txt").read_text().splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {file: (until, digest) for file, until, digest in rows}


def test_the_table_says_what_is_shipped() -> None:
    rows, found = table(), {}
    for part in ("reseed", "ssl"):
        for path in FILES.joinpath("certificates", part).iterdir():
            der = ssl.PEM_cert_to_DER_cert(path.read_text())
            found[f"{part}/{path.name}"] = hashlib.sha256(der).hexdigest()
    assert found == {file: digest for file, (_, digest) in rows.items()}
    for name, signer in TRUST.signers.items():
        until, digest = rows[f"reseed/{name.replace('@', '_at_')}.crt"]
        assert signer.fingerprint.hex() == digest
        last = datetime.datetime.fromtimestamp(signer.not_after, datetime.UTC)
        assert last.date().isoformat() == until
    assert len(TRUST.signers) == 14


@pytest.mark.parametrize(
    ("on", "left", "is_short"),
    [
        ("2026-11-30", 14, False),
        ("2026-12-28", 13, False),  # without lazygravy
        ("2027-06-21", 11, False),
        ("2030-06-10", 9, False),
        ("2031-01-24", 8, False),
        ("2031-04-04", 8, False),
        ("2031-04-06", 8, True),  # 90 days before orignal's ends
        ("2031-07-05", 7, True),
    ],
)
def test_how_long_enough_signers_are_left(on: str, left: int, is_short: bool) -> None:
    """The verdict for a date: a warning is due 90 days before fewer than eight are left."""
    assert TRUST.signers_left(day(on)) == left
    told = TRUST.runs_short(day(on))
    assert (told is not None) == is_short
    if told is not None:
        assert told == "only 7 signers of reseed bundles have certificates for 90 days more"


@pytest.mark.filterwarnings("default:only .* signers")
def test_enough_signers_are_left_today() -> None:
    """No failure: whoever reads the run's output gets the certificates that the network has now."""
    told = TRUST.runs_short(time.time())
    if told is not None:
        warnings.warn(told, stacklevel=1)
    assert SIGNERS_MIN == 8


def test_the_servers() -> None:
    servers = public_servers()
    assert len(servers) == len(set(servers)) == 14
    assert Server("i2pseed.creativecowpat.net", 8443, "/i2pseeds.su3") in servers
    assert all(server.target == "/i2pseeds.su3" for server in servers)
    # a certificate for one server is one of a server that is asked
    assert {*TRUST.roots} <= {server.host for server in servers}


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://a.net", "a.net", "/i2pseeds.su3"),
        ("https://A.net:443/", "a.net", "/i2pseeds.su3"),
        ("https://a.net:8443/dir", "a.net:8443", "/dir/i2pseeds.su3"),
        ("https://a.net/x/other.su3", "a.net", "/x/other.su3"),
        ("https://[::1]:4/", "[::1]:4", "/i2pseeds.su3"),
    ],
)
def test_urls(url: str, authority: str, target: str) -> None:
    server = Server.of(url)
    assert (server.authority, server.target) == (authority, target)


def test_a_directory_of_certificates(tmp_path: Path) -> None:
    signer = Signer()
    trust = load_trust(write_certificates(tmp_path / "c", signer))
    assert [*trust.signers] == [signer.name] and [*trust.roots] == ["authority"]
    assert trust.runs_short(time.time()) is not None
    assert load_trust(tmp_path).signers == {}
    (tmp_path / "c" / "reseed" / "x.crt").write_bytes(b"junk")
    with pytest.raises(FileFault, match="is no signer's certificate"):
        load_trust(tmp_path / "c")
    (tmp_path / "c" / "reseed" / "x.crt").write_bytes(bytes(100_000))
    with pytest.raises(FileFault, match="too large"):
        load_trust(tmp_path / "c")
    (tmp_path / "c" / "reseed" / "x.crt").unlink()
    (tmp_path / "c" / "ssl" / "x.crt").write_bytes(b"\xff junk")
    with pytest.raises(FileFault, match="no certificate in PEM"):
        load_trust(tmp_path / "c")
    with pytest.raises(FileFault, match="not a directory"):
        load_trust(tmp_path / "none")


def test_a_server_s_own_certificate_is_no_root_for_others() -> None:
    (host,) = TRUST.roots

    def roots(name: str) -> int:
        context = TRUST.tls_context(name)
        assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
        return context.cert_store_stats()["x509"]

    assert roots(host) == roots("reseed.diva.exchange") + 1
