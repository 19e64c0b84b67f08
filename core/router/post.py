"""Messages on their way to other routers: over links, or held until the router is known.

An end point of somebody's tunnel is asked to deliver to routers it never heard of; their
RouterInfos are looked up first. What waits is bounded, the oldest goes first.

Strangers choose those routers, so how often one is looked up is bounded, too: invented names must
not make this router flood the netDb with questions, nor fill the places of its own lookups. What
their tunnels carry has one allowance. All other messages have another: answers that somebody in the
netDb or a builder of tunnels wants sent to a gateway, and what our own tunnels without hops carry.
"""

from __future__ import annotations

from core.base.rates import Bucket
from core.netdb.facade import NetDb
from core.transport.links import Links

ROUTERS_AWAITED_MAX = 256
MESSAGES_PER_ROUTER_MAX = 64
#: A lookup that fails lasts 12 s, so neither allowance can fill ``ROUTERS_AWAITED_MAX`` alone.
LOOKUPS_PER_SECOND = 10.0
LOOKUPS_BURST = 60


class Post:
    """See the module. ``lost`` counts messages that could not be sent.

    ``unasked`` counts routers that were not looked up because there were too many of them.
    """

    __slots__ = (
        "_awaited",
        "_links",
        "_lookups",
        "_netdb",
        "_rate",
        "_transit_rate",
        "lost",
        "unasked",
    )

    def __init__(self, links: Links, netdb: NetDb) -> None:
        self._links = links
        self._netdb = netdb
        self._awaited: dict[bytes, list[bytes]] = {}
        self._lookups: dict[int, bytes] = {}
        self._rate = Bucket(LOOKUPS_PER_SECOND, LOOKUPS_BURST)
        self._transit_rate = Bucket(LOOKUPS_PER_SECOND, LOOKUPS_BURST)
        self.lost = 0
        self.unasked = 0

    def send(
        self, router_hash: bytes, messages: list[bytes], now: float, *, droppable: bool
    ) -> bool:
        """Short-form messages for another router; False if its RouterInfo is asked for first.

        ``droppable``: they come out of others' tunnels.
        """
        links = self._links
        if links.is_connected(router_hash) or self._netdb.get_router(router_hash) is not None:
            links.send(router_hash, messages, now, droppable)
            return True
        waiting = self._awaited.get(router_hash)
        if waiting is None:
            rate = self._transit_rate if droppable else self._rate
            if len(self._awaited) >= ROUTERS_AWAITED_MAX or not rate.take(now):
                self.lost += len(messages)
                self.unasked += 1
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
