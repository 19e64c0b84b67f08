"""One local destination: its lease set, ratchet sessions, streams and datagrams.

The owner (the router engine) feeds what comes out of this session's inbound tunnels, calls
``run`` once after each batch, and drains ``next_event`` and ``control``. Outgoing messages leave
through the session's tunnel pool by themselves.
"""

from __future__ import annotations

from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares
from core.client.config import SessionConfig, encryption_keys, encryption_secret
from core.client.local_destination import LocalDestination
from core.client.meta_publisher import MetaPublisher
from core.client.multiplexer import Multiplexer
from core.client.own_lease_set import OwnLeaseSet
from core.data.encryption_keys import elgamal_key
from core.data.identity import Destination
from core.data.lease_set_layers import ClientAuthorisation
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.netdb.facade import NetDb
from core.streaming.manager import StreamManager
from core.tunnel.pool import TunnelPool

#: Clocks differ: what is dated so long before our start may still have been sent after it.
REPLAY_MARGIN_S = 5
#: A lease set of ours is of no use after this time, to whoever still has it.
LEASE_SET_LIFE_S = 660.0


class ClientEngine(LocalDestination):
    """See the module. ``owner`` names this session to the tunnel pool and the netDb."""

    def __init__(
        self,
        config: SessionConfig,
        keys: PrivateKeys,
        pool: TunnelPool,
        netdb: NetDb,
        wall: WallClock,
        entropy: Entropy,
        shares: FairShares | None = None,
        not_before: float = 0.0,
    ) -> None:
        lasting = config.lasting
        secret = encryption_secret(config, entropy)
        encryption = encryption_keys(config, secret)
        self.config = config
        self.keys = keys
        self.streams = StreamManager(keys, config.streaming, wall, entropy)
        self.datagrams = DatagramManager(keys, wall)
        self.own = OwnLeaseSet(
            keys,
            encryption.public,
            config.publish,
            wall,
            entropy,
            config.encrypted,
            is_multihomed=config.is_multihomed or config.meta is not None,
            said=config.lease_set_options,
            not_before=not_before,
        )
        # The key may have been ours before: what was sent to us then must not be taken again.
        since = int(wall.now()) - REPLAY_MARGIN_S if lasting else 0
        super().__init__(
            keys.hash,
            encryption,
            self.own,
            self.streams,
            pool,
            netdb,
            wall,
            entropy,
            shares,
            publish=config.publish,
            refuse_before_s=since,
            spare_elgamal=lambda: elgamal_key(secret),
        )
        self.meta: MetaPublisher | None = None
        if config.meta is not None:
            self.meta = MetaPublisher(config.meta, keys.hash, netdb, wall, entropy)
        self._mux = Multiplexer(self.streams, self.datagrams, self._sending, self._events)
        self._sending.readdress = self._mux.readdress

    @property
    def destination(self) -> Destination:
        """Our own public identity."""
        return self.keys.destination

    # What the application asks

    def ping(self, remote_hash: bytes, payload: bytes, to_port: int, now: float) -> None:
        """Send an echo request; a Pong event follows, or nothing."""
        self.streams.ping(remote_hash, now, payload=payload, to_port=to_port)
        self._sending.watch.note_datagram(self._remotes.get(remote_hash, now), now)

    def set_serving(self, is_serving: bool, now: float) -> None:
        """Whether the service behind this session answers. While it does not, nothing is published,
        so that visitors come to those that have the same address."""
        self._publisher.pause(not is_serving, now)
        if self.meta is not None:
            self.meta.set_serving(is_serving, now)

    def authorise(self, authorisation: ClientAuthorisation | None, now: float) -> None:
        """Change who may read our encrypted lease set, and publish it anew.

        Who was revoked is out as soon as the leases it knows have ended: destinations that came to
        us until then are told no new ones, they have to look for them like everybody else.
        LocalError if the lease set is not encrypted.
        """
        self.own.authorise(authorisation, now)
        self._offers.callers_cut_at = now + LEASE_SET_LIFE_S

    # The address that several machines have together

    def lookup_finished(self, request: int, result: object, now: float) -> None:
        """The netDb's answer to a lookup of ours."""
        if self.meta is None or not self.meta.finished(request, result, now):
            super().lookup_finished(request, result, now)

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: what is dated is made anew."""
        super().clock_changed(now)
        if self.meta is not None:
            self.meta.clock_changed(now)

    # What is on top of the ways

    def _take_payload(self, source: bytes | None, data: bytes, start: int, end: int) -> bool:
        return self._mux.receive(source, data, start, end)

    def _handle_arrivals(self, now: float) -> None:
        self._mux.handle_arrivals(now)
        if self.meta is not None:
            self.meta.run(self.is_ready, now)

    def _send_payloads(self, now: float) -> None:
        self._mux.send(now)

    def _next_deadline(self) -> float | None:
        deadline = self._mux.next_timer()
        if self.meta is None:
            return deadline
        return self.meta.due_at if deadline is None else min(deadline, self.meta.due_at)
