"""Who may come in at a server tunnel of any type: lists, filter, limits of new connections."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from core.base.errors import Unavailable
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.config.tunnel_parts import RateLimitSection
from i2ptunnel.protocols.throttle import ConnectionRate, PeriodLimit
from i2ptunnel.relay.access import AccessFault, AccessGuard


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client may not come in; with ``retry_after_s`` it may try again then."""

    reason: str
    retry_after_s: float | None = None


class ServerGate:
    """Asked once for every new connection or session. Use :meth:`open`, then :meth:`keep`."""

    def __init__(self, model: ServerSection, logger: logging.Logger) -> None:
        self._guard = AccessGuard(model.access, logger)
        self.set_limits(model.limits)

    def set_limits(self, limits: RateLimitSection) -> None:
        """Count anew, up to other limits."""
        self._rate = ConnectionRate(
            PeriodLimit(60, limits.client_minute, limits.total_minute),
            PeriodLimit(3600, limits.client_hour, limits.total_hour),
            PeriodLimit(86400, limits.client_day, limits.total_day),
        )

    async def open(self) -> None:
        """Read the files; raises Unavailable, and the tunnel must not start then."""
        try:
            await self._guard.load()
        except AccessFault as fault:
            raise Unavailable(str(fault), "bad_access_filter") from None

    async def keep(self) -> None:
        """Follow the files until cancelled."""
        await self._guard.keep()

    async def refresh(self) -> None:
        """One round of :meth:`keep`."""
        await self._guard.refresh()

    @property
    def fault(self) -> str | None:
        """What is wrong with the files now."""
        return self._guard.fault

    def admit(self, client: bytes) -> Refusal | None:
        """Count a new connection of a destination; None: it may come in."""
        now = time.monotonic()
        if not self._guard.admit(client, now):
            return Refusal("access")
        wait_s = self._rate.admit(client, now)
        return None if wait_s is None else Refusal("rate", wait_s)

    def is_denied(self, client: bytes) -> bool:
        """Whether it may not even go on: for datagrams of a session that was let in before."""
        return self._guard.is_denied(client)
