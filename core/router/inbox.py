"""What arrives for the router itself: over links, or sealed for it by who knows whom.

Work for strangers is charged to where it came from (:class:`core.base.rates.FairShares`): the link,
and the tunnel if it came out of one that ends here.
"""

from __future__ import annotations

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.base.rates import Source
from core.garlic.cloves import Delivery
from core.garlic.router import RouterGarlic
from core.i2np.database import (
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import SHORT_HEADER_BYTES, Message, MessageType, is_expired
from core.netdb.facade import NetDb
from core.router.stats import RouterStats
from core.tunnel.manager import TunnelManager


class Inbox:
    """See the module. ``stats`` counts what is dropped."""

    __slots__ = ("_garlic", "_netdb", "_stats", "_tunnels", "_wall")

    def __init__(
        self,
        garlic: RouterGarlic,
        netdb: NetDb,
        tunnels: TunnelManager,
        wall: WallClock,
        stats: RouterStats,
    ) -> None:
        self._garlic = garlic
        self._netdb = netdb
        self._tunnels = tunnels
        self._wall = wall
        self._stats = stats

    def receive_link_message(self, data: bytes, from_router: bytes, now: float) -> None:
        """A short-form message that is no tunnel message."""
        if len(data) < SHORT_HEADER_BYTES:
            self._stats.malformed += 1
            return
        message = Message.parse_short(data)
        if is_expired(message, self._wall.now()):
            self._stats.expired += 1
            return
        kind = message.type
        if kind == MessageType.GARLIC:
            self.receive_garlic(message.body, (from_router, 0), now)
        elif MessageType.TUNNEL_BUILD <= kind <= MessageType.SHORT_TUNNEL_BUILD_REPLY:
            self._tunnels.receive_build_message(
                kind, message.message_id, message.body, from_router, now
            )
        else:
            self._on_netdb_message(kind, message.body, from_router, (from_router, 0), now)

    def receive_garlic(self, body: bytes, source: Source, now: float) -> None:
        """Sealed for this router; who sealed it is unknown, ``source`` is where it came from."""
        for clove in self._garlic.open(body[4:], now, source) or ():
            if clove.kind != Delivery.LOCAL:
                self._stats.forbidden += 1
            elif (
                MessageType.TUNNEL_BUILD
                <= clove.message_type
                <= MessageType.SHORT_TUNNEL_BUILD_REPLY
            ):
                self._tunnels.receive_build_message(
                    clove.message_type, clove.message_id, clove.body, None, now, source
                )
            else:
                self._on_netdb_message(clove.message_type, clove.body, None, source, now)

    def _on_netdb_message(
        self, kind: int, body: bytes, from_router: bytes | None, source: Source, now: float
    ) -> None:
        try:
            if kind == MessageType.DATABASE_STORE:
                store = DatabaseStore.parse(body)
                self._netdb.receive_store(store, from_router, now, source=source)
            elif kind == MessageType.DATABASE_LOOKUP:
                self._netdb.receive_lookup(DatabaseLookup.parse(body), from_router, now, source)
            elif kind == MessageType.DATABASE_SEARCH_REPLY:
                self._netdb.receive_search_reply(DatabaseSearchReply.parse(body), now)
            elif kind == MessageType.DELIVERY_STATUS:
                self.receive_delivery_status(body, now)
            else:
                self._stats.unknown_type += 1
        except DecodeError:
            self._stats.malformed += 1

    def receive_delivery_status(self, body: bytes, now: float) -> None:
        """Of a tunnel test, or of a store; DecodeError if it is none."""
        token = DeliveryStatus.parse(body).message_id
        if not self._tunnels.receive_delivery_status(token, now):
            self._netdb.receive_delivery_status(token, now)
