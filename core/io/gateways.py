"""The home router's addresses, and ours towards it, from Linux's routing tables."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from core.io.interfaces import source_address
from core.nat.pcp import IpAddress

_ROUTE, _ROUTE_6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
_TABLE_BYTES_MAX = 1 << 20
_UP, _GATEWAY = 1, 2


@dataclass(frozen=True, slots=True)
class Gateway:
    """A default gateway. ``client``: our address on the way out through it.

    ``scope``: the number of the interface, for a link-local address.
    """

    address: IpAddress
    interface: str
    client: IpAddress
    scope: int = 0

    def endpoint(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """What ``connect`` takes."""
        return self.at(str(self.address), port)

    def at(self, host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """``host`` of the gateway's own network as sockets take it."""
        if self.address.version == 4:
            return host, port
        return host, port, 0, self.scope


def parse_routes(table: str) -> tuple[IPv4Address, str] | None:
    """The default gateway with the best metric in ``/proc/net/route``, and its interface."""
    found: list[tuple[int, IPv4Address, str]] = []
    for line in table.splitlines()[1:]:
        with contextlib.suppress(ValueError, IndexError):
            words = line.split()
            flags, mask = int(words[3], 16), int(words[7], 16)
            if int(words[1], 16) or mask or flags & (_UP | _GATEWAY) != _UP | _GATEWAY:
                continue
            address = IPv4Address(bytes.fromhex(words[2])[::-1])
            found.append((int(words[6]), address, words[0]))
    if not found:
        return None
    _, address, interface = min(found)
    return address, interface


def parse_routes_6(table: str) -> tuple[IPv6Address, str] | None:
    """The same of ``/proc/net/ipv6_route``."""
    found: list[tuple[int, IPv6Address, str]] = []
    for line in table.splitlines():
        with contextlib.suppress(ValueError, IndexError):
            words = line.split()
            flags = int(words[8], 16)
            if int(words[0], 16) or int(words[1], 16) or flags & (_UP | _GATEWAY) != _UP | _GATEWAY:
                continue
            address = IPv6Address(bytes.fromhex(words[4]))
            found.append((int(words[5], 16), address, words[9]))
    if not found:
        return None
    _, address, interface = min(found)
    return address, interface


def find_gateway(version: int, source: str | None = None) -> Gateway | None:
    """The gateway of IPv4 or IPv6 (``version`` 4 or 6); None if there is none, or no Linux.

    ``source``: the local address that has to be used.
    """
    try:
        if version == 4:
            route: tuple[IpAddress, str] | None = parse_routes(_read(_ROUTE))
        else:
            route = parse_routes_6(_read(_ROUTE_6))
        if route is None:
            return None
        address, interface = route
        client = source_address(version) if source is None else source
        scope = socket.if_nametoindex(interface) if version == 6 else 0
    except (OSError, ValueError):
        return None
    make = IPv4Address if version == 4 else IPv6Address
    return Gateway(address, interface, make(client), scope)


def _read(path: Path) -> str:
    with path.open(encoding="ascii", errors="replace") as file:
        return file.read(_TABLE_BYTES_MAX)
