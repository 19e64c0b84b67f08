"""What all NTCP2 connections of a router share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.data.router_info import RouterInfo
from core.transport.context import CLOCK_SKEW_MAX_S
from core.transport.ntcp2.local import LocalRouter
from core.transport.ntcp2.variants import Variant
from core.transport.stats import LinkStats


@dataclass(slots=True)
class Context:
    """See the module. ``hybrid``: the variant that others may use; None: plain handshakes alone."""

    local: LocalRouter
    network_id: int
    wall: WallClock
    entropy: Entropy
    find_router: Callable[[bytes], RouterInfo | None]
    stats: LinkStats
    hybrid: Variant | None = None
    #: Encrypted ephemeral keys seen in message 1: at least twice the tolerated skew.
    replays: DuplicateFilter = field(
        default_factory=lambda: DuplicateFilter(2.0 * CLOCK_SKEW_MAX_S + 1, 65536)
    )
