"""A local listener that cannot die and cannot be starved.

* The accept loop goes on whatever ``accept`` says. Out of file descriptors, it gives up one that it
  keeps in reserve, takes the waiting connection with it, drops it and goes on a moment later.
* It accepts many at a time, so that a flood does not make the next one wait.
* At its limit of connections, or of file descriptors, it drops the oldest one that has not said
  yet what it wants (its handler has not called :meth:`Accepted.establish`), so half-open
  connections cannot keep a real client out. Only when all are established the new one is turned
  away.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import socket
import ssl
import stat
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.api import share_turn
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint, IpNetwork
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.tls import TlsChannel

_BACKLOG = 1024
_BATCH = 32
_DRAINED_MAX = 4
_EVICTED_AT_ONCE = 8
_PAUSE_S = 0.1
_WARN_EVERY_S = 60.0
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log = logging.getLogger("i2ptunnel.listener")


class Accepted:
    """A connection that was accepted. ``client`` is its address, empty for Unix sockets."""

    __slots__ = ("_half_open", "channel", "client", "socket", "task")

    def __init__(
        self,
        channel: LocalChannel,
        client: str,
        sock: socket.socket,
        half_open: dict[Accepted, None],
    ) -> None:
        self.channel = channel
        self.client = client
        #: until its transport is made
        self.socket: socket.socket | None = sock
        self.task: asyncio.Task[None] | None = None
        self._half_open = half_open
        half_open[self] = None

    def establish(self) -> None:
        """Say that the client has made a proper request."""
        self._half_open.pop(self, None)

    def relax(self) -> None:
        """Say that it is idle again, and may make room for others."""
        self._half_open[self] = None

    def end(self) -> None:
        """It no longer counts."""
        self._half_open.pop(self, None)
        self._half_open = {}
        if self.socket is not None:
            self.socket.close()
            self.socket = None


Handler = Callable[[Accepted], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Connections at the same time, in all and from one address."""

    connections: int = 512
    connections_per_client: int = 256


@dataclass(slots=True)
class ListenerCounters:
    """Since the start."""

    accepted: int = 0
    refused: int = 0
    evicted: int = 0
    exhausted: int = 0


