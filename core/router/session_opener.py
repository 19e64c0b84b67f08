"""Opens and closes what lives on a router: sessions of ours, and destinations of clients."""

from __future__ import annotations

from core.base.errors import Retry, Unavailable
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.config import SessionConfig
from core.client.hosted import HostedConfig, HostedEngine
from core.client.local_destination import LocalDestination
from core.client.session import ClientEngine
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.netdb.facade import NetDb
from core.router.inbox import Inbox
from core.router.sessions import Sessions
from core.tunnel.manager import TunnelManager
from core.tunnel.pool import TunnelPool
from core.tunnel.shape import TunnelShape


class SessionOpener:
    """See the module."""

    def __init__(
        self,
        tunnels: TunnelManager,
        netdb: NetDb,
        inbox: Inbox,
        sessions: Sessions,
        wall: WallClock,
        entropy: Entropy,
        shares: FairShares,
    ) -> None:
        self._tunnels = tunnels
        self._netdb = netdb
        self._inbox = inbox
        self._sessions = sessions
        self._wall = wall
        self._entropy = entropy
        self._shares = shares

    def open(self, config: SessionConfig, keys: PrivateKeys, now: float) -> ClientEngine:
        """A session of ours; Unavailable ("in_use") if its destination is open already."""
        order_key = config.lasting.peer_order if config.lasting else None
        pool = self._open_pool(keys.hash, config.inbound, config.outbound, order_key, now)
        try:
            session = ClientEngine(
                config, keys, pool, self._netdb, self._wall, self._entropy, self._shares
            )
        except BaseException:
            self._tunnels.remove_pool(keys.hash, now)
            raise
        self._add(session)
        return session

    def host(self, config: HostedConfig, destination: Destination, now: float) -> HostedEngine:
        """A destination whose keys are a client's; Unavailable ("in_use") as above."""
        pool = self._open_pool(destination.hash, config.inbound, config.outbound, None, now)
        session = HostedEngine(
            destination, config, pool, self._netdb, self._wall, self._entropy, self._shares
        )
        self._add(session)
        return session

    def close(self, session: LocalDestination, now: float) -> None:
        """Give up a session with its tunnels; closing twice does no harm."""
        if self._sessions.remove(session):
            self._inbox.remove_owner(session.owner)
            self._tunnels.remove_pool(session.owner, now)
            self._netdb.close_owner(session.owner)

    def _open_pool(
        self,
        owner: bytes,
        inbound: TunnelShape,
        outbound: TunnelShape,
        order_key: bytes | None,
        now: float,
    ) -> TunnelPool:
        if owner in self._sessions:
            raise Unavailable("this destination is open already", "in_use", Retry.NEVER)
        return self._tunnels.add_pool(owner, inbound, outbound, now, order_key=order_key)

    def _add(self, session: LocalDestination) -> None:
        self._inbox.add_owner(session.owner)
        self._sessions.add(session)
