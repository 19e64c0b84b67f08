"""Do our tunnels still carry messages? Tests through pairs, and evidence from real traffic.

A test is a DeliveryStatus to ourselves, out through one tunnel and in through another, inside
garlic that only we can open, so no hop can tell it from other traffic. A lost test blames both
tunnels; the next test pairs each with another partner, so after two the guilty one is known. A
tunnel that proved itself after the test was sent is not blamed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeVar

from core.base.ports import Entropy, WallClock
from core.i2np.message import MessageType, expiration_from, make_short, make_standard
from core.tunnel.build import random_id
from core.tunnel.delivery import DeliveryKind
from core.tunnel.events import RegisterReplyKey, TunnelEvent, TunnelTested
from core.tunnel.pool import FAILURES_MAX, TunnelPool
from core.tunnel.ports import GarlicSealer
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, OwnTunnel

TEST_INTERVAL_S = 15.0
RETEST_INTERVAL_S = 1.0
TEST_TIMEOUT_S = 5.0
"""Java gives 15 s and more, i2pd 10 to 15 s; half a second is normal."""

OwnT = TypeVar("OwnT", bound=OwnTunnel)


@dataclass(slots=True)
class PendingTest:
    """A test message under way."""

    pool: TunnelPool
    outbound: OutboundTunnel
    inbound: InboundTunnel
    sent_at: float

    @property
    def hops(self) -> tuple[bytes, ...]:
        """All hops it passes, in order."""
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
        tunnel.note_lost()
    return guilty


def is_failed(tunnel: OwnTunnel, alone: bool) -> bool:
    """True if the tunnel should go; the last one of its direction gets one more chance."""
    return tunnel.failures >= FAILURES_MAX + alone


class Tester:
    """The tests under way. Events go to ``events``; failed tunnels are the manager's to drop."""

    def __init__(
        self,
        sealer: GarlicSealer,
        wall: WallClock,
        entropy: Entropy,
        events: deque[TunnelEvent],
    ) -> None:
        self._sealer = sealer
        self._wall = wall
        self._entropy = entropy
        self._events = events
        self._tests: dict[int, PendingTest] = {}

    def start(self, pool: TunnelPool, now: float) -> None:
        """Send the tests that are due."""
        for outbound, inbound in choose_pairs(pool, now, self._entropy):
            test_id = random_id(self._entropy)
            outbound.tested_at = inbound.tested_at = now
            self._tests[test_id] = PendingTest(pool, outbound, inbound, now)
            target = (inbound.gateway_hash, inbound.gateway_tunnel_id)
            message = self._message(test_id, inbound.owner)
            outbound.send([(DeliveryKind.TUNNEL, *target, message)], now)

    def _message(self, test_id: int, owner: object) -> bytes:
        """A garlic message in standard form that only we can open."""
        wall_now = self._wall.now()
        expires_ms = expiration_from(wall_now)
        secret = self._entropy.random_bytes(40)
        tag, key = secret[:8], secret[8:]
        self._events.append(RegisterReplyKey(owner, tag, key))
        body = test_id.to_bytes(4, "big") + int(wall_now * 1000).to_bytes(8, "big")
        status_id, garlic_id = random_id(self._entropy), random_id(self._entropy)
        status = make_short(MessageType.DELIVERY_STATUS, status_id, expires_ms, body)
        data = self._sealer.seal_one_shot(tag, key, status)
        body = len(data).to_bytes(4, "big") + data
        return make_standard(MessageType.GARLIC, garlic_id, expires_ms, body)

    def receive(self, test_id: int, now: float) -> bool:
        """A DeliveryStatus arrived; True if it was one of our tests."""
        test = self._tests.pop(test_id, None)
        if test is None:
            return False
        rtt_s = now - test.sent_at
        test.outbound.note_good(now, rtt_s)
        test.inbound.note_good(now, rtt_s)
        self._events.append(TunnelTested(test.pool.owner, test.hops, rtt_s))
        return True

    def expire(self, now: float) -> list[PendingTest]:
        """Tests that were lost; the blame is assigned."""
        lost: list[PendingTest] = []
        for test_id, test in list(self._tests.items()):
            if now - test.sent_at >= TEST_TIMEOUT_S:
                del self._tests[test_id]
                blame(test)
                self._events.append(TunnelTested(test.pool.owner, test.hops, None))
                lost.append(test)
        return lost

    def forget(self, pool: TunnelPool) -> None:
        """A pool is gone."""
        for test_id in [key for key, test in self._tests.items() if test.pool is pool]:
            del self._tests[test_id]

    def deadlines(self) -> list[float]:
        """When :meth:`expire` has something to do."""
        return [test.sent_at + TEST_TIMEOUT_S for test in self._tests.values()]
