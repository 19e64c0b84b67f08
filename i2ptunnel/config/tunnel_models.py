"""The tunnel types of ``tunnels:``, and the options of client tunnels, one dataclass each.

A client tunnel listens locally and connects into I2P; a server tunnel accepts from I2P and connects
to a local service. ``TUNNEL_MODELS`` is the table of all types; a type that is declared here but
not offered yet has ``IS_AVAILABLE = False``.
"""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from i2ptunnel.config.faults import AlreadyReported, Refused, did_you_mean, nearest, shown
from i2ptunnel.config.kinds import (
    Choice,
    Duration,
    FilePath,
    Flag,
    Kind,
    ListOf,
    Maybe,
    Number,
    Place,
    Schema,
    Size,
    Text,
)
from i2ptunnel.config.network_kinds import (
    DestinationName,
    Endpoint,
    EndpointKind,
    I2pHost,
    IpNetwork,
    NetworkKind,
)
from i2ptunnel.config.nodes import Mapping, Node, Scalar, kind_name
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.proxy_parts import (
    JUMP_SERVERS,
    IsolationKind,
    JumpServerKind,
    OutproxyKind,
    OutproxyUrl,
)
from i2ptunnel.config.server_models import (
    HttpBidirServerSection,
    HttpServerSection,
    IrcServerSection,
    ServerSection,
    ServerTunnelSection,
    StreamrServerSection,
    TcpServerSection,
    UdpServerSection,
    WebServerSection,
)
from i2ptunnel.config.tunnel_kinds import KEY_FILE, AddressMap, PortMap, TargetDestinationKind
from i2ptunnel.config.tunnel_parts import (
    LEAST_RATE,
    ListenTlsSection,
    StreamingSection,
    TunnelSection,
)

__all__ = [
    "TUNNEL_MODELS",
    "HttpBidirServerSection",
    "HttpServerSection",
    "IrcServerSection",
    "ServerSection",
    "ServerTunnelSection",
    "StreamrServerSection",
    "TcpServerSection",
    "TunnelSection",
    "UdpServerSection",
    "WebServerSection",
]

