"""Listening sockets that a service manager made for tunnels (sd_listen_fds(3), *.socket units).

Such a socket belongs to the tunnel that listens at its address. Programs can connect before the
tunnel is there and while the program restarts: they wait. The port may also be one that this
program must not take itself.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import ListeningSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.tunnel_parts import TunnelSection


class ActivatedSockets:
    """Owns the sockets; each start of a tunnel gets a copy of its own to close.

    ``sockets``: (name, listening socket) as they were handed over; others are closed at once.
    """

    def __init__(self, sockets: Sequence[tuple[str, socket.socket]] = ()) -> None:
        self._sockets: list[tuple[str, socket.socket]] = []
        for name, sock in sockets:
            if _is_listening(sock):
                self._sockets.append((name, sock))
            else:
                sock.close()

    def has(self, endpoint: Endpoint) -> bool:
        """Whether one is at this address."""
        return self._find(endpoint) is not None

    def take(self, name: str, endpoint: Endpoint) -> socket.socket | None:
        """A copy of the socket at this address, or None.

        Raises Unavailable ``cannot_listen`` if one that is named after the tunnel is elsewhere:
        programs would wait there for ever.
        """
        found = self._find(endpoint)
        if found is not None:
            return found.dup()
        for known, sock in self._sockets:
            if known == name:
                raise Unavailable(
                    f"the service manager's socket {name} is at {_told(sock)}, not at {endpoint}; "
                    "set ListenStream= and listen to the same",
                    code="cannot_listen",
                )
        return None

    def unused(self, tunnels: Iterable[TunnelSection]) -> list[str]:
        """The addresses of those that no one of these tunnels listens at."""
        used = [self._find(one.listen) for one in tunnels if isinstance(one, ListeningSection)]
        return [_told(sock) for _, sock in self._sockets if sock not in used]

    def _find(self, endpoint: Endpoint) -> socket.socket | None:
        return next((sock for _, sock in self._sockets if _is_at(sock, endpoint)), None)


def _is_listening(sock: socket.socket) -> bool:
    try:
        return sock.type == socket.SOCK_STREAM and bool(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:
        return False


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
    return f"{host}:{address[1]}"
