"""The tunnels that serve one owner: how many there are, which are good, when to replace them.

A pool holds state and takes decisions; :class:`core.tunnel.manager.TunnelManager` carries them out.
Each tunnel gets its own moment of replacement, drawn when it is made, so tunnels that were built
together do not end together, and a replacement is up a minute or more before its predecessor ends.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

from core.base.ports import Entropy
from core.tunnel.bandwidth_options import BYTES_PER_KB
from core.tunnel.shape import HOPS_MAX, TunnelShape
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, OwnTunnel

QUANTITY_MAX = 16
"""More leases do not fit a lease set."""
LEASE_MARGIN_S = 45.0
"""A lease with less than this left is not worth publishing (i2pd: 51 s, Java: 37 s)."""
OUTBOUND_MARGIN_S = 25.0
_RENEW_MIN_S = 75.0
_RENEW_SPREAD_S = 75
HEDGE_AFTER_S = 2.5
"""A build that takes longer gets another one beside it."""
_BACKOFF_MIN_S = 0.2
_BACKOFF_MAX_S = 10.0
_BUILDS_AT_ONCE = 4
_PREVENTED_PAUSE_S = 1.0
_PUT_OFF_S = 2.0
_PEERS_WANTED_S = 30.0
_RATE_AGE_S = 10.0
"""All tunnels together must be so old, before what they carried says something."""
FAILURES_MAX = 2
LOSS_POOR, LOSS_WORSE = 0.3, 0.25
"""A tunnel that loses so much, and so much more than the best one of its side, is replaced."""
RTT_WORSE, RTT_WORSE_S = 3.0, 1.0
"""So is one whose round trip is so many times as long, and so many seconds longer."""
REPLACE_INTERVAL_S = 30.0
"""After any build: where much is lost, more builds would be lost as well."""

TunnelT = TypeVar("TunnelT", bound=OwnTunnel)


class PoolSide(Generic[TunnelT]):
    """One direction of a pool."""

    def __init__(self, shape: TunnelShape, is_inbound: bool, entropy: Entropy) -> None:
        self.shape = shape
        self.is_inbound = is_inbound
        self.tunnels: list[TunnelT] = []
        self._entropy = entropy
        self._renew_at: dict[TunnelT, float] = {}
        self._pending: dict[int, float] = {}
        self._failed_builds = 0
        self._build_at = 0.0
        self._replace_at = float("-inf")
        self.lacks_peers = False
        """Too few of the explicit peers can be hops at present."""
        self._peers_wanted_at: float | None = None

    @property
    def wanted(self) -> int:
        """Tunnels to keep."""
        return max(0, min(self.shape.quantity + self.shape.backup_quantity, QUANTITY_MAX))

    @property
    def _failures_normal(self) -> int:
        """So many builds may fail in a row: a hop declines, another is gone."""
        return 2 * max(1, self.wanted)

    @property
    def margin_s(self) -> float:
        """How long before its end a tunnel counts as gone."""
        return LEASE_MARGIN_S if self.is_inbound else OUTBOUND_MARGIN_S

    def reshape(self, shape: TunnelShape, now: float) -> None:
        """Take another shape; tunnels that it does not allow are replaced soon."""
        if shape == self.shape:
            return
        old = self.shape
        has_other_tunnels = (shape.length, shape.length_variance, shape.explicit_peers) != (
            old.length,
            old.length_variance,
            old.explicit_peers,
        )
        self.lacks_peers = False
        self.shape = shape
        self._failed_builds = 0
        self._build_at = min(self._build_at, now)
        if has_other_tunnels:
            for tunnel in self._renew_at:
                self._renew_at[tunnel] = min(self._renew_at[tunnel], now)

    def draw_length(self) -> int:
        """Hops of the next tunnel: the length, varied as the shape says, 0 to 7."""
        length, variance = self.shape.length, self.shape.length_variance
        if variance > 0:
            length += self._entropy.randbelow(variance + 1)
        elif variance < 0:
            length += self._entropy.randbelow(1 - 2 * variance) + variance
            if self.shape.length > 0:
                # Only an owner who asked for zero hops gets them.
                length = max(1, length)
        return max(0, min(length, HOPS_MAX))

    def add(self, tunnel: TunnelT) -> None:
        """A tunnel was built; it is replaced some time before its end."""
        spread = self._entropy.randbelow(_RENEW_SPREAD_S * 10) / 10
        self._renew_at[tunnel] = tunnel.expires_at - _RENEW_MIN_S - spread
        self.tunnels.append(tunnel)
        self._failed_builds = 0

    def remove(self, tunnel: TunnelT) -> None:
        """A tunnel is gone."""
        self.tunnels.remove(tunnel)
        self._renew_at.pop(tunnel, None)

    def live(self, now: float) -> list[TunnelT]:
        """Tunnels to use: working ones before suspected ones, good ones before poor ones, then
        those that last longest."""
        live = [t for t in self.tunnels if t.expires_at - now > self.margin_s]
        poor = self.poor()
        return sorted(live, key=lambda t: (t.failures > 0, t in poor, -t.expires_at))

    def poor(self) -> set[TunnelT]:
        """Those that work, but lose far more messages than the best one, or take far longer."""
        if len(self.tunnels) < 2:
            return set()
        least = min(t.loss for t in self.tunnels) + LOSS_WORSE
        fastest = min((t.rtt_s for t in self.tunnels if t.rtt_s is not None), default=0.0)
        longest = max(fastest * RTT_WORSE, fastest + RTT_WORSE_S)
        return {
            t
            for t in self.tunnels
            if not t.failures
            and (t.loss >= max(LOSS_POOR, least) or (t.rtt_s is not None and t.rtt_s > longest))
        }

    def rate(self, now: float) -> float:
        """Bytes per second that a tunnel of this side has carried on average, over their lives."""
        age_s = sum(now - tunnel.created_at for tunnel in self.tunnels)
        carried = sum(tunnel.messages for tunnel in self.tunnels)
        return carried * BYTES_PER_KB / age_s if age_s >= _RATE_AGE_S else 0.0

    def expired(self, now: float) -> list[TunnelT]:
        """Those past their end, which are to be removed."""
        return [t for t in self.tunnels if t.expires_at <= now]

    def pick(self, now: float, avoid: Collection[TunnelT] = ()) -> TunnelT | None:
        """One to use: working, of two random ones the faster; one to avoid only if alone."""
        live = self.live(now)
        if not live:
            return None
        poor = self.poor()
        good = [t for t in live if not t.failures and t not in avoid and t not in poor]
        group = good or [t for t in live if t not in avoid] or live
        first = group[self._entropy.randbelow(len(group))]
        second = group[self._entropy.randbelow(len(group))]
        return min(first, second, key=lambda t: t.rtt_s if t.rtt_s is not None else 1.0)

    # Builds

    def note_build(self, build_id: int, now: float) -> None:
        """A build for this pool has begun."""
        self._pending[build_id] = now
        self._replace_at = now + REPLACE_INTERVAL_S

    def note_build_end(self, build_id: int, succeeded: bool, now: float) -> None:
        """A build ended; after failures the next ones wait longer."""
        self._pending.pop(build_id, None)
        if succeeded:
            self._failed_builds = 0
            self._build_at = now
            return
        self._failed_builds += 1
        exponent = max(0, self._failed_builds - self._failures_normal)
        if exponent:
            delay = min(_BACKOFF_MIN_S * 2 ** min(exponent, 8), _BACKOFF_MAX_S)
            self._build_at = max(self._build_at, now + delay)

    def note_build_prevented(self, build_id: int, now: float) -> None:
        """A build could not even begin, through our own fault; try again soon, however often."""
        self._pending.pop(build_id, None)
        self._build_at = max(self._build_at, now + _PREVENTED_PAUSE_S)

    def retry(self, now: float) -> None:
        """Build at once what is missing: earlier failures say nothing about now."""
        self._failed_builds = 0
        self._build_at = now

    def note_no_routers(self, now: float) -> None:
        """There was nobody to build through; look again soon."""
        self._build_at = now + 0.5

    def note_put_off(self, now: float) -> None:
        """The neighbour to build through takes no more at present."""
        self._build_at = now + (_PUT_OFF_S if self.live(now) else 0.5)

    def note_no_peers(self, now: float) -> bool:
        """Too few explicit peers can be hops; True if unknown ones should be looked up now."""
        self.lacks_peers = True
        is_due = self._peers_wanted_at is None or now - self._peers_wanted_at >= _PEERS_WANTED_S
        if is_due:
            self._peers_wanted_at = now
        return is_due

    def has_something(self, now: float) -> bool:
        """Whether there is a tunnel to use, or a build that may give one."""
        return bool(self._pending) or bool(self.live(now))

    def is_starting(self, now: float) -> bool:
        """Whether nothing works yet, and nothing tells that it cannot be had from those we know:
        builds fail no oftener than is normal, and none waits for long."""
        return (
            self._failed_builds < self._failures_normal
            and not self.live(now)
            and all(now - started < HEDGE_AFTER_S for started in self._pending.values())
        )

    def missing(self, now: float) -> int:
        """How many builds to start now."""
        if now < self._build_at:
            return 0
        good = sum(1 for t in self.tunnels if self._renew_at[t] > now and t.failures < FAILURES_MAX)
        if now >= self._replace_at and any(self._renew_at[t] > now for t in self.poor()):
            good -= 1
        young = sum(1 for started in self._pending.values() if now - started < HEDGE_AFTER_S)
        missing = self.wanted - good - young
        if missing > 0 and not self.live(now) and not self._pending:
            # Nothing works: one more than needed, the slowest will not be waited for.
            missing += 1
        room = self.wanted + _BUILDS_AT_ONCE - len(self._pending)
        return max(0, min(missing, room, _BUILDS_AT_ONCE))

    def next_check(self, now: float) -> float:
        """When :meth:`missing` may give another answer, if nothing else happens."""
        times = [now + 5.0]
        if self._build_at > now:
            times.append(self._build_at)
        times += [at for at in self._renew_at.values() if at > now]
        times += [t.expires_at for t in self.tunnels]
        times += [t.expires_at - self.margin_s for t in self.tunnels]
        times += [started + HEDGE_AFTER_S for started in self._pending.values()]
        return min(at for at in times if at > now)


class TunnelPool:
    """Both directions for one owner. Made by ``TunnelManager.add_pool``."""

    def __init__(
        self,
        owner: object,
        inbound: TunnelShape,
        outbound: TunnelShape,
        entropy: Entropy,
        *,
        is_exploratory: bool = False,
        order_key: bytes | None = None,
    ) -> None:
        self.owner = owner
        self.is_exploratory = is_exploratory
        self.inbound: PoolSide[InboundTunnel] = PoolSide(inbound, True, entropy)
        self.outbound: PoolSide[OutboundTunnel] = PoolSide(outbound, False, entropy)
        self.order_key = order_key or entropy.random_bytes(32)
        self.leases: tuple[int, ...] = ()
        """Tunnel ids of the last LeasesChanged."""
        self.is_closed = False

    def live_inbound(self, now: float) -> list[InboundTunnel]:
        """Tunnels to publish as leases, best first, at most ``quantity`` of them.

        One that has failed is published only if all have.
        """
        live = self.inbound.live(now)
        live = [t for t in live if t.failures < FAILURES_MAX] or live
        return live[: max(1, min(self.inbound.shape.quantity, QUANTITY_MAX))]

    def beside(self, router_hash: bytes) -> list[InboundTunnel | OutboundTunnel]:
        """The tunnels whose neighbour of ours this router is."""
        inbound = [t for t in self.inbound.tunnels if t.hops and t.hops[-1] == router_hash]
        outbound = [t for t in self.outbound.tunnels if t.hops and t.hops[0] == router_hash]
        return [*inbound, *outbound]

    def through(self, router_hash: bytes) -> list[InboundTunnel | OutboundTunnel]:
        """The tunnels in which this router is a hop, wherever."""
        inbound = [tunnel for tunnel in self.inbound.tunnels if router_hash in tunnel.hops]
        outbound = [tunnel for tunnel in self.outbound.tunnels if router_hash in tunnel.hops]
        return [*inbound, *outbound]

    def live_outbound(self, now: float) -> list[OutboundTunnel]:
        """Tunnels to send through, best first."""
        return self.outbound.live(now)

    def is_ready(self, now: float) -> bool:
        """True if there is a tunnel in each direction."""
        return bool(self.inbound.live(now)) and bool(self.outbound.live(now))

    def can_send_through(self, tunnel: OutboundTunnel, now: float) -> bool:
        """Whether a tunnel of this pool is alive for a while yet, and none is better."""
        if tunnel.expires_at - now <= OUTBOUND_MARGIN_S or tunnel not in self.outbound.tunnels:
            return False
        return tunnel.failures < FAILURES_MAX or self.outbound.pick(now) is tunnel

    def pick_outbound(
        self, now: float, avoid: Collection[OutboundTunnel] = ()
    ) -> OutboundTunnel | None:
        """A tunnel to send through; None if there is none."""
        return self.outbound.pick(now, avoid)

    def pick_inbound(
        self, now: float, avoid: Collection[InboundTunnel] = ()
    ) -> InboundTunnel | None:
        """A tunnel for replies; None if there is none."""
        return self.inbound.pick(now, avoid)

    @property
    def lacks_peers(self) -> bool:
        """True if a direction cannot be built because too few explicit peers can be hops."""
        return self.inbound.lacks_peers or self.outbound.lacks_peers

    def __repr__(self) -> str:
        kind = "exploratory" if self.is_exploratory else "client"
        return f"TunnelPool({kind}, {len(self.inbound.tunnels)}, {len(self.outbound.tunnels)})"
