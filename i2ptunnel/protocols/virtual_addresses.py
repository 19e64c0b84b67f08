"""IPv4 addresses that stand for ``.i2p`` names, for programs that resolve before they connect.

A program asks with Tor's RESOLVE and gets an address of 198.18.0.0/15, a network for tests that no
host has (RFC 2544); when it connects there, the name is taken instead. No address ever leaves the
machine. What one client has asked for, another cannot read back.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from core.base.bounded import BoundedMap

_NETWORK = ipaddress.IPv4Network("198.18.0.0/15")
_NAMES_MAX = 4096


class VirtualAddresses:
    """Names and their addresses; the name that was used longest ago is forgotten first.

    ``random_below(n)`` draws where to begin.
    """

    def __init__(self, random_below: Callable[[int], int], names_max: int = _NAMES_MAX) -> None:
        self._size = _NETWORK.num_addresses - 2
        self._next = random_below(self._size)
        self._by_name: BoundedMap[tuple[str | None, str], str] = BoundedMap(names_max)
        self._by_address: dict[str, tuple[str | None, str]] = {}

    def address_of(self, client: str | None, name: str) -> str:
        """The address of a name for a client, made when there is none."""
        key = (client, name)
        address = self._by_name.get(key)
        if address is None:
            address = self._draw()
            self._by_address[address] = key
        gone = self._by_name.put(key, address)
        if gone is not None:
            del self._by_address[gone[1]]
        return address

    def name_of(self, client: str | None, address: str) -> str | None:
        """The name that ``client`` got an address for."""
        key = self._by_address.get(address)
        if key is None or key[0] != client:
            return None
        self._by_name.put(key, address)
        return key[1]

    def _draw(self) -> str:
        while True:
            self._next = (self._next + 1) % self._size
            address = str(_NETWORK.network_address + 1 + self._next)
            if address not in self._by_address:
                return address


def is_virtual(host: str) -> bool:
    """Whether a host is an address of the network that is used here."""
    try:
        return ipaddress.ip_address(host) in _NETWORK
    except ValueError:
        return False
