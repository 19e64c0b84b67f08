"""Builds under way: requests out, answers in, tunnels made (tunnel-implementation.md "Building").

An outbound request goes straight to its first hop and the answer comes through an inbound tunnel of
the pool, else of the exploratory pool; an inbound request goes through an outbound tunnel, sealed
for its gateway. Only the exploratory pool, and only while it has no tunnel, uses a reply tunnel of
zero hops or sends an inbound request directly: that is how a cold start begins.

A hop that is to answer us directly gets its request only when we are connected to it. i2pd: after
one failed dial, while we were down for instance, it does not dial a router for minutes.

An answer that comes after the timeout is still taken: the tunnel exists at its hops anyway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError
from core.base.ports import Entropy, WallClock
from core.i2np.message import MessageType, expiration_from, make_short, short_to_standard
from core.tunnel.build import BuildHop, TunnelBuild, random_id
from core.tunnel.delivery import DeliveryKind
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.events import (
    BuildFinished,
    RegisterReplyKey,
    RoutersWanted,
    TunnelEvent,
    TunnelReady,
)
from core.tunnel.pending import PendingBuild
from core.tunnel.pool import HEDGE_AFTER_S, TunnelPool
from core.tunnel.ports import GarlicSealer
from core.tunnel.records import RecordFormat
from core.tunnel.selection import HopSelector
from core.tunnel.tunnels import (
    InboundTunnel,
    OutboundTunnel,
    ZeroHopInbound,
    ZeroHopOutbound,
)
from core.tunnel.usage import HopUsage
from core.tunnel.ways import find_inbound, find_outbound, note_lost

BUILD_TIMEOUT_S = 8.0
"""Java: 5 to 10 s, i2pd: 30 s. Later answers are still taken, see LATE_S."""
LATE_S = 20.0
BUILDS_MAX = 48
"""Builds under way over all pools."""
NEIGHBOURS_MAX = 256
"""Neighbours of which it is remembered when they last answered."""


class Builder:
    """All builds of one router. Events go to ``events``, tunnels into their ``pools``."""

    def __init__(
        self,
        dispatcher: TunnelDispatcher,
        selector: HopSelector,
        sealer: GarlicSealer,
        wall: WallClock,
        entropy: Entropy,
        record_format: RecordFormat,
        events: deque[TunnelEvent],
        pools: Mapping[object, TunnelPool],
    ) -> None:
        self.dispatcher = dispatcher
        self.selector = selector
        self._sealer = sealer
        self._wall = wall
        self._entropy = entropy
        self._format = record_format
        self._events = events
        self._pools = pools
        self._builds: dict[int, PendingBuild] = {}
        #: by the router that is being dialled: the build and how to send its request
        self._held: dict[bytes, list[tuple[int, Callable[[float], None]]]] = {}
        #: when a build through a neighbour was last answered
        self._answered_at: BoundedMap[bytes, float] = BoundedMap(NEIGHBOURS_MAX)
        self._bootstrap: ZeroHopInbound | None = None
        self.started = 0
        self.succeeded = 0
        self.declined = 0
        self.timed_out = 0

    def receive(
        self,
        message_type: int,
        message_id: int,
        body: bytes,
        from_router: bytes | None,
        now: float,
    ) -> bool:
        """True if the message answers a build of ours."""
        pending = self._builds.get(message_id)
        if pending is None or not pending.is_answer(message_type, from_router):
            return False
        self._finish(message_id, pending, body, now)
        return True

    def forget(self, pool: TunnelPool) -> None:
        """A pool is gone: its builds do not matter any more."""
        for build_id in [key for key, pending in self._builds.items() if pending.pool is pool]:
            del self._builds[build_id]
            self.selector.allowance.forget(build_id)
        if self._bootstrap is not None and pool.is_exploratory:
            self.dispatcher.remove_inbound(self._bootstrap)
            self._bootstrap = None

    def note_peer_connected(self, router_hash: bytes, now: float) -> None:
        """A link is up: requests that waited for it go out."""
        for build_id, send in self._held.pop(router_hash, ()):
            if build_id in self._builds:
                send(now)

    def note_peer_failed(
        self, router_hash: bytes, now: float, *, is_peers_fault: bool = True
    ) -> None:
        """A link could not be made or broke: requests given to it will not come back."""
        guilty = (router_hash,) if is_peers_fault else ()
        for build_id, _ in self._held.pop(router_hash, ()):
            pending = self._builds.pop(build_id, None)
            if pending is not None and not pending.is_late:
                self._end(build_id, pending, None, guilty, now)
        for build_id, pending in list(self._builds.items()):
            if pending.is_direct and pending.hops[0] == router_hash and not pending.is_late:
                del self._builds[build_id]
                self._end(build_id, pending, None, guilty, now)

    def expire(self, now: float) -> None:
        """Declare builds lost that took too long, and forget them after a while."""
        for build_id, pending in list(self._builds.items()):
            age = now - pending.started_at
            if age >= BUILD_TIMEOUT_S and not pending.is_late:
                pending.is_late = True
                self.timed_out += 1
                self._end(build_id, pending, None, pending.hops, now, pending.suspect)
                if pending.through is not None:
                    pool, through = pending.pool, pending.through
                    note_lost(through, pool, pending.is_inbound, pending.started_at, now)
            # Not "else": time leaps while a machine sleeps, and each build has to end once.
            if age >= LATE_S:
                del self._builds[build_id]
                self.selector.allowance.forget(build_id)

    def deadlines(self) -> list[float]:
        """When :meth:`expire` has something to do."""
        return [
            pending.started_at + (LATE_S if pending.is_late else BUILD_TIMEOUT_S)
            for pending in self._builds.values()
        ]

    def start(
        self, pool: TunnelPool, exploratory: TunnelPool | None, is_inbound: bool, now: float
    ) -> bool:
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
            via = find_outbound(pool, exploratory, now)
            if via is None and not pool.is_exploratory:
                return False
            meets = self.dispatcher.router_hash if via is None else via.endpoint_hash
        else:
            reply = self._find_inbound(pool, exploratory, now)
            if reply is None:
                return False
            meets = reply.gateway_hash
        hops = self.selector.select(
            length,
            now,
            is_inbound=is_inbound,
            is_client=not pool.is_exploratory,
            order_key=pool.order_key,
            discouraged=self._near_hops(pool, is_inbound),
            overdue=self._overdue_neighbours(now),
            may_shorten=pool.is_exploratory,
            only=side.shape.explicit_peers,
            meets=meets,
            usage=HopUsage.of(self._pools.values(), self._builds.values()),
            is_first=side.is_starting(now),
        )
        if hops is None:
            self._note_no_routers(pool, side.shape.explicit_peers, is_inbound, now)
            return False
        side.lacks_peers = False
        message_id = random_id(self._entropy)
        neighbour = hops[-1 if is_inbound else 0].router_hash
        is_urgent = not side.live(now)
        if not self.selector.allowance.take(message_id, neighbour, now, is_urgent=is_urgent):
            side.note_put_off(now)
            return False
        if reply is not None:
            self._build_outbound(message_id, pool, hops, reply, now)
        else:
            self._build_inbound(message_id, pool, hops, via, now)
        self.selector.budget.note([hop.router_hash for hop in hops], now)
        self.started += 1
        return True

    def _note_no_routers(
        self, pool: TunnelPool, explicit_peers: tuple[bytes, ...], is_inbound: bool, now: float
    ) -> None:
        side = pool.inbound if is_inbound else pool.outbound
        side.note_no_routers(now)
        if explicit_peers and side.note_no_peers(now):
            unknown = self.selector.unknown(explicit_peers)
            if unknown:
                self._events.append(RoutersWanted(pool.owner, tuple(unknown)))

    def _build_outbound(
        self,
        message_id: int,
        pool: TunnelPool,
        hops: list[BuildHop],
        reply: InboundTunnel,
        now: float,
    ) -> None:
        end = reply.gateway_hash, reply.gateway_tunnel_id
        build = self._make_build(message_id, hops, False, *end, pool.outbound.rate(now))
        keys = build.hops[-1].keys
        if keys.garlic_tag and reply.gateway_hash != hops[-1].router_hash:
            self._events.append(RegisterReplyKey(reply.owner, keys.garlic_tag, keys.garlic_key))
        self._builds[build.reply_message_id] = PendingBuild(pool, build, False, 0, now, reply, True)
        pool.outbound.note_build(build.reply_message_id, now)
        send = partial(self.dispatcher.queue_build, hops[0].router_hash, self._request(build))
        answers_us = len(hops) > 1 and reply.gateway_hash == self.dispatcher.router_hash
        self._send_when_connected(build, send, answers_us, now)

    def _build_inbound(
        self,
        message_id: int,
        pool: TunnelPool,
        hops: list[BuildHop],
        via: OutboundTunnel | None,
        now: float,
    ) -> None:
        receive_id = self.dispatcher.unused_id()
        end = self.dispatcher.router_hash, receive_id
        build = self._make_build(message_id, hops, True, *end, pool.inbound.rate(now))
        self._builds[build.reply_message_id] = PendingBuild(
            pool, build, True, receive_id, now, via, via is None
        )
        pool.inbound.note_build(build.reply_message_id, now)
        gateway = hops[0]
        message = self._request(build)
        if via is None:
            send = partial(self.dispatcher.queue_build, gateway.router_hash, message)
        else:
            if build.is_short and via.endpoint_hash != gateway.router_hash:
                # Otherwise the endpoint of `via` would read that a tunnel begins at the gateway.
                message = self._garlic(self._sealer.seal_to_router(gateway.public_key, message))
            standard = short_to_standard(message)
            delivery = (DeliveryKind.ROUTER, gateway.router_hash, None, standard)
            send = partial(
                self.dispatcher.pace_build, gateway.router_hash, partial(via.send, [delivery])
            )
        self._send_when_connected(build, send, via is not None or len(hops) > 1, now)

    def _send_when_connected(
        self, build: TunnelBuild, send: Callable[[float], None], answers_us: bool, now: float
    ) -> None:
        """Send the request; first dial the last hop if it answers us itself."""
        last = build.hops[-1].router_hash
        if not answers_us or self.selector.is_connected(last):
            send(now)
            return
        self._held.setdefault(last, []).append((build.reply_message_id, send))
        self.dispatcher.queue(last, False)

    def _make_build(
        self,
        message_id: int,
        hops: list[BuildHop],
        is_inbound: bool,
        end_hash: bytes,
        end_tunnel_id: int,
        bytes_s: float,
    ) -> TunnelBuild:
        return TunnelBuild(
            hops,
            is_inbound=is_inbound,
            end_hash=end_hash,
            end_tunnel_id=end_tunnel_id,
            fmt=self._format,
            reply_message_id=message_id,
            wall_now_s=self._wall.now(),
            entropy=self._entropy,
            own_hash=self.dispatcher.router_hash,
            bytes_s=bytes_s,
        )

    def _expires_ms(self) -> int:
        return expiration_from(self._wall.now())

    def _request(self, build: TunnelBuild) -> bytes:
        message_id = random_id(self._entropy)
        return make_short(build.message_type, message_id, self._expires_ms(), build.body)

    def _garlic(self, data: bytes) -> bytes:
        body = len(data).to_bytes(4, "big") + data
        message_id = random_id(self._entropy)
        return make_short(MessageType.GARLIC, message_id, self._expires_ms(), body)

    def _find_inbound(
        self, pool: TunnelPool, exploratory: TunnelPool | None, now: float
    ) -> InboundTunnel | None:
        tunnel = find_inbound(pool, exploratory, now)
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

    def _overdue_neighbours(self, now: float) -> frozenset[bytes]:
        """Those that hold builds for long and have answered nothing since they got them."""
        return frozenset(
            pending.neighbour
            for pending in self._builds.values()
            if now - pending.started_at >= HEDGE_AFTER_S
            and self._answered_at.get(pending.neighbour, 0.0) <= pending.started_at
        )

    def _finish(self, build_id: int, pending: PendingBuild, body: bytes, now: float) -> None:
        try:
            reply = pending.build.open_reply(body)
        except DecodeError:
            # Anyone can send something with our id; the true answer may still come.
            return
        del self._builds[build_id]
        accepted = reply.is_accepted
        if accepted and pending.is_inbound and self.dispatcher.is_taken(pending.receive_id):
            accepted = False
        self._answered_at.put(pending.neighbour, now)
        if pending.through is not None:
            pending.through.note_good(now)
        self._end(build_id, pending, reply.codes, pending.hops, now, pending.neighbour)
        if not accepted:
            self.declined += 1
            return
        self.succeeded += 1
        self._add_tunnel(pending, now)

    def _end(
        self,
        build_id: int,
        pending: PendingBuild,
        codes: tuple[int, ...] | None,
        hops: tuple[bytes, ...],
        now: float,
        neighbour: bytes | None = None,
    ) -> None:
        pool = pending.pool
        side = pool.inbound if pending.is_inbound else pool.outbound
        if not hops:
            side.note_build_prevented(build_id, now)
        else:
            side.note_build_end(build_id, codes is not None and not any(codes), now)
        allowance = self.selector.allowance
        if codes is not None:
            allowance.answered(build_id, now)
        elif neighbour is None:
            allowance.forget(build_id)
        else:
            if allowance.is_beyond(build_id):
                neighbour = None  # which owed us nothing
            is_heard = self.selector.was_heard(pending.neighbour, pending.started_at)
            allowance.lost(build_id, now, is_heard=is_heard)
        elapsed = now - pending.started_at
        self._events.append(
            BuildFinished(pool.owner, pending.is_inbound, hops, codes, elapsed, neighbour)
        )

    def _add_tunnel(self, pending: PendingBuild, now: float) -> None:
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
