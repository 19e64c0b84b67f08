"""What earlier dials say of a transport: its bid rises where they failed of late."""

from __future__ import annotations

from core.base.bounded import BoundedMap

#: More than any two published addresses differ.
FAILED_COST = 20
FAILED_S = 15 * 60.0
ROUTERS_MAX = 4096


class DialCosts:
    """Routers to which dials of one transport failed, by router hash."""

    __slots__ = ("_failed_until",)

    def __init__(self) -> None:
        self._failed_until: BoundedMap[bytes, float] = BoundedMap(ROUTERS_MAX)

    def cost(self, published: int, router_hash: bytes, now: float) -> int:
        """The cost of a bid."""
        return published + (FAILED_COST if now < self._failed_until.get(router_hash, 0.0) else 0)

    def failed(self, router_hash: bytes, now: float) -> None:
        """A dial did not lead to a session, and it was no fault of ours."""
        self._failed_until.put(router_hash, now + FAILED_S)

    def succeeded(self, router_hash: bytes) -> None:
        """The router has answered."""
        self._failed_until.pop(router_hash)
