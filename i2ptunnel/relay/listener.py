"""A local listener that cannot die and cannot be starved.

* It goes on whatever ``accept`` says, and accepts many at a time (:mod:`i2ptunnel.relay.acceptor`).
* At its limit of connections, or of the descriptors that it shares with others
  (:mod:`i2ptunnel.relay.budget`), it drops one that has not said yet what it wants (its handler has
  not called :meth:`Accepted.establish`), so half-open connections cannot keep a real client out:
  the oldest of the client with the most connections (:mod:`i2ptunnel.relay.slots`).
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
from typing import Any

from core.api import share_turn
from core.base.errors import Unavailable, system_reason
from i2ptunnel.config.network_kinds import Endpoint, IpNetwork
from i2ptunnel.relay.acceptor import Acceptor
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.slots import Slots
from i2ptunnel.relay.tls import TlsChannel

_BACKLOG = 1024
_DRAINED_MAX = 4
_EVICTED_AT_ONCE = 8
_OWN_DESCRIPTORS = 2

_log = logging.getLogger("i2ptunnel.listener")


class Accepted:
    """A connection that was accepted. ``client`` is its address, empty for Unix sockets."""

    __slots__ = ("channel", "client", "slot", "socket", "task")

    def __init__(
        self,
        channel: LocalChannel,
        client: str,
        sock: socket.socket,
        slots: Slots[Accepted],
    ) -> None:
        self.channel = channel
        self.client = client
        #: until its transport is made
        self.socket: socket.socket | None = sock
        self.task: asyncio.Task[None] | None = None
        self.slot = slots.take(client, self)

    def establish(self) -> None:
        """Say that the client has made a proper request."""
        self.slot.occupy()

    def relax(self) -> None:
        """Say that it is idle again, and may make room for others."""
        self.slot.relax()

    def end(self) -> None:
        """It no longer counts."""
        self.slot.free()
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
        budget: ConnectionBudget | None = None,
        take: Take = take_none,
    ) -> None:
        """``take``: a socket that listens there, made by somebody who also sees to its file."""
        self._endpoint = endpoint
        self._handler = handler
        self._limits = limits
        self._allow = tuple(allow)
        self._busy_answer = busy_answer
        self.tls: ssl.SSLContext | None = None
        self._budget = budget or ConnectionBudget()
        self._take_made = take
        self._socket: socket.socket | None = None
        self._acceptor: Acceptor | None = None
        #: device and inode of a Unix socket's file
        self._place: tuple[int, int] | None = None
        self._slots: Slots[Accepted] = Slots()
        self.counters = ListenerCounters()
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """:meth:`bind`, unless it is done, and serve until :meth:`stop`."""
        if self._socket is None:
            self.bind()
        self._serving = asyncio.create_task(self.serve())

    async def stop(self) -> None:
        """End listening and all connections; may be called in any state."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        self.close()

    def check(self) -> None:
        """Raise Unavailable if nobody can reach what was started any more."""
        if self._serving is None or self._serving.done() or not self.is_in_place:
            raise Unavailable(f"the listener at {self._endpoint} is gone", "closed")

    @property
    def open_connections(self) -> int:
        """Accepted and not ended yet, half-open ones included."""
        return len(self._slots)

    @property
    def half_open_connections(self) -> int:
        """Those that may make room for others."""
        return self._slots.idle

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
        made = self._take_made(self._endpoint, socket.SOCK_STREAM)
        try:
            if made is not None:
                self._socket = made
            else:
                self._socket = self._bind_unix() if self._endpoint.is_unix else self._bind_tcp()
        except OSError as error:
            reason = system_reason(error)
            raise Unavailable(
                f"cannot listen on {self._endpoint}: {reason}", code="cannot_listen"
            ) from None
        is_own_file = self._endpoint.is_unix and made is None
        self._place = _place_of(self._endpoint.path) if is_own_file else None
        self._acceptor = Acceptor(self._socket, self._on_exhausted)
        self._budget.join(self, _OWN_DESCRIPTORS)

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

    @property
    def is_in_place(self) -> bool:
        """False if the file of a Unix socket was removed or replaced: nobody finds us then."""
        return self._place is None or self._place == _place_of(self._endpoint.path)

    def close(self) -> None:
        """Stop listening; open connections stay."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            if self._place is not None and self.is_in_place:
                with contextlib.suppress(OSError):
                    os.unlink(self._endpoint.path)
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
            self._budget.leave(self)

    async def serve(self) -> None:
        """Accept until cancelled; then all connections are cancelled too."""
        try:
            await self._accept()
        finally:
            # A task that is cancelled at once never begins.
            for accepted in list(self._slots.owners()):
                self._end(accepted)

    async def _accept(self) -> None:
        acceptor = self._acceptor
        assert acceptor is not None
        async with asyncio.TaskGroup() as group:
            while True:
                for sock, address in await acceptor.accept():
                    self._take(sock, address, group)
                await share_turn()
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
        channel = self.make_channel()
        accepted = Accepted(channel, client, sock, self._slots)
        accepted.task = group.create_task(self._run(accepted))

    def make_channel(self) -> LocalChannel:
        """What a new connection's bytes pass through."""
        return LocalChannel() if self.tls is None else TlsChannel()

    def _on_exhausted(self) -> None:
        self.counters.exhausted += 1
        for _ in range(_EVICTED_AT_ONCE):
            self.drop_half_open()

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
        """Whether one more may come in; drops another connection where that helps.

        First one whose client has ended its direction and may be gone.
        """
        slots, limits = self._slots, self._limits
        # Who is on the other side of a Unix socket is not known.
        client_max = limits.connections_per_client if client else limits.connections
        is_own = slots.count(client) >= client_max
        if is_own or len(slots) >= limits.connections:
            left = self._left(client if is_own else None)
            if left is not None:
                self._drop(left)
                return self._budget.take(self)
        has_room, victim = slots.has_room(client, limits.connections, client_max)
        if victim is not None:
            self._drop(victim.owner)
        return has_room and self._budget.take(self)

    def _left(self, client: str | None = None) -> Accepted | None:
        for accepted in self._slots.owners(client):
            if accepted.channel.may_yield and accepted.channel.is_half_closed:
                return accepted
        return None

    def drop_half_open(self) -> bool:
        """Drop a connection that may be gone or that is half-open; False if there is none."""
        victim = self._left()
        if victim is None:
            slot = self._slots.idlest()
            victim = None if slot is None else slot.owner
        if victim is not None:
            self._drop(victim)
        return victim is not None

    def _drop(self, accepted: Accepted) -> None:
        self.counters.evicted += 1
        accepted.channel.reset()
        if accepted.task is not None:
            accepted.task.cancel()
        self._end(accepted)

    def _end(self, accepted: Accepted) -> None:
        if not accepted.slot.is_free:
            self._budget.give_back()
        accepted.end()

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
            self._end(accepted)


def _place_of(path: str) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _is_alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True
