"""What no single option can know: options that clash, are missing, or open a door.

What the disk says besides is in ``file_checks``.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from i2ptunnel.config.client_models import (
    AuthSection,
    ClientSection,
    ListeningSection,
    ProxySection,
)
from i2ptunnel.config.faults import Faults, Mark, join
from i2ptunnel.config.interfaces_model import interface_sections
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.nodes import Mapping, Node
from i2ptunnel.config.own_doors import Door, OwnDoors, overlap, services_of
from i2ptunnel.config.own_files import SUM_SUFFIX, key_file_of
from i2ptunnel.config.router_model import HOPS_MAX, ShapeSection
from i2ptunnel.config.server_models import (
    HttpServerSection,
    ServerSection,
    ServerTunnelSection,
    TcpServerSection,
    WebServerSection,
)
from i2ptunnel.config.tunnel_kinds import LASTING_SUFFIX, targets_of
from i2ptunnel.config.tunnel_parts import MACHINES_MAX, MetaSection, TunnelSection

RESERVED_FILES = frozenset(
    (
        *("router.info", "router.keys", "router.keys.sum", "router.lock", "lock", "control.sock"),
        *("state.sqlite", "addresses.sqlite", "addresses.sqlite.good", "hosts.txt"),
        *("reseed.json", "peers.dat", "console.html"),
    )
)
#: what the program makes for itself under such names, relative to the data directory
_RESERVED_NAMES = re.compile(
    r".*\.sqlite(-\w+|\.good)?|.*\.pem|ssh-.*\.key|.*\.damaged-[0-9]+|(sam|torrents)/.*"
)


def is_reserved(inner: str) -> bool:
    """Whether a file in the data directory is the program's own, by its path in there."""
    return inner in RESERVED_FILES or _RESERVED_NAMES.fullmatch(inner) is not None


def mark_of(root: Node, *keys: str | int) -> Mark:
    """The place of a value, or of the nearest parent that stands in the file."""
    node = root
    mark = root.mark
    for key in keys:
        if isinstance(node, Mapping) and isinstance(key, str) and key in node.entries:
            entry = node.entries[key]
            mark, node = entry.value.mark, entry.value
        elif isinstance(key, int) and not isinstance(node, Mapping) and hasattr(node, "items"):
            if key < len(node.items):
                node = node.items[key]
                mark = node.mark
        else:
            break
    return mark


def add_fault(
    root: Node, faults: Faults, keys: tuple[str | int, ...], wrong: str, right: str
) -> None:
    """Record what is wrong with the option at ``keys``."""
    path = ""
    for key in keys:
        path = join(path, key)
    faults.add(mark_of(root, *keys), path, wrong, right)


