"""A local listener that cannot die and cannot be starved.

* The accept loop goes on whatever ``accept`` says. Out of file descriptors, it gives up one that it
  keeps in reserve, takes the waiting connection with it, drops it and goes on a moment later.
* At its limit of connections it drops the oldest one that has not said yet what it wants (its
  handler has not called :meth:`Accepted.establish`), so half-open connections cannot keep a real
  client out. Only when all are established the new one is turned away.
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
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint, IpNetwork
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.tls import TlsChannel

_BACKLOG = 1024
_PAUSE_S = 0.1
_WARN_EVERY_S = 60.0
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log = logging.getLogger("i2ptunnel.listener")


class Accepted:
    """A connection that was accepted. ``client`` is its address, empty for Unix sockets."""

    __slots__ = ("channel", "client", "is_established", "task")

    def __init__(self, channel: LocalChannel, client: str) -> None:
        self.channel = channel
        self.client = client
        self.is_established = False
        self.task: asyncio.Task[None] | None = None

    def establish(self) -> None:
        """Say that the client has made a proper request."""
        self.is_established = True

    def relax(self) -> None:
        """Say that it is idle again, and may make room for others."""
        self.is_established = False


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
        async with asyncio.TaskGroup() as group:
            while True:
                accepted = await self._accept_one()
                if accepted is not None:
                    self._start(accepted, group)

    async def _accept_one(self) -> Accepted | None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        try:
            sock, address = await loop.sock_accept(self._socket)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                await self._survive_exhaustion()
            elif self._socket.fileno() < 0:
                raise Unavailable("the listener was closed", code="closed") from None
            else:
                await asyncio.sleep(0)  # whatever it is: never spin without letting others run
            return None
        self.counters.accepted += 1
        client = "" if self._endpoint.is_unix else str(address[0]).partition("%")[0]
        if not self._is_allowed(client):
            self.counters.refused += 1
            sock.close()
            return None
        if not self._make_room(client):
            self.counters.refused += 1
            self._turn_away(sock)
            return None
        try:
            kind = LocalChannel if self.tls is None else TlsChannel
            return Accepted(await kind.of_socket(sock), client)
        except OSError:
            sock.close()
            return None

    async def _survive_exhaustion(self) -> None:
        assert self._socket is not None
        self.counters.exhausted += 1
        now = asyncio.get_running_loop().time()
        if now - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("out of file descriptors; connections are turned away until some are free")
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
                while sock.recv(65536):  # unread input would turn the close into a reset
                    pass
        sock.close()

    def _is_allowed(self, client: str) -> bool:
        if not self._allow or not client:
            return True
        address = ipaddress.ip_address(client)
        return any(address in network for network in self._allow)

    def _make_room(self, client: str) -> bool:
        """Whether one more may come in; drops a half-open connection where that helps."""
        if client:
            mine = [accepted for accepted in self._open if accepted.client == client]
            if len(mine) >= self._limits.connections_per_client and not self._evict(mine):
                return False
        return len(self._open) < self._limits.connections or self._evict(list(self._open))

    def _evict(self, candidates: list[Accepted]) -> bool:
        for accepted in candidates:
            if not accepted.is_established and accepted.task is not None:
                self.counters.evicted += 1
                del self._open[accepted]
                accepted.channel.reset()
                accepted.task.cancel()
                return True
        return False

    def _start(self, accepted: Accepted, group: asyncio.TaskGroup) -> None:
        self._open[accepted] = None
        accepted.task = group.create_task(self._run(accepted))

    async def _run(self, accepted: Accepted) -> None:
        try:
            if self.tls is not None and isinstance(accepted.channel, TlsChannel):
                await accepted.channel.shake_hands(self.tls, is_server=True)
            await self._handler(accepted)
        except Unavailable:
            accepted.channel.reset()
        except Exception as error:
            # A bug of ours ends this connection only.
            _log.error("internal error: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)
            accepted.channel.reset()
        except BaseException:
            accepted.channel.reset()
            raise
        finally:
            self._open.pop(accepted, None)


def _is_alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True
