"""What a configuration and the disk say together.

``check_own_files`` is asked at every load: what is offered to I2P holds no file of ours, and what
is written is no such file either. ``check_files`` finds what would make a tunnel fail at its start;
only ``i2ptunnel check`` asks it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.api import FileFault, read_limited
from core.base.credentials import is_credential
from core.base.errors import DecodeError, system_reason
from core.data.private_keys import PrivateKeys
from i2ptunnel.blocklist import read_blocklist
from i2ptunnel.config.authorized_keys import fault_of
from i2ptunnel.config.checks import add_fault, is_reserved
from i2ptunnel.config.client_models import ProxySection
from i2ptunnel.config.faults import Faults
from i2ptunnel.config.interfaces_model import interface_sections
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import DestinationName
from i2ptunnel.config.nodes import Node
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles, key_file_of
from i2ptunnel.config.server_models import HttpServerSection, ServerSection, TcpServerSection
from i2ptunnel.config.tunnel_parts import ListenTlsSection, TunnelSection
from i2ptunnel.geoip import open_asn, open_geoip
from i2ptunnel.text_files import decode_text

_UNPRIVILEGED_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_STATUS = Path("/proc/self/status")
_AUTHORIZED_BYTES_MAX = 1 << 20
_NET_BIND_SERVICE = 10  # the capability's number: capabilities(7)


@dataclass(frozen=True, slots=True)
class _Disk:
    """What the checks share."""

    configuration: Configuration
    root: Node
    data_dir: Path
    faults: Faults

    def fault(self, keys: tuple[str | int, ...], wrong: str, right: str) -> None:
        add_fault(self.root, self.faults, keys, wrong, right)


def check_own_files(
    configuration: Configuration,
    root: Node,
    data_dir: Path,
    sources: tuple[Path, ...],
    faults: Faults,
) -> None:
    """Record directories that would show our files to everybody, and files we would overwrite."""
    disk = _Disk(configuration, root, data_dir, faults)
    own = OwnFiles.of(configuration, data_dir, sources)
    for name, tunnel in configuration.tunnels.items():
        docroot = tunnel.docroot if isinstance(tunnel, HttpServerSection) else None
        if docroot is not None and (wrong := own.clash(docroot)) is not None:
            right = "use a directory with nothing but the site in it"
            disk.fault(("tunnels", name, "docroot"), wrong, right)
    torrents = configuration.torrents
    if torrents is not None and torrents.download_dir is not None:
        wrong = own.clash(torrents.download_dir)
        if wrong is not None:
            right = "use a directory of its own"
            disk.fault(("torrents", "download_dir"), wrong, right)
    published = configuration.naming.publish.file if configuration.naming.publish else None
    if published is not None and _is_ours(published, own):
        disk.fault(
            ("naming", "publish", "file"),
            f"{published} is a file of the program itself",
            "use another name, like hosts.txt in a docroot",
        )


def _is_ours(path: Path, own: OwnFiles) -> bool:
    real = Path(os.path.realpath(path))
    if any(real == Path(os.path.realpath(secret.path)) for secret in own.secrets):
        return True
    data_dir = Path(os.path.realpath(own.data_dir or "/nonexistent"))
    return real.parent == data_dir and (is_reserved(real.name) or real.suffix == ".dat")


def check_files(configuration: Configuration, root: Node, data_dir: Path, faults: Faults) -> None:
    """Record files that are missing, that we cannot read or that others can, and such ports."""
    disk = _Disk(configuration, root, data_dir, faults)
    for index, path in enumerate(configuration.router.reseed.files):
        _check_readable(disk, ("router", "reseed", "files", index), path, _FILE_OR_DIRECTORY)
    if (certificates := configuration.router.reseed.certificates) is not None:
        where = ("router", "reseed", "certificates")
        _check_readable(disk, where, certificates, _FILE_OR_DIRECTORY)
    _check_databases(disk)
    _check_blocklist(disk)
    if (family := configuration.router.family) is not None:
        _check_shared_keys(disk, ("router", "family", "keys"), data_dir / family.keys)
    for name, interface in interface_sections(configuration.interfaces):
        for option, path in interface.secrets:
            _check_readable(disk, ("interfaces", name, option), path)
    console = configuration.control.console
    for option, path in () if console is None else console.secrets:
        _check_readable(disk, ("control", "console", option), path)
    if (ssh := configuration.control.ssh) is not None:
        _check_authorized_keys(disk, ssh.authorized_keys)
    _check_ports(disk)
    _check_data_dir(disk)
    for name, tunnel in configuration.tunnels.items():
        if tunnel.enabled:
            _check_tunnel(disk, name, tunnel)


def _check_authorized_keys(disk: _Disk, path: Path) -> None:
    where = ("control", "ssh", "authorized_keys")
    _check_readable(disk, where, path)
    try:
        text = decode_text(read_limited(path, _AUTHORIZED_BYTES_MAX), "replace")
    except (FileFault, DecodeError):
        return  # told already
    if (wrong := fault_of(text)) is not None:
        disk.fault(where, f"{path}: {wrong}", "write a public key on each line (ssh-ed25519 AAAA…)")


def _check_databases(disk: _Disk) -> None:
    router = disk.configuration.router
    for option, path, open_database, remedy in (
        ("geoip", router.geoip, open_geoip, "use another file, or set router.country"),
        ("asn", router.asn, open_asn, "use another file, for instance GeoLite2-ASN.mmdb"),
    ):
        if path is not None:
            try:
                open_database(path)
            except FileFault as fault:
                disk.fault(("router", option), fault.problem, remedy)


def _check_blocklist(disk: _Disk) -> None:
    path = disk.configuration.router.blocklist_file
    if path is not None:
        try:
            read_blocklist(path)
        except FileFault as fault:
            disk.fault(("router", "blocklist_file"), fault.problem, "create or correct the file")


def _check_tunnel(disk: _Disk, name: str, tunnel: TunnelSection) -> None:
    docroot = tunnel.docroot if isinstance(tunnel, HttpServerSection) else None
    where: tuple[str, ...] = ("tunnels", name, "docroot")
    if docroot is not None:
        _check_readable(disk, where, docroot, {stat.S_IFDIR: "directory"})
    if isinstance(tunnel, ProxySection):
        for user in tunnel.auth:
            if user.password_file is not None:
                _check_readable(disk, ("tunnels", name, "auth"), user.password_file)
    for keys_to, path in _files_of(tunnel):
        _check_readable(disk, ("tunnels", name, *keys_to), path)
    keys = key_file_of(name, tunnel)
    if keys is not None:
        _check_key_file(disk, ("tunnels", name, "keys"), disk.data_dir / keys)
        if isinstance(tunnel, ServerSection) and tunnel.meta is not None:
            where = ("tunnels", name, "meta", "keys")
            _check_shared_keys(disk, where, disk.data_dir / tunnel.meta.keys)
        if isinstance(tunnel, ServerSection) and tunnel.encrypted.enabled:
            _check_daily_keys(disk, name, disk.data_dir / keys)


def _check_shared_keys(disk: _Disk, keys: tuple[str, ...], path: Path) -> None:
    """A key file that several routers have: none of them makes it by itself."""
    if not os.path.exists(path):
        disk.fault(keys, f"there is no such file: {path}", "copy it, or i2ptunnel keys generate")
    else:
        _check_key_file(disk, keys, path)


_FILE = {stat.S_IFREG: "file"}
_FILE_OR_DIRECTORY = {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}


def _check_readable(
    disk: _Disk, keys: tuple[str | int, ...], path: Path, kinds: Mapping[int, str] = _FILE
) -> None:
    """What must be there, of one of ``kinds``, for this user to read."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    except OSError as error:
        what = f"{path} cannot be read: {system_reason(error)}"
        disk.fault(keys, what, "let this user read it")
        return
    if stat.S_IFMT(mode) not in kinds:
        what = " or ".join(kinds.values())
        disk.fault(keys, f"there is no such {what}: {path}", f"create {path}")
    elif not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        disk.fault(keys, f"{path} cannot be read: permission denied", "let this user read it")


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