class Listener:
    """Accepts on one endpoint and runs ``handler`` for each connection.

    ``busy_answer`` is what a connection gets to read that is turned away for want of room. With
    ``tls`` set a connection shakes hands before its handler sees it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        limits: ListenerLimits,
        allow: Sequence[IpNetwork] = (),
        busy_answer: bytes = b"",
    ) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self._limits = limits
        self._allow = tuple(allow)
        self._busy_answer = busy_answer
        self.tls: ssl.SSLContext | None = None
        self._warned_at = float("-inf")
        self._socket: socket.socket | None = None
        self._reserve = -1
        self._open: dict[Accepted, None] = {}
        self._half_open: dict[Accepted, None] = {}  # those that may make room, oldest first
        self._by_client: Counter[str] = Counter()
        self.counters = ListenerCounters()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    @property
    def port(self) -> int:
        """The TCP port that is bound."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def change(self, limits: ListenerLimits, allow: Sequence[IpNetwork]) -> None:
        """Other limits from now on; connections that are open stay."""
        self._limits = limits
        self._allow = tuple(allow)

    def bind(self) -> None:
        """Take the address; raises Unavailable ``cannot_listen``."""
        try:
            self._socket = self._bind_unix() if self._endpoint.is_unix else self._bind_tcp()
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise Unavailable(
                f"cannot listen on {self._endpoint}: {reason}", code="cannot_listen"
            ) from None
        self._socket.setblocking(False)
        self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _bind_tcp(self) -> socket.socket:
        host = "127.0.0.1" if self._endpoint.host == "localhost" else self._endpoint.host
        is_six = ":" in host
        sock = socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, self._endpoint.port))
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        return sock

    def _bind_unix(self) -> socket.socket:
        path = self._endpoint.path
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.stat(path).st_mode) and not _is_alive(path):
                os.unlink(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(path)
            os.chmod(path, 0o660)
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """Stop listening; open connections stay."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            if self._endpoint.is_unix:
                with contextlib.suppress(OSError):
                    os.unlink(self._endpoint.path)
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    async def serve(self) -> None:
        """Accept until cancelled; then all connections are cancelled too."""
        try:
            await self._accept()
        finally:
            for accepted in list(self._open):  # a task that is cancelled at once never begins
                self._forget(accepted)

    async def _accept(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    sock, address = await loop.sock_accept(self._socket)
                    self._take(sock, address, group)
                    for _ in range(_BATCH):
                        await share_turn()
                        self._take(*self._socket.accept(), group)
                except BlockingIOError:
                    pass  # nobody else waits
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        await self._survive_exhaustion()
                    elif self._socket.fileno() < 0:
                        raise Unavailable("the listener was closed", code="closed") from None
                await asyncio.sleep(0)  # accepting needs no waiting: the others want a turn

    def _take(self, sock: socket.socket, address: Any, group: asyncio.TaskGroup) -> None:
        """Start to serve a new connection, or turn it away."""
        self.counters.accepted += 1
        client = "" if self._endpoint.is_unix else str(address[0]).partition("%")[0]
        sock.setblocking(False)
        if not self._is_allowed(client):
            self.counters.refused += 1
            sock.close()
            return
        if not self._make_room(client):
            self.counters.refused += 1
            self._turn_away(sock)
            return
        channel = LocalChannel() if self.tls is None else TlsChannel()
        accepted = Accepted(channel, client, sock, self._half_open)
        self._open[accepted] = None
        self._by_client[client] += 1
        accepted.task = group.create_task(self._run(accepted))

    async def _survive_exhaustion(self) -> None:
        assert self._socket is not None
        self.counters.exhausted += 1
        now = asyncio.get_running_loop().time()
        if now - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("out of file descriptors; connections are turned away until some are free")
        for _ in range(_EVICTED_AT_ONCE):
            self._evict()
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1
            with contextlib.suppress(OSError):
                self._socket.accept()[0].close()
        with contextlib.suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        await asyncio.sleep(_PAUSE_S)

    def _turn_away(self, sock: socket.socket) -> None:
        """Close with a word of why, as far as that goes without waiting."""
        with contextlib.suppress(OSError):
            if self._busy_answer and self.tls is None:
                sock.send(self._busy_answer)
                sock.shutdown(socket.SHUT_WR)
                for _ in range(_DRAINED_MAX):  # unread input would turn the close into a reset
                    if not sock.recv(65536):
                        break
        sock.close()

    def _is_allowed(self, client: str) -> bool:
        if not self._allow or not client:
            return True
        address = ipaddress.ip_address(client)
        return any(address in network for network in self._allow)

    def _make_room(self, client: str) -> bool:
        """Whether one more may come in; drops a half-open connection where that helps."""
        is_full = client and self._by_client[client] >= self._limits.connections_per_client
        if is_full and not self._evict(client):
            return False
        return len(self._open) < self._limits.connections or self._evict()

    def _evict(self, client: str | None = None) -> bool:
        """Drop a connection that makes room, of one client or of all.

        First those whose client has ended its direction and may be gone, then the oldest that is
        half-open or idle.
        """
        left = [
            accepted
            for accepted in self._open
            if accepted.channel.may_yield and accepted.channel.is_half_closed
        ]
        for accepted in (*left, *self._half_open):
            if client is None or accepted.client == client:
                self.counters.evicted += 1
                accepted.channel.reset()
                if accepted.task is not None:
                    accepted.task.cancel()
                self._forget(accepted)
                return True
        return False

    def _forget(self, accepted: Accepted) -> None:
        accepted.end()
        if accepted in self._open:
            del self._open[accepted]
            self._by_client[accepted.client] -= 1
            if not self._by_client[accepted.client]:
                del self._by_client[accepted.client]

    async def _run(self, accepted: Accepted) -> None:
        channel = accepted.channel
        try:
            sock, accepted.socket = accepted.socket, None
            if sock is None:
                return
            await channel.adopt(sock)
            if self.tls is not None and isinstance(channel, TlsChannel):
                await channel.shake_hands(self.tls, is_server=True)
            await self._handler(accepted)
        except Unavailable:
            channel.reset()
        except Exception as error:
            # A bug of ours ends this connection only.
            _log.error("internal error: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)
            channel.reset()
        except BaseException:
            channel.reset()
            raise
        finally:
            self._forget(accepted)


def _is_alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True
