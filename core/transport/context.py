"""What the link table and all transports of a router share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.ports import Entropy, WallClock
from core.data.router_info import RouterInfo
from core.transport.bandwidth import Bandwidth
from core.transport.blocklist import Blocklist
from core.transport.families import FamilyRecord
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from core.transport.stats import LinkStats

#: i2pd, and Java over NTCP2; Java over SSU2 takes twice as much
CLOCK_SKEW_MAX_S = 60
#: i2pd: 25 to 50 minutes, Java: 29; peers refuse a RouterInfo of 90 minutes
ROUTER_INFO_INTERVAL_S = 25 * 60
ROUTER_INFO_INTERVAL_VARIANCE_S = 10 * 60


@dataclass(frozen=True, slots=True)
class TransportContext:
    """``router_hash``: ours; ``router_info``: returns our current signed RouterInfo, uncompressed.

    The router room rebuilds that one; peers refuse one that is older than 90 minutes (i2pd) or
    larger than 3072 bytes. ``find_router`` answers from the network database. ``own``: where we are
    reached, and what of it is published.
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
    own: OwnAddresses = field(default_factory=OwnAddresses)
    families: FamilyRecord = field(default_factory=FamilyRecord)
    blocklist: Blocklist = field(default_factory=Blocklist)

    def is_blocked(self, router_hash: bytes) -> bool:
        """Whether the user wants nothing to do with the router, as far as it is known."""
        if self.blocklist.has_router(router_hash):
            return True
        info = self.find_router(router_hash)
        return info is not None and self.blocklist.blocks(info)


def next_router_info_at(entropy: Entropy, now: float) -> float:
    """When a link tells the other end our RouterInfo again."""
    return now + ROUTER_INFO_INTERVAL_S + entropy.randbelow(ROUTER_INFO_INTERVAL_VARIANCE_S)
