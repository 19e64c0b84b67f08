"""Whose signature counts, and which certificates a reseed server may show.

Both come from one directory: ``reseed/*.crt`` are signers, ``ssl/*.crt`` certificates for TLS,
beside the system's. One of these that is named like a server is for that server only
(``host.net.crt``); one without a dot in its name is a root for all of them (``my-ca.crt``).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from core.api import FileFault, SignerCertificate
from core.base.errors import DecodeError, system_reason

CERTIFICATES_MAX = 256
_FILE_BYTES_MAX = 65536
_SUFFIX = ".crt"
_SIGNERS, _TLS = "reseed", "ssl"
#: fewer signers than this are too few to choose from
SIGNERS_MIN = 8
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Trust:
    """``signers``: name -> certificate; ``roots``: file name without suffix -> PEM."""

    signers: Mapping[str, SignerCertificate] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)

    def signers_left(self, wall_s: float) -> int:
        """How many may sign at a time, in unix seconds."""
        return sum(one.not_before <= wall_s <= one.not_after for one in self.signers.values())

    def runs_short(self, wall_s: float, days: int = 90) -> str | None:
        """A sentence, if fewer than :data:`SIGNERS_MIN` are left so many days later."""
        left = self.signers_left(wall_s + days * DAY_S)
        if left >= SIGNERS_MIN:
            return None
        return f"only {left} signers of reseed bundles have certificates for {days} days more"

    def tls_context(self, host: str) -> ssl.SSLContext:
        """For a connection with one server; the certificate and its name are always checked."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for name, pem in self.roots.items():
            if name == host:
                # Self-signed ones lack what newer Pythons want of an authority.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if name == host or not self._is_server(name):
                context.load_verify_locations(cadata=pem)
        return context

    @staticmethod
    def _is_server(name: str) -> bool:
        return "." in name


def built_in_trust() -> Trust:
    """The certificates of the public network."""
    return _load(resources.files("i2ptunnel.reseed").joinpath("certificates"), Path("built-in"))


def load_trust(directory: Path | None) -> Trust:
    """From a directory, None: the built-in one. Raises FileFault."""
    if directory is None:
        return built_in_trust()
    if not directory.is_dir():
        raise FileFault(directory, "is not a directory")
    return _load(directory, directory)


def _load(root: Traversable, shown: Path) -> Trust:
    signers: dict[str, SignerCertificate] = {}
    for name, data in _files(root, _SIGNERS, shown):
        try:
            certificate = SignerCertificate.parse(data)
        except DecodeError as error:
            why = f"is no signer's certificate: {error}"
            raise FileFault(shown / _SIGNERS / name, why) from None
        signers[certificate.name] = certificate
    roots = {}
    for name, data in _files(root, _TLS, shown):
        try:
            roots[name.removesuffix(_SUFFIX)] = pem = data.decode("ascii")
            ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
        except ValueError:
            raise FileFault(shown / _TLS / name, "is no certificate in PEM form") from None
    return Trust(signers, roots)


def _files(root: Traversable, part: str, shown: Path) -> list[tuple[str, bytes]]:
    """(name, content) of the certificates in one part of the directory, which may be missing."""
    directory = root.joinpath(part)
    if not directory.is_dir():
        return []
    paths = sorted(
        (path for path in directory.iterdir() if path.name.endswith(_SUFFIX)),
        key=lambda path: path.name,
    )
    if len(paths) > CERTIFICATES_MAX:
        raise FileFault(shown / part, f"has more than {CERTIFICATES_MAX} certificates")
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(_FILE_BYTES_MAX + 1)
        except OSError as error:
            what = f"cannot be read: {system_reason(error)}"
            raise FileFault(shown / part / path.name, what) from None
        if len(data) > _FILE_BYTES_MAX:
            raise FileFault(shown / part / path.name, "is too large for a certificate")
        found.append((path.name, data))
    return found
