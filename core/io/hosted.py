"""A destination of an I2CP client on this router, as the I2CP server holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from core.client.hosted import HostedConfig, HostedEngine, HostedEvent
from core.data.blinded_address import BlindedTarget
from core.data.lease_set_variants import AnyLeaseSet
from core.i2cp.data_messages import Status
from core.tunnel.shape import TunnelShape


class HostedHost(Protocol):
    """What a session asks of the router it belongs to."""

    def now(self) -> float:
        """The clock that every engine call takes."""

    def touch(self, engine: HostedEngine) -> None:
        """Give the session's engine a turn in this loop iteration."""

    def reshape_session(
        self, engine: HostedEngine, inbound: TunnelShape, outbound: TunnelShape
    ) -> None:
        """Change length or number of its tunnels."""

    def close_session(self, session: HostedSession, engine: HostedEngine) -> None:
        """Its tunnels and its lease set are given up."""


class HostedSession:
    """Made by ``Router.host``. ``on_change``: is called when there is something to take."""

    def __init__(self, router: HostedHost, engine: HostedEngine) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.is_closed = False
        self._router = router
        self.engine = engine

    @property
    def name(self) -> str:
        """As in its configuration."""
        return self.engine.config.name

    def send(
        self, destination_hash: bytes, payload: bytes, nonce: int, *, with_lease_set: bool = True
    ) -> Status | None:
        """See :meth:`HostedEngine.send`."""
        now = self._router.now()
        status = self.engine.send(
            destination_hash, payload, nonce, now, with_lease_set=with_lease_set
        )
        self._router.touch(self.engine)
        return status

    def take_lease_set(
        self, lease_set: AnyLeaseSet, private_keys: Iterable[tuple[int, bytes]]
    ) -> None:
        """See :meth:`HostedEngine.take_lease_set`."""
        self.engine.take_lease_set(lease_set, private_keys, self._router.now())
        self._router.touch(self.engine)

    def lookup(self, target: bytes | BlindedTarget) -> None:
        """LeaseSetFound follows."""
        self.engine.lookup(target, self._router.now())
        self._router.touch(self.engine)

    def reconfigure(self, config: HostedConfig) -> None:
        """Other options. Tunnels of another session stay as that one wants them."""
        self.engine.own.configure(config)
        if self.engine.first is self.engine:
            self._router.reshape_session(self.engine, config.inbound, config.outbound)

    def next_event(self) -> HostedEvent | None:
        """The oldest event, or None."""
        return self.engine.next_hosted_event()

    def take_payload(self) -> bytes | None:
        """The oldest payload that arrived, or None."""
        return self.engine.take_payload()

    async def close(self) -> None:
        """Give the destination up. Safe to call twice."""
        if not self.is_closed:
            self.is_closed = True
            self._router.close_session(self, self.engine)
            self.on_change()

    def _drain(self) -> None:
        """Called by the router after each turn."""
        if self.engine.inbox or self.engine.hosted_events:
            self.on_change()
