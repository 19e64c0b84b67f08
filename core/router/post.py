"""Messages on their way to other routers: over links, or held until the router is known.

An end point of somebody's tunnel is asked to deliver to routers it never heard of; their
RouterInfos are looked up first. What waits is bounded, the oldest goes first.
"""

from __future__ import annotations

from core.netdb.facade import NetDb
from core.transport.links import Links

ROUTERS_AWAITED_MAX = 256
MESSAGES_PER_ROUTER_MAX = 64


class Post:
    """See the module. ``lost`` counts messages that could not be sent."""

    __slots__ = ("_awaited", "_links", "_lookups", "_netdb", "lost")

    def __init__(self, links: Links, netdb: NetDb) -> None:
        self._links = links
        self._netdb = netdb
        self._awaited: dict[bytes, list[bytes]] = {}
        self._lookups: dict[int, bytes] = {}
        self.lost = 0

    def send(
        self, router_hash: bytes, messages: list[bytes], now: float, *, droppable: bool
    ) -> bool:
        """Short-form messages for another router; False if its RouterInfo is asked for first."""
        links = self._links
        if links.is_connected(router_hash) or self._netdb.get_router(router_hash) is not None:
            links.send(router_hash, messages, now, droppable)
            return True
        waiting = self._awaited.get(router_hash)
        if waiting is None:
            if len(self._awaited) >= ROUTERS_AWAITED_MAX:
                self.lost += len(messages)
                return True
            waiting = self._awaited[router_hash] = []
            self._lookups[self._netdb.lookup_router(router_hash, now)] = router_hash
        waiting += messages
        excess = len(waiting) - MESSAGES_PER_ROUTER_MAX
        if excess > 0:
            del waiting[:excess]
            self.lost += excess
        return False

    def looked_up(self, request: int, is_found: bool, now: float) -> bytes | None:
        """The netDb's answer to a lookup; returns the router that could not be found, if any."""
        router_hash = self._lookups.pop(request, None)
        messages = None if router_hash is None else self._awaited.pop(router_hash, None)
        if router_hash is None or messages is None:
            return None
        if is_found:
            self._links.send(router_hash, messages, now)
            return None
        self.lost += len(messages)
        return router_hash
