"""Whom to dial next, and over what: one dial per remote host, pauses after failures.

A failure is held against one transport's way to a router, so that another transport may try at
once; what says something about the router itself, as a clock that is wrong, against all of them.

i2pd refuses a second handshake from one source address while it has one pending, hence one at a
time for each address; it also forgets a failed one only after up to 33 seconds. Java replaces its
own link by one that is dialled at the same moment, drops what waited in it, and bans the router for
that; so a host that is just calling is not dialled for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from core.data.router_info import RouterInfo
from core.transport.bans import Backoff, BanList
from core.transport.context import TransportContext
from core.transport.ports import Bid, Endpoint
from core.transport.records import Peer

DIAL_WAIT_MAX_S = 20.0
#: So long a host that calls us is waited for.
CALL_WAIT_S = 2.0
#: i2pd forgets a failed handshake of a source address after 28 to 33 s and refuses others until
#: then, so a second try before that is lost for certain.
HANDSHAKE_BACKOFF_S = 40.0
#: A router that starts again refuses for a few seconds.
DIAL_BACKOFF_S = 2.0
#: After a failure that is not the peer's: for want of descriptors, or of a network.
LOCAL_BACKOFF_S = 1.0
SKEW_BACKOFF_S = 120.0
#: So long a router that said goodbye refuses handshakes because it goes, and soon is back.
LEAVING_S = 10.0


class Dialer:
    """Peers that wait to be dialled, in order; the transport with the lowest bid gets them."""

    def __init__(
        self, context: TransportContext, bans: BanList, endpoints: Sequence[Endpoint]
    ) -> None:
        self.backoff = Backoff()
        self.active: set[str] = set()
        """Hosts that are being dialled."""
        self._network_id = context.network_id
        self._find_router = context.find_router
        self._limits = context.limits
        self._bans = bans
        self._endpoints = endpoints
        self._waiting: deque[Peer] = deque()

    @property
    def has_waiting(self) -> bool:
        """True if a peer waits for its turn."""
        return bool(self._waiting)

    def bid(
        self, router_info: RouterInfo, now: float, endpoints: Sequence[Endpoint] | None = None
    ) -> Bid | None:
        """The best bid of these transports, by default of all; None if they cannot dial it."""
        if router_info.network_id != self._network_id:
            return None
        best: Bid | None = None
        for endpoint in self._endpoints if endpoints is None else endpoints:
            bid = endpoint.bid(router_info, now)
            if bid is not None and (best is None or bid.cost < best.cost):
                best = bid
        return best

    def next_bid(self, peer: Peer, now: float) -> Bid | None:
        """The best bid of a transport that has not failed for this peer of late."""
        router_info = self._find_router(peer.hash)
        free = [one for one in self._free(peer.hash, now) if one not in peer.tried]
        return None if router_info is None else self.bid(router_info, now, free)

    def can_try(self, router_hash: bytes, now: float) -> bool:
        """Whether some transport may dial the router, as far as earlier failures are concerned."""
        free = self._free(router_hash, now)
        if len(free) in (0, len(self._endpoints)):
            return bool(free)
        router_info = self._find_router(router_hash)
        return router_info is None or self.bid(router_info, now, free) is not None

    def _free(self, router_hash: bytes, now: float) -> list[Endpoint]:
        """Transports that need not pause for this router."""
        until = self.backoff.until
        if until(router_hash, now) is not None:
            return []
        return [one for one in self._endpoints if until((router_hash, one), now) is None]

    def succeeded(self, router_hash: bytes, bid: Bid | None) -> None:
        """The router took our dial, or has called (None): forget the failures of that way, or all.

        A transport that failed before the one that succeeded goes on resting.
        """
        self.backoff.succeeded(router_hash)
        for endpoint in self._endpoints if bid is None else (bid.endpoint,):
            self.backoff.succeeded((router_hash, endpoint))

    def refusal(self, router_hash: bytes, now: float) -> str | None:
        """Why this router is not dialled (the reason of a PeerFailed), or None if it can be."""
        if self._bans.reason(router_hash, now) is not None:
            return "banned"
        if not self.can_try(router_hash, now):
            return "backoff"
        router_info = self._find_router(router_hash)
        if router_info is None:
            return "no_router_info"
        if self.bid(router_info, now) is None:
            return "no_address"
        return "busy" if len(self._waiting) >= self._limits.dials_waiting_max else None

    def enqueue(self, peer: Peer, now: float) -> None:
        """Let a peer wait for its turn."""
        peer.wait_until = now + DIAL_WAIT_MAX_S
        self._waiting.append(peer)

    def remove(self, peer: Peer) -> None:
        """The peer need not be dialled any more; harmless if it does not wait."""
        if self._waiting and peer in self._waiting:
            self._waiting.remove(peer)

    def expired(self, now: float) -> list[Peer]:
        """Peers that waited too long, taken off the queue."""
        late = [peer for peer in self._waiting if now >= peer.wait_until]
        for peer in late:
            self._waiting.remove(peer)
        return late

    def take_ready(
        self, room: int, now: float
    ) -> Iterator[tuple[Peer, RouterInfo | None, Bid | None]]:
        """Take peers off the queue whose turn has come; their host is then ``active``.

        At most ``room`` of them have a bid. Without one no transport can dial the router any more.
        Peers whose host is being dialled already, or is just calling us, keep their place.
        """
        blocked: list[Peer] = []
        while self._waiting and room > 0 and len(self.active) < self._limits.dials_max:
            peer = self._waiting.popleft()
            router_info = self._find_router(peer.hash)
            bid = self.next_bid(peer, now)
            if router_info is None or bid is None:
                yield peer, router_info, None
            elif bid.host in self.active or self._is_calling(peer, bid.host, now):
                blocked.append(peer)
            else:
                self.active.add(bid.host)
                room -= 1
                yield peer, router_info, bid
        self._waiting.extendleft(reversed(blocked))

    def take(
        self, router_hash: bytes, endpoint: Endpoint, now: float
    ) -> tuple[RouterInfo | None, Bid | None]:
        """What may be dialled out of turn over a transport; its host is then ``active``."""
        info = self._find_router(router_hash)
        bid = None if info is None else self.bid(info, now, (endpoint,))
        is_resting = endpoint not in self._free(router_hash, now)
        is_full = len(self.active) >= self._limits.dials_max
        if bid is None or is_resting or is_full or bid.host in self.active:
            return info, None
        self.active.add(bid.host)
        return info, bid

    def _is_calling(self, peer: Peer, host: str, now: float) -> bool:
        """Whether the host may be this peer, on the way to us."""
        has_time = now < peer.wait_until - DIAL_WAIT_MAX_S + CALL_WAIT_S
        return has_time and any(endpoint.is_calling(host) for endpoint in self._endpoints)
