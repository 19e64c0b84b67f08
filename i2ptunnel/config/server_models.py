"""The options of server tunnels, one dataclass for each type."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.kinds import Duration, FilePath, Flag, Number, Text
from i2ptunnel.config.network_kinds import (
    AddressKind,
    Endpoint,
    EndpointKind,
    I2pHost,
    IpAddress,
    IpNetwork,
    NetworkKind,
)
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.tunnel_kinds import (
    KEY_FILE,
    LISTEN,
    UDP_LISTEN,
    UDP_TARGET,
    PortMap,
    TargetKind,
    Targets,
)
from i2ptunnel.config.tunnel_parts import (
    LEAST_RATE,
    AccessSection,
    EncryptedSection,
    HealthCheckSection,
    MetaSection,
    PostLimitSection,
    RateLimitSection,
    StreamingSection,
    TargetTlsSection,
    TunnelSection,
    idle_timeout_option,
    streaming_option,
)

_TARGET = TargetKind()
_SECRET = Text("write some text without spaces", r"[^\s:]\S{0,127}")
# With its %f or %c filled in it has at most the 63 characters that IRC allows.
_USER_HOSTNAME = Text(
    "write a host name, in quotes if it begins with %f or %c",
    r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}|[A-Za-z0-9-]{0,3}%f[A-Za-z0-9.-]{0,8}"
    r"|[A-Za-z0-9-]{0,19}%c[A-Za-z0-9.-]{0,20}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSection(TunnelSection):
    """What tunnels from I2P have."""

    keys: str | None = option(
        Maybe(KEY_FILE),
        "key file in data_dir, created when missing; null: NAME.dat",
        default=None,
    )
    max_connections_per_client: int = option(
        Number(1, 100_000), "connections at the same time from one destination", default=64
    )
    access: AccessSection = option(
        Section(AccessSection), "who may connect", default=AccessSection()
    )
    limits: RateLimitSection = option(
        Section(RateLimitSection),
        "how often new connections may be made",
        default=RateLimitSection(),
    )
    encrypted: EncryptedSection = option(
        Section(EncryptedSection), "who can find it", default=EncryptedSection()
    )
    answer_pings: bool = option(Flag(), "answer pings of the streaming protocol", default=True)
    multihomed: bool = option(
        Flag(),
        "other routers serve the same address with a copy of the key file; publish every "
        "minute while the service answers, so that visitors change over quickly when it or the "
        "router is gone",
        default=False,
    )
    meta: MetaSection | None = option(
        Maybe(Section(MetaSection)),
        "several machines, each under keys of its own, have one address together; read by this "
        "program's clients only; null: off",
        default=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpServerSection(ServerSection):
    """What tunnels from I2P to a local TCP service have."""

    target_timeout: float = option(
        Duration(0.1, 120), "time limit for connecting to the local service", default=10.0
    )
    target_tls: TargetTlsSection | None = option(
        Maybe(Section(TargetTlsSection)),
        "speak TLS with the local service; {}: with the certificates that the system trusts; "
        "null: off",
        default=None,
    )
    ports: tuple[tuple[int, Endpoint], ...] = option(
        PortMap(EndpointKind(is_listener=False)),
        "services for some I2P ports: {22: 127.0.0.1:22}; all others go to target",
        default=(),
    )
    unique_local: bool = option(
        Flag(),
        "for a service at 127.x.y.z, connect from a different 127.x.y.z for each client (Linux)",
        default=True,
    )
    source: IpAddress | None = option(
        Maybe(AddressKind()),
        "local address for connections to the service; null: chosen by the system or unique_local",
        default=None,
    )
    health_check: HealthCheckSection = option(
        Section(HealthCheckSection),
        "for several services: how it is seen which of them work",
        default=HealthCheckSection(),
    )
    idle_timeout: float = idle_timeout_option()
    streaming: StreamingSection = streaming_option()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTunnelSection(TcpServerSection):
    """A plain TCP service in I2P."""

    TYPE: ClassVar[str] = "server"
    IS_AVAILABLE: ClassVar[bool] = True

    target: Targets = option(_TARGET, "address of the local service; several are used in turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServerSection(TcpServerSection):
    """What tunnels to a web server have."""

    hostname: str | None = option(
        Maybe(I2pHost()),
        "Host header for the web server; null: as the visitor sent it",
        default=None,
    )
    hostnames: tuple[tuple[int, str], ...] = option(
        PortMap(I2pHost()),
        "Host headers for some I2P ports: {8080: test.i2p}; all others get hostname",
        default=(),
    )
    plain_ports: tuple[int, ...] = option(
        ListOf(Number(1, 65535), count_max=64),
        "those of ports that do not speak HTTP; 22 and 443 are always among them",
        default=(),
    )
    response_timeout: float = option(
        Duration(0, 86400),
        "time limit for the web server to begin its response; 0: no limit",
        default=300.0,
    )
    min_rate: int | None = option(
        LEAST_RATE,
        "transfers from and to visitors that are slower on average are aborted; null: no limit",
        default=100,
    )
    i2p_headers: bool = option(
        Flag(), "tell the web server the visitor's destination in X-I2P-* headers", default=True
    )
    compress: bool = option(
        Flag(), "compress responses for visitors who accept it (x-i2p-gzip)", default=True
    )
    keep_alive: bool = option(
        Flag(), "keep connections to the web server for further requests", default=True
    )
    reject_inproxies: bool = option(
        Flag(), "refuse visitors from outside I2P, who come through an inproxy", default=False
    )
    reject_referers: bool = option(
        Flag(), "refuse visitors who follow a link of another site", default=False
    )
    reject_user_agents: tuple[str, ...] = option(
        ListOf(Text("write a part of a User-Agent, or none"), count_max=256, allow_one=True),
        "refuse visitors whose User-Agent contains one of these; none: those without that header",
        default=(),
    )
    posts: PostLimitSection = option(
        Section(PostLimitSection),
        "how often visitors may send data (POST, PUT, PATCH)",
        default=PostLimitSection(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServerSection(WebServerSection):
    """A web site in I2P (an eepsite): a local web server, or a directory."""

    TYPE: ClassVar[str] = "httpserver"
    IS_AVAILABLE: ClassVar[bool] = True

    target: Targets | None = option(
        Maybe(_TARGET), "address of the local web server; several are used in turn", default=None
    )
    docroot: Path | None = option(
        Maybe(FilePath()), "directory that the built-in web server serves", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBidirServerSection(WebServerSection):
    """A web site and an HTTP proxy with one destination."""

    TYPE: ClassVar[str] = "httpbidirserver"
    IS_AVAILABLE: ClassVar[bool] = True

    target: Targets = option(_TARGET, "address of the local web server; several are used in turn")
    listen: Endpoint = option(LISTEN, "address that browsers connect to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True), "networks that may connect", default=()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcServerSection(TcpServerSection):
    """An IRC server in I2P."""

    TYPE: ClassVar[str] = "ircserver"
    IS_AVAILABLE: ClassVar[bool] = True

    target: Targets = option(_TARGET, "address of the local IRC server; several are used in turn")
    user_hostname: str = option(
        _USER_HOSTNAME,
        "host name that users get: %f is their b32 address, %c a cloaked form of it (in quotes)",
        default="%f.b32.i2p",
    )
    cloak_key: str | None = option(
        Maybe(_SECRET),
        "what %c is computed with; null: a key in NAME.cloak, created when missing",
        default=None,
    )
    webirc_password: str | None = option(
        Maybe(_SECRET),
        "tell the server each user's host name with WEBIRC; null: in the USER command",
        default=None,
    )

    def __repr__(self) -> str:
        return "IrcServerSection(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamrServerSection(ServerSection):
    """Sends a UDP stream to all subscribers."""

    TYPE: ClassVar[str] = "streamrserver"
    IS_AVAILABLE: ClassVar[bool] = True

    listen: Endpoint = option(UDP_LISTEN, "address that the local program sends the stream to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True), "networks that may send", default=()
    )
    max_subscribers: int = option(
        Number(1, 1000), "subscribers at the same time; more are refused", default=10
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpServerSection(ServerSection):
    """A UDP service in I2P."""

    TYPE: ClassVar[str] = "udpserver"
    IS_AVAILABLE: ClassVar[bool] = True

    target: Endpoint = option(UDP_TARGET, "the local service")
    unique_local: bool = option(
        Flag(),
        "for a service at 127.x.y.z, send from a different 127.x.y.z for each client (Linux)",
        default=True,
    )
