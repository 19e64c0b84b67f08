"""Sockets that a service manager made for us (sd_listen_fds(3), *.socket units).

Such a socket belongs to the tunnel, service or interface that listens at its address. Programs can
connect, or send, before that is there and while the program restarts: they wait. The port may also
be one that this program must not take itself.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Sequence

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint

#: a socket of this kind at this address that its taker closes, or None; raises Unavailable
Take = Callable[[Endpoint, socket.SocketKind], socket.socket | None]


def take_none(_: Endpoint, __: socket.SocketKind) -> None:
    """Without a service manager: every listener makes its own."""


#: where a socket unit says the address
_OPTIONS = {socket.SOCK_STREAM: "ListenStream", socket.SOCK_DGRAM: "ListenDatagram"}


class ActivatedSockets:
    """Owns the sockets; each start of a listener gets a copy of its own to close.

    ``sockets``: (name, socket) as they were handed over. Those that neither listen nor wait for
    datagrams are closed at once.
    """

    def __init__(self, sockets: Sequence[tuple[str, socket.socket]] = ()) -> None:
        self._sockets: list[tuple[str, socket.socket]] = []
        for name, sock in sockets:
            if _is_waiting(sock):
                self._sockets.append((name, sock))
            else:
                sock.close()

    def has(self, endpoint: Endpoint, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
        """Whether one of this kind is at this address."""
        return self._find(endpoint, kind) is not None

    def of(self, name: str, *endpoints: Endpoint) -> Take:
        """Takes sockets for what has this name and listens at these addresses.

        ``name``: of a tunnel, or the path of a section such as ``control.console``. What it returns
        raises Unavailable ``cannot_listen`` if a socket of the name is at no one of the addresses:
        programs would wait there for ever.
        """

        def take(endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket | None:
            found = self._find(endpoint, kind)
            if found is not None:
                return found.dup()
            for known, sock in self._sockets:
                is_ours = known == name and sock.type == kind
                if is_ours and not any(_is_at(sock, one) for one in endpoints):
                    raise Unavailable(
                        f"the service manager's socket {name} is at {_told(sock)}, not at "
                        f"{endpoint}; set {_OPTIONS[kind]}= and listen to the same",
                        code="cannot_listen",
                    )
            return None

        return take

    def unused(self, listeners: Iterable[tuple[Endpoint, socket.SocketKind]]) -> list[str]:
        """The addresses of those that no one of these listens at."""
        used = [self._find(*one) for one in listeners]
        return [_told(sock) for _, sock in self._sockets if sock not in used]

    def _find(self, endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket | None:
        for _, sock in self._sockets:
            if sock.type == kind and _is_at(sock, endpoint):
                return sock
        return None


def _is_waiting(sock: socket.socket) -> bool:
    """Whether it is for whoever comes, and not for one peer."""
    try:
        if sock.type == socket.SOCK_STREAM:
            return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        return sock.type == socket.SOCK_DGRAM and not _is_connected(sock)
    except OSError:
        return False


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _is_at(sock: socket.socket, endpoint: Endpoint) -> bool:
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX or endpoint.is_unix:
        is_both = sock.family == socket.AF_UNIX and endpoint.is_unix
        return is_both and bool(address) and os.fsdecode(address) == endpoint.path
    host = "127.0.0.1" if endpoint.host == "localhost" else endpoint.host
    try:
        is_same = ipaddress.ip_address(address[0]) == ipaddress.ip_address(host)
    except ValueError:
        return False
    return is_same and address[1] == endpoint.port


def _told(sock: socket.socket) -> str:
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(address)}"
    host = f"[{address[0]}]" if sock.family == socket.AF_INET6 else str(address[0])
    return f"{host}:{address[1]}" + ("/udp" if sock.type == socket.SOCK_DGRAM else "")
