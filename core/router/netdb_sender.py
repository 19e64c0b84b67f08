"""What the netDb wants sent, made into messages: directly, through a tunnel, or as an answer."""

from __future__ import annotations

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.garlic.one_shot import seal_one_shot
from core.garlic.router import seal_to_router
from core.i2np.message import MessageType, expiration_from, make_short, make_standard
from core.netdb.events import Owner, SendThroughTunnel, SendToGateway
from core.router.ports import local_clove, pool_name
from core.tunnel.delivery import DeliveryKind
from core.tunnel.manager import TunnelManager
from core.tunnel.tunnels import OutboundTunnel

OWNERS_MAX = 512


class NetDbSender:
    """See the module. ``lost`` counts what could not be sent for want of a tunnel or a key.

    Questions leave through another tunnel than the last store of their owner, if there is one: so a
    store is verified on another way than it took.
    """

    __slots__ = ("_entropy", "_stored_by", "_tunnels", "_wall", "lost")

    def __init__(self, tunnels: TunnelManager, wall: WallClock, entropy: Entropy) -> None:
        self._tunnels = tunnels
        self._wall = wall
        self._entropy = entropy
        self._stored_by: BoundedMap[Owner, OutboundTunnel] = BoundedMap(OWNERS_MAX)
        self.lost = 0

    def direct(self, message_type: int, body: bytes) -> bytes:
        """A short-form message for a link."""
        return make_short(message_type, self._message_id(), self._expires_ms(), body)

    def through_tunnel(self, event: SendThroughTunnel, now: float) -> None:
        """Sealed for the router, out through a tunnel of the owner."""
        pool = self._tunnels.pool(pool_name(event.owner))
        is_store = event.message_type == MessageType.DATABASE_STORE
        last = self._stored_by.get(event.owner)
        avoid = () if is_store or last is None else (last,)
        tunnel = None if pool is None else pool.pick_outbound(now, avoid)
        if tunnel is None:
            self.lost += 1
            return
        if is_store:
            self._stored_by.put(event.owner, tunnel)
        expires_ms = self._expires_ms()
        clove = local_clove(event.message_type, self._message_id(), expires_ms // 1000, event.body)
        try:
            data = seal_to_router(event.router_key, [clove], self._entropy, self._wall)
        except (DecodeError, LocalError):
            self.lost += 1
            return
        message = self._garlic_message(data, expires_ms)
        tunnel.send([(DeliveryKind.ROUTER, event.router, None, message)], now)

    def to_gateway(self, event: SendToGateway, now: float) -> None:
        """An answer into a stranger's inbound tunnel, sealed if the stranger gave a key."""
        expires_ms = self._expires_ms()
        if event.reply_key is not None and event.reply_tag is not None:
            clove = local_clove(
                event.message_type, self._message_id(), expires_ms // 1000, event.body
            )
            data = seal_one_shot(event.reply_tag, event.reply_key, [clove], self._entropy)
            message = self._garlic_message(data, expires_ms)
        else:
            message = make_standard(event.message_type, self._message_id(), expires_ms, event.body)
        self._tunnels.dispatcher.send_to_gateway(event.gateway, event.tunnel_id, message, now)

    def _garlic_message(self, data: bytes, expires_ms: int) -> bytes:
        body = len(data).to_bytes(4, "big") + data
        return make_standard(MessageType.GARLIC, self._message_id(), expires_ms, body)

    def _message_id(self) -> int:
        return int.from_bytes(self._entropy.random_bytes(4), "big")

    def _expires_ms(self) -> int:
        return expiration_from(self._wall.now())
