"""Signed bundles of RouterInfos: whose signature counts, and which routers may be used."""

from __future__ import annotations

import datetime
import json
import zipfile
from base64 import b64decode
from pathlib import Path

import pytest

from core.base.errors import DecodeError
from core.crypto.signer_certificate import SignerCertificate
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.su3 import SignedFile
from core.netdb import bundle as bundles
from core.netdb.bundle import BUNDLE_AGE_MAX_MS, Bundle, BundleFault, BundleRefused, open_bundle
from core.netdb.imports import parse_zip
from tests.support.bundles import Signer, zip_files, zip_of
from tests.support.deterministic import SeededEntropy
from tests.support.netdb_network import NETWORK_ID, build_router_info

NOW = datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC).timestamp()
KEYS = [PrivateKeys.generate_router(SeededEntropy(f"bundle {n}")) for n in range(4)]
INFOS = [build_router_info(keys, int(NOW * 1000) - n * 3600_000) for n, keys in enumerate(KEYS)]
SIGNER = Signer()
SIGNERS = {SIGNER.name: SignerCertificate.parse(SIGNER.pem)}
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "reseed_bundles.json").read_text())


def opened(data: bytes, wall_s: float = NOW) -> Bundle:
    return open_bundle(data, SIGNERS, wall_s, NETWORK_ID)


def refused(data: bytes, wall_s: float = NOW) -> BundleFault:
    with pytest.raises(BundleRefused) as caught:
        opened(data, wall_s)
    return caught.value.fault


def test_a_good_bundle() -> None:
    found = opened(SIGNER.bundle([*INFOS, INFOS[0]]))
    assert list(found.routers) == INFOS and found.signer == SIGNER.name
    assert found.rejected == 0


@pytest.mark.parametrize("maker", sorted(VECTORS))
def test_bundles_of_others(maker: str) -> None:
    """Made by Java's SU3File and by go-i2p's su3, each with a key of its own."""
    vector = VECTORS[maker]
    certificate = SignerCertificate.parse(vector["certificate"].encode())
    data, signers = b64decode(vector["bundle"]), {certificate.name: certificate}
    found = open_bundle(data, signers, vector["time"], NETWORK_ID)
    assert [info.hash.hex() for info in found.routers] == vector["routers"]
    assert found.signer == vector["signer"]
    for position in range(0, len(data), 97):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(BundleRefused):
            open_bundle(bytes(changed), signers, vector["time"], NETWORK_ID)


def test_what_is_changed_or_cut_is_refused() -> None:
    good = SIGNER.bundle(INFOS)
    for position in (45, 60, 100, len(good) - 300, len(good) - 1):
        changed = bytearray(good)
        changed[position] ^= 1
        with pytest.raises(BundleRefused):
            opened(bytes(changed))
    changed = bytearray(good)
    changed[100] ^= 1
    assert refused(bytes(changed)) is BundleFault.BAD_SIGNATURE
    for length in (0, 6, 39, 40, 80, 500, len(good) - 257, len(good) - 1):
        assert refused(good[:length]) is BundleFault.MALFORMED
    assert refused(good + b"x") is BundleFault.MALFORMED


def test_who_may_sign() -> None:
    # the name of a known signer, but another key
    assert refused(Signer(number=1).bundle(INFOS)) is BundleFault.BAD_SIGNATURE
    stranger = Signer("stranger@mail.i2p")
    assert refused(stranger.bundle(INFOS)) is BundleFault.UNKNOWN_SIGNER
    assert refused(SIGNER.su3(zip_of(INFOS), signing_type=5)) is BundleFault.BAD_SIGNATURE
    data = SIGNER.bundle(INFOS)
    day = 86400
    assert refused(data, SIGNER.valid_until.timestamp() + 1) is BundleFault.EXPIRED
    assert refused(data, SIGNER.valid_from.timestamp() - day) is BundleFault.NOT_YET_VALID


def test_other_signed_files_are_no_bundles() -> None:
    assert refused(SIGNER.su3(zip_of(INFOS), content_type=1)) is BundleFault.NOT_A_BUNDLE
    assert refused(SIGNER.su3(zip_of(INFOS), file_type=1)) is BundleFault.NOT_A_BUNDLE
    assert refused(SIGNER.su3(b"no zip")) is BundleFault.MALFORMED
    assert refused(SIGNER.su3(zip_of([]))) is BundleFault.EMPTY


def test_ages() -> None:
    oldest_ms = int(NOW * 1000) - BUNDLE_AGE_MAX_MS
    assert BUNDLE_AGE_MAX_MS == (27 + 72) * 3600_000
    just, late = build_router_info(KEYS[0], oldest_ms), build_router_info(KEYS[1], oldest_ms - 1)
    found = opened(SIGNER.bundle([just, late]))
    assert found.routers == (just,) and found.rejected == 1
    assert refused(SIGNER.bundle([late])) is BundleFault.TOO_OLD
    ahead = build_router_info(KEYS[0], int(NOW * 1000) + 86_400_000)
    assert opened(SIGNER.bundle([ahead])).routers == (ahead,)


def test_routers_of_another_network_or_forged_ones() -> None:
    foreign = build_router_info(KEYS[0], int(NOW * 1000), network_id=2)
    assert refused(SIGNER.bundle([foreign])) is BundleFault.FOREIGN_NETWORK
    raw = bytearray(INFOS[1].raw)
    raw[-1] ^= 1
    forged = RouterInfo.parse(bytes(raw))
    assert refused(SIGNER.bundle([forged])) is BundleFault.BAD_SIGNATURE
    found = opened(SIGNER.bundle([foreign, forged, INFOS[2]]))
    assert found.routers == (INFOS[2],) and found.rejected == 2


def test_at_most_so_many_routers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "BUNDLE_ROUTERS_MAX", 3)
    assert len(opened(SIGNER.bundle(INFOS)).routers) == 3


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_bombs(method: int) -> None:
    """Neither the size that is told nor the method makes more than a RouterInfo of an entry."""
    files = {"routerInfo-a.dat": bytes(8_000_000), "../../routerInfo-b.dat": b"x"}
    bomb = zip_files(files, method)
    # the size of an entry as the directory tells it
    lying = bomb.replace((8_000_000).to_bytes(4, "little"), (4096).to_bytes(4, "little"))
    assert lying != bomb
    for data in (bomb, lying):
        found = parse_zip(data)
        assert not found.routers and found.rejected == 2
    assert refused(SIGNER.su3(lying)) is BundleFault.EMPTY


def test_methods_without_a_bound_are_not_inflated() -> None:
    good = {f"routerInfo-{n}.dat": info.raw for n, info in enumerate(INFOS)}
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        found = parse_zip(zip_files(good, method))
        assert not found.routers and found.rejected == len(INFOS)


def test_su3_texts() -> None:
    file = SignedFile.parse(SIGNER.su3(b"content"))
    assert (file.version, file.signer) == ("1700000000", SIGNER.name)
    assert (file.content, file.file_type, file.content_type) == (b"content", 0, 3)
    assert "content=" not in repr(file)
    for name in ("a\nb@mail.i2p", "a\x1b[2J@x"):
        with pytest.raises(DecodeError, match="control"):
            SignedFile.parse(Signer(name).su3(b""))


def test_certificates_that_cannot_sign() -> None:
    for junk in (b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(DecodeError):
            SignerCertificate.parse(junk)
    with pytest.raises(DecodeError, match="bytes"):
        SignerCertificate.parse(bytes(100_000))
