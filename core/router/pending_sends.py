"""Messages on their way to other routers: over links, or held until the router is known.

An end point of somebody's tunnel is asked to deliver to routers it never heard of; their
RouterInfos are looked up first. So are newer ones of routers that we cannot dial by what we know:
they may have introducers by now, or other ones. Routers that did not answer our own dials are
looked up, too, but nothing waits for that. What waits is bounded, the oldest goes first.

Strangers choose those routers, so how often one is looked up is bounded, too: invented names must
not make this router flood the netDb with questions, nor fill the places of its own lookups. What
their tunnels carry has one allowance. All other messages have another: answers that somebody in the
netDb or a builder of tunnels wants sent to a gateway, and what our own tunnels without hops carry.
Each is shared out fairly by where those came from.
"""

from __future__ import annotations

from core.base.bounded import BoundedMap
from core.base.rates import FairShares, Source
from core.netdb.facade import NetDb
from core.transport.links import Links

ROUTERS_AWAITED_MAX = 512
MESSAGES_PER_ROUTER_MAX = 64
BYTES_AWAITED_MAX = 4 * 1024 * 1024
#: A lookup that fails lasts 12 s, so neither allowance can fill ``ROUTERS_AWAITED_MAX`` alone.
LOOKUPS_PER_SECOND = 10.0
LOOKUPS_BURST = 60
#: Routers without a link that strangers have us send to: each may have to be dialled.
DIALS_PER_SECOND = 50.0
_DIALS_BURST_S = 4.0
#: How long a router that cannot be dialled is not asked after again.
REFRESH_S = 30.0
_UNKNOWN: Source = (None, 0)


class PendingSends:
    """See the module. ``lost`` counts messages that could not be sent.

    ``unasked`` counts routers that were not looked up or dialled because there were too many.
    """

    __slots__ = (
        "_awaited",
        "_bytes",
        "_dials",
        "_links",
        "_lookups",
        "_netdb",
        "_rate",
        "_refreshed",
        "_transit_rate",
        "lost",
        "unasked",
    )

    def __init__(self, links: Links, netdb: NetDb) -> None:
        self._links = links
        self._netdb = netdb
        self._awaited: dict[bytes, list[bytes]] = {}
        self._bytes = 0
        self._lookups: dict[int, bytes] = {}
        #: when newer RouterInfos were looked up last
        self._refreshed: BoundedMap[bytes, float] = BoundedMap(ROUTERS_AWAITED_MAX)
        burst_s = LOOKUPS_BURST / LOOKUPS_PER_SECOND
        self._rate = FairShares(LOOKUPS_PER_SECOND, burst_s)
        self._transit_rate = FairShares(LOOKUPS_PER_SECOND, burst_s)
        self._dials = FairShares(DIALS_PER_SECOND, _DIALS_BURST_S)
        self.lost = 0
        self.unasked = 0

    def send(
        self, router_hash: bytes, messages: list[bytes], now: float, endpoint: Source | None = None
    ) -> None:
        """Short-form messages for another router; if it is not known well, it is looked up first.

        ``endpoint``: the stranger's tunnel that they come out of (link, tunnel); they may be shed.
        """
        links = self._links
        is_transit = endpoint is not None
        if links.is_connected(router_hash) or self._is_known(router_hash, now):
            if not is_transit and self._may_have_moved(router_hash, now):
                # For the next time: who sends goes another way at once if this one fails at once.
                self._look_up(router_hash, _UNKNOWN, now, is_transit=False)
            links.send(router_hash, messages, now, is_transit)
            return
        if not self._look_up(router_hash, endpoint or _UNKNOWN, now, is_transit=is_transit):
            self.lost += len(messages)
            return
        waiting = self._awaited[router_hash]
        waiting += messages
        self._bytes += sum(map(len, messages))
        excess = len(waiting) - MESSAGES_PER_ROUTER_MAX
        if excess > 0:
            self._bytes -= sum(map(len, waiting[:excess]))
            del waiting[:excess]
            self.lost += excess

    def can_reach(self, router_hash: bytes, source: Source, now: float) -> bool:
        """Whether what ``source`` has us send to that router is sent, perhaps after a lookup."""
        if router_hash == self._netdb.own_hash or self._links.is_connected(router_hash):
            return True
        if not self._is_known(router_hash, now):
            return self._look_up(router_hash, source, now, is_transit=False)
        is_allowed = self._dials.take(source, 1.0, now)
        self.unasked += not is_allowed
        return is_allowed

    def _is_known(self, router_hash: bytes, now: float) -> bool:
        """Whether to try with what is known of a router, rather than to look it up."""
        info = self._netdb.get_router(router_hash)
        if info is None:
            return False
        return self._links.can_dial(info, now) or self._is_refreshed(router_hash, now)

    def _may_have_moved(self, router_hash: bytes, now: float) -> bool:
        """Whether a router does not answer where we know it, and was not looked up since."""
        links = self._links
        if links.is_connected(router_hash) or links.can_try(router_hash, now):
            return False
        is_banned = links.bans.reason(router_hash, now) is not None
        is_asked = router_hash in self._awaited or self._is_refreshed(router_hash, now)
        return not (links.is_cut_off or is_banned or is_asked)

    def _is_refreshed(self, router_hash: bytes, now: float) -> bool:
        """Whether a newer RouterInfo was looked up of late, and that is over."""
        asked_at = self._refreshed.get(router_hash)
        is_answered = router_hash not in self._awaited
        return is_answered and asked_at is not None and now - asked_at < REFRESH_S

    def _look_up(self, router_hash: bytes, source: Source, now: float, *, is_transit: bool) -> bool:
        """Have a router looked up, if it is not yet; False if ``source`` may not cause that."""
        if router_hash in self._awaited:
            return self._bytes < BYTES_AWAITED_MAX
        rate = self._transit_rate if is_transit else self._rate
        if (
            len(self._awaited) >= ROUTERS_AWAITED_MAX
            or self._bytes >= BYTES_AWAITED_MAX
            or not rate.take(source, 1.0, now)
        ):
            self.unasked += 1
            return False
        self._awaited[router_hash] = []
        known = self._netdb.get_router(router_hash)
        newer_ms = 0 if known is None else known.published_ms + 1
        if known is not None:
            self._refreshed.put(router_hash, now)
        request = self._netdb.lookup_router(router_hash, now, published_min_ms=newer_ms)
        self._lookups[request] = router_hash
        return True

    def looked_up(self, request: int, is_found: bool, now: float) -> bytes | None:
        """The netDb's answer to a lookup; returns the router that could not be found, if any."""
        router_hash = self._lookups.pop(request, None)
        messages = None if router_hash is None else self._awaited.pop(router_hash, None)
        if router_hash is None or messages is None:
            return None
        self._bytes -= sum(map(len, messages))
        if not messages:
            return None
        if is_found or self._netdb.get_router(router_hash) is not None:
            self._links.send(router_hash, messages, now)
            return None
        self.lost += len(messages)
        return router_hash
