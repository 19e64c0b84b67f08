"""What no single option can know: options that clash, are missing, or open a door.

``check_configuration`` looks at the values only; ``check_files`` also looks at the disk, for faults
that would make one tunnel fail at its start.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from pathlib import Path

from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.faults import Faults, Mark, join
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.nodes import Mapping, Node
from i2ptunnel.config.router_model import HOPS_MAX, ShapeSection
from i2ptunnel.config.tunnel_kinds import LASTING_SUFFIX, targets_of
from i2ptunnel.config.tunnel_models import (
    AuthSection,
    ClientSection,
    HttpServerSection,
    ListeningSection,
    ProxySection,
    ServerSection,
    StreamrServerSection,
    TcpServerSection,
    TunnelSection,
    UdpClientSection,
    WebServerSection,
)
from i2ptunnel.config.tunnel_parts import ListenTlsSection

_RESERVED_FILES = frozenset(
    (
        *("router.info", "router.keys", "router.lock", "lock", "control.sock"),
        *("state.sqlite", "addresses.sqlite", "hosts.txt"),
    )
)
# Nobody on the internet can have a connection to one of these.
_UNREACHABLE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)


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


class _Checker:
    def __init__(self, configuration: Configuration, root: Node, faults: Faults) -> None:
        self._configuration = configuration
        self._root = root
        self._faults = faults

    def fault(self, keys: tuple[str | int, ...], wrong: str, right: str) -> None:
        path = ""
        for key in keys:
            path = join(path, key)
        self._faults.add(mark_of(self._root, *keys), path, wrong, right)

    def run(self) -> None:
        router = self._configuration.router
        if not router.ntcp2.enabled and not router.ssu2.enabled:
            self.fault(("router", "ntcp2"), "no transport is enabled", "enable ntcp2 or ssu2")
        elif not router.ntcp2.enabled:
            self.fault(
                ("router", "ntcp2", "enabled"),
                "there is no other transport yet",
                "leave it enabled",
            )
        if (
            router.host is not None
            and not router.allow_private_addresses
            and any(router.host in network for network in _UNREACHABLE)
        ):
            self.fault(
                ("router", "host"),
                f"other routers cannot reach {router.host}",
                "write the public address, or set allow_private_addresses on a test network",
            )
        if router.ntcp2.proxy is not None and router.host is not None:
            self.fault(
                ("router", "host"),
                "other routers refuse one that calls from another address, as ntcp2.proxy does",
                "leave host out, or the proxy",
            )
        if len(router.bind) > 1:
            self.fault(
                ("router", "bind"),
                "more than one address is not yet available",
                "write one address",
            )
        self._check_listeners()
        self._check_metrics()
        self._check_keys()
        for name, tunnel in self._configuration.tunnels.items():
            self._check_tunnel(name, tunnel)

    def _listeners(self) -> Iterator[tuple[str, Endpoint]]:
        for name, tunnel in self._configuration.tunnels.items():
            endpoint = getattr(tunnel, "listen", None)
            if tunnel.enabled and isinstance(endpoint, Endpoint):
                yield name, endpoint

    def _check_listeners(self) -> None:
        seen: list[tuple[str, Endpoint]] = []
        router = self._configuration.router
        for name, endpoint in self._listeners():
            keys = ("tunnels", name, "listen")
            for other, taken in seen:
                if self._is_udp(name) == self._is_udp(other) and _overlap(endpoint, taken):
                    line = mark_of(self._root, "tunnels", other, "listen").line
                    self.fault(
                        keys,
                        f"{endpoint} is taken by tunnel {other} (line {line})",
                        "use another port",
                    )
                    break
            seen.append((name, endpoint))
            transport = router.ssu2 if self._is_udp(name) else router.ntcp2
            if transport.enabled and router.port == endpoint.port and not endpoint.is_unix:
                self.fault(keys, f"port {router.port} is the router's own", "use another port")
            self._check_exposure(name, endpoint)

    def _check_metrics(self) -> None:
        metrics = self._configuration.control.metrics
        if metrics is None:
            return
        keys = ("control", "metrics", "listen")
        for name, endpoint in self._listeners():
            if not self._is_udp(name) and _overlap(endpoint, metrics.listen):
                line = mark_of(self._root, "tunnels", name, "listen").line
                self.fault(
                    keys,
                    f"{metrics.listen} is taken by tunnel {name} (line {line})",
                    "use another port",
                )
        if not metrics.listen.is_loopback and not metrics.allow:
            self.fault(
                keys,
                f"{metrics.listen} can be reached from other machines, and nothing says who may",
                "listen at 127.0.0.1 or a Unix socket, or add allow: (allow: [192.168.1.0/24])",
            )

    def _is_udp(self, name: str) -> bool:
        tunnel = self._configuration.tunnels[name]
        return isinstance(tunnel, StreamrServerSection | UdpClientSection)

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
            elif keys in _RESERVED_FILES:
                self.fault(
                    where, f"{keys} belongs to the router", "use another name, like site.dat"
                )
            elif keys.endswith(LASTING_SUFFIX):
                self.fault(
                    where,
                    f"{keys} is the place of what is kept beside a key file",
                    "use another name, like site.dat",
                )
            other = users.setdefault(keys, name)
            if other != name and not self._may_share(self._configuration.tunnels[other], tunnel):
                self.fault(
                    where,
                    f"the key file {keys} is used by tunnel {other} too",
                    "give every tunnel its own",
                )

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
            if tunnel.target is None and tunnel.docroot is None:
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
            self._check_targets(name, tunnel)
            self._check_encrypted(name, tunnel)
        if isinstance(tunnel, ClientSection) and tunnel.new_keys:
            self._check_new_keys(name, tunnel)
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

    def _check_targets(self, name: str, tunnel: ServerSection) -> None:
        services = [("target", target) for target in targets_of(getattr(tunnel, "target", None))]
        services += [("ports", target) for _, target in getattr(tunnel, "ports", ())]
        for other, endpoint in self._listeners():
            for key, target in services:
                if endpoint == target:
                    self.fault(
                        ("tunnels", name, key),
                        f"offers the listener of tunnel {other} to everybody in I2P",
                        "write the address of your own service",
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


def _overlap(one: Endpoint, other: Endpoint) -> bool:
    if one.is_unix or other.is_unix:
        return one == other
    if one.port != other.port:
        return False
    return bool(_hosts(one.host) & _hosts(other.host)) or _is_any(one.host) or _is_any(other.host)


def _hosts(host: str) -> frozenset[str]:
    return frozenset(("127.0.0.1", "::1")) if host == "localhost" else frozenset((host,))


def _version_of(endpoint: Endpoint) -> int | None:
    """4 or 6; None where it is not known before the name is looked up."""
    try:
        return ipaddress.ip_address(endpoint.host).version
    except ValueError:
        return None


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def key_file_of(name: str, tunnel: TunnelSection) -> str | None:
    """The key file a tunnel uses, relative to data_dir; None: keys that are forgotten."""
    keys: str | None = getattr(tunnel, "keys", None)
    if keys is None and isinstance(tunnel, ServerSection):
        return f"{name}.dat"
    return keys


def check_configuration(configuration: Configuration, root: Node, faults: Faults) -> None:
    """Record what is wrong between options."""
    _Checker(configuration, root, faults).run()


def check_files(configuration: Configuration, root: Node, data_dir: Path, faults: Faults) -> None:
    """Record files that are missing or that others can read."""
    checker = _Checker(configuration, root, faults)
    for index, path in enumerate(configuration.router.reseed.files):
        if not path.exists():
            checker.fault(
                ("router", "reseed", "files", index),
                "there is no such file or directory",
                "write an existing path",
            )
    for name, tunnel in configuration.tunnels.items():
        if not tunnel.enabled:
            continue
        docroot = tunnel.docroot if isinstance(tunnel, HttpServerSection) else None
        if docroot is not None and not docroot.is_dir():
            checker.fault(
                ("tunnels", name, "docroot"), "there is no such directory", f"create {docroot}"
            )
        if isinstance(tunnel, ProxySection):
            for user in tunnel.auth:
                if user.password_file is not None and not user.password_file.is_file():
                    checker.fault(
                        ("tunnels", name, "auth"),
                        "password_file does not exist",
                        "write an existing path",
                    )
        for keys_to, path in _files_of(tunnel):
            if not path.is_file():
                checker.fault(
                    ("tunnels", name, *keys_to), "there is no such file", f"create {path}"
                )
        keys = key_file_of(name, tunnel)
        if keys is not None:
            _check_key_file(checker, name, data_dir / keys)
            if isinstance(tunnel, ServerSection) and tunnel.encrypted.enabled:
                _check_daily_keys(checker, name, data_dir / keys)


def _files_of(tunnel: TunnelSection) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Files that must be there when a tunnel starts, with the option that names each."""
    found: list[tuple[tuple[str, ...], Path | None]] = []
    if isinstance(tunnel, ServerSection):
        found.append((("access", "filter"), tunnel.access.filter))
    if isinstance(tunnel, TcpServerSection) and tunnel.target_tls is not None:
        found.append((("target_tls", "ca"), tunnel.target_tls.ca))
    tls = getattr(tunnel, "tls", None)
    if isinstance(tls, ListenTlsSection):
        found += [(("tls", "certificate"), tls.certificate), (("tls", "key"), tls.key)]
    destination = getattr(tunnel, "destination", ())
    several = (destination,) if isinstance(destination, DestinationName) else destination
    found += [(("destination",), one.client_key_file) for one in several]
    return ((keys, path) for keys, path in found if path is not None)


def _check_daily_keys(checker: _Checker, name: str, path: Path) -> None:
    """An encrypted lease set with an offline signing key needs keys made in advance."""
    daily = path.with_suffix(".days")
    try:
        is_needed = PrivateKeys.parse(path.read_bytes()).offline is not None
    except (OSError, DecodeError):
        return  # created at the start, or reported then
    if is_needed and not daily.exists():
        checker.fault(
            ("tunnels", name, "keys"),
            f"{path.name} is a transient key, and {daily.name} with keys for each day is not there",
            "make both where the master key is: i2ptunnel keys transient --encrypted",
        )
    elif is_needed:
        _check_key_file(checker, name, daily)


def _check_key_file(checker: _Checker, name: str, path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # created at the start
    if stat.S_IMODE(mode) & 0o077:
        checker.fault(
            ("tunnels", name, "keys"),
            f"others can read {path.name}",
            f"make it private: chmod 600 {path}",
        )
