"""Whom the user wants nothing to do with: routers by hash, and addresses.

Nobody of these is dialled, let in, a hop of ours or asked in the network database. A router is
blocked by an address if it publishes one that is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from core.base.bounded import BoundedMap
from core.data.address_ranges import AddressRange, AddressRanges
from core.data.router_info import RouterInfo
from core.data.transport_address import published_host

_JUDGED_MAX = 4096


class Blocklist:
    """Shared by all who ask; :meth:`replace` takes effect at once."""

    __slots__ = ("_addresses", "_judged", "_routers")

    def __init__(
        self, routers: Iterable[bytes] = (), addresses: Iterable[AddressRange] = ()
    ) -> None:
        self.replace(routers, addresses)

    def replace(self, routers: Iterable[bytes], addresses: Iterable[AddressRange]) -> None:
        """Block these, and nobody else."""
        self._routers = frozenset(routers)
        self._addresses = AddressRanges(addresses)
        #: by router: when what it publishes was signed, and whether that is blocked
        self._judged: BoundedMap[bytes, tuple[int, bool]] = BoundedMap(_JUDGED_MAX)

    def has_host(self, host: str) -> bool:
        """Whether this IP literal is blocked; False for names."""
        if not self._addresses:
            return False
        try:
            return ipaddress.ip_address(host) in self._addresses
        except ValueError:
            return False

    def has_router(self, router_hash: bytes) -> bool:
        """Whether the router is blocked by its hash."""
        return router_hash in self._routers

    def blocks(self, info: RouterInfo) -> bool:
        """Whether the router is blocked, by its hash or by an address that it publishes."""
        if info.hash in self._routers:
            return True
        if not self._addresses:
            return False
        judged = self._judged.get(info.hash)
        if judged is None or judged[0] != info.published_ms:
            is_blocked = any(self.has_host(published_host(one)) for one in info.addresses)
            judged = info.published_ms, is_blocked
            self._judged.put(info.hash, judged)
        return judged[1]
