"""Which network to dial a router in that has addresses in several.

IPv4 is first, for nearly everybody has it. A machine may have addresses of a network in which
nothing gets through (an IPv6 prefix whose way out is broken is common); dials show that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from core.data.ip_family import Family, family_of

#: so many dials in a row without an answer, and the network comes last
FAILURES_MAX = 5
_ORDER = tuple(Family)


class Addressed(Protocol):
    """An address of a router."""

    @property
    def host(self) -> str:
        """An IP literal."""
        ...


AddressT = TypeVar("AddressT", bound=Addressed)


class FamilyRecord:
    """What became of dials in each network of late, whatever the transport."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = dict.fromkeys(Family, 0)

    def succeeded(self, host: str) -> None:
        """A router answered there."""
        family = family_of(host)
        if family is not None:
            self._failures[family] = 0

    def failed(self, host: str) -> None:
        """Nobody answered, or the system knows no way."""
        family = family_of(host)
        if family is not None:
            self._failures[family] += 1

    def is_answered(self, host: str) -> bool:
        """Whether dials in the network of this host are answered, as far as is known."""
        family = family_of(host)
        return family is not None and self._failures[family] < FAILURES_MAX

    def best(self, addresses: Sequence[AddressT]) -> AddressT | None:
        """The one to dial, among addresses in networks that we have."""
        return min(addresses, key=self._rank, default=None)

    def _rank(self, address: Addressed) -> tuple[bool, int]:
        family = family_of(address.host)
        if family is None:
            return True, len(_ORDER)
        return not self.is_answered(address.host), _ORDER.index(family)
