"""The ``router:`` and ``control:`` sections: every option with its default and its help."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from i2ptunnel.blocklist import Entry
from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.i2cp_model import I2cpRouterKind, I2cpRouterSection
from i2ptunnel.config.kinds import Choice, Duration, FilePath, Flag, Number, Percent, Rate, Text
from i2ptunnel.config.log_levels import LogLevel, LogLevelKind
from i2ptunnel.config.network_kinds import (
    AddressKind,
    Endpoint,
    EndpointKind,
    IpAddress,
    IpNetwork,
    NetworkKind,
    ProxyUrlKind,
    TimeServerKind,
    UrlKind,
)
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.tunnel_kinds import KEY_FILE, BlockedKind, RouterHashKind

HOPS_MAX = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeSection:
    """Length and number of the router tunnels of one direction."""

    length: int = option(
        Number(0, HOPS_MAX), "hops in each tunnel; 0 gives no anonymity", default=3
    )
    quantity: int = option(Number(1, 16), "tunnels in use at the same time", default=2)
    length_variance: int = option(
        Number(-2, 2),
        "the length of each tunnel varies at random by up to this many hops",
        default=0,
    )
    backup_quantity: int = option(Number(0, 16), "tunnels kept in reserve", default=0)
    explicit_peers: tuple[bytes, ...] = option(
        ListOf(RouterHashKind(), count_max=64),
        "hashes of the only routers that may be hops, at least as many as length; this lowers "
        "anonymity, because an observer needs to watch only these; empty: any",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploratoryShapeSection:
    """Length and number of the router's own (exploratory) tunnels of one direction."""

    length: int = option(Number(0, HOPS_MAX), "hops in each tunnel", default=2)
    quantity: int = option(Number(1, 16), "tunnels in use at the same time", default=2)
    length_variance: int = option(
        Number(-2, 2),
        "the length of each tunnel varies at random by up to this many hops",
        default=0,
    )
    backup_quantity: int = option(Number(0, 16), "tunnels kept in reserve", default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploratorySection:
    """The router's own tunnels, for lookups and for building other tunnels."""

    inbound: ExploratoryShapeSection = option(
        Section(ExploratoryShapeSection), "towards us", default=ExploratoryShapeSection()
    )
    outbound: ExploratoryShapeSection = option(
        Section(ExploratoryShapeSection), "away from us", default=ExploratoryShapeSection()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ntcp2Section:
    """The transport over TCP."""

    enabled: bool = option(Flag(), "use NTCP2", default=True)
    proxy: str | None = option(
        Maybe(ProxyUrlKind()),
        "proxy for all connections to other routers: socks5://ADDRESS:PORT or "
        "http://ADDRESS:PORT; cannot be combined with host",
        default=None,
    )
    pq: str = option(
        Choice("auto", "768", "1024", "off"),
        "key exchanges with ML-KEM besides X25519, against those who record traffic today for a "
        "quantum computer of tomorrow: what is published as pq and taken from others, plain ones "
        "too. Others are called with what they publish. auto: ML-KEM-768, where the library "
        "cryptography has it (48 and newer); off: never",
        default="auto",
    )

    def __repr__(self) -> str:
        return f"Ntcp2Section({self.enabled}, proxy={self.proxy is not None}, pq={self.pq})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssu2Section:
    """The transport over UDP."""

    enabled: bool = option(
        Flag(), "use SSU2; not with ntcp2.proxy, which it would bypass", default=True
    )
    pq: str = option(
        Choice("auto", "768", "off"),
        "key exchanges with ML-KEM-768, as ntcp2.pq; paths that carry less than 1318 bytes (IPv6: "
        "1338) have plain ones",
        default="auto",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthSection:
    """What the router may use of the internet connection."""

    inbound: int = option(Rate(), "limit of received data", default=4_000_000)
    outbound: int = option(Rate(), "limit of sent data", default=4_000_000)
    share: float = option(
        Percent(), "share of the bandwidth that traffic of other routers may use", default=0.8
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySection:
    """Several routers of one operator, which says so: nobody puts two of them into one tunnel."""

    name: str = option(
        Text("write a name of small letters, digits, - and .", r"[a-z0-9][a-z0-9.-]{0,31}"),
        "the name that is published",
    )
    keys: str = option(
        KEY_FILE,
        "key file of the family in data_dir, the same for all its routers; made by "
        "`i2ptunnel keys generate`, and used for nothing else",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitSection:
    """Tunnels of other routers through this one."""

    enabled: bool = option(Flag(), "carry tunnels of other routers", default=True)
    max_tunnels: int = option(Number(0, 100_000), "transit tunnels at the same time", default=2500)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReseedSection:
    """How the first other routers become known. Private networks ask only servers given here."""

    enabled: bool = option(
        Flag(), "ask reseed servers when fewer than threshold routers are known", default=True
    )
    threshold: int = option(
        Number(1, 5000), "at the start, fewer known routers than this are too few", default=50
    )
    urls: tuple[str, ...] = option(
        ListOf(UrlKind("https"), count_max=64),
        "reseed servers, like https://host/; i2pseeds.su3 is appended; empty: the built-in list, "
        "on the public network",
        default=(),
    )
    files: tuple[Path, ...] = option(
        ListOf(FilePath()),
        "directories of routerInfo-*.dat files, .zip or signed .su3 files; read at the start when "
        "fewer than threshold routers are known",
        default=(),
    )
    certificates: Path | None = option(
        Maybe(FilePath()),
        "directory with reseed/*.crt (who may sign) and ssl/*.crt (TLS certificates beside the "
        "system's; HOST.crt is for that host only); null: the built-in ones",
        default=None,
    )
    proxy: str | None = option(
        Maybe(ProxyUrlKind()),
        "proxy to reach reseed servers through, which also resolves their names: "
        "socks5://ADDRESS:PORT or http://ADDRESS:PORT; null: that of ntcp2, if there is one",
        default=None,
    )

    def __repr__(self) -> str:
        urls = len(self.urls)
        return f"ReseedSection({self.enabled}, urls={urls}, proxy={self.proxy is not None})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSection:
    """The clock. Other routers tell the time too; only the router's own clock is corrected."""

    ntp: bool = option(
        Flag(),
        "ask time servers (SNTP) directly, and correct the router's clock if the system's is wrong",
        default=True,
    )
    servers: tuple[Endpoint, ...] = option(
        ListOf(TimeServerKind(), count_max=16),
        "time servers, three or more so that one that lies is outvoted; empty: four of "
        "pool.ntp.org, but none with ntcp2.proxy or on a private network",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSection:
    """The router itself. Every option has a default."""

    data_dir: Path | None = option(
        Maybe(FilePath()),
        "directory of keys and state; null: $STATE_DIRECTORY or ~/.local/share/i2ptunnel",
        default=None,
    )
    network_id: int = option(
        Number(0, 254), "2 is the public network; a private one takes another", default=2
    )
    host: tuple[IpAddress, ...] | None = option(
        Maybe(ListOf(AddressKind(), count_max=3, allow_one=True)),
        "public IP addresses to publish: one of IPv4, one of IPv6, and one of Yggdrasil (200::/7, "
        "NTCP2 only) if this machine has it; null: the address at which other routers get "
        "through, if they do",
        default=None,
    )
    port: int | None = option(
        Maybe(Number(1, 65535)),
        "TCP port of NTCP2 (and UDP port of SSU2); null: chosen at random at the first start, "
        "then kept",
        default=None,
    )
    bind: tuple[IpAddress, ...] = option(
        ListOf(AddressKind(), count_max=3, allow_one=True),
        "local addresses of the transport sockets, also the source of outgoing connections; at "
        "most one of IPv4 and one of IPv6, and a family without one is not used; empty: 0.0.0.0, "
        "and :: with IPv6",
        default=(),
    )
    allow_private_addresses: bool = option(
        Flag(), "accept routers at loopback and private addresses; for test networks", default=False
    )
    ntcp2: Ntcp2Section = option(Section(Ntcp2Section), "TCP transport", default=Ntcp2Section())
    ssu2: Ssu2Section = option(Section(Ssu2Section), "UDP transport", default=Ssu2Section())
    ipv6: str = option(
        Choice("auto", "true", "false"),
        "use IPv6; auto: if host or bind names such an address, or if bind is empty and this "
        "machine has a global one",
        default="auto",
    )
    hidden: str = option(
        Choice("auto", "true", "false"),
        "publish no address and no RouterInfo, carry no traffic for others, and call no router in "
        "the same country (as far as geoip tells); auto: if country or geoip says that this is one "
        "of the countries where that may be punished",
        default="auto",
    )
    country: str | None = option(
        Maybe(Text("write two letters, like DE", "[A-Za-z]{2}")),
        "where this router is, in two letters (ISO 3166); null: geoip finds it out, or nobody",
        default=None,
    )
    geoip: Path | None = option(
        Maybe(FilePath()),
        "database of the countries of addresses (.mmdb); needs the extra geoip",
        default=None,
    )
    asn: Path | None = option(
        Maybe(FilePath()),
        "database of the autonomous systems of addresses (.mmdb): no two hops of a tunnel are in "
        "the same; null: only addresses tell what belongs together; needs the extra geoip",
        default=None,
    )
    blocklist: tuple[Entry, ...] = option(
        ListOf(BlockedKind(), count_max=10_000, allow_one=True),
        "routers (hash in base64), addresses, networks (192.0.2.0/24) and ranges "
        "(192.0.2.1-192.0.2.9) to have nothing to do with: they are not dialled, not let in, no "
        "hop of our tunnels and not asked as floodfills",
        default=(),
    )
    blocklist_file: Path | None = option(
        Maybe(FilePath()),
        "file with more of them, one a line; read again at each reload; null: none",
        default=None,
    )
    port_mapping: str = option(
        Choice("auto", "upnp", "pcp", "off"),
        "ask the home router to forward the port; auto: PCP, else NAT-PMP, else UPnP; pcp: the "
        "first two. Over IPv6 its firewall is asked, by PCP only. UPnP needs the extra upnp. Not "
        "with ntcp2.proxy",
        default="auto",
    )
    i2cp: I2cpRouterSection | None = option(
        Maybe(I2cpRouterKind()),
        "another I2P router, host:port or a section: all tunnels run over it by I2CP and no router "
        "of this program starts; of the other options of router only data_dir matters then",
        default=None,
    )
    bandwidth: BandwidthSection = option(
        Section(BandwidthSection), "limits", default=BandwidthSection()
    )
    transit: TransitSection = option(
        Section(TransitSection), "other routers' tunnels", default=TransitSection()
    )
    family: FamilySection | None = option(
        Maybe(Section(FamilySection)),
        "the family of routers that this one belongs to; null: none",
        default=None,
    )
    floodfill: str = option(
        Choice("auto", "true", "false"),
        "store a part of the network database for others; auto: while the router is fast, well "
        "connected and reachable, has run for two hours, and there are not enough others",
        default="auto",
    )
    server_delay: float = option(
        Duration(0, 3600),
        "when the router was off for 15 minutes or more, servers wait for a random time up to this "
        "before they are published, so that it is harder to see that they come and go with the "
        "router; 0: never",
        default=120.0,
    )
    exploratory: ExploratorySection = option(
        Section(ExploratorySection), "the router's own tunnels", default=ExploratorySection()
    )
    reseed: ReseedSection = option(
        Section(ReseedSection), "first contact with the network", default=ReseedSection()
    )
    time: TimeSection = option(Section(TimeSection), "clock", default=TimeSection())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSection:
    """The web console, which `i2ptunnel console` opens in a browser."""

    listen: Endpoint = option(
        EndpointKind(is_listener=True, unix=False),
        "where it listens; beyond this machine only with tls and password_file",
        default=Endpoint("127.0.0.1", 7657),
    )
    password_file: Path | None = option(
        Maybe(FilePath()),
        "file with a password, of 8 characters or more, on its first line, to come in without "
        "`i2ptunnel console`; the program replaces it by its scrypt hash; null: no password",
        default=None,
    )
    tls: bool = option(
        Flag(),
        "speak TLS, with a certificate that is made in data_dir (console.pem)",
        default=False,
    )
    hosts: tuple[str, ...] = option(
        ListOf(Text("write a host name, like router.lan", r"[a-z0-9._-]{1,253}"), allow_one=True),
        "names that browsers reach it by, besides localhost and addresses",
        default=(),
    )
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: all that reach the listener",
        default=(),
    )

    @property
    def secrets(self) -> tuple[tuple[str, Path], ...]:
        """Option and file of what nobody else may read."""
        return () if self.password_file is None else (("password_file", self.password_file),)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        return (self.listen,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSection:
    """The commands of ``i2ptunnel`` over SSH, for who has a key."""

    listen: tuple[Endpoint, ...] = option(
        ListOf(EndpointKind(is_listener=True), allow_one=True),
        "where it listens; each listener has a host key of its own, and may be the target of one "
        "server tunnel",
        default=(Endpoint("127.0.0.1", 7622),),
    )
    authorized_keys: Path = option(
        FilePath(), "file of the public keys that may log in, as OpenSSH has it"
    )
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: all that reach the listener",
        default=(),
    )

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        return self.listen


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSection:
    """Figures in Prometheus' text format, at /metrics."""

    listen: Endpoint = option(EndpointKind(is_listener=True), "where it listens")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: all that reach the listener",
        default=(),
    )

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        return (self.listen,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSection:
    """Monitoring and control of the running program, besides its control socket."""

    console: ConsoleSection | None = option(
        Maybe(Section(ConsoleSection)), "web console; null: off; {}: on, as usual", default=None
    )
    ssh: SshSection | None = option(
        Maybe(Section(SshSection)), "SSH console; null: off", default=None
    )
    metrics: MetricsSection | None = option(
        Maybe(Section(MetricsSection)),
        "metrics for monitoring, in Prometheus' format; null: off",
        default=None,
    )
    log: tuple[LogLevel, ...] = option(
        ListOf(LogLevelKind(), allow_one=True),
        "what is logged, as with --log-level: a level for everything, and levels for rooms: "
        "[info, core.tunnel=debug]",
        default=(),
    )


def service_sections(
    control: ControlSection,
) -> Iterator[tuple[str, ConsoleSection | SshSection | MetricsSection]]:
    """Name and section of everything in ``control:`` that listens and is on."""
    for one in fields(control):
        section = getattr(control, one.name)
        if isinstance(section, ConsoleSection | SshSection | MetricsSection):
            yield one.name, section
