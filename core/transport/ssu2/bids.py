"""Which address of a router SSU2 would dial, and how dear that is: directly, or introduced.

Who is to test or introduce us is dialled in the family that lacks one; all others in the best one.
"""

from __future__ import annotations

from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from core.transport.context import TransportContext
from core.transport.ports import Bid, Endpoint
from core.transport.ssu2.path_mtu import MTU_MIN
from core.transport.ssu2.published import COST_PUBLISHED
from core.transport.ssu2.session_traversal import SessionTraversal

#: less than any other: only over SSU2 others test and introduce us
COST_BOB = 1
#: more than any published address has: an introduction takes two round trips more
COST_INTRODUCED = 20


class Bids:
    """See the module. ``endpoint``: who bids."""

    __slots__ = ("_endpoint", "_families", "_reachability")

    def __init__(self, endpoint: Endpoint, context: TransportContext) -> None:
        self._endpoint = endpoint
        self._families = context.families
        self._reachability = context.reachability

    def bid(
        self, router_info: RouterInfo, traversal: SessionTraversal | None, now: float
    ) -> Bid | None:
        """The best published SSU2 address that can be dialled from here, or by introduction."""
        addresses = router_info.ssu2_addresses()
        usable = [*filter(self._is_usable, addresses)]
        if traversal is not None:
            bob = self._families.best(
                [
                    one
                    for one in usable
                    if self._families.is_answered(one.host)
                    and traversal.wants_as_bob(router_info, one.is_ipv6, now)
                ]
            )
            if bob is not None:
                return Bid(self._endpoint, bob.host, bob, COST_BOB)
        best = self._families.best(usable)
        if best is not None:
            return Bid(self._endpoint, best.host, best, COST_PUBLISHED)
        if traversal is None or not any(one.introducers for one in addresses):
            return None
        hidden = traversal.address_behind(router_info)
        if hidden is None:
            return None
        return Bid(self._endpoint, router_info.hash.hex(), hidden, COST_INTRODUCED)

    def _is_usable(self, address: Ssu2Address) -> bool:
        is_possible = address.is_published and (not address.mtu or address.mtu >= MTU_MIN)
        return is_possible and self._reachability.can_dial(address.host)
