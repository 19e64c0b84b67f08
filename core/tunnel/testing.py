"""Do our tunnels still carry messages? Tests through pairs, and evidence from real traffic.

A test is a DeliveryStatus to ourselves, out through one tunnel and in through another, inside
garlic that only we can open, so no hop can tell it from other traffic. A lost test blames both
tunnels; the next test pairs each with another partner, so after two the guilty one is known. A
tunnel that proved itself after the test was sent is not blamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from core.base.ports import Entropy
from core.tunnel.pool import FAILURES_MAX, TunnelPool
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, OwnTunnel

TEST_INTERVAL_S = 15.0
RETEST_INTERVAL_S = 1.0
TEST_TIMEOUT_S = 5.0
"""Java gives 15 s and more, i2pd 10 to 15 s; half a second is normal."""

OwnT = TypeVar("OwnT", bound=OwnTunnel)


@dataclass(slots=True)
class PendingTest:
    pool: TunnelPool
    outbound: OutboundTunnel
    inbound: InboundTunnel
    sent_at: float

    @property
    def hops(self) -> tuple[bytes, ...]:
        return self.outbound.hops + self.inbound.hops


def is_due(tunnel: OwnTunnel, now: float, interval_s: float = TEST_INTERVAL_S) -> bool:
    """True if nothing was heard of the tunnel for long, or it failed a test and needs another."""
    if not tunnel.hops:
        return False
    if tunnel.failures:
        return now - tunnel.tested_at >= RETEST_INTERVAL_S
    return now - max(tunnel.last_good_at, tunnel.tested_at) >= interval_s


def choose_pairs(
    pool: TunnelPool, now: float, entropy: Entropy
) -> list[tuple[OutboundTunnel, InboundTunnel]]:
    """Pairs to test now, each tunnel at most once."""
    outbound = pool.outbound.live(now)
    inbound = pool.inbound.live(now)
    pairs: list[tuple[OutboundTunnel, InboundTunnel]] = []
    used_in: set[InboundTunnel] = set()
    used_out: set[OutboundTunnel] = set()
    for tunnel in [t for t in outbound if is_due(t, now)]:
        partner = _partner([t for t in inbound if t not in used_in], now, entropy)
        if partner is None:
            break
        pairs.append((tunnel, partner))
        used_in.add(partner)
        used_out.add(tunnel)
    for receiver in [t for t in inbound if t not in used_in and is_due(t, now)]:
        sender = _partner([t for t in outbound if t not in used_out], now, entropy)
        if sender is None:
            break
        pairs.append((sender, receiver))
        used_out.add(sender)
    return pairs


def _partner(group: list[OwnT], now: float, entropy: Entropy) -> OwnT | None:
    """One that works, due ones first; a suspected one only if there is no other."""
    if not group:
        return None
    good = [t for t in group if not t.failures]
    due = [t for t in good if is_due(t, now)]
    choice = due or good or group
    return choice[entropy.randbelow(len(choice))]


def blame(test: PendingTest) -> list[OwnTunnel]:
    """The tunnels that a lost test speaks against; their failures are counted."""
    guilty: list[OwnTunnel] = [
        tunnel
        for tunnel in (test.outbound, test.inbound)
        if tunnel.hops and tunnel.last_good_at <= test.sent_at
    ]
    for tunnel in guilty:
        tunnel.failures += 1
    return guilty


def is_failed(tunnel: OwnTunnel, alone: bool) -> bool:
    """True if the tunnel should go; the last one of its direction gets one more chance."""
    return tunnel.failures >= FAILURES_MAX + alone
