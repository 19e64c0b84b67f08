"""Connects to routers that test our address or introduce others to us, while there are too few.

Links come by themselves, but they may all be over NTCP2, and with routers that do neither. A router
that nobody reaches and that does not know it is worse than a few connections.
"""

from __future__ import annotations

from core.data.router_info import RouterInfo
from core.netdb.facade import NetDb
from core.transport.links import Links
from core.transport.ssu2.bids import COST_BOB
from core.transport.ssu2.endpoint import Ssu2Endpoint

#: Pauses between two dials, the longer the more of them did not help.
PAUSE_MIN_S = 2.0
PAUSE_MAX_S = 60.0
PAUSE_GROWTH = 1.3


class BobSearch:
    """See the module. ``endpoint``: of SSU2, None if there is none."""

    def __init__(self, endpoint: Ssu2Endpoint | None, netdb: NetDb, links: Links) -> None:
        self._endpoint = endpoint
        self._netdb = netdb
        self._links = links
        self._look_at = 0.0
        self._pause_s = PAUSE_MIN_S

    def hurry(self, now: float) -> None:
        """The network is back: earlier dials in vain say nothing."""
        self._look_at, self._pause_s = now, PAUSE_MIN_S

    def handle_timer(self, now: float) -> None:
        """Dial one more if it is due; to be called every few seconds."""
        endpoint = self._endpoint
        if endpoint is None or endpoint.traversal is None or now < self._look_at:
            return
        if not endpoint.traversal.lacks_bobs(now):
            self._pause_s = PAUSE_MIN_S
            return
        for bob in self._find(endpoint, now):
            self._links.connect(bob.hash, endpoint, now)
        self._look_at = now + self._pause_s
        self._pause_s = min(PAUSE_MAX_S, self._pause_s * PAUSE_GROWTH)

    def _find(self, endpoint: Ssu2Endpoint, now: float) -> list[RouterInfo]:
        """One to connect to: rather a new one than one that has a link over NTCP2."""
        links = self._links

        def is_bob(info: RouterInfo) -> bool:
            bid = endpoint.bid(info, now)
            return bid is not None and bid.cost == COST_BOB

        def is_wanted(info: RouterInfo) -> bool:
            is_free = not links.is_connected(info.hash) and links.can_try(info.hash, now)
            return is_free and is_bob(info)

        def is_linked(info: RouterInfo) -> bool:
            is_other = links.is_connected(info.hash) and endpoint.session_with(info.hash) is None
            return is_other and is_bob(info)

        random_routers = self._netdb.random_routers
        return random_routers(1, is_wanted) or random_routers(1, is_linked)
