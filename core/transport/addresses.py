"""Which published address to dial, and how to name the other end of a connection in tables."""

from __future__ import annotations

import ipaddress

from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address


def choose_address(
    router_info: RouterInfo, *, ipv4: bool, ipv6: bool, private: bool
) -> Ntcp2Address | None:
    """The first published NTCP2 address we can dial, or None.

    ``private``: also addresses that no router on the public network can have, for test networks.
    Host names are never dialled: the network publishes numbers only.
    """
    for address in router_info.ntcp2_addresses():
        if not address.is_published or address.iv is None or not 0 < address.port < 65536:
            continue
        try:
            parsed = ipaddress.ip_address(address.host)
        except ValueError:
            continue
        if not (ipv4 if parsed.version == 4 else ipv6):
            continue
        if private or parsed.is_global:
            return address
    return None


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
