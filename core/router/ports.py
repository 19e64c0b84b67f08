"""Answers to the questions that sibling rooms ask about each other, given by the engine's parts."""

from __future__ import annotations

from collections.abc import Callable

from core.base.ports import Entropy, WallClock
from core.data.router_info import RouterInfo
from core.garlic.cloves import Clove, Delivery
from core.garlic.one_shot import seal_one_shot
from core.garlic.router import seal_to_router
from core.i2np.message import Message
from core.netdb.events import Owner
from core.transport.links import Links
from core.tunnel.manager import TunnelManager

#: How the router's own tunnel pool is called; the netDb calls it None.
EXPLORATORY = "exploratory"


class Sealer:
    """Wraps messages of the tunnel rooms in garlic (tunnel.ports.GarlicSealer)."""

    def __init__(self, wall: WallClock, entropy: Entropy) -> None:
        self._wall = wall
        self._entropy = entropy

    def seal_one_shot(self, tag: bytes, key: bytes, message: bytes) -> bytes:
        """A garlic message under a one-time tag and key, for a lookup's reply."""
        return seal_one_shot(tag, key, [_clove(message)], self._entropy)

    def seal_to_router(self, public_key: bytes, message: bytes) -> bytes:
        """A garlic message that only the router with this X25519 key can open."""
        return seal_to_router(public_key, [_clove(message)], self._entropy, self._wall)


def _clove(message: bytes) -> Clove:
    parsed = Message.parse_short(message)
    return local_clove(parsed.type, parsed.message_id, parsed.expiration_ms // 1000, parsed.body)


def local_clove(message_type: int, message_id: int, expiration_s: int, body: bytes) -> Clove:
    """A clove for whoever opens the garlic message."""
    return Clove(Delivery.LOCAL, None, None, message_type, message_id, expiration_s, body)


class LinkView:
    """What the netDb asks about links (netdb.ports.PeerView)."""

    def __init__(self, links: Links, now: Callable[[], float]) -> None:
        self._links = links
        self._now = now

    def can_dial(self, info: RouterInfo) -> bool:
        """True if one of its addresses can be dialled from here, and now."""
        now = self._now()
        return self._links.can_dial(info, now) and self._links.can_try(info.hash, now)

    def is_connected(self, router_hash: bytes) -> bool:
        """True while a link to it is up."""
        return self._links.is_connected(router_hash)

    def is_banned(self, router_hash: bytes) -> bool:
        """True if we want nothing to do with it."""
        return self._links.bans.reason(router_hash, self._now()) is not None

    def is_resting(self, router_hash: bytes) -> bool:
        """True if it is not dialled again yet."""
        return not self._links.can_try(router_hash, self._now())


class TunnelView:
    """What the netDb asks about tunnels (netdb.ports.ReplyPaths)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.tunnels: TunnelManager | None = None
        """Set once; the netDb and the tunnels need each other."""

    def inbound(self, owner: Owner) -> tuple[bytes, int] | None:
        """Gateway hash and tunnel id of one of the owner's inbound tunnels, or None."""
        pool = None if self.tunnels is None else self.tunnels.pool(pool_name(owner))
        tunnel = None if pool is None else pool.pick_inbound(self._now())
        return None if tunnel is None else (tunnel.gateway_hash, tunnel.gateway_tunnel_id)

    def has_outbound(self, owner: Owner) -> bool:
        """True if one of the owner's outbound tunnels is alive."""
        pool = None if self.tunnels is None else self.tunnels.pool(pool_name(owner))
        return pool is not None and bool(pool.live_outbound(self._now()))


def pool_name(owner: Owner) -> object:
    """The tunnel pool of a netDb owner."""
    return EXPLORATORY if owner is None else owner


def netdb_owner(name: object) -> Owner:
    """The netDb owner of a tunnel pool; the inverse of :func:`pool_name`."""
    return None if name == EXPLORATORY else name
