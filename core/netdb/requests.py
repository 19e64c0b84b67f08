"""Puts lookups and stores on the way: over a link, or garlic-wrapped through tunnels.

What concerns a local owner (a destination) never leaves over a link of this router. What concerns
routers may, if the floodfill can be dialled; tunnels are used when the caller wants them and they
exist. Answers that come back through a tunnel are always sealed with a key of their own, so that
the gateway of the tunnel learns nothing (DatabaseLookup, "ECIES to ECIES").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from core.base.bounded import BoundedMap
from core.base.ports import Entropy
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseLookup, DatabaseStore
from core.i2np.message import MessageType
from core.netdb.events import (
    Event,
    Owner,
    RegisterReplyKey,
    SendDirect,
    SendThroughTunnel,
)
from core.netdb.ports import PeerView, ReplyPaths
from core.netdb.store import RouterStore

EXCLUDED_MAX = 32
TOKEN_MAX = 0xFFFFFFFE
"""i2pd: 0xffffffff means that the reply is not wanted."""
_TAGS_MAX = 1024


class NetDbRequests:
    """Builds netDb messages to floodfills and hands them to the owner as events."""

    def __init__(
        self,
        own_hash: bytes,
        store: RouterStore,
        peers: PeerView,
        paths: ReplyPaths,
        entropy: Entropy,
        events: deque[Event],
    ) -> None:
        self.own_hash = own_hash
        self._store = store
        self._peers = peers
        self._paths = paths
        self._entropy = entropy
        self._events = events
        #: the floodfill that was asked, by the tag of the answer
        self._asked: BoundedMap[bytes, bytes] = BoundedMap(_TAGS_MAX)

    def asked_with(self, tag: bytes) -> bytes | None:
        """The floodfill whose answer is sealed with this tag, once; None if it is not known."""
        return self._asked.pop(tag)

    def can_dial(self, router: RouterInfo) -> bool:
        """Whether a link to ``router`` is there or could be made."""
        return self._peers.is_connected(router.hash) or self._peers.can_dial(router)

    def has_tunnels(self, owner: Owner) -> bool:
        """Whether a question could leave and its answer come back through tunnels."""
        return self._paths.has_outbound(owner) and self._paths.inbound(owner) is not None

    def ask(
        self,
        floodfill: RouterInfo,
        key: bytes,
        lookup_type: int,
        excluded: Iterable[bytes],
        owner: Owner,
        is_direct: bool,
    ) -> str | None:
        """Send a DatabaseLookup. Returns "direct", "tunnel", or None if there is no way now."""
        names = tuple(islice(excluded, EXCLUDED_MAX))
        if is_direct and owner is None and self.can_dial(floodfill):
            return self._ask_direct(floodfill, key, lookup_type, names)
        if self._ask_through_tunnel(floodfill, key, lookup_type, names, owner):
            return "tunnel"
        if owner is None and self.can_dial(floodfill):
            return self._ask_direct(floodfill, key, lookup_type, names)
        return None

    def store_direct(self, floodfill: RouterInfo, store: DatabaseStore) -> int:
        """Send ``store`` over a link, to be acknowledged to this router. Returns the token."""
        token = self._token()
        body = DatabaseStore(store.key, store.store_type, store.data, token, 0, self.own_hash)
        self._events.append(SendDirect(floodfill.hash, MessageType.DATABASE_STORE, body.write()))
        return token

    def store_through_tunnel(
        self, floodfill: RouterInfo, store: DatabaseStore, owner: Owner
    ) -> int | None:
        """Send ``store`` through tunnels of ``owner``. Returns the token, None without a way."""
        path = self._paths.inbound(owner)
        key = floodfill.encryption_key
        if path is None or key is None or not self._paths.has_outbound(owner):
            return None
        token = self._token()
        gateway, tunnel_id = path
        body = DatabaseStore(store.key, store.store_type, store.data, token, tunnel_id, gateway)
        self._events.append(
            SendThroughTunnel(
                owner, floodfill.hash, key, MessageType.DATABASE_STORE, body.write(), True
            )
        )
        return token

    def _token(self) -> int:
        return 1 + self._entropy.randbelow(TOKEN_MAX)

    def _ask_direct(
        self, floodfill: RouterInfo, key: bytes, lookup_type: int, excluded: tuple[bytes, ...]
    ) -> str:
        lookup = DatabaseLookup(key, self.own_hash, lookup_type, None, excluded)
        self._events.append(SendDirect(floodfill.hash, MessageType.DATABASE_LOOKUP, lookup.write()))
        return "direct"

    def _ask_through_tunnel(
        self,
        floodfill: RouterInfo,
        key: bytes,
        lookup_type: int,
        excluded: tuple[bytes, ...],
        owner: Owner,
    ) -> bool:
        router_key = floodfill.encryption_key
        path = self._paths.inbound(owner)
        if router_key is None or path is None or not self._paths.has_outbound(owner):
            return False
        gateway, tunnel_id = path
        reply_key = self._entropy.random_bytes(32)
        tag = self._entropy.random_bytes(8)
        lookup = DatabaseLookup(
            key, gateway, lookup_type, tunnel_id, excluded, reply_key, (tag,), is_ecies=True
        )
        self._asked.put(tag, floodfill.hash)
        self._events.append(RegisterReplyKey(owner, tag, reply_key))
        self._events.append(
            SendThroughTunnel(
                owner,
                floodfill.hash,
                router_key,
                MessageType.DATABASE_LOOKUP,
                lookup.write(),
                True,
            )
        )
        return True
