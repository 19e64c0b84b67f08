"""Accepts TCP connections for the NTCP2 driver, also when the system has no descriptors left."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

from core.io.tcp_ports import TcpDriver
from core.transport.ntcp2.endpoint import Ntcp2Endpoint

ACCEPTS_PER_WAKEUP = 32
ACCEPT_PAUSE_S = 1.0
LISTEN_BACKLOG = 256
#: Errors of accept() after which the next one may be sound.
_GONE_CALLER = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.EINTR}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Acceptor:
    """The listening sockets of one :class:`core.io.tcp.TcpTransport`."""

    def __init__(
        self, driver: TcpDriver, endpoint: Ntcp2Endpoint, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._driver = driver
        self._endpoint = endpoint
        self._loop = loop
        self._reserve: int | None = None
        self._is_stopped = False
        self.listeners: list[socket.socket] = []

    def listen(self, host: str, port: int, inherited: socket.socket | None) -> int:
        """Listen on a numeric address, or on ``inherited``; returns the port."""
        listener = _listen(host, port) if inherited is None else inherited
        listener.setblocking(False)
        self.listeners.append(listener)
        self._reopen_reserve()
        self._loop.add_reader(listener.fileno(), self._on_acceptable, listener)
        if inherited is not None:
            # Who waited in the backlog comes before those whom we would dial.
            self._on_acceptable(listener)
        return int(listener.getsockname()[1])

    def stop(self) -> None:
        """Accept nobody any more; who calls waits in the backlog."""
        self._is_stopped = True
        for listener in self.listeners:
            self._loop.remove_reader(listener.fileno())

    def close(self) -> None:
        """Close the sockets; harmless the second time."""
        for listener in self.listeners:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self.listeners.clear()

    @property
    def has_reserve(self) -> bool:
        """Whether a descriptor is kept for turning a caller away."""
        return self._reserve is not None

    def release_reserve(self) -> None:
        """Give the kept descriptor back."""
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _on_acceptable(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_WAKEUP):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _GONE_CALLER:
                    continue
                self._shed_accept(listener, error)
                break
            link = self._endpoint.accepted(address[0], self._loop.time())
            if link is None:
                sock.close()
            else:
                self._driver.opened(link, sock)
        self._driver.schedule()

    def _shed_accept(self, listener: socket.socket, error: OSError) -> None:
        """Out of descriptors: free the reserve, turn one caller away, and rest for a while.

        Without this the listener would stay readable and the loop would spin.
        """
        self._endpoint.stats.refused["descriptors"] += 1
        self._driver.short_of_resources(error)
        if self.has_reserve:
            self.release_reserve()
            with contextlib.suppress(OSError):
                listener.accept()[0].close()
            self._reopen_reserve()
        self._loop.remove_reader(listener.fileno())
        self._driver.later(ACCEPT_PAUSE_S, lambda: self._rearm(listener))

    def _rearm(self, listener: socket.socket) -> None:
        if self._is_stopped or listener.fileno() < 0:
            return
        self._reopen_reserve()
        self._loop.add_reader(listener.fileno(), self._on_acceptable, listener)

    def _reopen_reserve(self) -> None:
        if self._reserve is None:
            with contextlib.suppress(OSError):
                self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
