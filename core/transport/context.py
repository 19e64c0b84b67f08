"""What the link table and all transports of a router share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.ports import Entropy, WallClock
from core.data.router_info import RouterInfo
from core.transport.bandwidth import Bandwidth
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from core.transport.stats import LinkStats


@dataclass(frozen=True, slots=True)
class TransportContext:
    """``router_hash``: ours; ``router_info``: returns our current signed RouterInfo, uncompressed.

    The router room rebuilds that one; peers refuse one that is older than 90 minutes (i2pd) or
    larger than 3072 bytes. ``find_router`` answers from the network database.
    """

    router_hash: bytes
    router_info: Callable[[], bytes]
    network_id: int
    wall: WallClock
    entropy: Entropy
    find_router: Callable[[bytes], RouterInfo | None]
    limits: LinkLimits = field(default_factory=LinkLimits)
    bandwidth: Bandwidth = field(default_factory=Bandwidth)
    reachability: Reachability = field(default_factory=Reachability)
    stats: LinkStats = field(default_factory=LinkStats)
