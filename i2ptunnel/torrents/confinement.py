"""Shuts this process in for the rest of its life: no network, few files, no other processes.

* A network namespace of its own, with loopback and nothing else: user_namespaces(7),
  network_namespaces(7). A socket that listens there and was handed out before is the one way in.
* No socket but of IPv4 and IPv6, which live in that namespace. Unix sockets do not: behind one a
  name service would ask the network for us. No new programs, nothing done to other processes:
  seccomp(2).
* Files: two directories to write to, a few to read. landlock(7), where the kernel has it.

Linux alone has these. What cannot be had of the first two is an error, and nothing runs without.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CLONE_NEW_ANY = 0x7E020080
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER, _SIGKILL = 2, 9
_CAPABILITY_VERSION = 0x20080522

# linux/filter.h and linux/seccomp.h
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _FAIL, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32_BIT = 0x40000000
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class CannotConfine(Exception):
    """Why this system does not allow it; the message goes to the user."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """``audit``: as linux/audit.h names it; numbers of system calls."""

    audit: int
    socket: int
    clone: int
    clone3: int
    refused: tuple[int, ...]


# execve, execveat, ptrace, process_vm_readv and _writev, unshare, setns, mount, umount2,
# pivot_root, chroot, bpf, perf_event_open, keyctl, add_key, request_key, kill, pidfd_open, _getfd,
# _send_signal, io_uring_setup, open_tree, move_mount, fsopen
_X86_64 = _Machine(
    0xC000003E, 41, 56, 435,
    (59, 322, 101, 310, 311, 272, 308, 165, 166, 155, 161, 321, 298, 250, 248, 249, 62, 434, 438,
     424, 425, 428, 429, 430),
)  # fmt: skip
#: what newer machines share
_GENERIC = (221, 281, 117, 270, 271, 97, 268, 40, 39, 41, 51, 280, 241, 219, 217, 218, 129, 434,
            438, 424, 425, 428, 429, 430)  # fmt: skip
_MACHINES = {
    "x86_64": _X86_64,
    "aarch64": _Machine(0xC00000B7, 198, 220, 435, _GENERIC),
    "riscv64": _Machine(0xC00000F3, 198, 220, 435, _GENERIC),
}

# linux/landlock.h
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
#: write, read, list, remove, make directories and files, rename between directories, truncate
_CHANGE = (
    1 << 1 | _READ_FILE | _READ_DIRECTORY | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14
)
#: by version: how many rights the kernel knows
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_MAX = 16

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def die_with_parent() -> None:
    """The kernel ends this process when the thread that started it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "prctl")


def leave_network() -> None:
    """Into a network namespace with loopback alone; raises CannotConfine.

    This process must have one thread.
    """
    if sys.platform != "linux":
        raise CannotConfine("this needs Linux: other systems have no network namespaces")
    uid, gid = os.getuid(), os.getgid()
    try:
        if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        else:
            _checked(_libc.unshare(_CLONE_NEWNET), "unshare")
        _set_up_loopback()
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise CannotConfine(
            f"the system allows no network namespace of its own for the torrent client ({reason}); "
            "see docs/TORRENTS.md"
        ) from None
    interfaces = _interfaces()
    if interfaces != ["lo"]:
        raise CannotConfine(f"the network namespace is not empty: {', '.join(interfaces)}")


def _interfaces() -> list[str]:
    """From the file, for a service may have no netlink."""
    try:
        lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    except OSError as error:
        raise CannotConfine(f"the network namespace cannot be looked at ({error})") from None
    return [line.partition(":")[0].strip() for line in lines]


def _set_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def drop_rights() -> None:
    """Give up all capabilities for good, and core dumps; raises CannotConfine.

    Where a service's filter refuses the former, those that are left are of this process's own
    namespaces, in which there is nothing.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc.capset(struct.pack("Ii", _CAPABILITY_VERSION, 0), bytes(24))
    try:
        _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    except OSError as error:
        raise CannotConfine(str(error)) from None


def limit_calls() -> None:
    """Refuse the system calls that lead to the outside, in all threads to come.

    Raises CannotConfine.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or struct.calcsize("P") != 8:
        raise CannotConfine(f"there is no filter of system calls for {platform.machine()}")
    program = _filter(machine)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    try:
        _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0), "seccomp")
    except OSError as error:
        raise CannotConfine(f"the system allows no filter of system calls ({error})") from None


def _filter(machine: _Machine) -> bytes:
    """The program for the kernel, which jumps forward only."""

    def fail(number: int) -> tuple[int, int, int, int]:
        return (_RETURN, 0, 0, _FAIL | number)

    steps = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine is _X86_64:
        steps += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), fail(errno.ENOSYS)]
    for number in machine.refused:
        steps += [(_JUMP_EQUAL, 0, 1, number), fail(errno.EPERM)]
    # The C library falls back to clone(), whose flags can be seen.
    steps += [(_JUMP_EQUAL, 0, 1, machine.clone3), fail(errno.ENOSYS)]
    steps += [
        (_JUMP_EQUAL, 0, 3, machine.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_ANY_BIT, 0, 1, _CLONE_NEW_ANY),
        fail(errno.EPERM),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_EQUAL, 0, len(_FAMILIES) + 2, machine.socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
    ]
    steps += [
        (_JUMP_EQUAL, len(_FAMILIES) - index, 0, family) for index, family in enumerate(_FAMILIES)
    ]
    steps += [fail(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def limit_files(writable: Iterable[Path], readable: Iterable[Path]) -> bool:
    """Let this thread and those to come reach no files but these; False where there is no landlock.

    Files that are open already stay. No symbolic links, sockets or devices can be made anywhere.
    """
    version = _libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return False
    rights = (1 << _RIGHTS.get(version, _RIGHTS_MAX)) - 1
    ruleset = _checked(
        _libc.syscall(_LANDLOCK_CREATE, struct.pack("Q", rights), 8, 0), "landlock_create_ruleset"
    )
    try:
        for paths, allowed in ((writable, _CHANGE), (readable, _READ_FILE | _READ_DIRECTORY)):
            for path in paths:
                _allow(ruleset, path, allowed & rights)
        _checked(_libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            rights &= ~_READ_DIRECTORY
        rule = struct.pack("=Qi", rights, handle)
        _checked(
            _libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0),
            "landlock_add_rule",
        )
    finally:
        os.close(handle)
