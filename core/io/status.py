"""How a router is, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.nat.mapping import PortMapping
from core.transport.ports import Session


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
class LinkCounts:
    """Connected routers: by the transport that is used to send to them, and by who dialled.

    Handshakes under way and links that were replaced are not among them.
    """

    ntcp2: int
    ssu2: int
    inbound: int
    outbound: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.inbound + self.outbound


def count_links(sessions: Sequence[Session]) -> LinkCounts:
    """``sessions``: one for each connected router."""
    transports = Counter(session.transport for session in sessions)
    outbound = sum(session.is_outbound for session in sessions)
    return LinkCounts(transports["ntcp2"], transports["ssu2"], len(sessions) - outbound, outbound)


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
    links: LinkCounts
    links_inbound: int
    """Links that others made, handshakes under way and replaced links included."""
    links_outbound: int
    """The same that this router made."""
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
