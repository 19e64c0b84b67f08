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
from core.router.server_delay import ServerDelay
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
        self.delay = ServerDelay(0.0, 0.0, 0.0, entropy)
        """How long servers wait for their first lease set."""

    def open(self, config: SessionConfig, keys: PrivateKeys, now: float) -> ClientEngine:
        """A session of ours; Unavailable ("in_use") if its destination is open already."""
        order_key = config.lasting.peer_order if config.lasting else None
        pool = self._open_pool(keys.hash, config.inbound, config.outbound, order_key, now)
        try:
            not_before = self.delay.draw() if config.publish else 0.0
            session = ClientEngine(
                config,
                keys,
                pool,
                self._netdb,
                self._wall,
                self._entropy,
                self._shares,
                not_before,
            )
        except BaseException:
            self._tunnels.remove_pool(keys.hash, now)
            raise
        self._add(session)
        return session

    def host(
        self,
        config: HostedConfig,
        destination: Destination,
        now: float,
        first: HostedEngine | None = None,
    ) -> HostedEngine:
        """A destination whose keys are a client's; Unavailable ("in_use") as above.

        ``first``: another one of the client, whose tunnels it shares.
        """
        owner = destination.hash
        if first is None:
            pool = self._open_pool(owner, config.inbound, config.outbound, None, now)
        else:
            self._check_free(owner)
            pool = first.pool
            self._tunnels.add_alias(owner, first.owner)
        session = HostedEngine(
            destination,
            config,
            pool,
            self._netdb,
            self._wall,
            self._entropy,
            self._shares,
            first,
            self.delay.draw() if config.publish else 0.0,
        )
        self._add(session)
        return session

    def close(self, session: LocalDestination, now: float) -> None:
        """Give up a session with its tunnels, and all that share them.

        Closing twice does no harm.
        """
        if not self._sessions.remove(session):
            return
        if session.first is session:
            for other in [one for one in session.members.values() if one is not session]:
                self.close(other, now)
            self._inbox.remove_owner(session.owner)
            self._tunnels.remove_pool(session.owner, now)
        else:
            session.leave()
            self._inbox.remove_owner(session.owner, session.first.owner)
            self._tunnels.remove_alias(session.owner)
        self._netdb.close_owner(session.owner)

    def _open_pool(
        self,
        owner: bytes,
        inbound: TunnelShape,
        outbound: TunnelShape,
        order_key: bytes | None,
        now: float,
    ) -> TunnelPool:
        self._check_free(owner)
        return self._tunnels.add_pool(owner, inbound, outbound, now, order_key=order_key)

    def _check_free(self, owner: bytes) -> None:
        if owner in self._sessions:
            raise Unavailable("this destination is open already", "in_use", Retry.NEVER)

    def _add(self, session: LocalDestination) -> None:
        is_first = session.first is session
        self._inbox.add_owner(session.owner, None if is_first else session.first.owner)
        self._sessions.add(session)
