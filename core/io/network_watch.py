"""Whether this machine is in another network now: its addresses, and where its gateway is."""

from __future__ import annotations

from collections.abc import Mapping

from core.io.gateways import Gateway, find_gateway
from core.io.interfaces import global_addresses

#: Asking takes a fraction of a millisecond.
LOOK_S = 10.0


class NetworkWatch:
    """See the module; to be asked often. ``binds``: the address to leave from, by IP version.

    ``addresses``: of this machine, those that are valid in the internet.
    """

    def __init__(self, binds: Mapping[int, str]) -> None:
        self._binds = binds
        self._look_at = 0.0
        self._gateways: dict[int, Gateway] = {}
        self.addresses: frozenset[str] = frozenset()

    def look(self, now: float) -> list[int]:
        """Look if it is time; the IP versions in which we are behind another gateway, or have
        another address towards it.

        A gateway that is gone is not told: it may come back, and nothing is lost by then.
        """
        if now < self._look_at:
            return []
        self._look_at = now + LOOK_S
        self.addresses = frozenset(global_addresses())
        moved = []
        for version in (4, 6):
            gateway = find_gateway(version, self._binds.get(version))
            if gateway is None:
                continue
            before = self._gateways.get(version)
            self._gateways[version] = gateway
            if before not in (None, gateway):
                moved.append(version)
        return moved