CONNECT_TIMEOUT_MAX_S = 600.0
_LISTEN = EndpointKind(is_listener=True)
_UDP_LISTEN = EndpointKind(is_listener=True, unix=False)
_UDP_TARGET = EndpointKind(is_listener=False, unix=False)
_OUTPROXIES = ListOf(OutproxyKind(), count_max=16, allow_one=True)
_HEADER_NAME = Text("write a header name like X-My-Header", r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


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
        "key file in data_dir, for an address of its own that stays; null: forgotten at the end",
        default=None,
    )
    shared: bool = option(
        Flag(),
        "use one I2P address together with other such tunnels of the same shape and streaming",
        default=True,
    )
    connect_timeout: float = option(
        Duration(1, CONNECT_TIMEOUT_MAX_S), "time to reach an I2P destination", default=60.0
    )
    delay_open: bool = option(
        Flag(), "build router tunnels with the first connection only", default=False
    )
    close_after: float = option(
        Duration(0, 7 * 86400),
        "give up all router tunnels when idle for so long, until the next connection; 0: never",
        default=0.0,
    )
    new_keys: bool = option(
        Flag(), "have a new I2P address each time after close_after", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningSection(ClientSection):
    """What tunnels with a local listener have."""

    listen: Endpoint = option(_LISTEN, "where local programs connect to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: any that can reach the listener",
        default=(),
    )
    tls: ListenTlsSection | None = option(
        Maybe(Section(ListenTlsSection)),
        "speak TLS with local programs; {}: with a certificate made here; null: do not",
        default=None,
    )
    max_connections_per_client: int = option(
        Number(1, 100_000), "connections at the same time from one address", default=256
    )
    idle_timeout: float = option(
        Duration(0, 30 * 86400), "close connections without traffic after; 0: never", default=0.0
    )
    streaming: StreamingSection = option(
        Section(StreamingSection),
        "connections on their way through I2P",
        default=StreamingSection(),
    )


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
        "users who may use the proxy; empty: everybody who can connect",
        default=(),
    )
    isolate: str = option(
        IsolationKind,
        "who appears under I2P addresses of their own: none: all under one; credential: each user "
        "of the proxy; site: the visits to each site (a name with all below it)",
        default="none",
    )
    max_identities: int = option(
        Number(1, 256),
        "I2P addresses at the same time with isolate; with all of them in use, more is refused",
        default=16,
    )
    spare_identities: int = option(
        Number(0, 8), "I2P addresses kept ready for isolate, so that nobody waits", default=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClientSection(ProxySection):
    """The HTTP proxy for browsers (the eepproxy)."""

    TYPE: ClassVar[str] = "httpclient"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = option(
        _OUTPROXIES,
        "proxies for addresses outside I2P, in I2P or not; empty: such addresses are refused",
        default=(),
    )
    https_outproxies: tuple[OutproxyUrl, ...] = option(
        _OUTPROXIES, "proxies for CONNECT outside I2P; empty: outproxies", default=()
    )
    connect_ports: tuple[int, ...] = option(
        ListOf(Number(1, 65535), count_max=64),
        "ports that CONNECT may reach; empty: all",
        default=(),
    )
    pass_headers: tuple[str, ...] = option(
        ListOf(_HEADER_NAME),
        "request headers that are passed on besides the ones known to be harmless",
        default=(),
    )
    auth_methods: tuple[str, ...] = option(
        ListOf(Choice("basic", "digest"), count_max=2, allow_one=True),
        "how users may show their password; basic sends it as it is",
        default=("digest", "basic"),
    )
    address_helper: bool = option(
        Flag(),
        "offer the addresses that links bring along; else they are only removed",
        default=True,
    )
    jump_servers: tuple[str, ...] = option(
        ListOf(JumpServerKind(), count_max=16),
        "sites that are offered to ask when a name is unknown",
        default=JUMP_SERVERS,
    )
    redirected: bool = option(
        Flag(),
        "also take requests of programs that know of no proxy, and were redirected here (firewall, "
        "hosts file); .i2p hosts only",
        default=False,
    )
    max_upload: int | None = option(
        Maybe(Size()), "length of a request's body; null: no limit", default=None
    )
    min_rate: int | None = option(
        LEAST_RATE,
        "break off browsers that send a body or take an answer more slowly; null: no limit",
        default=100,
    )
    keep_alive: bool = option(
        Flag(), "use connections to a site for several requests", default=True
    )
    compression: bool = option(
        Flag(), "let sites compress what they send (x-i2p-gzip)", default=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectClientSection(ProxySection):
    """A proxy that knows CONNECT only."""

    TYPE: ClassVar[str] = "connectclient"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = option(
        _OUTPROXIES,
        "proxies for addresses outside I2P, in I2P or not; empty: such addresses are refused",
        default=(),
    )
    connect_ports: tuple[int, ...] = option(
        ListOf(Number(1, 65535), count_max=64), "ports that may be reached; empty: all", default=()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocksSection(ProxySection):
    """A SOCKS 4, 4a and 5 proxy."""

    TYPE: ClassVar[str] = "sockstunnel"
    IS_AVAILABLE: ClassVar[bool] = True

    outproxies: tuple[OutproxyUrl, ...] = option(
        _OUTPROXIES,
        "proxies for addresses outside I2P, in I2P or not; empty: such addresses are refused",
        default=(),
    )
    port_outproxies: tuple[tuple[int, tuple[OutproxyUrl, ...]], ...] = option(
        PortMap(_OUTPROXIES),
        "outproxies for some ports: {25: socks5://mail.i2p}; all others go to outproxies",
        default=(),
    )
    address_names: tuple[tuple[str, str], ...] = option(
        AddressMap(I2pHost()),
        "names of hosts in I2P for programs that can only be given addresses: {10.1.2.3: mail.i2p}",
        default=(),
    )
    udp: bool = option(Flag(), "carry UDP packets too (UDP ASSOCIATE)", default=True)
    filter_http: bool = option(
        Flag(),
        "remove from HTTP requests to .i2p hosts what identifies the browser, as httpclient does",
        default=False,
    )
    min_rate: int | None = option(
        LEAST_RATE,
        "with filter_http, break off browsers that send a body or take an answer more slowly; "
        "null: no limit",
        default=100,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcIdentitySection:
    """What IRC servers are told of the user besides the nick, which programs choose themselves."""

    username: str = option(
        Text("write up to 16 letters, digits and .-_", r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}"),
        "user name for all servers; what programs send may be a login name, and stays here",
        default="user",
    )
    real_name: str = option(
        Text("write a name", length_max=100),
        "real name for all servers; what programs send stays here",
        default="user",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocksIrcSection(ProxySection):
    """A SOCKS proxy for IRC programs, which hides what identifies the user."""

    TYPE: ClassVar[str] = "socksirctunnel"
    IS_AVAILABLE: ClassVar[bool] = True

    identity: IrcIdentitySection = option(
        Section(IrcIdentitySection), "what IRC servers are told", default=IrcIdentitySection()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcClientSection(ListeningSection):
    """A tunnel to an IRC server that hides what identifies the user."""

    TYPE: ClassVar[str] = "ircclient"
    IS_AVAILABLE: ClassVar[bool] = True

    destination: tuple[DestinationName, ...] = option(
        ListOf(TargetDestinationKind(), count_max=16, allow_one=True),
        "the IRC server; of several, the next is tried when one cannot be reached",
    )
    identity: IrcIdentitySection = option(
        Section(IrcIdentitySection), "what IRC servers are told", default=IrcIdentitySection()
    )
    dcc: bool = option(
        Flag(),
        "carry files and chats (DCC) through I2P, with an address others can find; else refused",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamrClientSection(ClientSection):
    """Receives a UDP stream from a streamr server. Never shares its I2P address."""

    TYPE: ClassVar[str] = "streamrclient"
    IS_AVAILABLE: ClassVar[bool] = True

    destination: DestinationName = option(TargetDestinationKind(), "the streamr server")
    target: Endpoint = option(_UDP_TARGET, "where the stream is sent to")


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpClientSection(ClientSection):
    """Carries UDP packets to one destination. Never shares its I2P address."""

    TYPE: ClassVar[str] = "udpclient"
    IS_AVAILABLE: ClassVar[bool] = True

    listen: Endpoint = option(_UDP_LISTEN, "where local programs send to")
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True), "networks that may send", default=()
    )
    destination: DestinationName = option(TargetDestinationKind(), "the UDP server")
    datagram_version: int = option(
        Number(1, 3),
        "format of datagrams that can be answered: 1 (every router knows it), 2 or 3",
        default=1,
    )


TUNNEL_MODELS: dict[str, type[TunnelSection]] = {
    model.TYPE: model
    for model in (
        ClientTunnelSection,
        HttpClientSection,
        ConnectClientSection,
        SocksSection,
        SocksIrcSection,
        IrcClientSection,
        StreamrClientSection,
        UdpClientSection,
        ServerTunnelSection,
        HttpServerSection,
        HttpBidirServerSection,
        IrcServerSection,
        StreamrServerSection,
        UdpServerSection,
    )
}

# Names that users of other routers will type.
_OTHER_NAMES = {
    "httpproxy": "httpclient",
    "http": "httpserver",
    "socks": "sockstunnel",
    "socks5": "sockstunnel",
    "socksproxy": "sockstunnel",
    "irc": "ircserver",
    "eepsite": "httpserver",
    "tcp": "client",
}


class TunnelKind(Kind[TunnelSection]):
    """A mapping whose ``type`` decides which other keys it has."""

    word = "tunnel"

    def __init__(self) -> None:
        self._sections = {
            name: Section(model, ignored=frozenset(("type",)))
            for name, model in TUNNEL_MODELS.items()
        }

    def read(self, node: Node, place: Place) -> TunnelSection:
        if not isinstance(node, Mapping):
            raise Refused(
                node.mark, place.path, f"{kind_name(node)} where a tunnel belongs", "write type: …"
            )
        entry = node.entries.get("type")
        if entry is None:
            raise Refused(
                node.mark, place.path, "type is missing", "one of: " + ", ".join(TUNNEL_MODELS)
            )
        here = place.at("type")
        if not isinstance(entry.value, Scalar) or entry.value.text not in TUNNEL_MODELS:
            self._refuse_type(entry.value, here)
        assert isinstance(entry.value, Scalar)
        name = entry.value.text
        if not TUNNEL_MODELS[name].IS_AVAILABLE:
            offered = ", ".join(n for n, m in TUNNEL_MODELS.items() if m.IS_AVAILABLE)
            place.faults.add(
                entry.value.mark,
                here.path,
                f'tunnel type "{name}" is not yet available',
                f"available: {offered}",
            )
            try:
                self._sections[name].read(node, place)
            except Refused as refused:
                place.faults.record(refused)
            raise AlreadyReported
        return self._sections[name].read(node, place)

    @staticmethod
    def _refuse_type(node: Node, place: Place) -> None:
        if not isinstance(node, Scalar):
            raise Refused(
                node.mark, place.path, f"{kind_name(node)} is no type", ", ".join(TUNNEL_MODELS)
            )
        other = _OTHER_NAMES.get(node.text.lower())
        right = did_you_mean(node.text, TUNNEL_MODELS)
        if other and nearest(node.text, TUNNEL_MODELS) != other:
            right = f'did you mean "{other}"? (known: {", ".join(TUNNEL_MODELS)})'
        raise Refused(node.mark, place.path, f"unknown tunnel type {shown(node.text)}", right)

    def schema(self) -> Schema:
        variants = []
        for name, section in self._sections.items():
            schema = section.schema()
            schema["properties"] = {"type": {"const": name}, **schema["properties"]}
            schema["required"] = ["type", *schema.get("required", [])]
            if not TUNNEL_MODELS[name].IS_AVAILABLE:
                schema["description"] += " (not yet available)"
            variants.append(schema)
        types = {"type": {"enum": list(TUNNEL_MODELS)}}
        return {"type": "object", "required": ["type"], "properties": types, "oneOf": variants}
