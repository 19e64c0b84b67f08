"""What a router is told at start; the application fills it from its YAML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.data.address_ranges import AddressRange
from core.data.family import RouterFamily
from core.data.ip_family import AsnOf, Family, by_family
from core.netdb.election import Criteria
from core.transport.reachability import Reachability, avoid_nobody
from core.transport.ssu2.path_mtu import LocalMtu
from core.tunnel.shape import TunnelShape
from core.tunnel.transit import TransitLimits

#: Of each network the address that stands for all of this machine's.
WILDCARDS = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """One router. Rates are bytes per second; zero hops and ports of 0 mean "choose"."""

    data_dir: Path
    network_id: int = 2
    host: str | tuple[str, ...] | None = None
    """Published addresses, at most one of each network (IPv4, IPv6, Yggdrasil); None: none."""
    port: int = 0
    """Of NTCP2 (TCP) and SSU2 (UDP); 0: drawn once at random and kept in the data directory."""
    bind: str | tuple[str, ...] = ()
    """Local addresses of the sockets, also the source of outgoing connections: at most one of each
    network, and those networks only; empty: all addresses."""
    ipv6: bool | None = None
    """Whether IPv6 is used; None: as ``host`` and ``bind`` say. What the machine has is looked up
    by :mod:`core.io.interfaces`, before the router is made."""
    mtu: LocalMtu = field(default_factory=LocalMtu)
    """What the interfaces carry; found like ``ipv6``."""
    ntcp2: bool = True
    ssu2: bool = True
    """The transports; at least one. With ``ntcp2_proxy`` there is no SSU2."""
    ntcp2_pq: int = 0
    """The hybrid variant that NTCP2 publishes, 4 or 5 for ML-KEM-768 or -1024; 0: none, not even
    for dials. Where the library has no ML-KEM that is so, whatever stands here."""
    ssu2_pq: int = 0
    """The same for SSU2: 4 (ML-KEM-768) or 0."""
    ntcp2_proxy: str | None = field(default=None, repr=False)
    """``socks5://`` or ``http://`` URL of a proxy, by address, for all outgoing connections; then
    nothing is listened on, for who calls would see another address than who is called."""
    allow_private_addresses: bool = False
    hidden: bool = False
    """Publish nothing, tell peers of no address, carry no transit, wait for no NTCP2 connection."""
    avoids: Callable[[str], bool] = field(default=avoid_nobody, repr=False, compare=False)
    """Whether a host (IP literal) must not be dialled now."""
    asn_of: AsnOf | None = field(default=None, repr=False, compare=False)
    """The autonomous system of a host (IP literal): no two hops of a tunnel are in the same."""
    blocked_routers: frozenset[bytes] = field(default=frozenset(), repr=False)
    blocked_addresses: tuple[AddressRange, ...] = field(default=(), repr=False)
    """Whom to have nothing to do with: routers by hash, and by the addresses that they have."""
    time_servers: tuple[tuple[str, int], ...] = ()
    """SNTP servers (host, port) that are asked directly; none: only other routers tell the time."""
    port_mapping: tuple[str, ...] = ()
    """How to map the port on the home router, in this order: ``pcp``, ``nat-pmp``, ``upnp``."""
    inbound_bytes_s: int = 4_000_000
    outbound_bytes_s: int = 4_000_000
    share: float = 0.8
    """Fraction of the bandwidth that transit may use."""
    transit: bool = True
    transit_tunnels_max: int = 2500
    family: RouterFamily | None = None
    """Whose routers this one belongs to: others put at most one of them into a tunnel."""
    floodfill: bool | None = False
    """Keep a part of the network database for others; None: if the router is fit for it."""
    floodfill_criteria: Criteria = field(default_factory=Criteria)
    server_delay_s: float = 0.0
    """How long servers wait at most for their first lease set, if the router was off for long."""
    exploratory_inbound: TunnelShape = field(default_factory=lambda: TunnelShape(2, 2))
    exploratory_outbound: TunnelShape = field(default_factory=lambda: TunnelShape(2, 2))

    @property
    def hosts(self) -> dict[Family, str]:
        """What is published, for each network."""
        return by_family((self.host,) if isinstance(self.host, str) else self.host or ())

    @property
    def binds(self) -> dict[Family, str]:
        """Where sockets are bound, for each network that is used.

        The published Yggdrasil address is one, unless a socket for all IPv6 addresses has it.
        """
        named = by_family((self.bind,) if isinstance(self.bind, str) else self.bind)
        hosts = self.hosts
        found = named or {Family.IPV4: WILDCARDS[Family.IPV4]}
        has_ipv6 = self.ipv6
        if has_ipv6 is None:
            has_ipv6 = Family.IPV6 in named or (not named and Family.IPV6 in hosts)
        if not has_ipv6:
            found.pop(Family.IPV6, None)
        else:
            found.setdefault(Family.IPV6, WILDCARDS[Family.IPV6])
        if Family.YGGDRASIL in hosts and found.get(Family.IPV6) != WILDCARDS[Family.IPV6]:
            found.setdefault(Family.YGGDRASIL, hosts[Family.YGGDRASIL])
        return found

    def listening_at(self, port: int) -> str:
        """The addresses of the sockets with this port, for people."""
        hosts = [f"[{one}]" if ":" in one else one for one in self.binds.values()]
        return ", ".join(f"{host}:{port}" if port else host for host in hosts)

    @property
    def sources(self) -> dict[Family, str]:
        """Where outgoing connections leave from, where the system must not choose.

        i2pd: who publishes a Yggdrasil address calls from it.
        """
        yggdrasil = {
            family: host for family, host in self.hosts.items() if family is Family.YGGDRASIL
        }
        bound = {one: host for one, host in self.binds.items() if host not in WILDCARDS.values()}
        return yggdrasil | bound

    @property
    def reachability(self) -> Reachability:
        """The networks that are used."""
        binds = self.binds
        return Reachability(
            ipv4=Family.IPV4 in binds,
            ipv6=Family.IPV6 in binds,
            private=self.allow_private_addresses,
            avoids=self.avoids,
            yggdrasil=self.ntcp2 and Family.YGGDRASIL in self.hosts,
        )

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nobody is to call us: we are hidden, or behind a proxy."""
        return self.hidden or self.ntcp2_proxy is not None

    @property
    def listens_tcp(self) -> bool:
        """Whether NTCP2 waits for connections."""
        return self.ntcp2 and self.ntcp2_proxy is None and not self.hidden

    @property
    def listens_udp(self) -> bool:
        """Whether there is a socket for SSU2."""
        return self.ssu2 and self.ntcp2_proxy is None

    @property
    def transit_limits(self) -> TransitLimits:
        """What tunnels of others may take."""
        return TransitLimits(
            accepts=self.transit and not self.hidden,
            tunnels_max=self.transit_tunnels_max,
            bytes_s=min(self.inbound_bytes_s, self.outbound_bytes_s) * self.share,
        )
