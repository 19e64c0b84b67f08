"""Reseed bundles: RouterInfos in a zip, in an su3 file that somebody known has signed.

Pure: bytes, certificates and the time in, RouterInfos out. It stands beside the store, because what
a bundle may bring is a rule about RouterInfos: they may be older than what peers send, since a
server makes bundles anew every few days of files that are up to 72 h old (reseed-tools), but they
are of our network and signed by their routers. The container is ``core.data.su3``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.base.errors import DecodeError, I2PError
from core.crypto.signer_certificate import SignerCertificate
from core.data.router_info import RouterInfo
from core.data.su3 import ContentType, FileType, SignedFile
from core.netdb.imports import parse_zip
from core.netdb.store import AGE_MAX_MS

BUNDLE_AGE_MAX_MS = AGE_MAX_MS + 72 * 3600_000
"""What peers may send is 27 h old at most."""
BUNDLE_ROUTERS_MAX = 500
"""Servers put 61 to 100 into one."""


class BundleFault(Enum):
    """Why a bundle is not used."""

    MALFORMED = "malformed"
    NOT_A_BUNDLE = "an su3 file with something else"
    UNKNOWN_SIGNER = "unknown signer"
    NOT_YET_VALID = "the signer's certificate is not yet valid"
    EXPIRED = "the signer's certificate has expired"
    BAD_SIGNATURE = "wrong signature"
    FOREIGN_NETWORK = "routers of another network"
    TOO_OLD = "routers that are too old"
    EMPTY = "no routers"


class BundleRefused(I2PError):
    """A bundle that is not used. ``signer``: who it says it is from, if it says so."""

    def __init__(self, fault: BundleFault, message: str, signer: str = "") -> None:
        super().__init__(message)
        self.fault = fault
        self.signer = signer


@dataclass(frozen=True, slots=True)
class Bundle:
    """The RouterInfos of a bundle that may be used, each once; how many may not; who signed it."""

    routers: tuple[RouterInfo, ...]
    rejected: int
    signer: str


def open_signed(
    data: bytes, signers: Mapping[str, SignerCertificate], wall_s: float
) -> tuple[bytes, str]:
    """(content, signer) of a bundle whose signature holds; raises BundleRefused.

    ``signers``: name -> certificate; ``wall_s``: unix seconds.
    """
    try:
        file = SignedFile.parse(data)
    except DecodeError as error:
        message = f"the bundle is damaged or ends early ({error})"
        raise BundleRefused(BundleFault.MALFORMED, message) from None
    signer = file.signer
    if file.content_type != ContentType.RESEED or file.file_type != FileType.ZIP:
        message = "the file is not a reseed bundle"
        raise BundleRefused(BundleFault.NOT_A_BUNDLE, message, signer)
    certificate = signers.get(signer)
    if certificate is None:
        message = f"its signer {signer} is not known"
        raise BundleRefused(BundleFault.UNKNOWN_SIGNER, message, signer)
    if wall_s < certificate.not_before:
        message = f"the certificate of its signer {signer} is not yet valid"
        raise BundleRefused(BundleFault.NOT_YET_VALID, message, signer)
    if wall_s > certificate.not_after:
        message = f"the certificate of its signer {signer} has expired"
        raise BundleRefused(BundleFault.EXPIRED, message, signer)
    if not certificate.has_signed(file.signing_type, file.signed, file.signature):
        message = f"its signature is not by {signer}: it has been changed"
        raise BundleRefused(BundleFault.BAD_SIGNATURE, message, signer)
    return file.content, signer


def open_bundle(
    data: bytes, signers: Mapping[str, SignerCertificate], wall_s: float, network_id: int
) -> Bundle:
    """The routers of a bundle, checked; raises BundleRefused, also if none may be used.

    Dates in the future are no fault: our clock may be behind, which they then tell.
    """
    content, signer = open_signed(data, signers, wall_s)
    try:
        imported = parse_zip(content)
    except DecodeError as error:
        message = f"the bundle's archive is damaged ({error})"
        raise BundleRefused(BundleFault.MALFORMED, message, signer) from None
    infos = {info.hash: info for info in imported.routers[:BUNDLE_ROUTERS_MAX]}.values()
    ours = [info for info in infos if info.network_id == network_id]
    oldest_ms = wall_s * 1000 - BUNDLE_AGE_MAX_MS
    young = [info for info in ours if info.published_ms >= oldest_ms]
    usable = tuple(info for info in young if info.verify())
    if not usable:
        raise _useless(len(infos), len(ours), len(young), signer)
    rejected = len(imported.routers) - len(usable) + imported.rejected
    return Bundle(usable, rejected, signer)


def _useless(total: int, ours: int, young: int, signer: str) -> BundleRefused:
    """What is wrong with a bundle of which no router may be used."""
    if not total:
        return BundleRefused(BundleFault.EMPTY, "the bundle has no routers", signer)
    if not ours:
        message = "the bundle is for another network"
        return BundleRefused(BundleFault.FOREIGN_NETWORK, message, signer)
    if not young:
        message = "all routers in the bundle are too old"
        return BundleRefused(BundleFault.TOO_OLD, message, signer)
    message = "no router in the bundle has a right signature"
    return BundleRefused(BundleFault.BAD_SIGNATURE, message, signer)
