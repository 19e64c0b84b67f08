"""The options of client tunnels, one dataclass each: they listen locally and connect into I2P."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.kinds import Choice, Duration, FilePath, Flag, Number, Size, Text
from i2ptunnel.config.network_kinds import (
    DestinationName,
    Endpoint,
    I2pHost,
    IpNetwork,
    NetworkKind,
)
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.proxy_parts import (
    JUMP_SERVERS,
    IsolationKind,
    JumpServerKind,
    OutproxyKind,
    OutproxyUrl,
)
from i2ptunnel.config.tunnel_kinds import (
    KEY_FILE,
    LISTEN,
    UDP_LISTEN,
    UDP_TARGET,
    AddressMap,
    PortMap,
    TargetDestinationKind,
)
from i2ptunnel.config.tunnel_parts import (
    LEAST_RATE,
    IrcIdentitySection,
    ListenTlsSection,
    StreamingSection,
    TunnelSection,
    idle_timeout_option,
    irc_identity_option,
    streaming_option,
)

CONNECT_TIMEOUT_MAX_S = 600.0
_OUTPROXIES = ListOf(OutproxyKind(), count_max=16, allow_one=True)
_HEADER_NAME = Text("write a header name like X-My-Header", r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


def _outproxies_option() -> Any:
    return option(
        _OUTPROXIES,
        "proxies for addresses outside I2P; the proxies can be in I2P or elsewhere; empty: "
        "such addresses are refused",
        default=(),
    )


def _connect_ports_option() -> Any:
    return option(
        ListOf(Number(1, 65535), count_max=64),
        "ports that CONNECT requests may use; empty: all",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSection:
    """A user who may use the listener."""

    username: str = option(Text("write a user name without colon", r"[^:]{1,255}"), "user name")
    password: str | None = option(
        Maybe(Text("write a password", length_max=255)), "password", default=None
    )
    password_file: Path | None = option(
        Maybe(FilePath()), "file whose first line is the password", default=None
    )

    def __repr__(self) -> str:
        return "AuthSection(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSection(TunnelSection):
    """What tunnels into I2P have."""

    keys: str | None = option(
        Maybe(KEY_FILE),
        "key file in data_dir, which gives the tunnel a permanent I2P address of its own; "
        "null: a temporary address",
        default=None,
    )
    shared: bool = option(
        Flag(),
        "share one I2P address with the other client tunnels that have the same inbound, "
        "outbound and streaming options",
        default=True,
    )
    connect_timeout: float = option(
        Duration(1, CONNECT_TIMEOUT_MAX_S),
        "time limit for connecting to an I2P destination",
        default=60.0,
    )
    delay_open: bool = option(
        Flag(), "build router tunnels only when the first connection is made", default=False
    )
    close_after: float = option(
        Duration(0, 7 * 86400),
        "after this time without traffic, close all router tunnels until the next connection; "
        "0: never",
        default=0.0,
    )
    new_keys: bool = option(
        Flag(), "take a new I2P address each time after close_after", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningSection(ClientSection):
    """What tunnels with a local listener have."""

    listen: Endpoint = option(LISTEN, "address that local programs connect to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: all that reach the listener",
        default=(),
    )
    tls: ListenTlsSection | None = option(
        Maybe(Section(ListenTlsSection)),
        "speak TLS with local programs; {}: with a self-signed certificate made at the first "
        "start; null: off",
        default=None,
    )
    max_connections_per_client: int = option(
        Number(1, 100_000), "connections at the same time from one address", default=256
    )
    idle_timeout: float = idle_timeout_option()
    streaming: StreamingSection = streaming_option()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTunnelSection(ListeningSection):
    """A plain TCP tunnel to one destination, for instance for SSH."""

    TYPE: ClassVar[str] = "client"
    IS_AVAILABLE: ClassVar[bool] = True

    destination: tuple[DestinationName, ...] = option(
        ListOf(TargetDestinationKind(), count_max=16, allow_one=True),
        "where to connect to; of several, the next is tried when one cannot be reached",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySection(ListeningSection):
    """What proxies have."""

    auth: tuple[AuthSection, ...] = option(
        ListOf(Section(AuthSection), count_max=256, allow_one=True),
        "users of the proxy; empty: everyone who can connect",
        default=(),
    )
    isolate: str = option(
        IsolationKind,
        "what gets an I2P address of its own; none: nothing; credential: each user of the "
        "proxy; site: each visited site (a name with all names below it)",
        default="none",
    )
    max_identities: int = option(
        Number(1, 256),
        "with isolate, I2P addresses at the same time; requests that need a further one are "
        "refused",
        default=16,
    )
    spare_identities: int = option(
        Number(0, 8), "with isolate, I2P addresses that are kept ready", default=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClientSection(ProxySection):
    """The HTTP proxy for browsers (the eepproxy)."""

    TYPE: ClassVar[str] = "httpclient"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = _outproxies_option()
    https_outproxies: tuple[OutproxyUrl, ...] = option(
        _OUTPROXIES,
        "proxies for CONNECT requests (https) to addresses outside I2P; empty: those of outproxies",
        default=(),
    )
    connect_ports: tuple[int, ...] = _connect_ports_option()
    pass_headers: tuple[str, ...] = option(
        ListOf(_HEADER_NAME),
        "request headers that are passed on always and unchanged, whatever they tell",
        default=(),
    )
    auth_methods: tuple[str, ...] = option(
        ListOf(Choice("basic", "digest"), count_max=2, allow_one=True),
        "authentication methods that are offered; basic sends the password unencrypted",
        default=("digest", "basic"),
    )
    address_helper: bool = option(
        Flag(),
        "offer to use the address in a link (i2paddresshelper); false: only remove it",
        default=True,
    )
    jump_servers: tuple[str, ...] = option(
        ListOf(JumpServerKind(), count_max=16),
        "sites that the page for an unknown name suggests",
        default=JUMP_SERVERS,
    )
    redirected: bool = option(
        Flag(),
        "also accept requests that a firewall or a hosts file redirects here, from programs "
        "without proxy settings; .i2p hosts only",
        default=False,
    )
    max_upload: int | None = option(
        Maybe(Size()), "largest request body; null: no limit", default=None
    )
    min_rate: int | None = option(
        LEAST_RATE,
        "transfers between the browser and the proxy that are slower on average are aborted; "
        "null: no limit",
        default=100,
    )
    keep_alive: bool = option(
        Flag(), "use a connection to a site for several requests", default=True
    )
    compression: bool = option(
        Flag(), "let sites send compressed responses (x-i2p-gzip)", default=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectClientSection(ProxySection):
    """A proxy that supports CONNECT only, for https."""

    TYPE: ClassVar[str] = "connectclient"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = _outproxies_option()
    connect_ports: tuple[int, ...] = _connect_ports_option()


@dataclass(frozen=True, slots=True, kw_only=True)
class SocksSection(ProxySection):
    """A SOCKS 4, 4a and 5 proxy."""

    TYPE: ClassVar[str] = "sockstunnel"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = _outproxies_option()
    port_outproxies: tuple[tuple[int, tuple[OutproxyUrl, ...]], ...] = option(
        PortMap(_OUTPROXIES),
        "outproxies for some ports: {25: socks5://mail.i2p}; all others go to outproxies",
        default=(),
    )
    address_names: tuple[tuple[str, str], ...] = option(
        AddressMap(I2pHost()),
        "names in I2P for IP addresses, for programs that do not accept names: {10.1.2.3: "
        "mail.i2p}",
        default=(),
    )
    udp: bool = option(Flag(), "carry UDP packets too (UDP ASSOCIATE)", default=True)
    filter_http: bool = option(
        Flag(),
        "filter HTTP requests to .i2p hosts as httpclient does",
        default=False,
    )
    min_rate: int | None = option(
        LEAST_RATE,
        "with filter_http, transfers between the browser and the proxy that are slower on "
        "average are aborted; null: no limit",
        default=100,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocksIrcSection(ProxySection):
    """A SOCKS proxy for IRC programs. It hides what identifies the user."""

    TYPE: ClassVar[str] = "socksirctunnel"
    IS_AVAILABLE: ClassVar[bool] = True

    identity: IrcIdentitySection = irc_identity_option()


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcClientSection(ListeningSection):
    """A tunnel to an IRC server. It hides what identifies the user."""

    TYPE: ClassVar[str] = "ircclient"
    IS_AVAILABLE: ClassVar[bool] = True

    destination: tuple[DestinationName, ...] = option(
        ListOf(TargetDestinationKind(), count_max=16, allow_one=True),
        "the IRC server; of several, the next is tried when one cannot be reached",
    )
    identity: IrcIdentitySection = irc_identity_option()
    dcc: bool = option(
        Flag(),
        "carry DCC (files and direct chats) through I2P; this publishes an I2P address; false: "
        "refuse DCC",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSection(ListeningSection):
    """What tunnels to mail servers have."""

    destination: tuple[DestinationName, ...] = option(
        ListOf(TargetDestinationKind(), count_max=16, allow_one=True),
        "the mail server; of several, the next is tried when one cannot be reached",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpClientSection(MailSection):
    """A tunnel to an SMTP server. It takes out of mail what identifies the sender's machine."""

    TYPE: ClassVar[str] = "smtpclient"
    IS_AVAILABLE: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3ClientSection(MailSection):
    """A tunnel to a POP3 server. Mail that is fetched passes as it is."""

    TYPE: ClassVar[str] = "pop3client"
    IS_AVAILABLE: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamrClientSection(ClientSection):
    """Receives a UDP stream from a streamr server. Never shares its I2P address."""

    TYPE: ClassVar[str] = "streamrclient"
    IS_AVAILABLE: ClassVar[bool] = True

    destination: DestinationName = option(TargetDestinationKind(), "the streamr server")
    target: Endpoint = option(UDP_TARGET, "address that the stream is sent to")


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpClientSection(ClientSection):
    """Carries UDP packets to one destination. Never shares its I2P address."""

    TYPE: ClassVar[str] = "udpclient"
    IS_AVAILABLE: ClassVar[bool] = True

    listen: Endpoint = option(UDP_LISTEN, "address that local programs send to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True), "networks that may send", default=()
    )
    destination: DestinationName = option(TargetDestinationKind(), "the UDP server")
    datagram_version: int = option(
        Number(1, 3),
        "format of datagrams that can be answered: 1 (every router knows it), 2 or 3",
        default=1,
    )
    raw_packets: bool = option(
        Flag(),
        "send most packets raw, which is shorter, before the server has sent raw ones: for a "
        "`udpserver` here or of i2pd, not for programs that use datagrams themselves",
        default=False,
    )
