"""Which host a proxy is asked for, and whether it is one it may reach.

A name is never looked up in DNS here: ``.i2p`` goes into I2P, addresses of this machine and its
network are refused, everything else is *outside* and needs an outproxy.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum

_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_BASE64 = re.compile(r"[A-Za-z0-9~-]{516,}={0,2}")
# IPv4-compatible, translated (SIIT) and NAT64 addresses.
_WITH_IPV4_AT_THE_END = tuple(
    ipaddress.IPv6Network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_LOCAL_ENDINGS = (".localhost", ".local", ".localdomain", ".internal", ".lan", ".home.arpa")


class HostKind(Enum):
    """Where a host is."""

    I2P = "i2p"
    OUTSIDE = "outside"
    LOCAL = "local"
    INVALID = "invalid"


def normalise_host(host: str) -> str:
    """Lower case, without the final dot and without ``.alt`` after ``.i2p`` (RFC 9476).

    A base64 destination keeps its case.
    """
    if _BASE64.fullmatch(host.removesuffix(".i2p")):
        return host.removesuffix(".i2p")
    host = host.lower().removesuffix(".")
    return host.removesuffix(".alt") if host.endswith(".i2p.alt") else host


def kind_of(host: str) -> HostKind:
    """The kind of a normalised host (IPv6 literals without brackets)."""
    if _BASE64.fullmatch(host):
        return HostKind.I2P
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return HostKind.OUTSIDE if _is_public(address) else HostKind.LOCAL
    if not _NAME.fullmatch(host):
        return HostKind.INVALID
    if host.endswith(".i2p"):
        return HostKind.I2P
    # 127.1, 0x7f000001 and 2130706433 are addresses to the C library of an outproxy.
    if _NUMERIC.fullmatch(host) or "." not in host or host.endswith(_LOCAL_ENDINGS):
        return HostKind.LOCAL
    return HostKind.OUTSIDE


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is somewhere on the internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a router on the way would make of an IPv6 one."""
    if address.ipv4_mapped is not None or address.sixtofour is not None:
        return address.ipv4_mapped or address.sixtofour
    for network in _WITH_IPV4_AT_THE_END:
        if address in network:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
