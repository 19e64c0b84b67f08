"""The floodfill role of the router: fixed by its settings, or elected (``floodfill`` None).

Gathers what :mod:`core.netdb.election` asks for from the rooms that know it.
"""

from __future__ import annotations

from core.data.router_info import RouterInfo
from core.netdb.election import EVALUATE_S, Election, Fitness
from core.netdb.facade import NetDb
from core.router.clock import ClockWatch
from core.router.config import RouterConfig
from core.transport.links import Links
from core.tunnel.transit import TransitHops

#: a leap of the clock says nothing of the processor
_LATE_MAX_S = 0.5
_LATE_SMOOTHING = 64


class RouterFloodfill:
    """``is_active``: whether we are one; ``why``: one sentence for people."""

    def __init__(
        self,
        config: RouterConfig,
        netdb: NetDb,
        links: Links,
        transit: TransitHops,
        clock: ClockWatch,
        now: float,
    ) -> None:
        self._netdb = netdb
        self._links = links
        self._transit = transit
        self._clock = clock
        self._started_at = now
        self._election = Election(config.floodfill_criteria)
        self._due_at = now + EVALUATE_S
        self._late_s = 0.0
        self._config = config
        self.is_active = False
        self.why = ""
        self.configure(config, now)

    def configure(self, config: RouterConfig, now: float) -> None:
        """Take other settings; what they fix holds at once."""
        self._config = config
        self._due_at = now
        if config.hidden:
            self._set(False, "it is hidden", now)
        elif config.floodfill is None:
            self._set(self._election.is_floodfill, self._election.why, now)
        else:
            self._set(config.floodfill, f"floodfill: {str(config.floodfill).lower()} is set", now)

    def note_late(self, seconds: float) -> None:
        """The regular look at the clock came so much later than it should have."""
        self._late_s += (min(seconds, _LATE_MAX_S) - self._late_s) / _LATE_SMOOTHING

    def check(self, own: RouterInfo, congestion: str, now: float) -> bool:
        """True if the role changed, which the RouterInfo should say then."""
        config = self._config
        if now < self._due_at or config.floodfill is not None or config.hidden:
            return False
        self._due_at = now + EVALUATE_S
        has_changed = self._election.update(self._fitness(own, congestion, now), now)
        self._set(self._election.is_floodfill, self._election.why, now)
        return has_changed

    def _set(self, is_active: bool, why: str, now: float) -> None:
        self.is_active, self.why = is_active, why
        self._netdb.set_floodfill(is_active, now)

    def _fitness(self, own: RouterInfo, congestion: str, now: float) -> Fitness:
        config = self._config
        error_s = max(abs(self._clock.correction_s), abs(self._clock.skew_s(now)))
        return Fitness(
            uptime_s=now - self._started_at,
            is_hidden=config.hidden,
            is_published=own.is_reachable
            and any(
                address.is_published and not address.is_ipv6 for address in own.ntcp2_addresses()
            ),
            carries_transit=self._transit.limits.accepts,
            bytes_s=min(config.inbound_bytes_s, config.outbound_bytes_s) * config.share,
            routers=self._netdb.router_count,
            floodfills=self._netdb.declared_floodfills(),
            links=self._links.connected_count,
            transit_tunnels=len(self._transit),
            clock_error_s=error_s,
            lag_s=self._late_s,
            congestion=congestion,
        )
