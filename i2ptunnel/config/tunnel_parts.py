"""Options that tunnels have in common, in groups and one by one."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.kinds import Choice, Duration, FilePath, Flag, Number, Rate, Text
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.tunnel_kinds import (
    KEY_FILE,
    SECRET_WORD,
    DestinationMap,
    EncryptionTypeKind,
    HashKind,
    KeyKind,
)

_RATE_MAX = 1_000_000
#: machines with one address; core.data.lease_set_variants.META_LEASES_MAX
MACHINES_MAX = 16

#: of what one connection carries, pauses of 2 minutes at most left out; None: as slow as it likes
LEAST_RATE = Maybe(Rate(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelBandwidthSection:
    """How fast a tunnel may be, all its connections together."""

    inbound: int | None = option(Maybe(Rate(1000)), "from I2P; null: no limit", default=None)
    outbound: int | None = option(Maybe(Rate(1000)), "to I2P; null: no limit", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSection:
    """What every tunnel has."""

    TYPE: ClassVar[str] = ""
    IS_AVAILABLE: ClassVar[bool] = False

    enabled: bool = option(Flag(), "start this tunnel", default=True)
    inbound: ShapeSection = option(
        Section(ShapeSection), "inbound router tunnels", default=ShapeSection()
    )
    outbound: ShapeSection = option(
        Section(ShapeSection), "outbound router tunnels", default=ShapeSection()
    )
    max_connections: int = option(
        Number(1, 100_000), "connections at the same time; more are refused", default=512
    )
    bandwidth: TunnelBandwidthSection = option(
        Section(TunnelBandwidthSection), "how fast it may be", default=TunnelBandwidthSection()
    )
    reduce_after: float = option(
        Duration(0, 7 * 86400),
        "after this time without traffic, keep fewer router tunnels; 0: never",
        default=0.0,
    )
    reduce_to: int = option(
        Number(1, 16), "router tunnels of each direction that are kept then", default=1
    )
    encryption_types: tuple[int, ...] = option(
        ListOf(EncryptionTypeKind(), 8),
        "how others may encrypt to it: 4 is X25519, 6 and 7 are X25519 with ML-KEM-768 or "
        "ML-KEM-1024, against computers of the future, 0 is ElGamal, for visitors that have "
        "nothing else; []: 6 and 4, or 4 where the library has no ML-KEM",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingSection:
    """Tuning of connections through I2P. The defaults suit nearly every use."""

    max_window: int = option(
        Number(4, 4096),
        "packets of a connection that may be in flight",
        default=1024,
    )
    congestion: str = option(
        Choice("bbr", "cubic"),
        "congestion control; bbr follows delay and rate, which suits tunnels that lose "
        "packets; cubic follows losses",
        default="bbr",
    )
    ack_delay: float = option(
        Duration(0.01, 0.5),
        "longest delay of an acknowledgement",
        default=0.1,
    )
    max_resends: int = option(
        Number(1, 64),
        "retransmission timeouts in a row without any answer, after which the connection is "
        "given up",
        default=12,
    )
    inactivity_timeout: float = option(
        Duration(0, 86400),
        "time without a packet in either direction before inactivity_action; 0: never",
        default=90.0,
    )
    inactivity_action: str = option(
        Choice("send", "disconnect"),
        "send: probe the other side, and give the connection up if it does not answer; "
        "disconnect: close the connection",
        default="send",
    )


def idle_timeout_option() -> Any:
    """``idle_timeout`` of every tunnel that carries connections, in seconds."""
    return option(
        Duration(0, 30 * 86400),
        "close connections after this time without traffic; 0: never",
        default=0.0,
    )


def streaming_option() -> Any:
    """``streaming`` of every tunnel that carries connections."""
    return option(
        Section(StreamingSection), "tuning of connections through I2P", default=StreamingSection()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IrcIdentitySection:
    """What IRC servers are told about the user. The nick is the one of the IRC program."""

    username: str = option(
        Text("write up to 16 letters, digits and .-_", r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}"),
        "user name that all servers get; that of the IRC program is not sent",
        default="user",
    )
    real_name: str = option(
        Text("write a name", length_max=100),
        "real name that all servers get; that of the IRC program is not sent",
        default="user",
    )


def irc_identity_option() -> Any:
    """``identity`` of the tunnels for IRC programs."""
    return option(
        Section(IrcIdentitySection),
        "what IRC servers are told about the user",
        default=IrcIdentitySection(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenTlsSection:
    """TLS towards local programs; without files, a certificate is made in data_dir."""

    certificate: Path | None = option(
        Maybe(FilePath()), "PEM file with certificate and its chain; null: NAME.pem", default=None
    )
    key: Path | None = option(
        Maybe(FilePath()), "PEM file with the private key; null: in certificate", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTlsSection:
    """TLS towards the local service, whose certificate is always verified."""

    ca: Path | None = option(
        Maybe(FilePath()),
        "PEM file with the certificate, or its issuer's; null: the system's issuers",
        default=None,
    )
    server_name: str | None = option(
        Maybe(Text("write a host name", r"[A-Za-z0-9._:-]{1,253}")),
        "the name in its certificate; null: the host in target",
        default=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSection:
    """Which destinations may connect. The filter is asked first, then deny, then allow."""

    allow: tuple[bytes, ...] = option(
        ListOf(HashKind(), count_max=10_000, allow_one=True),
        "destinations that may connect; empty: all",
        default=(),
    )
    deny: tuple[bytes, ...] = option(
        ListOf(HashKind(), count_max=10_000, allow_one=True),
        "destinations that may not connect",
        default=(),
    )
    filter: Path | None = option(
        Maybe(FilePath()), "filter definition in I2P's access filter format", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSection:
    """How many new connections may be made in a period; more are refused. 0: no limit."""

    client_minute: int = option(Number(0, _RATE_MAX), "from one destination a minute", default=0)
    client_hour: int = option(Number(0, _RATE_MAX), "from one destination an hour", default=0)
    client_day: int = option(Number(0, _RATE_MAX), "from one destination a day", default=0)
    total_minute: int = option(Number(0, _RATE_MAX), "from all a minute", default=0)
    total_hour: int = option(Number(0, _RATE_MAX), "from all an hour", default=0)
    total_day: int = option(Number(0, _RATE_MAX), "from all a day", default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostLimitSection:
    """How often visitors may send data (POST, PUT, PATCH); 0: no limit."""

    per_client: int = option(Number(0, _RATE_MAX), "from one destination in a period", default=0)
    total: int = option(Number(0, _RATE_MAX), "from all in a period", default=0)
    period: float = option(Duration(1, 86400), "the period", default=300.0)
    client_ban: float = option(
        Duration(1, 86400), "how long a visitor who sent more is refused", default=1200.0
    )
    total_ban: float = option(
        Duration(1, 86400),
        "how long everyone is refused after all together sent more",
        default=600.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSetClientSection:
    """A client that may read the encrypted lease set: one of the two keys."""

    name: str = option(Text("write a name", r"[^\s]{1,64}"), "a name for your own use")
    public_key: bytes | None = option(
        Maybe(KeyKind()), "the client's public key (DH)", default=None
    )
    shared_key: bytes | None = option(
        Maybe(KeyKind()), "a key shared with the client (PSK)", default=None
    )

    def __repr__(self) -> str:
        return f"LeaseSetClientSection({self.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedSection:
    """Publish the lease set encrypted: only who has the long b32 address finds the destination."""

    enabled: bool = option(Flag(), "encrypt the lease set", default=False)
    secret: str = option(
        SECRET_WORD, "a secret word that clients need besides the address", default=""
    )
    clients: tuple[LeaseSetClientSection, ...] = option(
        ListOf(Section(LeaseSetClientSection), count_max=64, allow_one=True),
        "clients that may connect, all with the same kind of key; empty: everyone who has the "
        "address",
        default=(),
    )

    def __repr__(self) -> str:
        return f"EncryptedSection({self.enabled}, {len(self.clients)} clients)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaSection:
    """One address on several machines, each with a key file of its own, by a meta lease set."""

    keys: str = option(
        KEY_FILE,
        "key file of the common address in data_dir; better a transient one of it on each machine, "
        "made by `i2ptunnel keys transient`",
    )
    machines: tuple[tuple[str, int], ...] = option(
        DestinationMap(Number(0, 255)),
        "the b32 address of each machine, this one among them, with its cost: visitors take those "
        "with the lowest that are up. The same on all machines",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckSection:
    """How services of which there are several are tried out."""

    interval: float = option(Duration(1, 3600), "time between two checks", default=10.0)
    timeout: float = option(Duration(0.1, 60), "time limit for an answer", default=3.0)
    path: str | None = option(
        Maybe(Text("write a path like /health", r"/[!-~]{0,255}")),
        "path that is requested; a status of 2xx or 3xx is healthy; null: a connection is enough",
        default=None,
    )
