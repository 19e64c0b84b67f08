"""How the other end of a connection is named in tables."""

from __future__ import annotations

import ipaddress


def source_key(host: str) -> str:
    """The name under which a remote host is counted: an IPv4 address or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def subnet_key(host: str) -> str:
    """The name of the subnet under which a remote host is counted: an IPv4 /24 or an IPv6 /48."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{ipaddress.IPv6Address(int(parsed) >> 80 << 80)}/48"
        parsed = parsed.ipv4_mapped
    return f"{ipaddress.IPv4Address(int(parsed) >> 8 << 8)}/24"
