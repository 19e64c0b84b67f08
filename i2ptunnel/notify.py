"""Tells systemd how we are: READY, STATUS, RELOADING, STOPPING and the watchdog (sd_notify(3)).

And gives it the router's sockets to keep over a restart (FDSTORE), so that no router that calls
meanwhile is refused: Java bans who refuses it, or who does not answer. The port may be one that was
drawn at random, so a socket unit could not know it.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
import time
from collections.abc import MutableMapping, Sequence

_NAMES = {socket.SOCK_STREAM: "ntcp2", socket.SOCK_DGRAM: "ssu2"}
_FIRST_DESCRIPTOR = 3
_DESCRIPTORS_MAX = 64
_BARRIER_TIMEOUT_S = 2.0
_SEND_TIMEOUT_S = 0.1


class ServiceNotifier:
    """Does nothing when not run by systemd."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self.watchdog_interval_s = _watchdog_interval_s(environment)
        self._last_status = ""
        self._is_stopping = False

    @property
    def is_active(self) -> bool:
        """Whether there is a service manager to tell."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Start-up or a reload is over; ``status`` is one line."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``; sent only when it changed."""
        if status != self._last_status and not self._is_stopping:
            self._last_status = status
            self._send(f"STATUS={status}")

    def reloading(self) -> None:
        """With the monotonic time that ``Type=notify-reload`` wants."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """No status is sent any more after this."""
        self._is_stopping = True
        self._send("STOPPING=1\nSTATUS=stopping")

    def watchdog(self) -> None:
        """Say that the event loop still turns."""
        self._send("WATCHDOG=1")

    def store(self, name: str, descriptors: Sequence[int]) -> None:
        """Let systemd keep copies of these until the service is stopped for good."""
        self._send(f"FDSTORE=1\nFDNAME={name}", descriptors)

    async def discard(self, name: str) -> None:
        """Let systemd close its copies of that name; returns when it has (BARRIER)."""
        if not self._address:
            return
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")
        reader, writer = os.pipe()
        try:
            try:
                self._send("BARRIER=1", [writer])
            finally:
                os.close(writer)
            loop = asyncio.get_running_loop()
            closed: asyncio.Future[None] = loop.create_future()

            def end() -> None:
                if not closed.done():
                    closed.set_result(None)

            loop.add_reader(reader, end)
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(closed, _BARRIER_TIMEOUT_S)
            finally:
                loop.remove_reader(reader)
        finally:
            os.close(reader)

    def _send(self, message: str, descriptors: Sequence[int] = ()) -> None:
        if not self._address:
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # A manager that does not read must not stop the event loop.
                sock.settimeout(_SEND_TIMEOUT_S)
                sock.sendmsg([message.encode()], rights if descriptors else [], 0, self._address)
        except OSError:
            pass  # systemd is gone or busy; the service goes on


def _watchdog_interval_s(environment: dict[str, str]) -> float | None:
    """Half of the time systemd allows between two signs of life, or None."""
    usec = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2_000_000


class ListenerKeeper:
    """systemd's descriptor store as the router's ``listeners``.

    ``environment`` is where systemd says what it kept (sd_listen_fds(3)); it is taken out, so that
    no child process believes that it was meant. ``others``: sockets with names that are not the
    router's, such as those of socket units.
    """

    def __init__(self, notifier: ServiceNotifier, environment: MutableMapping[str, str]) -> None:
        self._notifier = notifier
        handed = _inherited_sockets(environment)
        self._inherited = [pair for pair in handed if pair[0] in _NAMES.values()]
        self.others = [pair for pair in handed if pair[0] not in _NAMES.values()]
        self._kept: set[str] = set()

    async def take(
        self, hosts: Sequence[str], port: int, kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> dict[str, socket.socket]:
        """The kept sockets of this kind that are exactly there; all others of it are closed."""
        wanted = _NAMES[kind]
        inherited, self._inherited = self._inherited, []
        found: dict[str, socket.socket] = {}
        is_any_wrong = False
        for name, sock in inherited:
            if name != wanted and name in _NAMES.values():
                self._inherited.append((name, sock))
                continue
            host = next((host for host in hosts if _is_at(sock, kind, host, port)), None)
            if name == wanted and host is not None and host not in found:
                found[host] = sock
            else:
                is_any_wrong |= name == wanted
                sock.close()
        if is_any_wrong or 0 < len(found) < len(hosts):
            # Its copy would hold the old port, or the address of the new one; all are kept anew.
            await self._notifier.discard(wanted)
        if found and len(found) == len(hosts) and not is_any_wrong:
            self._kept.add(wanted)
        return found

    def keep(self, sockets: Sequence[socket.socket]) -> None:
        """Give systemd the sockets, all of one kind, unless it has them."""
        for name in {_NAMES[socket.SocketKind(sock.type)] for sock in sockets} - self._kept:
            self._notifier.store(name, [sock.fileno() for sock in sockets])
            self._kept.add(name)


def _inherited_sockets(environment: MutableMapping[str, str]) -> list[tuple[str, socket.socket]]:
    """The sockets that systemd handed over to this process; nothing else is touched."""
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    found: list[tuple[str, socket.socket]] = []
    for index in range(min(int(count), _DESCRIPTORS_MAX)):
        descriptor = _FIRST_DESCRIPTOR + index
        name = names[index] if index < len(names) else ""
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            sock = socket.socket(fileno=descriptor)
        except OSError:
            continue
        if sock.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            sock.set_inheritable(False)
            found.append((name, sock))
        else:
            sock.detach()
    return found


def _is_at(sock: socket.socket, kind: socket.SocketKind, host: str, port: int) -> bool:
    try:
        if sock.type != kind:
            return False
        if kind == socket.SOCK_STREAM and not sock.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            return False
        address = sock.getsockname()
        same = ipaddress.ip_address(address[0]) == ipaddress.ip_address(host)
        return same and int(address[1]) == port
    except (OSError, ValueError):
        return False
