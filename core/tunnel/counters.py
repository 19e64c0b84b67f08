"""What tunnels count: our own and those of others."""

from __future__ import annotations

from core.base.counters import Counter, by_value
from core.tunnel.manager import TunnelManager
from core.tunnel.transit import TransitHops

COUNTERS: tuple[Counter[TunnelManager], ...] = (
    Counter("tunnel", "builds_failed", "Tunnel builds that failed",
            lambda t: {"declined": t.builder.declined, "timed_out": t.builder.timed_out},
            "reason"),
    Counter("tunnel", "builds_put_off", "Tunnel builds put off: their first hop takes no more",
            lambda t: t.selector.allowance.refused),
    Counter("tunnel", "messages_dropped", "Messages in tunnels that went no further, by reason",
            lambda t: by_value(t.dispatcher.drops()), "reason"),
    Counter("tunnel", "transit_bytes", "Bytes carried in tunnels of other routers",
            lambda t: t.dispatcher.meter.total_bytes),
    Counter("tunnel", "requests_dropped", "Build requests of others that were not even read",
            lambda t: {"throttled": t.requests.throttled, "overflow": t.requests.overflowed},
            "reason"),
)  # fmt: skip

TRANSIT_COUNTERS: tuple[Counter[TransitHops], ...] = (
    Counter("tunnel", "transit_refused", "Tunnels of other routers that were not accepted",
            lambda t: by_value(t.refused), "reason"),
    Counter("tunnel", "transit_unused", "Tunnels of other routers dropped: nothing came through",
            lambda t: t.unused),
)  # fmt: skip
