"""What arrives, and who may say what: messages go to the room that understands them.

What a message may do depends on the way it came ("Who may say what" in docs/ARCHITECTURE.md):

* over a link (:meth:`Inbox.receive_link_messages`): everything, in the name of the peer;
* as garlic sealed for this router, wherever it came from: netDb messages and build requests;
* through a tunnel that ends here (:meth:`Inbox.receive_deliveries`): garlic for the tunnel's owner,
  answers to what the owner asked; or, if the tunnel is a stranger's, garlic for this router.

Work for strangers is charged to where it came from (:class:`core.base.rates.FairShares`): the link,
and the tunnel if it came out of one that ends here.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.base.rates import Source
from core.garlic.cloves import Clove, Delivery
from core.garlic.one_shot import OneShotKeys
from core.garlic.router import RouterGarlic
from core.garlic.tagset import TAG_BYTES
from core.i2np.database import (
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import (
    Message,
    MessageType,
    fresh_short,
    is_expired,
    is_garlic,
    read_garlic,
    sort_short,
)
from core.netdb.facade import NetDb
from core.router.ports import EXPLORATORY, netdb_owner
from core.router.sessions import Sessions
from core.router.stats import RouterStats
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.manager import TunnelManager


class Inbox:
    """See the module. ``stats`` counts what is dropped; ``garlic`` and ``one_shots`` count, too."""

    __slots__ = (
        "_dispatcher",
        "_members",
        "_netdb",
        "_sessions",
        "_stats",
        "_tunnels",
        "_wall",
        "garlic",
        "one_shots",
    )

    def __init__(
        self,
        garlic: RouterGarlic,
        netdb: NetDb,
        tunnels: TunnelManager,
        dispatcher: TunnelDispatcher,
        sessions: Sessions,
        wall: WallClock,
        stats: RouterStats,
    ) -> None:
        self.garlic = garlic
        self._netdb = netdb
        self._tunnels = tunnels
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._wall = wall
        self._stats = stats
        self.one_shots: dict[object, OneShotKeys] = {EXPLORATORY: OneShotKeys()}
        """Keys of awaited answers by who awaits them: owners of tunnels, and who shares them."""
        self._members: dict[object, list[object]] = {}

    # Owners of tunnels

    def add_owner(self, owner: object, sharing: object = None) -> None:
        """Tunnels of this owner will bring answers sealed with one-shot keys.

        ``sharing``: whose tunnels they are, if it has none itself.
        """
        self.one_shots[owner] = OneShotKeys()
        if sharing is not None:
            self._members.setdefault(sharing, []).append(owner)

    def remove_owner(self, owner: object, sharing: object = None) -> None:
        """The owner is gone; nothing is opened for it any more."""
        self.one_shots.pop(owner, None)
        members = self._members.get(sharing, [])
        if owner in members:
            members.remove(owner)
        if not members:
            self._members.pop(sharing, None)

    def register_reply_key(self, owner: object, tag: bytes, key: bytes, now: float) -> None:
        """An answer under ``tag`` and ``key`` will come through a tunnel of ``owner``."""
        one_shots = self.one_shots.get(owner)
        if one_shots is not None:
            one_shots.register(tag, key, now)

    # Over links

    def receive_link_messages(
        self, messages: Iterable[bytes], from_router: bytes, now: float
    ) -> None:
        """Short-form messages that one link brought together."""
        tunnel_data, gateways, others = sort_short(messages)
        for message in others:
            self._on_link_message(message, from_router, now)
        if tunnel_data:
            self._dispatcher.receive_tunnel_data(tunnel_data, from_router, now)
        if gateways:
            fresh = fresh_short(gateways, self._wall.now())
            self._stats.expired += len(gateways) - len(fresh)
            self._dispatcher.receive_tunnel_gateways(fresh, now)

    def _on_link_message(self, data: bytes, from_router: bytes, now: float) -> None:
        try:
            message = Message.parse_short(data)
        except DecodeError:
            self._stats.malformed += 1
            return
        if is_expired(message, self._wall.now()):
            self._stats.expired += 1
            return
        kind = message.type
        if kind == MessageType.GARLIC:
            self._on_router_garlic(message.body, (from_router, 0), now)
        elif _is_build(kind):
            self._tunnels.receive_build_message(
                kind, message.message_id, message.body, from_router, now
            )
        else:
            self._on_netdb_message(kind, message.body, from_router, (from_router, 0), now)

    # Sealed for this router

    def _on_router_garlic(self, body: bytes, source: Source, now: float) -> None:
        """Who sealed it is unknown; ``source`` is where it came from."""
        for clove in self.garlic.open(body[4:], now, source) or ():
            if clove.kind != Delivery.LOCAL:
                self._stats.forbidden += 1
            elif _is_build(clove.message_type):
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
                self._on_delivery_status(body, now)
            else:
                self._stats.unknown_type += 1
        except DecodeError:
            self._stats.malformed += 1

    # Through tunnels

    def receive_deliveries(
        self, delivered: Iterable[tuple[object, int, bytes]], now: float
    ) -> None:
        """(owner, tunnel, standard-form message) that came through tunnels.

        The owner is None if the tunnel is somebody else's and ends here.
        """
        wall_now = self._wall.now()
        for owner, tunnel_id, data in delivered:
            try:
                if owner is None or not is_garlic(data):
                    self._on_other_delivery(data, owner, tunnel_id, wall_now, now)
                    continue
                garlic = read_garlic(data, wall_now)
            except DecodeError:
                self._stats.malformed += 1
                continue
            if garlic is None:
                self._stats.expired += 1
            else:
                self._on_own_garlic(garlic, owner, tunnel_id, now)

    def receive_clove(
        self, clove: Clove, owner: object, now: float, reply_tag: bytes = b""
    ) -> None:
        """A clove that was sealed for ``owner`` and came through its tunnels.

        ``reply_tag``: of the one-shot key that it was sealed with, if it was.
        """
        if clove.kind != Delivery.LOCAL:
            self._stats.forbidden += 1
            return
        self._on_answer(clove.message_type, clove.message_id, clove.body, owner, now, reply_tag)

    def _on_other_delivery(
        self, data: bytes, owner: object, tunnel_id: int, wall_now: float, now: float
    ) -> None:
        message = Message.parse_standard(data)
        if is_expired(message, wall_now):
            self._stats.expired += 1
        elif owner is not None:
            self._on_answer(message.type, message.message_id, message.body, owner, now)
        elif message.type == MessageType.GARLIC:
            self._on_router_garlic(message.body, self._dispatcher.source(tunnel_id), now)
        else:
            self._stats.forbidden += 1

    def _on_own_garlic(self, data: bytes, owner: object, tunnel_id: int, now: float) -> None:
        """Sealed for ``owner``, who has the keys of one answer or of a session."""
        for name in (owner, *self._members.get(owner, ())):
            one_shots = self.one_shots.get(name)
            cloves = None if one_shots is None else one_shots.open(data, now)
            if cloves is not None:
                for clove in cloves:
                    self.receive_clove(clove, name, now, data[:TAG_BYTES])
                return
        client = self._sessions.get_touched(owner)
        if client is not None:
            client.receive_garlic(data, now, tunnel_id)

    def _on_answer(
        self,
        kind: int,
        message_id: int,
        body: bytes,
        owner: object,
        now: float,
        reply_tag: bytes = b"",
    ) -> None:
        """A message that came through a tunnel of ``owner``: an answer, or not wanted."""
        try:
            if kind == MessageType.DATABASE_STORE:
                self._netdb.receive_store(
                    DatabaseStore.parse(body),
                    None,
                    now,
                    via_tunnel=True,
                    owner=netdb_owner(owner),
                    reply_tag=reply_tag,
                )
            elif kind == MessageType.DATABASE_SEARCH_REPLY:
                self._netdb.receive_search_reply(
                    DatabaseSearchReply.parse(body), now, owner=netdb_owner(owner)
                )
            elif kind == MessageType.DELIVERY_STATUS:
                self._on_delivery_status(body, now)
            elif _is_build(kind):
                self._tunnels.receive_build_message(kind, message_id, body, None, now)
            else:
                self._stats.forbidden += 1
        except DecodeError:
            self._stats.malformed += 1

    def _on_delivery_status(self, body: bytes, now: float) -> None:
        """Of a tunnel test, or of a store; DecodeError if it is none."""
        token = DeliveryStatus.parse(body).message_id
        if not self._tunnels.receive_delivery_status(token, now):
            self._netdb.receive_delivery_status(token, now)


def _is_build(kind: int) -> bool:
    return MessageType.TUNNEL_BUILD <= kind <= MessageType.SHORT_TUNNEL_BUILD_REPLY
