"""The networks that routers are reached over: IPv4, IPv6, and Yggdrasil, which looks like IPv6."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from enum import Enum

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
AsnOf = Callable[[str], int | None]
"""The number of the autonomous system of an IP literal, None if it is not known."""

#: i2pd, Java: addresses of the Yggdrasil overlay, which nobody reaches without it.
YGGDRASIL = ipaddress.IPv6Network("200::/7")


class Family(Enum):
    """Who has no interface in one of them cannot reach an address there."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    YGGDRASIL = "yggdrasil"


def family_of_ip(ip: IpAddress) -> Family:
    """The network of an address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return Family.IPV4
    return Family.YGGDRASIL if ip in YGGDRASIL else Family.IPV6


def family_of(host: str) -> Family | None:
    """The network of an IP literal; None for names."""
    try:
        return family_of_ip(ipaddress.ip_address(host))
    except ValueError:
        return None


def by_family(hosts: Iterable[str]) -> dict[Family, str]:
    """The first of the IP literals for each network."""
    found: dict[Family, str] = {}
    for host in hosts:
        family = family_of(host)
        if family is not None:
            found.setdefault(family, host)
    return found
