"""This machine, with or without a running program: Python, limits, connection tracking, ports."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import resource
import socket
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from core.base import native
from core.base.errors import system_reason
from i2ptunnel.config.own_doors import Door
from i2ptunnel.doctor.findings import Finding, note, ok, problem, unknown, warning

#: tests have another root
ROOT = Path("/")
DESCRIPTORS_WANTED = 4096
_CONNTRACK_WANTED = 16384
_CONNTRACK_FULL = 0.8
_PQ_VERSION = 48
_PROCESSES_MAX = 20_000
#: the process that holds the ports of socket units
_SERVICE_MANAGER = 1
_TABLES = {False: ("tcp", "tcp6"), True: ("udp", "udp6")}
_LISTENING = {False: "0A", True: "07"}


def check_python() -> Iterator[Finding]:
    """How Python was built, and with which libraries."""
    version = ".".join(map(str, sys.version_info[:3]))
    remedy = "Use the Python of your distribution."
    slow = _slow_build()
    if slow is None:
        yield ok("python", f"Python {version}")
    else:
        yield note("python", f"Python {version} {slow}", remedy)
    found = native.description()
    if native.has_twins and native.is_compiled:
        yield ok("native extra", found)
    else:
        yield note(
            "native extra",
            f"{found}; a router with much traffic needs less with the extra",
            "See “Faster: the native extra” in docs/INSTALL.md.",
        )
    with contextlib.suppress(metadata.PackageNotFoundError, ValueError):
        library = metadata.version("cryptography")
        if int(library.partition(".")[0]) < _PQ_VERSION:
            yield note(
                "cryptography",
                f"version {library} has no post-quantum key exchange (ML-KEM)",
                f"Install cryptography {_PQ_VERSION} or newer.",
            )


def _slow_build() -> str | None:
    """What makes this Python slower than it could be, or None. Distributions optimise theirs."""
    if hasattr(sys, "gettotalrefcount"):
        return "is a debug build, several times slower than another"
    flags = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("OPT", "CFLAGS"))
    if flags.strip() and "-O2" not in flags and "-O3" not in flags:
        return "was compiled without optimization"
    how = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    is_own = sys.base_prefix not in ("/usr", "") and bool(how)
    if is_own and "--enable-optimizations" not in how:
        return "was built without --enable-optimizations, which costs a fifth"
    return None


def check_descriptors(pid: int | None) -> Finding:
    """How many connections and files one process may have; ``pid``: the one that runs."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if pid is not None:
        try:
            for line in (ROOT / f"proc/{pid}/limits").read_text().splitlines():
                if line.startswith("Max open files"):
                    hard = line.split()[4]
                    limit = resource.RLIM_INFINITY if hard == "unlimited" else int(hard)
        except (OSError, ValueError, IndexError):
            return unknown("descriptors", f"the limit of process {pid} cannot be read")
    if limit == resource.RLIM_INFINITY or limit >= DESCRIPTORS_WANTED:
        return ok("descriptors", "no limit" if limit == resource.RLIM_INFINITY else f"{limit}")
    return warning(
        "descriptors",
        f"a process may have {limit} files and connections, and a busy router wants "
        f"{DESCRIPTORS_WANTED}",
        "Raise it: LimitNOFILE=65536 in the unit file, or ulimit -Hn 65536 in a shell.",
    )


def check_conntrack() -> Finding | None:
    """The kernel's table of connections, which small machines have too small for a router."""
    folder = ROOT / "proc/sys/net/netfilter"
    try:
        most = int((folder / "nf_conntrack_max").read_text())
        count = int((folder / "nf_conntrack_count").read_text())
    except (OSError, ValueError):
        return None  # not used here
    remedy = "Set it higher: sysctl -w net.netfilter.nf_conntrack_max=65536, and in /etc/sysctl.d."
    if count > most * _CONNTRACK_FULL:
        return problem(
            "conntrack", f"the kernel tracks {count} of at most {most} connections", remedy
        )
    if most < _CONNTRACK_WANTED:
        return warning(
            "conntrack",
            f"the kernel tracks at most {most} connections, and a router alone has thousands",
            remedy,
        )
    return ok("conntrack", f"{count} of {most} connections tracked")