class _Checker:
    def __init__(
        self, configuration: Configuration, root: Node, data_dir: Path, faults: Faults
    ) -> None:
        self._configuration = configuration
        self._root = root
        self._faults = faults
        self._data_dir = data_dir
        self._doors = OwnDoors.of(configuration, data_dir)
        #: way into the SSH console -> the tunnel that offers it
        self._offered: dict[tuple[str | int, ...], str] = {}

    def fault(self, keys: tuple[str | int, ...], wrong: str, right: str) -> None:
        add_fault(self._root, self._faults, keys, wrong, right)

    def run(self) -> None:
        router = self._configuration.router
        if router.ntcp2.proxy is not None and router.i2cp is None:
            self._check_own_proxy(router.ntcp2.proxy)
        self._check_listeners()
        self._check_metrics()
        self._check_console()
        self._check_interfaces()
        self._check_keys()
        for name, tunnel in self._configuration.tunnels.items():
            self._check_tunnel(name, tunnel)

    def _check_listeners(self) -> None:
        """No two of them at one address, and none that others can reach without a limit."""
        seen: list[Door] = []
        for door in self._doors.doors:
            for taken in seen:
                if (
                    door.keys != taken.keys
                    and door.is_udp == taken.is_udp
                    and overlap(door.endpoint, taken.endpoint)
                ):
                    self._tell_taken(door, taken)
                    break
            seen.append(door)
        for name, tunnel in self._configuration.tunnels.items():
            endpoint = getattr(tunnel, "listen", None)
            if tunnel.enabled and isinstance(endpoint, Endpoint):
                self._check_exposure(name, endpoint)

    def _tell_taken(self, door: Door, taken: Door) -> None:
        wrong = f"{door.endpoint} is taken by {taken.what}"
        if taken.keys[0] == "tunnels":
            line = mark_of(self._root, *taken.keys).line
            wrong = f"{door.endpoint} is taken by tunnel {taken.keys[1]} (line {line})"
        elif taken.keys == ("router", "port"):
            wrong = f"port {taken.endpoint.port} is the router's own"
        right = "use another path" if door.endpoint.is_unix else "use another port"
        self.fault(door.keys, wrong, right)

    def _check_metrics(self) -> None:
        metrics = self._configuration.control.metrics
        if metrics is not None and not metrics.listen.is_loopback and not metrics.allow:
            self.fault(
                ("control", "metrics", "listen"),
                f"{metrics.listen} can be reached from other machines, and nothing says who may",
                "listen at 127.0.0.1 or a Unix socket, or add allow: (allow: [192.168.1.0/24])",
            )

    def _check_console(self) -> None:
        console = self._configuration.control.console
        if console is None or console.listen.is_loopback:
            return
        if not console.tls or console.password_file is None:
            self.fault(
                ("control", "console", "listen"),
                f"{console.listen} can be reached from other machines",
                "listen at 127.0.0.1, or add tls: true and password_file: FILE",
            )

    def _check_interfaces(self) -> None:
        for name, section in interface_sections(self._configuration.interfaces):
            for key, endpoint, _ in section.doors:
                if endpoint.is_loopback or section.is_guarded:
                    continue
                self.fault(
                    ("interfaces", name, key),
                    f"{endpoint} can be reached from other machines, and nothing says who may",
                    "listen at 127.0.0.1, or add users: {alice: a password}",
                )

    def _check_exposure(self, name: str, endpoint: Endpoint) -> None:
        tunnel = self._configuration.tunnels[name]
        is_guarded = bool(getattr(tunnel, "allow", ()) or getattr(tunnel, "auth", ()))
        if endpoint.is_loopback or is_guarded:
            return
        ways = "auth: or allow:" if isinstance(tunnel, ProxySection) else "allow:"
        self.fault(
            ("tunnels", name, "listen"),
            f"{endpoint} can be reached from other machines, and nothing limits who may use it",
            f"listen at 127.0.0.1 or a Unix socket, or add {ways} (allow: [192.168.1.0/24])",
        )

    def _check_keys(self) -> None:
        users: dict[str, str] = {}
        for name, tunnel in self._configuration.tunnels.items():
            keys = key_file_of(name, tunnel)
            if keys is None:
                continue
            where = ("tunnels", name, "keys")
            parts = Path(keys).parts
            if ".." in parts:
                self.fault(where, "the path leaves data_dir", "write a file name like site.dat")
            elif is_reserved(self._place_of(keys)):
                self.fault(
                    where, f"{keys} belongs to the router", "use another name, like site.dat"
                )
            elif keys.endswith((LASTING_SUFFIX, SUM_SUFFIX)):
                self.fault(
                    where,
                    f"{keys} is the place of what is kept beside a key file",
                    "use another name, like site.dat",
                )
            other = users.setdefault(self._place_of(keys), name)
            if other != name and not self._may_share(self._configuration.tunnels[other], tunnel):
                self.fault(
                    where,
                    f"the key file {keys} is used by tunnel {other} too",
                    "give every tunnel its own",
                )

    def _place_of(self, keys: str) -> str:
        """A key file by one name, however it is written: relative to data_dir if it is in it."""
        data_dir = os.path.realpath(self._data_dir)
        real = os.path.realpath(os.path.join(data_dir, keys))
        return os.path.relpath(real, data_dir) if real.startswith(data_dir + "/") else real

    @staticmethod
    def _may_share(one: TunnelSection, other: TunnelSection) -> bool:
        both_clients = isinstance(one, ClientSection) and isinstance(other, ClientSection)
        if not both_clients:
            return False
        same = (
            *("inbound", "outbound", "reduce_after", "reduce_to", "delay_open", "close_after"),
            "streaming",
        )
        return all(getattr(one, key, None) == getattr(other, key, None) for key in same)

    def _check_tunnel(self, name: str, tunnel: TunnelSection) -> None:
        if isinstance(tunnel, HttpServerSection):
            # A value that was refused is not there, and has been told of.
            is_told = any(
                self._faults.has(join(join("tunnels", name), key)) for key in ("target", "docroot")
            )
            if tunnel.target is None and tunnel.docroot is None and not is_told:
                self.fault(
                    ("tunnels", name),
                    "target is missing",
                    "add target: host:port of the web server, or docroot: a directory",
                )
            elif tunnel.target is not None and tunnel.docroot is not None:
                self.fault(
                    ("tunnels", name, "docroot"), "target is set too", "keep either of the two"
                )
        for direction in ("inbound", "outbound"):
            self._check_explicit_peers(name, direction, getattr(tunnel, direction))
        if isinstance(tunnel, ProxySection):
            self._check_auth(name, tunnel.auth)
        if isinstance(tunnel, ListeningSection) and tunnel.listen.is_unix and tunnel.allow:
            self.fault(
                ("tunnels", name, "allow"),
                "a Unix socket has no networks",
                "leave allow out; the directory's mode says who may connect",
            )
        if isinstance(tunnel, TcpServerSection):
            self._check_source(name, tunnel)
        if isinstance(tunnel, WebServerSection):
            self._check_plain_ports(name, tunnel)
        if isinstance(tunnel, ServerSection):
            self._check_encrypted(name, tunnel)
            if tunnel.meta is not None:
                self._check_meta(name, tunnel, tunnel.meta)
        if isinstance(tunnel, ClientSection) and tunnel.new_keys:
            self._check_new_keys(name, tunnel)
        self._check_services(name, tunnel)
        tls = getattr(tunnel, "tls", None)
        if tls is not None and tls.key is not None and tls.certificate is None:
            self.fault(
                ("tunnels", name, "tls", "key"),
                "there is a key and no certificate",
                "add certificate: FILE, or leave out both to have one made",
            )

    def _check_plain_ports(self, name: str, tunnel: WebServerSection) -> None:
        known = dict(tunnel.ports)
        for index, port in enumerate(tunnel.plain_ports):
            if port not in known:
                self.fault(
                    ("tunnels", name, "plain_ports", index),
                    f"no service is set for port {port}",
                    f"add it to ports: {{{port}: 127.0.0.1:{port}}}",
                )

    def _check_source(self, name: str, tunnel: TcpServerSection) -> None:
        source = tunnel.source
        targets = targets_of(getattr(tunnel, "target", None))
        for endpoint in (*targets, *(to for _, to in tunnel.ports)):
            version = _version_of(endpoint)
            if source is not None and version is not None and version != source.version:
                self.fault(
                    ("tunnels", name, "source"),
                    f"{endpoint} cannot be reached from {source}",
                    f"write an IPv{version} address of this machine, or leave it out",
                )
                return

    def _check_services(self, name: str, tunnel: TunnelSection) -> None:
        """What a tunnel connects to is no listener of ours; an outproxy not the tunnel itself."""
        for service in services_of(tunnel):
            door = self._doors.find(service.endpoint, is_udp=service.is_udp)
            if door is None:
                continue
            if door.may_be_offered and isinstance(tunnel, ServerTunnelSection):
                self._check_offered(name, service.key, door)
            else:
                self.fault(
                    ("tunnels", name, service.key),
                    f"offers {door.what} to everybody in I2P",
                    "write the address of your own service",
                )

        for key in ("outproxies", "https_outproxies"):
            for outproxy in getattr(tunnel, key, ()):
                door = None if outproxy.is_i2p else self._doors.find(outproxy.endpoint)
                if door is not None and door.keys == ("tunnels", name, "listen"):
                    wrong = f"{outproxy} is this tunnel itself"
                    self.fault(("tunnels", name, key), wrong, "write another proxy's address")

    def _check_offered(self, name: str, key: str, door: Door) -> None:
        """A host key that is seen at two addresses says that they are one machine."""
        other = self._offered.setdefault(door.keys, name)
        if other != name:
            wrong = f"{door.what} is offered by tunnel {other}, too, with the same host key"
        elif not door.endpoint.is_loopback:
            wrong = f"{door.what} can be reached at {door.endpoint}, too, with the same host key"
        else:
            return
        right = "give it a listener of its own (listen: [127.0.0.1:7622, 127.0.0.1:7623])"
        self.fault(("tunnels", name, key), wrong, right)

    def _check_own_proxy(self, url: str) -> None:
        parts = urlsplit(url)
        door = self._doors.find(Endpoint(parts.hostname or "", parts.port or 1080))
        if door is not None:
            self.fault(
                ("router", "ntcp2", "proxy"),
                f"is {door.what}, which itself needs the connections to routers",
                "write another proxy's address",
            )

    def _check_encrypted(self, name: str, tunnel: ServerSection) -> None:
        section = tunnel.encrypted
        where = ("tunnels", name, "encrypted")
        if not section.enabled and (section.clients or section.secret):
            self.fault(where, "it is not enabled", "add enabled: true, or leave it out")
        kinds = set()
        for index, client in enumerate(section.clients):
            keys = (*where, "clients", index) if len(section.clients) > 1 else (*where, "clients")
            if (client.public_key is None) == (client.shared_key is None):
                self.fault(
                    keys, "needs one of public_key and shared_key", "write exactly one of the two"
                )
            kinds.add(client.public_key is None)
        if len(kinds) > 1:
            self.fault(
                (*where, "clients"),
                "some clients have a public_key and others a shared_key",
                "use the same kind for all",
            )
        names = [client.name for client in section.clients]
        for twice in {one for one in names if names.count(one) > 1}:
            self.fault((*where, "clients"), f"{twice} is in the list twice", "use different names")

    def _check_meta(self, name: str, tunnel: ServerSection, meta: MetaSection) -> None:
        where = ("tunnels", name, "meta")
        if tunnel.encrypted.enabled:
            self.fault(where, "encrypted is enabled, too", "leave out either of the two")
        if self._configuration.router.i2cp is not None:
            self.fault(where, "has no effect with router.i2cp", "leave it out")
        if meta.keys == (tunnel.keys or f"{name}.dat"):
            self.fault(
                (*where, "keys"),
                "is the key file of this machine",
                "each machine needs keys of its own besides those of the common address",
            )
        if len(meta.machines) > MACHINES_MAX:
            self.fault(
                (*where, "machines"), f"{len(meta.machines)} machines", f"at most {MACHINES_MAX}"
            )

    def _check_explicit_peers(self, name: str, direction: str, shape: ShapeSection) -> None:
        peers = shape.explicit_peers
        where = ("tunnels", name, direction, "explicit_peers")
        longest = min(shape.length + abs(shape.length_variance), HOPS_MAX)
        for index, peer in enumerate(peers):
            if peer in peers[:index]:
                self.fault((*where, index), "is in the list twice", "leave it out here")
        if peers and not longest:
            self.fault(where, "tunnels of length 0 have no hops", "leave out either of the two")
        elif peers and len(set(peers)) < longest:
            self.fault(
                where,
                f"{len(set(peers))} routers are too few for tunnels of {longest} hops",
                f"write at least {longest} hashes of routers, or make the tunnels shorter",
            )

    def _check_new_keys(self, name: str, tunnel: ClientSection) -> None:
        where = ("tunnels", name, "new_keys")
        if tunnel.keys is not None:
            self.fault(where, "the tunnel has keys that stay", "leave out either of the two")
        elif not tunnel.close_after:
            self.fault(
                where, "the address never changes without close_after", "add close_after: 30m"
            )

    def _check_auth(self, name: str, users: tuple[AuthSection, ...]) -> None:
        seen: set[str] = set()
        for index, user in enumerate(users):
            is_list = len(users) > 1
            keys: tuple[str | int, ...] = ("tunnels", name, "auth")
            keys = (*keys, index) if is_list else keys
            if (user.password is None) == (user.password_file is None):
                self.fault(
                    keys, "needs one of password and password_file", "write exactly one of the two"
                )
            if user.username in seen:
                self.fault(keys, "this user name is in the list twice", "keep one of the two")
            seen.add(user.username)


def _version_of(endpoint: Endpoint) -> int | None:
    """4 or 6; None where it is not known before the name is looked up."""
    try:
        return ipaddress.ip_address(endpoint.host).version
    except ValueError:
        return None


def check_configuration(
    configuration: Configuration, root: Node, data_dir: Path, faults: Faults
) -> None:
    """Record what is wrong between options."""
    _Checker(configuration, root, data_dir, faults).run()
