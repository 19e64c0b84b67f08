"""Whether an external address that a gateway tells can be one that strangers reach."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address, ip_network

_SHARED = ip_network("100.64.0.0/10")


def disbelief(address: str, port: int, seen: Collection[str] = (), *, private: bool = False) -> str:
    """Why it is not believed, for people; empty if nothing speaks against it.

    ``seen``: the addresses that other routers see us at, if anybody has told. ``private``: a test
    network, where every address will do.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return "the gateway told no address"
    if not port:
        return "the gateway told no port"
    if ip.is_unspecified or ip.is_multicast:
        return "the gateway has no external address"
    if not private:
        if ip in _SHARED:
            return f"the provider shares the address {ip} among its customers (CGNAT)"
        if not ip.is_global:
            return f"the gateway's own address {ip} is a private one: it is behind another gateway"
    same_family = [other for one in seen if (other := ip_address(one)).version == ip.version]
    if same_family and ip not in same_family:
        return f"other routers see another address than the gateway's {ip}"
    return ""
