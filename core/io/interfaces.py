"""What this machine has of the networks: its addresses there, and how large packets may be.

Nothing is sent: the system is only asked which way it would take.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from core.data.ip_family import Family, family_of
from core.data.transport_address import routable_ip
from core.router.config import RouterConfig
from core.transport.ssu2.path_mtu import MTU_MAX, MTU_MIN, LocalMtu

logger = logging.getLogger("core.io.interfaces")

#: Documentation addresses (RFC 5737, 3849).
_SOMEWHERE = {4: ("192.0.2.1", 9), 6: ("2001:db8::1", 9)}
_ADDRESSES_6 = Path("/proc/net/if_inet6")
_TABLE_BYTES_MAX = 1 << 20
# Linux numbers that Python does not name.
_IP_MTU = 14
_IPV6_MTU = 24
_SIOCGIFCONF = 0x8912
_SIOCGIFMTU = 0x8921
_IFCONF = struct.Struct("iP")
_IFREQ_BYTES = 40
_ADDRESS_4_AT = 20
_MTU = struct.Struct("16si")
_INTERFACES_MAX = 1024


def complete(config: RouterConfig) -> RouterConfig:
    """The settings with what only the machine knows: whether there is IPv6, and the MTUs.

    Through a proxy neither says anything.
    """
    if config.ntcp2_proxy is not None:
        return config
    if config.ipv6 is None and not config.bind and has_global_ipv6():
        config = replace(config, ipv6=True)
    binds = config.binds
    mtu = LocalMtu(*(_mtu(binds.get(family)) for family in (Family.IPV4, Family.IPV6)))
    return replace(config, mtu=mtu)


def has_global_ipv6() -> bool:
    """Whether the system would send to the internet from an IPv6 address that is valid there."""
    try:
        source = source_address(6)
    except OSError:
        return False
    return is_global_ipv6(source)


def is_global_ipv6(address: str) -> bool:
    """Whether it is valid in the internet; Yggdrasil's are not."""
    return family_of(address) is Family.IPV6 and routable_ip(address) is not None


def interface_of(address: str) -> str | None:
    """The interface that has this address; None if it is none of this machine."""
    version = ipaddress.ip_address(address).version
    return _told(_table_4 if version == 4 else _table_6).get(address)


def source_address(version: int, bind: str | None = None) -> str:
    """Our address on the way to the internet, of IPv4 or IPv6 (4 or 6); OSError without a way."""
    with _asking(version, bind) as probe:
        return str(probe.getsockname()[0])


def find_mtu(bind: str) -> int | None:
    """Bytes of IP packets on the way to the internet from ``bind``, which may be a wildcard.

    Without such a way, those of the interface with that address. None if the system does not tell.
    """
    version = ipaddress.ip_address(bind).version
    level, option = (
        (socket.IPPROTO_IP, _IP_MTU) if version == 4 else (socket.IPPROTO_IPV6, _IPV6_MTU)
    )
    with contextlib.suppress(OSError), _asking(version, bind) as probe:
        return int(probe.getsockopt(level, option))
    name = interface_of(bind)
    with contextlib.suppress(OSError, struct.error):
        return None if name is None else _interface_mtu(name)
    return None


def _mtu(bind: str | None) -> int:
    found = None if bind is None else find_mtu(bind)
    if found is None:
        return MTU_MAX
    if found < MTU_MIN:
        logger.warning("packets of %d bytes are too small for SSU2, which needs %d", found, MTU_MIN)
    return max(MTU_MIN, min(MTU_MAX, found))


@contextlib.contextmanager
def _asking(version: int, bind: str | None) -> Iterator[socket.socket]:
    """A socket that would send to the internet."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        if bind is not None:
            probe.bind((bind, 0))
        probe.connect(_SOMEWHERE[version])
        yield probe


def global_addresses() -> list[str]:
    """Addresses of this machine that are valid in the internet, IPv4 first; [] if unknown.

    Yggdrasil's are not.
    """
    found = [address for table in (_table_4, _table_6) for address in _told(table)]
    return [
        one
        for one in found
        if routable_ip(one) is not None and family_of(one) is not Family.YGGDRASIL
    ]


def _told(table: Callable[[], dict[str, str]]) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, struct.error):
        return table()
    return {}


def _table_4() -> dict[str, str]:
    """Each IPv4 address and its interface (netdevice(7): SIOCGIFCONF)."""
    table = array.array("B", bytes(_INTERFACES_MAX * _IFREQ_BYTES))
    place, size = table.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        answer = fcntl.ioctl(asked.fileno(), _SIOCGIFCONF, _IFCONF.pack(size, place))
    filled = table.tobytes()[: _IFCONF.unpack(answer)[0]]
    found = {}
    for at in range(0, len(filled), _IFREQ_BYTES):
        entry = filled[at : at + _IFREQ_BYTES]
        address = socket.inet_ntoa(entry[_ADDRESS_4_AT : _ADDRESS_4_AT + 4])
        found[address] = entry[:16].partition(b"\0")[0].partition(b":")[0].decode()
    return found


def _table_6() -> dict[str, str]:
    """Each IPv6 address and its interface, by ``/proc/net/if_inet6``."""
    found = {}
    with _ADDRESSES_6.open(encoding="ascii", errors="replace") as file:
        for line in file.read(_TABLE_BYTES_MAX).splitlines():
            words = line.split()
            if len(words) == 6:
                found[str(ipaddress.IPv6Address(bytes.fromhex(words[0])))] = words[5]
    return found


def _interface_mtu(name: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = _MTU.pack(name.encode(), 0).ljust(_IFREQ_BYTES, b"\0")
        return int(_MTU.unpack_from(fcntl.ioctl(asked.fileno(), _SIOCGIFMTU, request))[1])
