"""The program's own listeners, which no tunnel may offer to I2P or use as its service.

A server tunnel whose target is our own proxy would lend that proxy to every visitor; one whose
target is the metrics page or the control socket would show them. Addresses are compared as the
system would connect: ``localhost``, ``::ffff:127.0.0.1``, ``0.0.0.0`` and ``127.1`` are this
machine, a listener at ``0.0.0.0`` is at each of its addresses, a Unix socket is its inode.

Nothing is asked of DNS here: a name of the network is judged when a connection to it stands
(:meth:`OwnDoors.is_own`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2ptunnel.config.client_models import StreamrClientSection, UdpClientSection
from i2ptunnel.config.interfaces_model import interface_sections
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import Endpoint, IpAddress
from i2ptunnel.config.router_model import SshSection, service_sections
from i2ptunnel.config.server_models import ServerSection, StreamrServerSection, UdpServerSection
from i2ptunnel.config.tunnel_kinds import targets_of
from i2ptunnel.config.tunnel_parts import TunnelSection

_HOSTS_FILE = Path("/etc/hosts")
_HOSTS_BYTES_MAX = 65536
_LOOPBACK: tuple[IpAddress, ...] = (
    ipaddress.IPv4Address("127.0.0.1"),
    ipaddress.IPv6Address("::1"),
)
_LOOPBACK_NAMES = frozenset(("localhost", "ip6-localhost", "ip6-loopback"))


@dataclass(frozen=True, slots=True)
class Door:
    """One listener. ``keys``: where it stands in the configuration; ``what`` it is for people."""

    endpoint: Endpoint
    is_udp: bool
    keys: tuple[str | int, ...]
    what: str
    may_be_offered: bool = False
    """Whether it asks everybody for a key, so that a ``server`` tunnel may lead there."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a tunnel connects to, and the option that says so."""

    endpoint: Endpoint
    is_udp: bool
    key: str


class OwnDoors:
    """All listeners of a running or a planned program."""

    def __init__(self, doors: tuple[Door, ...] = ()) -> None:
        self.doors = doors

    @classmethod
    def of(cls, configuration: Configuration, data_dir: Path, router_port: int = 0) -> OwnDoors:
        """Those of a configuration; ``router_port`` is the one that was drawn, if it is known."""
        return cls(tuple(_doors_of(configuration, data_dir, router_port)))

    def add(self, name: str, tunnel: TunnelSection) -> None:
        """A tunnel that the configuration has switched off, and that is started now."""
        door = _door_of(name, tunnel)
        if door is not None and door not in self.doors:
            self.doors = (*self.doors, door)

    def find(self, target: Endpoint, *, is_udp: bool = False) -> Door | None:
        """The listener that a connection to ``target`` would reach, as far as that is known."""
        if target.is_unix:
            return next(
                (
                    door
                    for door in self.doors
                    if not is_udp and door.endpoint.is_unix and _is_same(door.endpoint, target)
                ),
                None,
            )
        addresses = addresses_of(target.host)
        return next(
            (door for address in addresses if (door := self._at(address, target.port, is_udp))),
            None,
        )

    def is_own(self, sock: Any, *, may_offer: bool = False) -> bool:
        """Whether a connected socket's other end is ours (``sock``: a socket or asyncio's view).

        ``may_offer``: those that may be offered do not count.
        """
        door = self._behind(sock)
        return door is not None and not (may_offer and door.may_be_offered)

    def _behind(self, sock: Any) -> Door | None:
        if sock.family == socket.AF_UNIX:
            name = sock.getpeername()  # the listener's path, by whatever name it was reached
            return self.find(Endpoint(path=name)) if isinstance(name, str) else None
        try:
            host, port = sock.getpeername()[:2]
        except OSError:
            return None
        address = _normal(ipaddress.ip_address(str(host).partition("%")[0]))
        return self._at(address, int(port), sock.type == socket.SOCK_DGRAM)

    def _at(self, address: IpAddress, port: int, is_udp: bool) -> Door | None:
        for door in self.doors:
            if door.is_udp != is_udp or door.endpoint.port != port or door.endpoint.is_unix:
                continue
            listening = addresses_of(door.endpoint.host, is_listener=True)
            if address in listening:
                return door
            if any(one.is_unspecified for one in listening) and _is_here(address):
                return door
        return None


def services_of(tunnel: TunnelSection) -> Iterator[Service]:
    """The local services behind a tunnel."""
    is_udp = isinstance(tunnel, UdpServerSection | StreamrClientSection)
    if isinstance(tunnel, ServerSection | StreamrClientSection):
        for target in targets_of(getattr(tunnel, "target", None)):
            yield Service(target, is_udp, "target")
        for _, target in getattr(tunnel, "ports", ()):
            yield Service(target, False, "ports")


