"""Which routers can have a link with each other, as far as their RouterInfos say.

A router is called where it publishes a host, and calls from where it does or says that it could
(the capabilities ``4`` and ``6`` of an address without host). i2pd: both ends of a link must have
the same transport in the same network.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.data.ip_family import Family, IpAddress, family_of_ip
from core.data.router_info import RouterInfo
from core.data.transport_address import (
    Ntcp2Address,
    RouterAddress,
    Ssu2Address,
    published_host,
    routable_ip,
)

_FAMILY = {Family.IPV4: 1, Family.IPV6: 2, Family.YGGDRASIL: 4}
_NTCP2_SHIFT, _SSU2_SHIFT, _OTHER_SHIFT = 0, 3, 6
_EVERY_TRANSPORT = 1 << _NTCP2_SHIFT | 1 << _SSU2_SHIFT | 1 << _OTHER_SHIFT
IPV4 = _EVERY_TRANSPORT * _FAMILY[Family.IPV4]
"""The bits of all transports in IPv4."""
INTERNET = _EVERY_TRANSPORT * (_FAMILY[Family.IPV4] | _FAMILY[Family.IPV6])


@dataclass(frozen=True, slots=True)
class Connectivity:
    """``dials``, ``listens``: bits, one for each transport in each network. ``hosts``: where it is
    called."""

    dials: int
    listens: int
    hosts: tuple[IpAddress, ...]

    @classmethod
    def of(cls, info: RouterInfo, *, private: bool = False) -> Connectivity:
        """``private``: a test network, hosts need not be global."""
        dials = listens = 0
        hosts = []
        for address in info.addresses:
            described = _describe(address)
            if described is None:
                continue
            shift, host, caps = described
            ip = routable_ip(host, private=private) if host else None
            if ip is not None:
                listens |= _FAMILY[family_of_ip(ip)] << shift
                hosts.append(ip)
            elif not host:
                dials |= (("4" in caps) * _FAMILY[Family.IPV4]) << shift
                dials |= (("6" in caps) * _FAMILY[Family.IPV6]) << shift
        return cls(dials | listens, listens, tuple(hosts))


def _describe(address: RouterAddress) -> tuple[int, str, str] | None:
    """Transport, published host or nothing, and the capabilities; None if it is not usable."""
    if address.style.startswith("NTCP"):
        ntcp2 = Ntcp2Address.from_address(address)
        # i2pd: without any it is IPv4.
        return None if ntcp2 is None else (_NTCP2_SHIFT, ntcp2.host, ntcp2.caps or "4")
    if address.style.startswith("SSU"):
        ssu2 = Ssu2Address.from_address(address)
        return None if ssu2 is None else (_SSU2_SHIFT, ssu2.host, ssu2.caps)
    return _OTHER_SHIFT, published_host(address), address.options.get("caps", "")
