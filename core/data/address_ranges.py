"""Ranges of IP addresses as people write them, and the question whether an address is in some."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.data.ip_family import IpAddress


@dataclass(frozen=True, slots=True)
class AddressRange:
    """From ``first`` to ``last``, both included and of one version."""

    first: IpAddress
    last: IpAddress

    @classmethod
    def parse(cls, text: str) -> AddressRange:
        """``192.0.2.1``, ``192.0.2.0/24`` or ``192.0.2.1-192.0.2.9``; DecodeError otherwise."""
        begin, dash, end = text.partition("-")
        try:
            if dash:
                first, last = (ipaddress.ip_address(one.strip()) for one in (begin, end))
            else:
                network = ipaddress.ip_network(text.strip())
                first, last = network[0], network[-1]
        except ValueError as error:
            raise DecodeError(str(error)) from None
        if first.version != last.version or int(first) > int(last):
            raise DecodeError("the first address is not before the last one")
        return cls(first, last)

    def __str__(self) -> str:
        if self.first == self.last:
            return str(self.first)
        networks = list(ipaddress.summarize_address_range(self.first, self.last))
        return str(networks[0]) if len(networks) == 1 else f"{self.first}-{self.last}"


class AddressRanges:
    """Many ranges; a question costs the logarithm of their number."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[AddressRange] = ()) -> None:
        self._firsts: dict[int, list[int]] = {4: [], 6: []}
        self._lasts: dict[int, list[int]] = {4: [], 6: []}
        for one in sorted(ranges, key=lambda one: int(one.first)):
            firsts, lasts = self._firsts[one.first.version], self._lasts[one.first.version]
            if lasts and int(one.first) <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], int(one.last))
            else:
                firsts.append(int(one.first))
                lasts.append(int(one.last))

    def __bool__(self) -> bool:
        return bool(self._firsts[4] or self._firsts[6])

    def __contains__(self, ip: IpAddress) -> bool:
        """IPv4 addresses within IPv6 (``::ffff:192.0.2.1``) count as what they are."""
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        firsts = self._firsts[ip.version]
        at = bisect_right(firsts, int(ip)) - 1
        return at >= 0 and int(ip) <= self._lasts[ip.version][at]
