"""A network namespace of the tests' own: loopback only, nobody else's sockets, no way out.

Several test runs on one machine then cannot meet, and nothing a router under test does can leave
the machine. Needs Linux and either root or unprivileged user namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def enter_private_network() -> bool:
    """Move this process, and all it starts from now on, into a fresh namespace.

    False if the system does not allow it; the caller then shares the machine's loopback. Another
    process tries first: some systems let one in and then allow nothing inside.
    """
    trial = subprocess.run(
        [sys.executable, __file__],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if trial.returncode:
        return False
    _enter()
    return True


@contextlib.contextmanager
def separate_network() -> Iterator[None]:
    """This thread, and what it starts meanwhile, in one more namespace of its own.

    For tests that take an interface down: peers of other tests never notice.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            set_up("lo", True)
            yield
        finally:
            _set_network(before)
    finally:
        os.close(before)


@contextlib.contextmanager
def inside_network(namespace: Path) -> Iterator[None]:
    """This thread, and what it starts meanwhile, in that namespace (a ``/proc/…/ns/net``)."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(namespace, os.O_RDONLY)
    try:
        _set_network(there)
        try:
            yield
        finally:
            _set_network(before)
    finally:
        os.close(there)
        os.close(before)


def _set_network(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def add_outside_address() -> None:
    """Give a namespace of our own an address beyond loopback, on a cable that leads nowhere.

    Java I2P takes a machine without one for disconnected and builds no tunnels. emissary does not
    start without a route to the world.
    """
    if not _is_own_network():
        return
    for arguments in (
        "link add outside type veth peer name nowhere",
        "address add 10.77.0.1/24 dev outside",
        "link set outside up",
        "link set nowhere up",
        "route add default via 10.77.0.2 dev outside",
    ):
        subprocess.run(["ip", *arguments.split()], check=True)


def _is_own_network() -> bool:
    """Whether there is nothing but loopback, as in a namespace just made."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):  # only root may
        uid, gid = os.getuid(), os.getgid()
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    set_up("lo", True)


def set_up(name: str, is_up: bool) -> None:
    """Bring a network interface up or down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", name.encode(), 0)
        answer = fcntl.ioctl(control, _SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh14x", answer)[1] & ~_IFF_UP | (_IFF_UP if is_up else 0)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), flags))


if __name__ == "__main__":
    _enter()
