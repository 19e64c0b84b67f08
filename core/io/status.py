"""How a router is, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from core.nat.mapping import PortMapping


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """``correction_s``: what the router adds to the system's clock, the opposite of its error.

    ``source``: what the clock was last compared with, ``ntp`` or ``peers``; None: nothing yet.
    """

    correction_s: float
    source: str | None


@dataclass(frozen=True, slots=True)
class MappedPort:
    """A port that the home router forwards to us, it says. ``by``: pcp, nat-pmp or upnp."""

    protocol: str
    family: str
    address: str
    port: int
    by: str
    expires_s: float


@dataclass(frozen=True, slots=True)
class PortMappingStatus:
    """``reason``: why something is not mapped, one sentence for people; None: everything is."""

    mapped: tuple[MappedPort, ...]
    reason: str | None


def port_mapping_status(mapping: PortMapping, now: float) -> PortMappingStatus:
    """``now``: the clock of the leases."""
    mapped = tuple(
        MappedPort(
            protocol, f"ipv{version}", one.address, one.port, one.by, round(one.ends_at - now)
        )
        for (protocol, version), one in sorted(mapping.external.items())
    )
    return PortMappingStatus(mapped, mapping.reason or None)


@dataclass(frozen=True, slots=True)
class RouterStatus:
    """A snapshot for people and programs; rates in bytes per second, hashes shortened by users.

    ``clock_skew_s``: the clocks of other routers minus the router's corrected one; 0 while nothing
    is known of them.
    """

    router_hash: bytes
    is_published: bool
    uptime_s: float
    routers: int
    floodfills: int
    links: int
    links_inbound: int
    links_outbound: int
    links_evicted: int
    links_refused: dict[str, int]
    """Inbound connections that were closed at once, by reason."""
    descriptors: int
    descriptors_limit: int
    exploratory_inbound: int
    exploratory_outbound: int
    builds_started: int
    builds_succeeded: int
    transit_tunnels: int
    transit_accepted: int
    bytes_received: int
    bytes_sent: int
    clock_skew_s: float
    clock: ClockStatus
    port_mapping: PortMappingStatus


class TunnelPath(NamedTuple):
    """A live tunnel: its hops from its first to its last.

    ``session``: whose it is, None for the router's own (exploratory) ones. ``messages``: how many
    tunnel messages of 1 KiB it has carried.
    """

    session: str | None
    is_inbound: bool
    hops: tuple[bytes, ...]
    messages: int
