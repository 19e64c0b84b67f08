"""How a router is, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.base.authority import authority
from core.base.rates import RateMeter
from core.client.local_destination import LocalDestination
from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address, Ssu2Address
from core.nat.mapping import PortMapping
from core.router.engine import RouterEngine
from core.transport.ports import Session
from core.transport.reachability_votes import ReachabilityStatus
from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel


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
    """``reason``: why something is not mapped, one sentence for people; None: everything is.

    Where IPv4 is mapped, a gateway of IPv6 that does not know PCP is no reason.
    """

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

    ``hybrid``: those with a key exchange that also has ML-KEM.

    Handshakes under way and links that were replaced are not among them.
    """

    ntcp2: int
    ssu2: int
    inbound: int
    outbound: int
    hybrid: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.inbound + self.outbound


def count_links(sessions: Sequence[Session]) -> LinkCounts:
    """``sessions``: one for each connected router."""
    transports = Counter(session.transport for session in sessions)
    outbound = sum(session.is_outbound for session in sessions)
    return LinkCounts(
        transports["ntcp2"],
        transports["ssu2"],
        len(sessions) - outbound,
        outbound,
        sum(session.kem is not None for session in sessions),
    )


@dataclass(frozen=True, slots=True)
class BandwidthStatus:
    """What all transports carry now, and what they may, in bytes per second.

    ``transit_bytes_s``: tunnel messages of other routers, of which each comes in and goes out.
    """

    inbound_bytes_s: float
    outbound_bytes_s: float
    transit_bytes_s: float
    limit_inbound_bytes_s: float
    limit_outbound_bytes_s: float


class TrafficTotals(NamedTuple):
    """Bytes since the start. ``transit``: tunnel messages of other routers, counted once."""

    received: int
    sent: int
    transit: int


class BandwidthMeter:
    """The rates of all links together; :meth:`read` it every few seconds."""

    def __init__(self) -> None:
        self._inbound = RateMeter()
        self._outbound = RateMeter()

    def read(self, engine: RouterEngine, now: float) -> BandwidthStatus:
        """The rates now, and the limits."""
        stats, limits = engine.links.stats, engine.config
        return BandwidthStatus(
            inbound_bytes_s=round(self._inbound.read(stats.bytes_received, now)),
            outbound_bytes_s=round(self._outbound.read(stats.bytes_sent, now)),
            transit_bytes_s=round(engine.transit.rate(now)),
            limit_inbound_bytes_s=limits.inbound_bytes_s,
            limit_outbound_bytes_s=limits.outbound_bytes_s,
        )


def published_addresses(info: RouterInfo) -> tuple[str, ...]:
    """``ntcp2 203.0.113.7:23456`` for each address that others can dial."""
    dialable: list[tuple[str, Ntcp2Address | Ssu2Address]] = [
        *(("ntcp2", address) for address in info.ntcp2_addresses()),
        *(("ssu2", address) for address in info.ssu2_addresses()),
    ]
    return tuple(
        f"{transport} {authority(address.host, address.port)}"
        for transport, address in dialable
        if address.is_published
    )


@dataclass(frozen=True, slots=True)
class I2cpStatus:
    """How a foreign router is reached. ``version``: of the API, None while nobody has answered.

    ``sessions`` are those that are wanted, ``connected`` have a socket, ``ready`` can be used.
    """

    address: str
    sessions: int
    connected: int
    ready: int
    version: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class RouterStatus:
    """A snapshot for people and programs; rates in bytes per second, hashes shortened by users.

    ``introducers``: routers that introduce others to us, as we are told that nobody can connect.
    ``clock_skew_s``: the clocks of other routers minus the router's corrected one; 0 while nothing
    is known of them.
    """

    router_hash: bytes
    version: str
    """Of the router that we publish as, which is what the network's rules go by."""
    published: tuple[str, ...]
    """See :func:`published_addresses`."""
    floodfill: bool
    floodfill_why: str
    """Why it is one, or is not, one sentence for people."""
    reachability: ReachabilityStatus
    introducers: int
    uptime_s: float
    routers: int
    floodfills: int
    links: LinkCounts
    cut_off: bool
    """Dials fail, and no other router is heard: this machine has no network."""
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
    tiers: dict[str, int]
    """How many of the routers that are proven to exist are in each tier, by what we measured:
    ``fast``, ``high_capacity``, ``not_failing``, ``failing``."""
    builds_started: int
    builds_succeeded: int
    transit_tunnels: int
    transit_accepted: int
    build_requests_waiting: int
    """Of other routers, not looked at yet."""
    bytes_received: int
    bytes_sent: int
    bandwidth: BandwidthStatus
    clock_skew_s: float
    clock: ClockStatus
    port_mapping: PortMappingStatus
    storage: str | None = None
    """Why what the router learns cannot be written to the disk; None if it can."""
    i2cp: I2cpStatus | None = None
    """There if no router of ours runs: then the rest, but for this process, is zeros."""


class LinkedRouter(NamedTuple):
    """A connected router. ``quiet_s``: since something came from it.

    ``kem``: what the key exchange has besides X25519, such as ``ML-KEM-768``; None: nothing.
    """

    hash: bytes
    transport: str
    is_outbound: bool
    quiet_s: float
    kem: str | None = None


def linked_routers(sessions: Sequence[Session], now: float) -> list[LinkedRouter]:
    """``sessions``: one for each connected router; ``now``: the clock of their times."""
    return [
        LinkedRouter(
            one.router_hash,
            one.transport,
            one.is_outbound,
            max(0.0, now - one.last_received),
            one.kem,
        )
        for one in sessions
        if one.router_hash is not None
    ]


class TunnelPath(NamedTuple):
    """A live tunnel: its hops from its first to its last.

    ``session``: whose it is, None for the router's own (exploratory) ones. ``messages``: how many
    tunnel messages of 1 KiB it has carried. ``rtt_s``: round trip of the last tests through it and
    a partner; None before the first. ``loss``: the part of them that was lost, 0 to 1.
    """

    session: str | None
    is_inbound: bool
    hops: tuple[bytes, ...]
    messages: int
    rtt_s: float | None = None
    loss: float = 0.0

    @classmethod
    def of(cls, session: str | None, tunnel: InboundTunnel | OutboundTunnel) -> TunnelPath:
        """Of a tunnel of ours as it is now."""
        is_inbound = isinstance(tunnel, InboundTunnel)
        return cls(
            session, is_inbound, tunnel.hops, tunnel.messages, tunnel.rtt_s, round(tunnel.loss, 3)
        )


def tunnel_paths(
    sessions: Iterable[tuple[str, LocalDestination]], exploratory: TunnelPool | None, now: float
) -> list[TunnelPath]:
    """Every live tunnel: those of ``sessions`` by their names, then ``exploratory``."""
    pools: list[tuple[str | None, TunnelPool]] = [
        (name, engine.pool) for name, engine in sessions if engine.first is engine
    ]
    if exploratory is not None:
        pools.append((None, exploratory))
    paths: list[TunnelPath] = []
    for name, pool in pools:
        paths += [TunnelPath.of(name, tunnel) for tunnel in pool.live_inbound(now)]
        paths += [TunnelPath.of(name, tunnel) for tunnel in pool.live_outbound(now)]
    return paths
