"""What a router is told at start; the application fills it from its YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.tunnel.shape import TunnelShape


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """One router. Rates are bytes per second; zero hops and ports of 0 mean "choose"."""

    data_dir: Path
    network_id: int = 2
    host: str | None = None
    """Published address (IPv4 or IPv6 literal); None: not published."""
    port: int = 0
    """Of NTCP2 (TCP) and SSU2 (UDP); 0: drawn once at random and kept in the data directory."""
    bind: str = "0.0.0.0"
    """Local address of the listening sockets and source address of outgoing connections."""
    ntcp2: bool = True
    ssu2: bool = True
    """The transports; at least one. With ``ntcp2_proxy`` there is no SSU2."""
    ntcp2_proxy: str | None = field(default=None, repr=False)
    """``socks5://`` or ``http://`` URL of a proxy, by address, for all outgoing connections; then
    nothing is listened on, for who calls would see another address than who is called."""
    allow_private_addresses: bool = False
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
    floodfill: bool = False
    exploratory_inbound: TunnelShape = field(default_factory=lambda: TunnelShape(2, 2))
    exploratory_outbound: TunnelShape = field(default_factory=lambda: TunnelShape(2, 2))
