"""The target of a proxy request: absolute-form for http, authority-form for CONNECT (RFC 9112 3.2).

Everything else is refused, but for requests that were redirected here, if those are wanted: their
host stands in ``Host``. Userinfo and fragments are dropped: they are the browser's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.base.authority import bracketed
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host
from i2ptunnel.protocols.http1 import HttpFault, RequestHead

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """``path`` is origin-form (with query); for CONNECT it is empty."""

    kind: HostKind
    host: str
    port: int
    path: str
    is_connect: bool

    @property
    def authority(self) -> str:
        """``host`` or ``host:port`` as in a URL."""
        host = bracketed(self.host)
        default = 443 if self.is_connect else 80
        return host if self.port == default and not self.is_connect else f"{host}:{self.port}"


def _split(authority: str, default_port: int | None) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise HttpFault(400, "the address is not a proper host and port")
    port = int(match[2]) if match[2] else default_port
    if port is None or not 1 <= port <= 65535:
        raise HttpFault(400, "the port is missing or not a number from 1 to 65535")
    return normalise_host(match[1].removeprefix("[").removesuffix("]")), port


def read_target(head: RequestHead, *, takes_redirected: bool = False) -> ProxyTarget:
    """Where a request wants to go; raises HttpFault.

    ``takes_redirected``: origin-form is understood too, for hosts in I2P.
    """
    if head.method == "CONNECT":
        host, port = _split(head.target, None)
        return ProxyTarget(kind_of(host), host, port, "", is_connect=True)
    if takes_redirected and head.target.startswith("/"):
        return _read_redirected(head)
    match = _ABSOLUTE.fullmatch(head.target)
    if not match:
        raise HttpFault(400, "this is a proxy: set it as such in the browser")
    scheme, authority, rest = match[1].lower(), match[2], match[3]
    if scheme == "https":
        raise HttpFault(400, "https needs CONNECT: set this proxy for https too")
    if scheme != "http":
        raise HttpFault(400, "only http addresses work here")
    host, port = _split(authority.rpartition("@")[2], 80)
    path = rest if rest.startswith("/") else "/" + rest
    return ProxyTarget(kind_of(host), host, port, path, is_connect=False)


def _read_redirected(head: RequestHead) -> ProxyTarget:
    host, port = _split(head.headers.get("host") or "", 80)
    kind = kind_of(host)
    if kind is not HostKind.I2P:
        # Who is made to come here by some other name shall not get anywhere by it.
        raise HttpFault(400, "only .i2p addresses can be redirected here")
    return ProxyTarget(kind, host, port, head.target.partition("#")[0], is_connect=False)