# The process


def check_silent(pid: int) -> Finding:
    """A program that runs and does not answer. ``pid``: 0 if it is not known."""
    who = f"process {pid}" if pid else "a process"
    if pid and _is_stopped(pid):
        return problem(
            "state", f"{who} is stopped, and does not answer", f"Let it go on: kill -CONT {pid}."
        )
    return problem(
        "state",
        f"{who} runs, but does not answer",
        "Look at the load of this machine and at the log. If it stays so, restart the program.",
    )


def _is_stopped(pid: int) -> bool:
    try:
        text = (ROOT / f"proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] in (["T"], ["t"])


# Ports


def check_ports(doors: tuple[Door, ...], own_pid: int | None) -> Iterator[Finding]:
    """Whether the ports are free, or whose they are. ``own_pid``: the program that runs."""
    taken = 0
    for door in doors:
        if door.endpoint.is_unix:
            continue
        family, address = _bindable(door.endpoint.host, door.endpoint.port)
        if address is None:
            yield unknown("ports", f"{door.endpoint} ({door.what}) is no address of this machine")
            continue
        why = _cannot_bind(family, address, door.is_udp)
        if why is None:
            if own_pid is not None:
                taken += 1
                yield warning(
                    "ports",
                    f"nobody listens at {door.endpoint} ({door.what})",
                    "See what i2ptunnel status says of it.",
                )
            continue
        owners = owners_of(*address, is_udp=door.is_udp)
        if own_pid is not None and (not owners or own_pid in owners):
            continue
        if own_pid is None and owners == [_SERVICE_MANAGER]:
            continue  # a socket unit holds it for us
        taken += 1
        pid = owners[0] if owners else None
        who = f"process {pid} ({_name_of(pid)})" if pid else why
        yield problem(
            "ports",
            f"{door.endpoint} ({door.what}) cannot be had: {who}",
            "Stop that program, or change the port in the configuration.",
        )
    if not taken:
        yield ok("ports", "all free" if own_pid is None else "all ours")


def _bindable(host: str, port: int) -> tuple[int, tuple[str, int] | None]:
    try:
        found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE)
    except OSError:
        if host != "localhost":
            return socket.AF_INET, None
        return socket.AF_INET, ("127.0.0.1", port)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _cannot_bind(family: int, address: tuple[str, int], is_udp: bool) -> str | None:
    kind = socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM
    try:
        with socket.socket(family, kind) as sock:
            if not is_udp:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            return None
    except OSError as error:
        return system_reason(error)


def owners_of(host: str, port: int, *, is_udp: bool) -> list[int]:
    """The processes that listen at an address, as far as this user may see, in order."""
    inodes = set()
    for table in _TABLES[is_udp]:
        with contextlib.suppress(OSError):
            for line in (ROOT / f"proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENING[is_udp] and _meets(words[1], host, port):
                    inodes.add(f"socket:[{words[9]}]")
    owners: list[int] = []
    if not inodes:
        return owners
    for number, folder in enumerate((ROOT / "proc").glob("[0-9]*/fd")):
        if number >= _PROCESSES_MAX:
            break
        with contextlib.suppress(OSError):
            if any(os.readlink(link) in inodes for link in folder.iterdir()):
                owners.append(int(folder.parent.name))
    return sorted(owners)


def _meets(local: str, host: str, port: int) -> bool:
    """Whether a listener, as the kernel writes it, and another want the same address."""
    packed, _, hex_port = local.rpartition(":")
    if int(hex_port, 16) != port:
        return False
    raw = bytes.fromhex(packed)
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    own, wanted = ipaddress.ip_address(words), ipaddress.ip_address(host)
    return own == wanted or own.is_unspecified or wanted.is_unspecified


def _name_of(pid: int) -> str:
    try:
        return (ROOT / f"proc/{pid}/comm").read_text().strip()
    except OSError:
        return "unknown"
