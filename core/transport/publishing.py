"""What one transport publishes in each network: an address, or only that we dial from there.

This is the only place that says so. It starts with what the user wrote (``router.host``); later it
is what others found out (:meth:`Published.set`).
"""

from __future__ import annotations

from collections.abc import Iterable

from core.data.ip_family import Family, family_of
from core.transport.reachability import Reachability

Address = tuple[str, int]
"""A numeric host and a port."""


class Published:
    """See the module. ``reachability``: the networks we have; at most one address in each."""

    def __init__(self, reachability: Reachability, addresses: Iterable[Address] = ()) -> None:
        self._families = reachability.families
        self._addresses: dict[Family, Address] = {}
        for address in addresses:
            family = family_of(address[0])
            if family is not None:
                self._addresses.setdefault(family, address)

    @property
    def is_reachable(self) -> bool:
        """Whether others can dial us. Yggdrasil alone is no help: few routers have it."""
        return bool(self._addresses.keys() - {Family.YGGDRASIL})

    def get(self, is_ipv6: bool) -> Address | None:
        """The address of IPv4 or IPv6, None if others cannot dial it."""
        return self._addresses.get(_family(is_ipv6))

    def set(self, is_ipv6: bool, address: Address | None) -> bool:
        """Publish another address of IPv4 or IPv6, or none; whether that makes a difference."""
        family = _family(is_ipv6)
        before = self._addresses.pop(family, None)
        if address is not None:
            self._addresses[family] = address
        return before != address

    def addresses(self) -> list[tuple[Family, Address]]:
        """Every address that others can dial, IPv4 first."""
        return [(one, self._addresses[one]) for one in Family if one in self._addresses]

    def unpublished(self) -> list[Family]:
        """IPv4 and IPv6 as far as we have them and others cannot dial us there.

        i2pd: a router that calls us looks there for our static key, so each must be told. Without
        any other address IPv4 is, for a router without addresses is refused.
        """
        found = [one for one in (Family.IPV4, Family.IPV6) if one in self._families]
        return [one for one in found if one not in self._addresses] or (
            [] if self._addresses else [Family.IPV4]
        )


def _family(is_ipv6: bool) -> Family:
    return Family.IPV6 if is_ipv6 else Family.IPV4


def caps_of(families: Iterable[Family]) -> str:
    """As an address without host says them (specs/ntcp2, ssu2: ``4``, ``6``, ``46``)."""
    return "".join("6" if one is Family.IPV6 else "4" for one in families)
