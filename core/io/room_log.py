"""What happened in each room of the router, for the log at debug: one line each, when it changed.

Figures only; hashes, addresses and destinations are not among them.
"""

from __future__ import annotations

import logging

_ROOMS = {
    "core.transport": ("links", "bytes_received", "bytes_sent"),
    "core.tunnel": (
        *("builds_started", "builds_succeeded", "exploratory_inbound", "exploratory_outbound"),
        *("transit_tunnels", "transit_accepted"),
    ),
    "core.netdb": ("routers", "floodfills"),
    "core.client": ("sessions", "client_tunnels"),
}


class RoomLog:
    """Compares the figures with those it told last."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, ...]] = {}

    def tell(self, figures: object, **more: int) -> None:
        """Log the rooms whose figures changed: attributes of ``figures``, and ``more``."""
        for room, names in _ROOMS.items():
            logger = logging.getLogger(room)
            if not logger.isEnabledFor(logging.DEBUG):
                continue
            values = tuple(more[name] if name in more else getattr(figures, name) for name in names)
            if self._told.get(room) != values:
                self._told[room] = values
                pairs = zip(names, values, strict=True)
                text = ", ".join(f"{name} {value}" for name, value in pairs)
                logger.debug("%s: %s", room.removeprefix("core."), text)
