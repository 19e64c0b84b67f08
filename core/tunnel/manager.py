"""The tunnel room as the router sees it: pools, builds, tests, transit, and the dispatcher.

How the owner runs it:

* feed ``dispatcher.receive_tunnel_data`` and ``receive_tunnel_gateways`` with batches, and
  ``receive_build_message`` with types 21 to 26, wherever they come from (link, tunnel, garlic);
* open garlic that ``dispatcher.take_delivered`` brings; give build replies and DeliveryStatus
  messages inside back to ``receive_build_message`` and ``receive_delivery_status``;
* call ``flush`` when a batch is through, then drain ``next_event`` and the dispatcher;
* call ``handle_timer`` when ``next_timer`` says so, and drain then, too.
"""

from __future__ import annotations

from collections import deque

from core.base.errors import LocalError
from core.base.ports import Entropy, WallClock
from core.base.rates import Source
from core.i2np.message import Message
from core.tunnel.builder import Builder
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.events import LeasesChanged, TunnelCarried, TunnelEvent, TunnelLost
from core.tunnel.pool import FAILURES_MAX, TunnelPool
from core.tunnel.ports import GarlicSealer
from core.tunnel.records import LONG, SHORT, RecordFormat
from core.tunnel.requests import BuildRequests, WaitingRequest
from core.tunnel.selection import HopSelector
from core.tunnel.shape import TunnelShape
from core.tunnel.testing import PendingTest, Tester, is_failed
from core.tunnel.transit import TransitHops
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel

_TEST_CHECK_S = 1.0
MEASURE_INTERVAL_S = 5.0
CARRIED_MIN_BYTES_S = 4096.0
"""What tests and the like need says nothing of what a tunnel can carry."""
_REQUESTS = (SHORT.request_type, LONG.request_type)