def overlap(one: Endpoint, other: Endpoint) -> bool:
    """Whether two listeners want the same address."""
    if one.is_unix or other.is_unix:
        return one.is_unix and other.is_unix and _is_same(one, other)
    if one.port != other.port:
        return False
    first, second = (set(addresses_of(end.host, is_listener=True)) for end in (one, other))
    return bool(first & second) or any(address.is_unspecified for address in first | second)


def is_udp_listener(tunnel: TunnelSection) -> bool:
    """Whether a tunnel's ``listen`` is for packets."""
    return isinstance(tunnel, StreamrServerSection | UdpClientSection)


def _door_of(name: str, tunnel: TunnelSection) -> Door | None:
    endpoint = getattr(tunnel, "listen", None)
    if not isinstance(endpoint, Endpoint):
        return None
    keys = ("tunnels", name, "listen")
    return Door(endpoint, is_udp_listener(tunnel), keys, f"the listener of tunnel {name}")


def _doors_of(configuration: Configuration, data_dir: Path, router_port: int) -> Iterator[Door]:
    router, control = configuration.router, configuration.control
    socket_path = str(data_dir / "control.sock")
    yield Door(Endpoint(path=socket_path), False, ("router", "data_dir"), "the control socket")
    port = router.port or router_port
    if port and router.i2cp is None:
        hosts = [str(host) for host in router.bind] or ["0.0.0.0"]
        for is_udp, transport in ((False, router.ntcp2), (True, router.ssu2)):
            for host in hosts if transport.enabled else ():
                keys: tuple[str, ...] = ("router", "port")
                yield Door(Endpoint(host, port), is_udp, keys, "the router's own port")
    for name, tunnel in configuration.tunnels.items():
        door = _door_of(name, tunnel) if tunnel.enabled else None
        if door is not None:
            yield door
    for name, section in service_sections(control):
        keys = ("control", name, "listen")
        is_ssh = isinstance(section, SshSection)
        for index, endpoint in enumerate(section.endpoints):
            where = (*keys, index) if len(section.endpoints) > 1 else keys
            yield Door(endpoint, False, where, f"the listener of control.{name}", is_ssh)
    for name, interface in interface_sections(configuration.interfaces):
        for option, endpoint, is_udp in interface.doors:
            what = f"the listener of interfaces.{name}"
            yield Door(endpoint, is_udp, ("interfaces", name, option), what)


def addresses_of(host: str, *, is_listener: bool = False) -> tuple[IpAddress, ...]:
    """What ``host`` is, as far as this machine's own files say; () for other names.

    A connection to the unspecified address goes to this machine; a listener there is at all.
    """
    with contextlib.suppress(ValueError):
        address = _normal(ipaddress.ip_address(host.partition("%")[0]))
        if address.is_unspecified and not is_listener:
            return (address, _LOOPBACK[0 if address.version == 4 else 1])
        return (address,)
    name = host.lower().removesuffix(".")
    if name in _LOOPBACK_NAMES or name.endswith((".localhost", "localhost.localdomain")):
        return _LOOPBACK[:1] if is_listener else _LOOPBACK
    with contextlib.suppress(OSError):  # 127.1, 0x7f000001 and the like, as connect() takes them
        return (ipaddress.IPv4Address(socket.inet_aton(name)),)
    return tuple(_in_hosts_file(name))


def _in_hosts_file(name: str) -> Iterator[IpAddress]:
    try:
        with _HOSTS_FILE.open("rb") as file:
            text = file.read(_HOSTS_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        words = line.partition("#")[0].lower().split()
        if name in words[1:]:
            with contextlib.suppress(ValueError):
                yield _normal(ipaddress.ip_address(words[0].partition("%")[0]))


def _normal(address: IpAddress) -> IpAddress:
    """``::ffff:127.0.0.1`` is 127.0.0.1."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_here(address: IpAddress) -> bool:
    """Whether an address is one of this machine's: nothing else can be bound."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((str(address), 0))
        return True
    return False


def _is_same(one: Endpoint, other: Endpoint) -> bool:
    """Whether two paths of Unix sockets mean the same one."""
    paths = [Path(endpoint.path) for endpoint in (one, other)]
    if one.path == other.path:
        return True
    with contextlib.suppress(OSError, ValueError):
        first, second = (os.stat(path) for path in paths)
        if (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino):
            return True
    with contextlib.suppress(OSError, ValueError):
        return os.path.realpath(paths[0]) == os.path.realpath(paths[1])
    return False
