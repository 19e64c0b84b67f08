"""The tunnel room as the router sees it: pools, builds, tests, transit, and the dispatcher.

How the owner runs it:

* feed ``dispatcher.receive_tunnel_data`` and ``receive_tunnel_gateway`` with batches, and
  ``receive_build_message`` with types 21 to 26, wherever they come from (link, tunnel, garlic);
* open garlic that ``dispatcher.delivered`` brings; give build replies and DeliveryStatus messages
  inside back to ``receive_build_message`` and ``receive_delivery_status``;
* call ``flush`` when a batch is through, then drain ``next_event`` and the dispatcher's lists;
* call ``handle_timer`` when ``next_timer`` says so.

Builds: an outbound request goes straight to its first hop and the answer comes through an inbound
tunnel of the pool, else of the exploratory pool; an inbound request goes through an outbound
tunnel, sealed for its gateway. Only the exploratory pool, and only while it has no tunnel, uses a
reply tunnel of zero hops or sends an inbound request directly: that is how a cold start begins.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.i2np.message import MessageType, make_short, make_standard, short_to_standard
from core.tunnel.build import BuildHop, TunnelBuild, random_id
from core.tunnel.constants import FORWARD_EXPIRATION_S
from core.tunnel.delivery import DeliveryKind
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.events import (
    BuildFinished,
    LeasesChanged,
    RegisterReplyKey,
    TunnelEvent,
    TunnelLost,
    TunnelReady,
    TunnelTested,
)
from core.tunnel.pool import TunnelPool
from core.tunnel.ports import GarlicSealer
from core.tunnel.records import SHORT, RecordFormat
from core.tunnel.selection import HopSelector
from core.tunnel.shape import TunnelShape
from core.tunnel.testing import (
    TEST_TIMEOUT_S,
    PendingTest,
    blame,
    choose_pairs,
    is_failed,
)
from core.tunnel.transit import TransitHops
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, ZeroHopInbound, ZeroHopOutbound

BUILD_TIMEOUT_S = 8.0
"""Java: 5 to 10 s, i2pd: 30 s. Later answers are still taken, see LATE_S."""
LATE_S = 20.0
BUILDS_MAX = 48
"""Builds under way over all pools."""
_TEST_CHECK_S = 1.0
_BUILD_TYPES = frozenset(range(21, 27))


@dataclass(slots=True)
class _PendingBuild:
    pool: TunnelPool
    build: TunnelBuild
    is_inbound: bool
    receive_id: int
    started_at: float
    is_direct: bool
    reply_tag: bytes = b""
    is_late: bool = False

    @property
    def hops(self) -> tuple[bytes, ...]:
        return tuple(hop.router_hash for hop in self.build.hops)


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
        self._sealer = sealer
        self._wall = wall
        self._entropy = entropy
        self._format = record_format
        self._pools: dict[object, TunnelPool] = {}
        self._exploratory: TunnelPool | None = None
        self._bootstrap: ZeroHopInbound | None = None
        self._builds: dict[int, _PendingBuild] = {}
        self._tests: dict[int, PendingTest] = {}
        self._events: deque[TunnelEvent] = deque()
        self._work_at: float | None = None
        self._test_at = 0.0
        self.builds_started = 0
        self.builds_succeeded = 0
        self.builds_declined = 0
        self.builds_timed_out = 0

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
    ) -> TunnelPool:
        """Start a pool; builds begin at the next timer call, which is due at once.

        ``owner`` is hashable and comes back in events and deliveries. LocalError if it has a pool,
        or if there is an exploratory pool already.
        """
        if owner in self._pools or (is_exploratory and self._exploratory is not None):
            raise LocalError("this owner has a tunnel pool already")
        pool = TunnelPool(owner, inbound, outbound, self._entropy, is_exploratory=is_exploratory)
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
        for build_id in [key for key, pending in self._builds.items() if pending.pool is pool]:
            del self._builds[build_id]
        for test_id in [key for key, test in self._tests.items() if test.pool is pool]:
            del self._tests[test_id]
        for inbound in list(pool.inbound.tunnels):
            self._lose_inbound(pool, inbound, "closed")
        for outbound in list(pool.outbound.tunnels):
            self._lose_outbound(pool, outbound, "closed")
        if self._bootstrap is not None and self._bootstrap.owner == owner:
            self.dispatcher.remove_inbound(self._bootstrap)
            self._bootstrap = None

    def pool(self, owner: object) -> TunnelPool | None:
        return self._pools.get(owner)

    # Messages in

    def receive_build_message(
        self,
        message_type: int,
        message_id: int,
        body: bytes,
        from_router: bytes | None,
        now: float,
    ) -> None:
        """A build request or reply (types 21 to 26).

        ``from_router``: the peer whose link brought it; None if it came through a tunnel.
        """
        pending = self._builds.get(message_id)
        if pending is not None and self._is_answer(pending, message_type, from_router):
            self._finish_build(message_id, pending, body, now)
        elif message_type in (SHORT.request_type, 23):
            self.transit.receive(message_type, body, from_router, now)

    @staticmethod
    def _is_answer(pending: _PendingBuild, message_type: int, from_router: bytes | None) -> bool:
        """An inbound build comes back as a request from its last hop, an outbound one as a reply."""
        if pending.is_inbound:
            return (
                message_type == pending.build.message_type
                and from_router == pending.build.hops[-1].router_hash
            )
        return message_type == pending.build.message_type + 1

    def receive_delivery_status(self, message_id: int, now: float) -> bool:
        """True if this was one of our tunnel tests."""
        test = self._tests.pop(message_id, None)
        if test is None:
            return False
        rtt_s = now - test.sent_at
        test.outbound.note_good(now, rtt_s)
        test.inbound.note_good(now, rtt_s)
        self._events.append(TunnelTested(test.pool.owner, test.hops, rtt_s))
        return True

    # Evidence from outside

    def note_delivered(self, tunnel: OutboundTunnel, now: float) -> None:
        """Something sent through ``tunnel`` was answered: no test is needed for a while."""
        tunnel.note_good(now)

    def note_suspect(self, tunnel: OutboundTunnel | InboundTunnel, now: float) -> None:
        """What should have passed did not: test the tunnel at once."""
        if not tunnel.failures:
            tunnel.failures = 1
            tunnel.tested_at = now - _TEST_CHECK_S
            self._test_at = now
            self._wake(now)

    def note_peer_failed(self, router_hash: bytes, now: float) -> None:
        """A link could not be made or broke: builds that depend on it will not come back."""
        for build_id, pending in list(self._builds.items()):
            if pending.is_direct and pending.hops[0] == router_hash and not pending.is_late:
                del self._builds[build_id]
                self._end_build(build_id, pending, None, (router_hash,), now)
        for pool in self._pools.values():
            for outbound in pool.outbound.tunnels:
                if outbound.hops and outbound.hops[0] == router_hash:
                    self.note_suspect(outbound, now)
            for inbound in pool.inbound.tunnels:
                if inbound.hops and inbound.hops[-1] == router_hash:
                    self.note_suspect(inbound, now)

    # Out

    def next_event(self) -> TunnelEvent | None:
        return self._events.popleft() if self._events else None

    def flush(self, now: float) -> None:
        """Finish the batch; see :meth:`TunnelDispatcher.flush`."""
        self.dispatcher.flush(now)

    # Time

    def next_timer(self) -> float | None:
        times = [self.dispatcher.next_timer(), self.transit.next_timer(), self._work_at]
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Everything that is due; early and late calls do no harm."""
        self.dispatcher.handle_timer(now)
        self.transit.handle_timer(now)
        if self._work_at is None or now < self._work_at:
            return
        self._work_at = None
        self._expire_builds(now)
        self._expire_tests(now)
        for pool in list(self._pools.values()):
            self._expire_tunnels(pool, now)
        # The exploratory pool first: the others need it to build.
        order = sorted(self._pools.values(), key=lambda p: (not p.is_exploratory, p.is_ready(now)))
        for pool in order:
            self._start_missing(pool, now)
        if now >= self._test_at:
            self._test_at = now + _TEST_CHECK_S
            for pool in order:
                self._start_tests(pool, now)
        for pool in order:
            self._check_leases(pool, now)
        self._schedule(now)

    def _wake(self, now: float) -> None:
        self._work_at = now if self._work_at is None else min(self._work_at, now)

    def _schedule(self, now: float) -> None:
        if not self._pools:
            return
        times = [self._test_at if self._test_at > now else now + _TEST_CHECK_S]
        for pool in self._pools.values():
            times += (pool.inbound.next_check(now), pool.outbound.next_check(now))
        for pending in self._builds.values():
            limit = LATE_S if pending.is_late else BUILD_TIMEOUT_S
            times.append(pending.started_at + limit)
        times += [test.sent_at + TEST_TIMEOUT_S for test in self._tests.values()]
        # Never sooner than a moment: a deadline that rounding puts at `now` must not spin.
        self._work_at = max(min(times), now + 0.01)

    # Builds

    def _start_missing(self, pool: TunnelPool, now: float) -> None:
        for _ in range(pool.inbound.missing(now)):
            if not self._start_build(pool, True, now):
                break
        for _ in range(pool.outbound.missing(now)):
            if not self._start_build(pool, False, now):
                break

    def _start_build(self, pool: TunnelPool, is_inbound: bool, now: float) -> bool:
        """Start one build, or make a tunnel without hops. False if that is impossible now."""
        side = pool.inbound if is_inbound else pool.outbound
        length = side.draw_length()
        if not length:
            self._make_zero_hop(pool, is_inbound, now)
            return True
        if len(self._builds) >= BUILDS_MAX:
            return False
        via = reply = None
        if is_inbound:
            via = self._find_outbound(pool, now)
            if via is None and not pool.is_exploratory:
                return False
        else:
            reply = self._find_inbound(pool, now)
            if reply is None:
                return False
        hops = self.selector.select(
            length,
            now,
            is_inbound=is_inbound,
            is_client=not pool.is_exploratory,
            order_key=pool.order_key,
            discouraged=self._near_hops(pool, is_inbound),
            may_shorten=pool.is_exploratory,
        )
        if hops is None:
            side.note_no_routers(now)
            return False
        if reply is not None:
            self._build_outbound(pool, hops, reply, now)
        else:
            self._build_inbound(pool, hops, via, now)
        self.selector.budget.note([hop.router_hash for hop in hops], now)
        self.builds_started += 1
        return True

    def _build_outbound(
        self, pool: TunnelPool, hops: list[BuildHop], reply: InboundTunnel, now: float
    ) -> None:
        build = self._make_build(hops, False, reply.gateway_hash, reply.gateway_tunnel_id)
        pending = _PendingBuild(pool, build, False, 0, now, True)
        keys = build.hops[-1].keys
        if keys.garlic_tag and reply.gateway_hash != hops[-1].router_hash:
            pending.reply_tag = keys.garlic_tag
            self._events.append(RegisterReplyKey(reply.owner, keys.garlic_tag, keys.garlic_key))
        self._builds[build.reply_message_id] = pending
        pool.outbound.note_build(build.reply_message_id, now)
        self.dispatcher.queue(hops[0].router_hash, False).append(self._request(build))

    def _build_inbound(
        self, pool: TunnelPool, hops: list[BuildHop], via: OutboundTunnel | None, now: float
    ) -> None:
        receive_id = self.dispatcher.unused_id()
        build = self._make_build(hops, True, self.dispatcher.router_hash, receive_id)
        self._builds[build.reply_message_id] = _PendingBuild(
            pool, build, True, receive_id, now, via is None
        )
        pool.inbound.note_build(build.reply_message_id, now)
        message = self._request(build)
        gateway = hops[0]
        if via is None:
            self.dispatcher.queue(gateway.router_hash, False).append(message)
            return
        if build.is_short and via.endpoint_hash != gateway.router_hash:
            # Otherwise the endpoint of `via` would read that a tunnel begins at the gateway.
            message = self._garlic(self._sealer.seal_to_router(gateway.public_key, message))
        standard = short_to_standard(message)
        via.send([(DeliveryKind.ROUTER, gateway.router_hash, None, standard)], now)

    def _make_build(
        self, hops: list[BuildHop], is_inbound: bool, end_hash: bytes, end_tunnel_id: int
    ) -> TunnelBuild:
        return TunnelBuild(
            hops,
            is_inbound=is_inbound,
            end_hash=end_hash,
            end_tunnel_id=end_tunnel_id,
            fmt=self._format,
            reply_message_id=random_id(self._entropy),
            wall_now_s=self._wall.now(),
            entropy=self._entropy,
            own_hash=self.dispatcher.router_hash,
        )

    def _expires_ms(self) -> int:
        return int((self._wall.now() + FORWARD_EXPIRATION_S) * 1000)

    def _request(self, build: TunnelBuild) -> bytes:
        message_id = random_id(self._entropy)
        return make_short(build.message_type, message_id, self._expires_ms(), build.body)

    def _garlic(self, data: bytes) -> bytes:
        body = len(data).to_bytes(4, "big") + data
        message_id = random_id(self._entropy)
        return make_short(MessageType.GARLIC, message_id, self._expires_ms(), body)

    def _find_outbound(self, pool: TunnelPool, now: float) -> OutboundTunnel | None:
        tunnel = pool.pick_outbound(now)
        if tunnel is None and self._exploratory is not None:
            tunnel = self._exploratory.pick_outbound(now)
        return tunnel

    def _find_inbound(self, pool: TunnelPool, now: float) -> InboundTunnel | None:
        tunnel = pool.pick_inbound(now)
        if tunnel is None and self._exploratory is not None:
            tunnel = self._exploratory.pick_inbound(now)
        if tunnel is None and pool.is_exploratory:
            if self._bootstrap is None or self._bootstrap.expires_at - now < LATE_S:
                if self._bootstrap is not None:
                    self.dispatcher.remove_inbound(self._bootstrap)
                self._bootstrap = self._new_zero_hop_inbound(pool.owner, now)
            tunnel = self._bootstrap
        return tunnel

    def _new_zero_hop_inbound(self, owner: object, now: float) -> ZeroHopInbound:
        tunnel = ZeroHopInbound(owner, self.dispatcher.unused_id(), self.dispatcher, now)
        self.dispatcher.add_inbound(tunnel)
        return tunnel

    def _make_zero_hop(self, pool: TunnelPool, is_inbound: bool, now: float) -> None:
        if is_inbound:
            inbound = self._new_zero_hop_inbound(pool.owner, now)
            pool.inbound.add(inbound)
            self._events.append(TunnelReady(pool.owner, inbound, True))
            return
        outbound = ZeroHopOutbound(pool.owner, random_id(self._entropy), self.dispatcher, now)
        pool.outbound.add(outbound)
        self._events.append(TunnelReady(pool.owner, outbound, False))

    def _near_hops(self, pool: TunnelPool, is_inbound: bool) -> frozenset[bytes]:
        """Routers that already are our neighbours in this direction of the pool."""
        if is_inbound:
            near = {t.hops[-1] for t in pool.inbound.tunnels if t.hops}
        else:
            near = {t.hops[0] for t in pool.outbound.tunnels if t.hops}
        for pending in self._builds.values():
            if pending.pool is pool and pending.is_inbound == is_inbound:
                near.add(pending.hops[-1 if is_inbound else 0])
        return frozenset(near)

    def _finish_build(self, build_id: int, pending: _PendingBuild, body: bytes, now: float) -> None:
        try:
            reply = pending.build.open_reply(body)
        except DecodeError:
            # Anyone can send something with our id; the true answer may still come.
            return
        del self._builds[build_id]
        accepted = reply.is_accepted
        if accepted and pending.is_inbound and self.dispatcher.is_taken(pending.receive_id):
            accepted = False
        self._end_build(build_id, pending, reply.codes, pending.hops, now)
        if not accepted:
            self.builds_declined += 1
            return
        self.builds_succeeded += 1
        self._add_tunnel(pending, now)

    def _end_build(
        self,
        build_id: int,
        pending: _PendingBuild,
        codes: tuple[int, ...] | None,
        hops: tuple[bytes, ...],
        now: float,
    ) -> None:
        pool = pending.pool
        side = pool.inbound if pending.is_inbound else pool.outbound
        side.note_build_end(build_id, codes is not None and not any(codes), now)
        elapsed = now - pending.started_at
        self._events.append(BuildFinished(pool.owner, pending.is_inbound, hops, codes, elapsed))
        self._wake(now)

    def _add_tunnel(self, pending: _PendingBuild, now: float) -> None:
        pool, build = pending.pool, pending.build
        if pending.is_inbound:
            inbound = InboundTunnel(
                pool.owner,
                pending.receive_id,
                pending.hops,
                build.hops[0].receive_tunnel_id,
                build.layer_keys(),
                self.dispatcher,
                now,
            )
            self._set_age(inbound, pending.started_at)
            self.dispatcher.add_inbound(inbound)
            pool.inbound.add(inbound)
            self._events.append(TunnelReady(pool.owner, inbound, True))
            self._check_leases(pool, now)
            return
        outbound = OutboundTunnel(
            pool.owner,
            build.hops[0].receive_tunnel_id,
            pending.hops,
            build.layer_keys(),
            self.dispatcher,
            now,
        )
        self._set_age(outbound, pending.started_at)
        pool.outbound.add(outbound)
        self._events.append(TunnelReady(pool.owner, outbound, False))

    @staticmethod
    def _set_age(tunnel: InboundTunnel | OutboundTunnel, started_at: float) -> None:
        """The hops count from when the request passed them, so we count from when it left."""
        early = tunnel.created_at - started_at
        tunnel.expires_at -= early
        if isinstance(tunnel, InboundTunnel):
            tunnel.expires_ms -= int(early * 1000)

    def _expire_builds(self, now: float) -> None:
        for build_id, pending in list(self._builds.items()):
            age = now - pending.started_at
            if age >= LATE_S:
                del self._builds[build_id]
            elif age >= BUILD_TIMEOUT_S and not pending.is_late:
                pending.is_late = True
                self.builds_timed_out += 1
                self._end_build(build_id, pending, None, pending.hops, now)

    # Tunnels

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

    # Tests

    def _start_tests(self, pool: TunnelPool, now: float) -> None:
        for outbound, inbound in choose_pairs(pool, now, self._entropy):
            test_id = random_id(self._entropy)
            outbound.tested_at = inbound.tested_at = now
            self._tests[test_id] = PendingTest(pool, outbound, inbound, now)
            secret = self._entropy.random_bytes(40)
            tag, key = secret[:8], secret[8:]
            self._events.append(RegisterReplyKey(inbound.owner, tag, key))
            stamp = int(self._wall.now() * 1000).to_bytes(8, "big")
            status = make_short(
                MessageType.DELIVERY_STATUS,
                random_id(self._entropy),
                self._expires_ms(),
                test_id.to_bytes(4, "big") + stamp,
            )
            data = self._sealer.seal_one_shot(tag, key, status)
            standard = make_standard(
                MessageType.GARLIC,
                random_id(self._entropy),
                self._expires_ms(),
                len(data).to_bytes(4, "big") + data,
            )
            target = (inbound.gateway_hash, inbound.gateway_tunnel_id)
            outbound.send([(DeliveryKind.TUNNEL, *target, standard)], now)

    def _expire_tests(self, now: float) -> None:
        for test_id, test in list(self._tests.items()):
            if now - test.sent_at < TEST_TIMEOUT_S:
                continue
            del self._tests[test_id]
            blame(test)
            self._events.append(TunnelTested(test.pool.owner, test.hops, None))
            pool = test.pool
            inbound, outbound = test.inbound, test.outbound
            if inbound in pool.inbound.tunnels and is_failed(
                inbound, len(pool.inbound.live(now)) <= 1
            ):
                self._lose_inbound(pool, inbound, "test")
            if outbound in pool.outbound.tunnels and is_failed(
                outbound, len(pool.outbound.live(now)) <= 1
            ):
                self._lose_outbound(pool, outbound, "test")