class TunnelManager:
    """See the module. ``dispatcher`` and ``transit`` are open to the owner."""

    def __init__(
        self,
        dispatcher: TunnelDispatcher,
        transit: TransitHops,
        selector: HopSelector,
        sealer: GarlicSealer,
        wall: WallClock,
        entropy: Entropy,
        *,
        record_format: RecordFormat = SHORT,
    ) -> None:
        self.dispatcher = dispatcher
        self.transit = transit
        self.selector = selector
        self._entropy = entropy
        self._pools: dict[object, TunnelPool] = {}
        self._aliases: dict[object, object] = {}
        self._exploratory: TunnelPool | None = None
        self._events: deque[TunnelEvent] = deque()
        self.requests = BuildRequests()
        """Requests of others that wait for their turn."""
        self.builder = Builder(
            dispatcher, selector, sealer, wall, entropy, record_format, self._events, self._pools
        )
        self._tester = Tester(sealer, wall, entropy, self._events)
        self._work_at: float | None = None
        self._test_at = 0.0
        self._measure_at = 0.0
        self.is_rescheduled = True
        """Whether :meth:`next_timer` may have another answer than the last time it was asked."""

    # Pools

    @property
    def exploratory(self) -> TunnelPool | None:
        """The router's own pool, used for netdb and as help for the others."""
        return self._exploratory

    def add_pool(
        self,
        owner: object,
        inbound: TunnelShape,
        outbound: TunnelShape,
        now: float,
        *,
        is_exploratory: bool = False,
        order_key: bytes | None = None,
    ) -> TunnelPool:
        """Start a pool; builds begin at the next timer call, which is due at once.

        ``owner`` is hashable and comes back in events and deliveries. ``order_key`` fixes the order
        of hops; without it a new one is drawn. LocalError if it has a pool,
        or if there is an exploratory pool already.
        """
        if owner in self._pools or (is_exploratory and self._exploratory is not None):
            raise LocalError("this owner has a tunnel pool already")
        pool = TunnelPool(
            owner,
            inbound,
            outbound,
            self._entropy,
            is_exploratory=is_exploratory,
            order_key=order_key,
        )
        self._pools[owner] = pool
        if is_exploratory:
            self._exploratory = pool
        self._wake(now)
        return pool

    def remove_pool(self, owner: object, now: float) -> None:
        """Drop a pool and its tunnels; unknown owners are ignored."""
        pool = self._pools.pop(owner, None)
        if pool is None:
            return
        pool.is_closed = True
        if pool is self._exploratory:
            self._exploratory = None
        self.builder.forget(pool)
        self._tester.forget(pool)
        for inbound in list(pool.inbound.tunnels):
            self._lose_inbound(pool, inbound, "closed")
        for outbound in list(pool.outbound.tunnels):
            self._lose_outbound(pool, outbound, "closed")

    def reshape(
        self, owner: object, inbound: TunnelShape, outbound: TunnelShape, now: float
    ) -> None:
        """Keep other numbers and lengths of tunnels from now on; unknown owners are ignored.

        Surplus tunnels are no longer published nor replaced, and carry what comes to them until
        they expire: whoever has our old lease set still reaches us.
        """
        pool = self._pools.get(owner)
        if pool is None:
            return
        pool.inbound.reshape(inbound, now)
        pool.outbound.reshape(outbound, now)
        self._wake(now)
        self._check_leases(pool, now)

    def pool(self, owner: object) -> TunnelPool | None:
        """The pool of an owner, or None; also under another name that it has."""
        return self._pools.get(self._aliases.get(owner, owner))

    def add_alias(self, alias: object, owner: object) -> None:
        """Another name for the pool of ``owner``, for :meth:`pool` alone."""
        self._aliases[alias] = owner

    def remove_alias(self, alias: object) -> None:
        """The name is not needed any more; unknown ones are ignored."""
        self._aliases.pop(alias, None)

    # Messages in

    def receive_build_message(
        self,
        message_type: int,
        message_id: int,
        body: bytes,
        from_router: bytes | None,
        now: float,
        source: Source | None = None,
    ) -> None:
        """A build request or reply (types 21 to 26).

        ``from_router``: the peer whose link brought it; None if it came through a tunnel.
        ``source``: who is charged for it, if not that link; see :meth:`TransitHops.receive`.
        """
        self.is_rescheduled = True
        if self.builder.receive(message_type, message_id, body, from_router, now):
            self._wake(now)
            for pool in self._pools.values():
                self._check_leases(pool, now)
        elif message_type in _REQUESTS:
            source = (from_router, 0) if source is None else source
            self.requests.put(WaitingRequest(message_type, body, from_router, source), now)

    def receive_delivery_status(self, message_id: int, now: float) -> bool:
        """True if this was one of our tunnel tests."""
        return self._tester.receive(message_id, now)

    # Evidence from outside

    def note_delivered(self, tunnel: OutboundTunnel, now: float) -> None:
        """Something sent through ``tunnel`` was answered: no test is needed for a while."""
        tunnel.note_good(now)

    def note_suspect(self, tunnel: OutboundTunnel | InboundTunnel, now: float) -> None:
        """What should have passed did not: test the tunnel at once."""
        if tunnel.hops and not tunnel.failures:
            tunnel.failures = 1
            tunnel.tested_at = now - _TEST_CHECK_S
            self._test_at = now
            self._wake(now)

    def note_peer_connected(self, router_hash: bytes, now: float) -> None:
        """A link is up: builds may have waited for it."""
        self.is_rescheduled = True
        self.builder.note_peer_connected(router_hash, now)

    def note_link_lost(self, router_hash: bytes, now: float) -> None:
        """A link broke: builds given to it will not come back.

        A neighbour of our tunnels is dialled at once, which tells sooner than tests whether it has
        only dropped the link.
        """
        self.builder.note_peer_failed(router_hash, now)
        self._wake(now)
        if self._suspect_beside(router_hash, now):
            self.dispatcher.queue(router_hash, False)

    def note_peer_failed(
        self, router_hash: bytes, now: float, *, is_peers_fault: bool = True
    ) -> None:
        """A link could not be made: builds and tunnels that depend on it are of no use.

        Where the router is a hop further away it may have ended, too: such tunnels are tested.
        """
        self.builder.note_peer_failed(router_hash, now, is_peers_fault=is_peers_fault)
        self._wake(now)
        if is_peers_fault:
            self.note_peer_silent(router_hash, now)
            for pool in self._pools.values():
                for tunnel in pool.through(router_hash):
                    self.note_suspect(tunnel, now)
        else:
            self._suspect_beside(router_hash, now)

    def _suspect_beside(self, router_hash: bytes, now: float) -> bool:
        """Test the tunnels whose neighbour of ours this is; False if there are none."""
        beside = [tunnel for pool in self._pools.values() for tunnel in pool.beside(router_hash)]
        for tunnel in beside:
            self.note_suspect(tunnel, now)
        return bool(beside)

    def note_peer_silent(self, router_hash: bytes, now: float) -> None:
        """A neighbour acknowledges nothing any more: use other tunnels, and build more of them.

        What leads through it is tested: if it is heard again the tunnels are as good as before.
        """
        for pool in self._pools.values():
            for tunnel in pool.beside(router_hash):
                self.note_suspect(tunnel, now)
                tunnel.failures = max(tunnel.failures, FAILURES_MAX)
            self._check_leases(pool, now)

    def clock_changed(self, now: float) -> None:
        """The wall clock was set, or the machine slept: test all tunnels, build what is missing."""
        for pool in self._pools.values():
            for inbound in pool.inbound.tunnels:
                inbound.clock_changed(now)
        self.network_restored(now)

    def network_restored(self, now: float) -> None:
        """Others can be reached again: test all tunnels, build at once what is missing."""
        for pool in self._pools.values():
            for inbound in pool.inbound.tunnels:
                self.note_suspect(inbound, now)
            for outbound in pool.outbound.tunnels:
                self.note_suspect(outbound, now)
            pool.inbound.retry(now)
            pool.outbound.retry(now)
        self._wake(now)

    # Out

    def next_event(self) -> TunnelEvent | None:
        """The oldest event, or None."""
        return self._events.popleft() if self._events else None

    def flush(self, now: float) -> None:
        """Finish the batch; see :meth:`TunnelDispatcher.flush`."""
        dispatcher = self.dispatcher
        dispatcher.flush(now)
        if dispatcher.build_requests:
            requests, dispatcher.build_requests = dispatcher.build_requests, []
            for tunnel_id, data in requests:
                message = Message.parse_standard(data)
                source = dispatcher.source(tunnel_id)
                self.receive_build_message(
                    message.type, message.message_id, message.body, None, now, source
                )
            dispatcher.flush(now)
        if self.requests:
            self._answer_requests(now)
            dispatcher.flush(now)

    def _answer_requests(self, now: float) -> None:
        self.is_rescheduled = True
        receive = self.transit.receive
        for one in self.requests.take():
            receive(one.message_type, one.body, one.from_router, now, one.source)

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer`; None while there is nothing to wait for."""
        self.is_rescheduled = False
        if self.requests:
            return self.requests.since
        times = (self.dispatcher.next_timer(), self.transit.next_timer(), self._work_at)
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Everything that is due; early and late calls do no harm."""
        self.is_rescheduled = True
        self.dispatcher.handle_timer(now)
        self.transit.handle_timer(now)
        if self._work_at is None or now < self._work_at:
            return
        self._work_at = None
        self.builder.expire(now)
        for test in self._tester.expire(now):
            self._drop_failed(test)
        for pool in list(self._pools.values()):
            self._expire_tunnels(pool, now)
        # The exploratory pool first: the others need it to build.
        order = sorted(self._pools.values(), key=lambda p: (not p.is_exploratory, p.is_ready(now)))
        for pool in order:
            self._start_first(pool, now)
        for pool in order:
            self._start_missing(pool, now)
        if now >= self._test_at:
            self._test_at = now + _TEST_CHECK_S
            for pool in order:
                self._tester.start(pool, now)
        if now >= self._measure_at:
            self._measure_at = now + MEASURE_INTERVAL_S
            for pool in order:
                self._measure(pool, now)
        for pool in order:
            self._check_leases(pool, now)
        self._schedule(now)
        self.flush(now)

    def _wake(self, now: float) -> None:
        self.is_rescheduled = True
        self._work_at = now if self._work_at is None else min(self._work_at, now)

    def _schedule(self, now: float) -> None:
        if not self._pools:
            return
        times = [self._test_at if self._test_at > now else now + _TEST_CHECK_S]
        for pool in self._pools.values():
            times += (pool.inbound.next_check(now), pool.outbound.next_check(now))
        times += self.builder.deadlines()
        times += self._tester.deadlines()
        # Never sooner than a moment: a deadline that rounding puts at `now` must not spin.
        self._work_at = max(min(times), now + 0.01)

    # Builds

    def _start_first(self, pool: TunnelPool, now: float) -> None:
        """One build where there is nothing, before others want more of the same neighbours."""
        for side, is_inbound in ((pool.inbound, True), (pool.outbound, False)):
            if side.missing(now) and not side.has_something(now):
                self.builder.start(pool, self._exploratory, is_inbound, now)

    def _start_missing(self, pool: TunnelPool, now: float) -> None:
        for _ in range(pool.inbound.missing(now)):
            if not self.builder.start(pool, self._exploratory, True, now):
                break
        for _ in range(pool.outbound.missing(now)):
            if not self.builder.start(pool, self._exploratory, False, now):
                break

    # Tunnels

    def _measure(self, pool: TunnelPool, now: float) -> None:
        for tunnel in (*pool.inbound.tunnels, *pool.outbound.tunnels):
            bytes_s = tunnel.measure(now)
            if tunnel.hops and bytes_s >= CARRIED_MIN_BYTES_S:
                self._events.append(TunnelCarried(pool.owner, tunnel.hops, bytes_s))

    def _expire_tunnels(self, pool: TunnelPool, now: float) -> None:
        for inbound in pool.inbound.expired(now):
            self._lose_inbound(pool, inbound, "expired")
        for outbound in pool.outbound.expired(now):
            self._lose_outbound(pool, outbound, "expired")

    def _lose_inbound(self, pool: TunnelPool, tunnel: InboundTunnel, reason: str) -> None:
        pool.inbound.remove(tunnel)
        self.dispatcher.remove_inbound(tunnel)
        self._events.append(TunnelLost(pool.owner, tunnel, True, reason))

    def _lose_outbound(self, pool: TunnelPool, tunnel: OutboundTunnel, reason: str) -> None:
        pool.outbound.remove(tunnel)
        self._events.append(TunnelLost(pool.owner, tunnel, False, reason))

    def _check_leases(self, pool: TunnelPool, now: float) -> None:
        leases = tuple(sorted(tunnel.tunnel_id for tunnel in pool.live_inbound(now)))
        if leases != pool.leases:
            pool.leases = leases
            self._events.append(LeasesChanged(pool.owner))

    def _drop_failed(self, test: PendingTest) -> None:
        """Give up what failed too often after a lost test."""
        pool, inbound, outbound = test.pool, test.inbound, test.outbound
        senders, receivers = pool.outbound.tunnels, pool.inbound.tunnels
        if inbound in receivers and is_failed(inbound, len(receivers) == 1):
            self._lose_inbound(pool, inbound, "test")
        if outbound in senders and is_failed(outbound, len(senders) == 1):
            self._lose_outbound(pool, outbound, "test")