def _check_daily_keys(disk: _Disk, name: str, path: Path) -> None:
    """An encrypted lease set with an offline signing key needs keys made in advance."""
    daily = path.with_suffix(".days")
    if not os.path.isfile(path):
        return  # created at the start, or reported before
    try:
        is_needed = PrivateKeys.parse(path.read_bytes()).offline is not None
    except (OSError, DecodeError):
        return  # reported then
    if is_needed and not os.path.exists(daily):
        disk.fault(
            ("tunnels", name, "keys"),
            f"{path.name} is a transient key, and {daily.name} with keys for each day is not there",
            "make both where the master key is: i2ptunnel keys transient --encrypted",
        )
    elif is_needed:
        _check_key_file(disk, ("tunnels", name, "keys"), daily)


def _check_key_file(disk: _Disk, keys: tuple[str, ...], path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # created at the start
    except OSError as error:
        what = f"{path} cannot be read: {system_reason(error)}"
        disk.fault(keys, what, "let this user read it")
        return
    if not stat.S_ISREG(mode):
        disk.fault(keys, f"{path} is not a file", "write the name of a key file")
    elif not os.access(path, os.R_OK):
        owner = path.stat().st_uid
        disk.fault(
            keys,
            f"{path} cannot be read: permission denied (it belongs to user {owner})",
            "give it to the user that runs i2ptunnel",
        )
    elif stat.S_IMODE(mode) & 0o077 and not is_credential(path):
        disk.fault(keys, f"others can read {path.name}", f"make it private: chmod 600 {path}")
    elif (stranger := _stranger(path, disk.data_dir)) is not None:
        wrong = f"{path} belongs to user {stranger}, and the data directory to another one"
        disk.fault(keys, wrong, f"give it to that one: chown --reference={disk.data_dir} {path}")
    elif path.suffix != ".days":
        _check_keys_in(disk, keys, path)


def _stranger(path: Path, data_dir: Path) -> int | None:
    """Root can read everything; the service whose data directory it is cannot."""
    try:
        owners = path.stat().st_uid, data_dir.stat().st_uid
    except OSError:
        return None
    return owners[0] if os.geteuid() == 0 and owners[0] != owners[1] else None


def _check_keys_in(disk: _Disk, keys: tuple[str, ...], path: Path) -> None:
    """What the start would say of a damaged key file."""
    # Imported late: a router's worth of code, for those who have keys already.
    from core.api import FileFault, check_key_sum

    try:
        data = path.read_bytes()
        check_key_sum(path, data, PrivateKeys.parse(data))
    except DecodeError as error:
        disk.fault(keys, f"{path} is no usable key file: {error}", "restore it from a backup")
    except FileFault as fault:
        disk.fault(keys, str(fault), "")
    except OSError as error:
        disk.fault(keys, f"{path} cannot be read: {system_reason(error)}", "see its mode")


def _check_data_dir(disk: _Disk) -> None:
    """The identity of the router, and who may write beside it."""
    where = ("router", "data_dir")
    data_dir = disk.data_dir
    try:
        mode = data_dir.stat().st_mode
    except FileNotFoundError:
        above = next(one for one in data_dir.parents if one.exists())
        if (found := why_not_ours(above)) is not None:  # it would be created at the start
            disk.fault(where, f"{data_dir} cannot be made: {found[0]}", found[1])
        return
    except OSError as error:
        what = f"{data_dir} cannot be used: {system_reason(error)}"
        disk.fault(where, what, "use a directory of your own")
        return
    if not stat.S_ISDIR(mode):
        disk.fault(where, f"{data_dir} is not a directory", "write the path of a directory")
        return
    if (found := why_not_ours(data_dir)) is not None:
        disk.fault(where, *found)
        return
    if mode & 0o002:
        right = f"make it private: chmod 700 {data_dir}"
        disk.fault(where, f"others can write to {data_dir}, and replace the keys", right)
    _check_key_file(disk, where, data_dir / "router.keys")


def why_not_ours(directory: Path) -> tuple[str, str] | None:
    """What keeps this user from making files in a directory that is there, and what helps."""
    if os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return None
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        return f"{directory} is mounted read-only", "mount it for writing, or use another directory"
    if directory.stat().st_uid == os.geteuid():
        return f"you may not write to {directory}", f"let its owner: chmod u+rwx {directory}"
    right = "run this as the user that runs i2ptunnel, or use a directory of your own"
    return f"{directory} belongs to another user", right


def _check_ports(disk: _Disk) -> None:
    """Ports below 1024 need a privilege that a service should not have."""
    first = _first_free_port(disk.data_dir)
    for door in OwnDoors.of(disk.configuration, disk.data_dir).doors:
        port = door.endpoint.port
        if not door.endpoint.is_unix and 0 < port < first:
            right = f"use a port from {first} on, or a firewall rule that redirects to one"
            disk.fault(door.keys, f"only root may listen on port {port}", right)


def _first_free_port(data_dir: Path) -> int:
    """The first port that this process may bind, or the service whose data directory it is."""
    try:
        is_service = os.geteuid() == 0 and data_dir.exists() and data_dir.stat().st_uid != 0
        for line in _STATUS.read_text().splitlines():
            has_right = line.startswith("CapEff:") and (
                int(line.split()[1], 16) >> _NET_BIND_SERVICE & 1
            )
            if has_right and not is_service:
                return 0
        return int(_UNPRIVILEGED_PORTS.read_text())
    except (OSError, ValueError, IndexError):
        return 0 if os.geteuid() == 0 else 1024
