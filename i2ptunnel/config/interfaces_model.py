"""The ``interfaces:`` section: doors for other programs."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.faults import Refused, shown
from i2ptunnel.config.kinds import FilePath, Flag, Kind, Number, Place, Schema, Text
from i2ptunnel.config.network_kinds import Endpoint, EndpointKind, IpNetwork, NetworkKind
from i2ptunnel.config.nodes import Mapping, Node
from i2ptunnel.config.options import Section, option

USERS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Users:
    """Who may use an interface: a ``file``, or user -> password."""

    file: Path | None = None
    passwords: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class UsersKind(Kind[Users]):
    """A path, or a mapping from user names to passwords."""

    word = "path, or user -> password"

    def __init__(self) -> None:
        self._file = FilePath()
        self._password = Text("write a password", length_max=255)

    def read(self, node: Node, place: Place) -> Users:
        """The file of users, or the users; faults of single ones are recorded in ``place``."""
        if not isinstance(node, Mapping):
            return Users(self._file.read(node, place))
        if not 0 < len(node.entries) <= USERS_MAX:
            right = f"write 1 to {USERS_MAX} users, like {{alice: a password}}"
            raise Refused(node.mark, place.path, f"{len(node.entries)} users", right)
        passwords: dict[str, str] = {}
        for name, entry in node.entries.items():
            here = place.at(name)
            if ":" in name or not name.isprintable() or len(name) > 255:
                wrong = f"{shown(name)} is no user name"
                place.faults.add(entry.key_mark, here.path, wrong, "use one without colon")
            try:
                passwords[name] = self._password.read(entry.value, here)
            except Refused as refused:
                place.faults.record(refused)
        return Users(None, tuple(passwords.items()))

    def schema(self) -> Schema:
        """A path, or an object of texts."""
        users = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": USERS_MAX,
            "propertyNames": {"pattern": "^[^:]{1,255}$"},
            "additionalProperties": self._password.schema(),
        }
        return {"anyOf": [self._file.schema(), users]}

    def show(self, value: Users) -> str:
        """The path; of passwords nothing."""
        return str(value.file) if value.file is not None else "{…}"

    def plain(self, value: Users) -> Any:
        """What it was read from."""
        return str(value.file) if value.file is not None else dict(value.passwords)


class _WithUsers:
    """What of an interface its users decide."""

    __slots__ = ()
    users: Users | None

    @property
    def is_guarded(self) -> bool:
        """Whether it asks who is there."""
        return self.users is not None

    @property
    def secrets(self) -> tuple[tuple[str, Path], ...]:
        """Option and file of what nobody else may read."""
        file = None if self.users is None else self.users.file
        return () if file is None else (("users", file),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamSection(_WithUsers):
    """SAM 3.3, for programs that bring their own I2P support, such as torrent clients."""

    listen: Endpoint = option(
        EndpointKind(is_listener=True), "where it listens", default=Endpoint("127.0.0.1", 7656)
    )
    udp: Endpoint | None = option(
        Maybe(EndpointKind(is_listener=True, unix=False)),
        "where programs send datagrams to, over UDP; null: nowhere",
        default=Endpoint("127.0.0.1", 7655),
    )
    users: Users | None = option(
        Maybe(UsersKind()),
        "who may use it: a file with a line USER:PASSWORD for each, or {user: password}; "
        "null: everyone who can connect",
        default=None,
    )
    max_sessions: int = option(
        Number(1, 4096), "sessions at the same time; each has router tunnels of its own", default=64
    )
    max_connections: int = option(
        Number(8, 65536),
        "connections of programs at the same time: one for each session, stream and waiting ACCEPT",
        default=2048,
    )

    @property
    def doors(self) -> tuple[tuple[str, Endpoint, bool], ...]:
        """Option, endpoint and whether it is UDP, of all it listens at."""
        udp = () if self.udp is None else (("udp", self.udp, True),)
        return (("listen", self.listen, False), *udp)


@dataclass(frozen=True, slots=True, kw_only=True)
class I2pControlSection:
    """I2PControl: JSON-RPC 2.0 over HTTPS, for programs that watch and manage routers."""

    listen: Endpoint = option(
        EndpointKind(is_listener=True), "where it listens", default=Endpoint("127.0.0.1", 7650)
    )
    password_file: Path = option(
        FilePath(),
        "file with the password, of 8 characters or more, on its first line; the program replaces "
        "it by its scrypt hash",
    )
    write: bool = option(Flag(), "whether anything may be changed from there", default=False)
    allow: tuple[IpNetwork, ...] = option(
        ListOf(NetworkKind(), allow_one=True),
        "networks that may connect; empty: all that reach the listener",
        default=(),
    )

    @property
    def doors(self) -> tuple[tuple[str, Endpoint, bool], ...]:
        """Option, endpoint and whether it is UDP, of all it listens at."""
        return (("listen", self.listen, False),)

    @property
    def is_guarded(self) -> bool:
        """Whether it asks who is there: always."""
        return True

    @property
    def secrets(self) -> tuple[tuple[str, Path], ...]:
        """Option and file of what nobody else may read."""
        return (("password_file", self.password_file),)


@dataclass(frozen=True, slots=True, kw_only=True)
class I2cpSection(_WithUsers):
    """I2CP, for programs that are written for Java I2P's router, such as i2psnark."""

    listen: Endpoint = option(
        EndpointKind(is_listener=True), "where it listens", default=Endpoint("127.0.0.1", 7654)
    )
    tls: bool = option(
        Flag(), "speak TLS, with a certificate that is made in data_dir (i2cp.pem)", default=False
    )
    users: Users | None = option(
        Maybe(UsersKind()),
        "who may use it: a file with a line USER:PASSWORD for each, or {user: password}; "
        "null: everyone who can connect",
        default=None,
    )
    max_sessions: int = option(
        Number(1, 4096), "sessions at the same time; most have their own router tunnels", default=64
    )

    @property
    def doors(self) -> tuple[tuple[str, Endpoint, bool], ...]:
        """Option, endpoint and whether it is UDP, of all it listens at."""
        return (("listen", self.listen, False),)


InterfaceSection: TypeAlias = SamSection | I2cpSection | I2pControlSection


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfacesSection:
    """Doors for other programs, which are off unless they stand here."""

    sam: SamSection | None = option(
        Maybe(Section(SamSection)), "SAM 3.3; null: off; {}: on, as usual", default=None
    )
    i2cp: I2cpSection | None = option(
        Maybe(Section(I2cpSection)),
        "I2CP; null: off; {}: on, as usual; not with router.i2cp",
        default=None,
    )
    i2pcontrol: I2pControlSection | None = option(
        Maybe(Section(I2pControlSection)), "I2PControl, API 1; null: off", default=None
    )


def interface_sections(interfaces: InterfacesSection) -> Iterator[tuple[str, InterfaceSection]]:
    """Name and section of every interface that is on."""
    for one in fields(interfaces):
        section = getattr(interfaces, one.name)
        if isinstance(section, InterfaceSection):
            yield one.name, section
