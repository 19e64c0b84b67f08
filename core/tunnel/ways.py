"""Which tunnels carry the requests of builds and bring the answers, and what lost ones say of them.

A pool uses its own tunnels, so that nobody can join its builds to those of others; the exploratory
ones while it has none that works.
"""

from __future__ import annotations

from typing import TypeVar

from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, OwnTunnel

OwnT = TypeVar("OwnT", bound=OwnTunnel)


def find_outbound(
    pool: TunnelPool, exploratory: TunnelPool | None, now: float
) -> OutboundTunnel | None:
    """For the request of an inbound build; None if there is nothing."""
    other = None if exploratory is None else exploratory.pick_outbound(now)
    return _better(pool.pick_outbound(now), other)


def find_inbound(
    pool: TunnelPool, exploratory: TunnelPool | None, now: float
) -> InboundTunnel | None:
    """For the answer to an outbound build; None if there is nothing."""
    other = None if exploratory is None else exploratory.pick_inbound(now)
    return _better(pool.pick_inbound(now), other)


def _better(own: OwnT | None, other: OwnT | None) -> OwnT | None:
    if own is None or (own.failures and other is not None and not other.failures):
        return other
    return own


def note_lost(
    through: OwnTunnel, pool: TunnelPool, is_inbound: bool, started_at: float, now: float
) -> None:
    """A build of that direction was lost whose request or answer ``through`` was to carry.

    Where a pool lacks one direction, its tunnels of the other cannot be tested, so the lost build
    counts as a failed test. Otherwise a hop that drops all data would keep the pool from getting
    what it lacks for as long as the tunnel lives.
    """
    live = pool.live_inbound(now) if is_inbound else pool.live_outbound(now)
    if through.hops and through.owner == pool.owner and not live:
        through.failures += through.last_good_at <= started_at
